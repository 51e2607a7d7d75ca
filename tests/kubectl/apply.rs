//! `apply` both ways, `diff`, `edit`, `replace`.

use crate::step::{Step, fails, step};

const ONE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: \"1\", b: \"2\"}\n";
const NINE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: \"9\"}\n";
const TWO: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n";
const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, labels: {app: api}}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - {name: main, image: 'example.org/api:1', ports: [{containerPort: 80}]}
      - {name: side, image: 'example.org/side:1'}
";
const WEB_WITHOUT_SIDE: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, labels: {app: api}}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - {name: main, image: 'example.org/api:2', ports: [{containerPort: 80}]}
";
const SERVER: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: server}\ndata: {a: \"1\", b: \"2\"}\n";
const SERVER_OTHER: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: server}\ndata: {a: \"5\"}\n";

pub(crate) fn steps() -> Vec<Step> {
    let mut steps = on_the_client();
    steps.extend(on_the_server());
    steps.extend(editing());
    steps
}

fn on_the_client() -> Vec<Step> {
    vec![
        step("kubectl apply -f - --dry-run=client", "configmap/ap created (dry run)").input(ONE),
        step("kubectl apply -f - --dry-run=server", "configmap/ap created (server dry run)").input(ONE),
        fails("kubectl get cm ap", "Error from server (NotFound): configmaps \"ap\" not found"),
        step("kubectl apply -f -", "configmap/ap created").input(ONE),
        step("kubectl apply -f -", "configmap/ap unchanged").input(ONE),
        step(
            "kubectl diff -f -",
            "diff …\n apiVersion: v1\n data:\n-  a: \"1\"\n-  b: \"2\"\n+  a: \"9\"\n kind: ConfigMap\n…",
        )
        .code(1)
        .input(NINE),
        step("kubectl diff -f -", "").input(ONE),
        step("kubectl apply -f - --dry-run=server -o jsonpath='{.data}'", "{\"a\":\"9\"}").input(NINE).since(30),
        step("kubectl apply -f -", "configmap/ap configured").input(NINE),
        step("kubectl get cm ap -o jsonpath='{.data.a}{.data.b}'", "9"),
        step("kubectl apply view-last-applied cm/ap -o json", "{\n  \"apiVersion\": \"v1\",\n  \"data\": {\n    \"a\": \"9\"\n  },…}"),
        step("kubectl apply -f -", "configmap/one created\nconfigmap/two created").input(TWO),
        step("kubectl apply -f -", "configmap/conf configured")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: conf}, data: {a: \"1\"}}")
            .warns("Warning: resource configmaps/conf is missing the kubectl.kubernetes.io/last-applied-configuration annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.")
            .since(30),
        step("kubectl apply set-last-applied -f - --create-annotation", "configmap/ap configured").input(NINE),
        step("kubectl apply -f -", "deployment.apps/api created").input(WEB),
        step("kubectl apply -f -", "deployment.apps/api configured").input(WEB_WITHOUT_SIDE),
        step("kubectl get deploy api -o jsonpath='{.spec.template.spec.containers[*].image}'", "example.org/api:2"),
        step("kubectl get deploy api -o jsonpath='{.metadata.generation}'", "2"),
        fails("kubectl apply -f -", "The Deployment \"api\" is invalid: …spec.selector: Invalid value: …: field is immutable").input(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: api}, spec: {selector: {matchLabels: {app: other}}, template: {metadata: {labels: {app: other}}, spec: {containers: [{name: main, image: a}]}}}}",
        ),
        fails("kubectl apply -f -", "…strict decoding error: unknown field \"spec.template.spec.contaners\"…").input(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: wrong}, spec: {selector: {matchLabels: {app: wrong}}, template: {metadata: {labels: {app: wrong}}, spec: {contaners: []}}}}",
        ).since(30),
        fails("kubectl apply -f -", "…ValidationError(Deployment.spec.template.spec): unknown field \"contaners\" in io.k8s.api.core.v1.PodSpec…missing required field \"containers\"…").input(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: wrong}, spec: {selector: {matchLabels: {app: wrong}}, template: {metadata: {labels: {app: wrong}}, spec: {contaners: []}}}}",
        ).until(29),
        step("kubectl apply -f - --prune -l pruned=yes", "configmap/keep created")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: keep, labels: {pruned: \"yes\"}}}")
            .since(30),
    ]
}

fn on_the_server() -> Vec<Step> {
    vec![
        step("kubectl apply --server-side -f -", "configmap/server serverside-applied").input(SERVER),
        step("kubectl apply --server-side --dry-run=server -f -", "configmap/server serverside-applied (server dry run)").input(SERVER),
        fails(
            "kubectl apply --server-side --field-manager=other -f -",
            "error: Apply failed with 1 conflict: conflict with \"kubectl\": .data.a\nPlease review the fields above--they currently have other managers. Here\n…",
        )
        .input(SERVER_OTHER),
        step("kubectl apply --server-side --field-manager=other --force-conflicts -f -", "configmap/server serverside-applied").input(SERVER_OTHER),
        step("kubectl get cm server -o jsonpath='{.data}'", "{\"a\":\"5\",\"b\":\"2\"}"),
        step("kubectl get cm server -o jsonpath='{range .metadata.managedFields[*]}{.manager} {.operation}{\"\\n\"}{end}' --show-managed-fields", "kubectl Apply\nother Apply").since(30),
        step("kubectl diff --server-side --field-manager=other -f -", "diff …-  a: \"5\"\n+  a: \"6\"\n…")
            .code(1)
            .input("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: server}\ndata: {a: \"6\"}\n"),
        fails("kubectl apply --server-side -f -", "error: Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.a\n…").input(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ap}\ndata: {a: \"3\"}\n",
        ),
    ]
}

fn editing() -> Vec<Step> {
    vec![
        step("EDITOR=\"sed -i 's/a: \\\"9\\\"/a: \\\"8\\\"/'\" kubectl edit cm ap", "configmap/ap edited"),
        step("kubectl get cm ap -o jsonpath='{.data.a}'", "8"),
        step("EDITOR=true kubectl edit cm ap", "").warns("Edit cancelled, no changes made."),
        step(
            "EDITOR=\"sed -i 's/replicas: 1/replicas: 0/'\" kubectl edit deploy api",
            "deployment.apps/api edited",
        ),
        step(
            "EDITOR=\"sed -i 's/kind: ConfigMap/kind: ConfigMap\\nimmutable: true/'\" kubectl edit cm one",
            "configmap/one edited",
        ),
        fails(
            "kubectl patch cm one -p '{\"data\":{\"a\":\"b\"}}'",
            "The ConfigMap \"one\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
        ),
        step(
            "kubectl get cm two -o yaml | sed 's/name: two/name: two\\n  labels: {a: b}/' | kubectl replace -f -",
            "configmap/two replaced",
        ),
        step("kubectl get cm two -o jsonpath='{.metadata.labels.a}'", "b"),
        fails(
            "kubectl get cm two -o yaml | sed 's/resourceVersion: .*/resourceVersion: \"1\"/' | kubectl replace -f -",
            "Error from server (Conflict): error when replacing \"STDIN\": Operation cannot be fulfilled on configmaps \"two\": the object has been modified; please apply your changes to the latest version and try again",
        ),
        fails(
            "kubectl replace -f -",
            "Error from server (NotFound): error when replacing \"STDIN\": configmaps \"nope\" not found",
        )
        .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: nope}}"),
        step("kubectl replace --force -f -", "configmap \"two\" deleted…\nconfigmap/two replaced")
            .input("{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}"),
    ]
}
