//! `explain`: what a field is, out of OpenAPI.

use crate::step::{Step, fails, step};

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step(
            "kubectl explain pod",
            "KIND:…Pod\nVERSION:…v1\n\nDESCRIPTION:\n…Pod is a collection of containers that can run on a host.…FIELDS:\n…spec\t<PodSpec>\n…Specification of the desired behavior of the pod.…",
        )
        .since(30),
        step(
            "kubectl explain pod",
            "KIND:     Pod\nVERSION:  v1\n\nDESCRIPTION:\n     Pod is a collection of containers that can run on a host.…spec\t<Object>\n…",
        )
        .until(29),
        step("kubectl explain pods.spec.containers.image", "…image <string>\n…DESCRIPTION:\n…Container image name.…").since(30),
        step("kubectl explain pods.spec.containers.image", "…FIELD:    image <string>\n\nDESCRIPTION:\n…").until(29),
        step("kubectl explain deploy.spec.replicas", "…GROUP:      apps\nKIND:       Deployment…replicas <integer>…").since(30),
        step("kubectl explain deploy.spec.replicas", "…VERSION:  apps/v1\n\nFIELD:    replicas <integer>…").until(29),
        step(
            "kubectl explain deployment.spec --recursive",
            "…rollingUpdate\t<RollingUpdateDeployment>\n…maxSurge\t<IntOrString>\n…template\t<PodTemplateSpec> -required-\n…tolerationSeconds\t<integer>…",
        )
        .since(30),
        step("kubectl explain deployment.spec --recursive", "…selector\t<Object>\n      matchExpressions\t<[]Object>…").until(29),
        step("kubectl explain ingress.spec.rules.http.paths.pathType --api-version=networking.k8s.io/v1", "…pathType <string>…"),
        step("kubectl explain secret.data", "…data <map[string]string>…"),
        step("kubectl explain crd.spec.versions.schema", "…openAPIV3Schema\t<…"),
        step("kubectl explain svc.spec.ports.targetPort", "…targetPort <IntOrString>…").since(30),
        step("kubectl explain pod --output=plaintext-openapiv2", "…VERSION:…v1…FIELDS:\n…").since(30),
        fails("kubectl explain pod.spec.nope", "error: field \"nope\" does not exist").prints("…"),
        fails("kubectl explain nopes", "…the server doesn't have a resource type \"nopes\""),
        step(
            "kubectl get --raw /openapi/v2 | head -c 300 | grep -o '\"swagger\":\"2.0\"'",
            "\"swagger\":\"2.0\"",
        ),
        step("kubectl get --raw /openapi/v3 | grep -o '\"apis/apps/v1\"'", "\"apis/apps/v1\""),
    ]
}
