//! `patch` in all types.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl patch cm conf -p '{\"data\":{\"c\":\"3\"}}'", "configmap/conf patched"),
        step("kubectl patch cm conf -p '{\"data\":{\"c\":\"3\"}}'", "configmap/conf patched (no change)"),
        step(
            "kubectl patch cm conf --type=merge -p '{\"data\":{\"c\":null,\"d\":\"4\"}}' -o jsonpath='{.data.c}{.data.d}'",
            "4",
        ),
        step(
            "kubectl patch cm conf --type=json -p '[{\"op\":\"test\",\"path\":\"/data/d\",\"value\":\"4\"},{\"op\":\"replace\",\"path\":\"/data/d\",\"value\":\"5\"}]'",
            "configmap/conf patched",
        ),
        step("kubectl get cm conf -o jsonpath='{.data.d}'", "5"),
        fails(
            "kubectl patch cm conf --type=json -p '[{\"op\":\"test\",\"path\":\"/data/d\",\"value\":\"4\"}]'",
            "The …invalid…",
        ),
        fails(
            "kubectl patch cm conf --type=json -p '[{\"op\":\"remove\",\"path\":\"/nope\"}]'",
            "The …invalid…",
        ),
        step(
            "kubectl patch cm conf -p '{\"data\":{\"d\":\"6\"}}' --dry-run=server -o jsonpath='{.data.d}'",
            "6",
        ),
        step(
            "kubectl patch cm conf -p '{\"data\":{\"d\":\"7\"}}' --dry-run=client -o jsonpath='{.data.d}'",
            "7",
        ),
        step("kubectl get cm conf -o jsonpath='{.data.d}'", "5"),
        fails(
            "kubectl patch cm nope -p '{\"data\":{}}'",
            "Error from server (NotFound): configmaps \"nope\" not found",
        ),
        fails("kubectl patch cm conf -p '{\"data\":5}'", "…"),
        step(
            "kubectl patch deploy web -p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"env\":[{\"name\":\"A\",\"value\":\"b\"}]}]}}}}'",
            "deployment.apps/web patched",
        ),
        step(
            "kubectl patch deploy web -p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"env\":[{\"name\":\"C\",\"value\":\"d\"},{\"name\":\"A\",\"$patch\":\"delete\"}]}]}}}}' -o jsonpath='{.spec.template.spec.containers[0].env[*].name}'",
            "C",
        ),
        step(
            "kubectl patch deploy web -p '{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}' -o jsonpath='{.spec.strategy}'",
            "{\"type\":\"Recreate\"}",
        ),
        step(
            "kubectl patch svc web --type=merge -p '{\"spec\":{\"ports\":[{\"port\":81,\"name\":\"x\"}]}}' -o jsonpath='{.spec.ports[*].port}'",
            "81",
        ),
        fails(
            "kubectl patch svc web -p '{\"spec\":{\"clusterIP\":\"10.43.9.9\"}}'",
            "The Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: …: may not change once set",
        ),
        fails(
            "kubectl patch deploy web --type=merge -p '{\"metadata\":{\"name\":\"other\"}}'",
            "Error from server (BadRequest): the name of the object (other) does not match the name on the URL (web)",
        ),
        fails(
            "kubectl patch deploy web -p '{\"metadata\":{\"resourceVersion\":\"1\"}}'",
            "Error from server (Conflict): Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again",
        ),
        step(
            "kubectl patch deploy web --subresource=scale --type=merge -p '{\"spec\":{\"replicas\":2}}'",
            "scale.autoscaling/web patched…",
        )
        .since(30),
        step(
            "kubectl patch pod solo --subresource=status -p '{\"status\":{\"message\":\"hello\"}}'",
            "pod/solo patched",
        )
        .since(30),
        step("kubectl get pod solo -o jsonpath='{.status.message}'", "hello").since(30),
        step("kubectl get deploy web --subresource=scale -o name", "scale.autoscaling/web").since(30),
    ]
}
