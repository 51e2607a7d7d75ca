//! `label`, `annotate`, `scale`, `autoscale`, `set`, `taint`, `cordon`, `wait`.

use crate::step::{Step, fails, step};

const NODE: &str = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"one","labels":{"kubernetes.io/hostname":"one"}},
"status":{"capacity":{"cpu":"4","memory":"8Gi","pods":"110"},"allocatable":{"cpu":"4","memory":"8Gi","pods":"110"},
"conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","message":"ready"}],
"nodeInfo":{"architecture":"amd64","bootID":"b","containerRuntimeVersion":"containerd://1.6","kernelVersion":"6.1",
"kubeProxyVersion":"v1.37.0","kubeletVersion":"v1.37.0","machineID":"m","operatingSystem":"linux","osImage":"Debian","systemUUID":"s"}}}"#;

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl label cm conf x=y", "configmap/conf labeled"),
        step("kubectl label cm conf x=y", "configmap/conf not labeled").since(30),
        fails("kubectl label cm conf x=z", "error: 'x' already has a value (y), and --overwrite is false"),
        step("kubectl label cm conf x=z --overwrite", "configmap/conf labeled"),
        step("kubectl label cm conf --list", "x=z").since(30),
        step("kubectl label cm conf x-", "configmap/conf unlabeled").since(30),
        step("kubectl label cm conf x-", "configmap/conf labeled").until(29),
        step("kubectl label cm -l made=generated more=yes", "configmap/gen-… labeled"),
        fails(
            "kubectl label cm conf 'bad label=x'",
            "The ConfigMap \"conf\" is invalid: metadata.labels: Invalid value: \"bad label\": name part must consist of…",
        ),
        step("kubectl annotate cm conf note='hello world'", "configmap/conf annotated"),
        step("kubectl annotate cm conf note-", "configmap/conf annotated"),
        step(
            "kubectl annotate deploy web kubernetes.io/change-cause='first words'",
            "deployment.apps/web annotated",
        ),
        step("kubectl scale deploy web --replicas=3", "deployment.apps/web scaled"),
        step("kubectl get deploy web -o jsonpath='{.spec.replicas}'", "3"),
        fails(
            "kubectl scale deploy web --current-replicas=9 --replicas=1",
            "error: Expected replicas to be 9, was 3",
        ),
        step(
            "kubectl scale deploy/web deploy/api --replicas=1",
            "deployment.apps/web scaled\ndeployment.apps/api scaled",
        ),
        fails(
            "kubectl scale deploy nope --replicas=1",
            "error: no objects passed to scale deployments.apps \"nope\" not found",
        )
        .since(30),
        fails("kubectl scale cm conf --replicas=1", "…the server could not find the requested resource…"),
        step(
            "kubectl autoscale deployment web --min=1 --max=3 --cpu-percent=50",
            "horizontalpodautoscaler.autoscaling/web autoscaled",
        ),
        step(
            "kubectl get hpa web",
            "NAME   REFERENCE        TARGETS…MINPODS   MAXPODS   REPLICAS   AGE\nweb    Deployment/web   cpu: <unknown>/50%   1         3         0          …s",
        ),
        step("kubectl get horizontalpodautoscalers.v1.autoscaling web -o jsonpath='{.spec.targetCPUUtilizationPercentage}'", "50"),
        step(
            "kubectl get horizontalpodautoscalers.v2.autoscaling web -o jsonpath='{.spec.metrics[0].resource.target.averageUtilization}'",
            "50",
        ),
        step(
            "kubectl describe hpa web",
            "Name:…web\n…Reference:…Deployment/web\n…(as a percentage of request):…<unknown> / 50%\nMin replicas:…1\n…",
        )
        .since(30),
        step(
            "kubectl describe hpa web",
            "Name:…web\n…Reference:…Deployment/web\nTarget CPU utilization:…50%\n…Min replicas:…1\n…",
        )
        .until(29),
        step("kubectl delete hpa web", "horizontalpodautoscaler.autoscaling \"web\" deleted…"),
        step("kubectl create -f -", "node/one created").input(NODE),
        step(
            "kubectl get nodes",
            "NAME   STATUS   ROLES    AGE   VERSION\none    Ready    <none>   …s…v1.37.0",
        ),
        step("kubectl taint node one kind=test:NoExecute", "node/one tainted"),
        fails(
            "kubectl taint node one kind=test:NoExecute",
            "error: node one already has kind taint(s) with same effect(s) and --overwrite is false",
        ),
        step("kubectl taint node one kind-", "node/one untainted"),
        step("kubectl cordon one", "node/one cordoned"),
        step(
            "kubectl get node one --no-headers | tr -s ' ' | cut -d' ' -f 1-2",
            "one Ready,SchedulingDisabled",
        ),
        step("kubectl uncordon one", "node/one uncordoned"),
        step(
            "kubectl describe node one",
            "Name:               one\nRoles:              <none>\nLabels:             kubernetes.io/hostname=one\n…Unschedulable:      false\n…Ready   True…KubeletReady…Capacity:\n  cpu:     4\n…",
        ),
        step("kubectl wait --for=condition=Ready node/one --timeout=5s", "node/one condition met"),
        step("kubectl wait --for=condition=PodScheduled pod/solo --timeout=20s", "pod/solo condition met"),
        step(
            "kubectl wait --for=jsonpath='{.data.d}'=5 cm/conf --timeout=5s",
            "configmap/conf condition met",
        )
        .since(30),
        step("kubectl wait --for=delete cm/nope --timeout=1s", "").since(30),
        fails(
            "kubectl wait --for=condition=Ready pod/solo --timeout=1s",
            "error: timed out waiting for the condition on pods/solo",
        ),
        step("kubectl set image deploy/web web=example.org/web:2", "deployment.apps/web image updated"),
        fails("kubectl set image deploy/web nope=x", "error: unable to find container named \"nope\"…"),
        step("kubectl set env deploy/web E=F C-", "deployment.apps/web env updated"),
        step("kubectl set env deploy/web --list", "# …eployment…web, container web\nE=F"),
        step(
            "kubectl set resources deploy/web --limits=cpu=100m --requests=memory=16Mi",
            "deployment.apps/web resource requirements updated",
        ),
        step("kubectl set serviceaccount deploy/web robot", "deployment.apps/web serviceaccount updated"),
        step("kubectl set selector svc web app=other", "service/web selector updated"),
        step(
            "kubectl set subject rolebinding readers --user=eve",
            "rolebinding.rbac.authorization.k8s.io/readers subjects updated",
        ),
    ]
}
