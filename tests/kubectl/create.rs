//! `create` with every generator, `run` and `expose`.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl create namespace tour", "namespace/tour created"),
        fails(
            "kubectl create namespace tour",
            "Error from server (AlreadyExists): namespaces \"tour\" already exists",
        ),
        fails(
            "kubectl create namespace 'Not_A_Name'",
            "The Namespace \"Not_A_Name\" is invalid: metadata.name: Invalid value: \"Not_A_Name\": a lowercase RFC 1123 label must consist of…",
        ),
        step("kubectl get sa default -o name", "serviceaccount/default").comes_true(),
        step("kubectl create configmap conf --from-literal=a=1 --from-literal=b=2", "configmap/conf created"),
        fails(
            "kubectl create configmap conf",
            "…Error from server (AlreadyExists): configmaps \"conf\" already exists",
        )
        .until(29),
        fails("kubectl create configmap conf", "error: failed to create configmap: configmaps \"conf\" already exists").since(30),
        step("kubectl create secret generic sec --from-literal=user=bob", "secret/sec created"),
        step(
            "kubectl create secret docker-registry reg --docker-server=r.example.org --docker-username=u --docker-password=p",
            "secret/reg created",
        ),
        step("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -keyout a.key -out a.crt 2>/dev/null && kubectl create secret tls tls --cert=a.crt --key=a.key", "secret/tls created"),
        step("kubectl create serviceaccount robot", "serviceaccount/robot created"),
        step("kubectl create deployment web --image=example.org/web:1 --replicas=2", "deployment.apps/web created"),
        step("kubectl create service clusterip web --tcp=80:8080", "service/web created"),
        step("kubectl create service nodeport web-np --tcp=80:8080", "service/web-np created"),
        step("kubectl create service externalname ext --external-name=example.org", "service/ext created"),
        step("kubectl create service loadbalancer lb --tcp=80", "service/lb created"),
        step("kubectl create role reader --verb=get,list --resource=pods", "role.rbac.authorization.k8s.io/reader created"),
        step("kubectl create rolebinding readers --role=reader --serviceaccount=tour:robot", "rolebinding.rbac.authorization.k8s.io/readers created"),
        step("kubectl create clusterrole tour-nodes --verb=get --resource=nodes", "clusterrole.rbac.authorization.k8s.io/tour-nodes created"),
        step("kubectl create clusterrolebinding tour-nodes --clusterrole=tour-nodes --user=bob", "clusterrolebinding.rbac.authorization.k8s.io/tour-nodes created"),
        step("kubectl create quota room --hard=pods=100,configmaps=50", "resourcequota/room created"),
        step("kubectl create job once --image=example.org/once:1 -- echo hi", "job.batch/once created"),
        step("kubectl create cronjob often --image=example.org/often:1 --schedule='*/5 * * * *' -- date", "cronjob.batch/often created").since(30),
        step("kubectl create job now --from=cronjob/often", "job.batch/now created").since(30),
        step("kubectl create ingress door --rule='a.example.org/*=web:80'", "ingress.networking.k8s.io/door created"),
        step("kubectl create poddisruptionbudget keep --selector=app=web --min-available=1", "poddisruptionbudget.policy/keep created").since(30),
        step("kubectl create priorityclass tour-high --value=1000 --description=urgent", "priorityclass.scheduling.k8s.io/tour-high created"),
        step("kubectl run solo --image=example.org/solo:1 --labels=app=solo,tier=one", "pod/solo created"),
        step("kubectl expose deployment web --port=80 --target-port=8080 --name=exposed", "service/exposed exposed"),
        step("kubectl create -f - --save-config", "configmap/saved created").input(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: saved}, data: {a: \"1\"}}",
        ),
        step("kubectl create -f - -o name", "configmap/gen-…").input(
            "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: gen-, labels: {made: generated}}}",
        ),
        step("kubectl create -f -", "persistentvolumeclaim/claim created").input(
            "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: claim}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}",
        ),
        step("kubectl create -f -", "limitrange/limits created").input(
            "{apiVersion: v1, kind: LimitRange, metadata: {name: limits}, spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 2Gi}}]}}",
        ),
        step("kubectl create -f -", "networkpolicy.networking.k8s.io/closed created").input(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed}, spec: {podSelector: {}, policyTypes: [Ingress]}}",
        ),
        fails(
            "kubectl create -f -",
            "The Service \"bad\" is invalid: \n* spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive\n* spec.ports[0].targetPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
        )
        .input("{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: [{port: 99999}]}}"),
        fails(
            "kubectl create -f -",
            "…ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dta\"",
        )
        .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, dta: {a: b}}")
        .since(30),
        fails("kubectl create -f -", "error: error validating \"STDIN\": error validating data: ValidationError(ConfigMap): unknown field \"dta\" in io.k8s.api.core.v1.ConfigMap; if you choose to ignore these errors, turn validation off with --validate=false")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, dta: {a: b}}")
            .until(29),
        fails("kubectl create -f -", "error: error validating \"STDIN\": error validating data: ValidationError(Service.spec.ports[0].port): invalid type for io.k8s.api.core.v1.ServicePort.port: got \"string\", expected \"integer\"; if you choose…")
            .input("{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: [{port: \"80\"}]}}")
            .until(29),
        step("kubectl create -f - --validate=warn", "configmap/warned created")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: warned}, dta: {a: b}}")
            .warns("Warning: unknown field \"dta\"")
            .since(30),
        step("kubectl create -f - --validate=ignore", "configmap/ignored created")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: ignored}, dta: {a: b}}")
            .warns("")
            .since(30),
        fails("kubectl create -f -", "…no matches for kind \"Nope\" in version \"example.org/v1\"…")
            .input("{apiVersion: example.org/v1, kind: Nope, metadata: {name: bad}}"),
        fails("kubectl create -f - -n nowhere", "Error from server (NotFound): error when creating \"STDIN\": namespaces \"nowhere\" not found")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: lost}}"),
        step("kubectl create deployment dry --image=a --dry-run=client -o name", "deployment.apps/dry"),
        step("kubectl create deployment dry --image=a --dry-run=server", "deployment.apps/dry created (server dry run)"),
        fails("kubectl get deployment dry", "Error from server (NotFound): deployments.apps \"dry\" not found"),
    ]
}
