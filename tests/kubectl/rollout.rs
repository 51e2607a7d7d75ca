//! `rollout`.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl create deployment roll --image=example.org/roll:1", "deployment.apps/roll created"),
        step("kubectl get rs -l app=roll --no-headers | wc -l", "1").comes_true(),
        step("kubectl set image deploy/roll roll=example.org/roll:2", "deployment.apps/roll image updated"),
        step(
            "kubectl rollout history deploy/roll",
            "deployment.apps/roll \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>",
        )
        .comes_true(),
        step(
            "kubectl rollout history deploy/roll --revision=1",
            "deployment.apps/roll with revision #1\nPod Template:\n  Labels:\tapp=roll\n\tpod-template-hash=…\n  Containers:\n   roll:\n    Image:\texample.org/roll:1\n…",
        ),
        fails(
            "kubectl rollout history deploy/roll --revision=9",
            "error: unable to find the specified revision",
        ),
        step(
            "kubectl rollout status deploy/roll --watch=false",
            "Waiting for deployment \"roll\" rollout to finish: …",
        ),
        fails(
            "kubectl rollout status deploy/roll --timeout=1s",
            "error: timed out waiting for the condition",
        )
        .prints("Waiting for deployment \"roll\" rollout to finish: …"),
        step("kubectl rollout pause deploy/roll", "deployment.apps/roll paused"),
        fails("kubectl rollout pause deploy/roll", "error: deployments.apps \"roll\" is already paused"),
        step("kubectl get deploy roll -o jsonpath='{.spec.paused}'", "true"),
        step(
            "kubectl get deploy roll -o jsonpath='{.status.conditions[?(@.type==\"Progressing\")].reason}'",
            "DeploymentPaused",
        )
        .comes_true(),
        fails(
            "kubectl rollout undo deploy/roll",
            "error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume…' and try again",
        ),
        step("kubectl rollout resume deploy/roll", "deployment.apps/roll resumed"),
        step("kubectl rollout restart deploy/roll", "deployment.apps/roll restarted"),
        step(
            "kubectl get deploy roll -o jsonpath='{.spec.template.metadata.annotations}'",
            "{\"kubectl.kubernetes.io/restartedAt\":\"…\"}",
        ),
        step("kubectl rollout undo deploy/roll --to-revision=1", "deployment.apps/roll rolled back")
            .comes_true(),
        step(
            "kubectl get deploy roll -o jsonpath='{.spec.template.spec.containers[0].image}'",
            "example.org/roll:1",
        ),
        step("kubectl rollout undo deploy/roll --dry-run=server -o name", "deployment.apps/roll…")
            .comes_true()
            .since(30),
        fails(
            "kubectl rollout undo deploy/nope",
            "Error from server (NotFound): deployments.apps \"nope\" not found",
        ),
        fails("kubectl rollout restart cm/conf", "error: configmaps \"conf\" restarting is not supported"),
        // What a kubelet would report makes the rollout complete.
        step("kubectl scale deploy roll --replicas=0", "deployment.apps/roll scaled"),
        step(
            "kubectl rollout status deploy/roll --timeout=20s",
            "…deployment \"roll\" successfully rolled out",
        ),
        step(
            "kubectl wait --for=condition=Available deploy/roll --timeout=20s",
            "deployment.apps/roll condition met",
        ),
    ]
}
