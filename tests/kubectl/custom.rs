//! Custom resources.

use crate::step::{Step, fails, step};

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.tour.example.org}
spec:
  group: tour.example.org
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat, shortNames: [bt], categories: [fleet]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.crew, statusReplicasPath: .status.crew}
    additionalPrinterColumns:
    - {name: Crew, type: integer, jsonPath: .spec.crew}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: Boat floats.
        required: [spec]
        properties:
          spec:
            type: object
            description: What the boat is to be.
            properties:
              crew: {type: integer, minimum: 1, default: 2, description: How many people sail it.}
              name: {type: string, maxLength: 20}
          status:
            type: object
            properties:
              crew: {type: integer}
"#;

pub(crate) fn steps() -> Vec<Step> {
    vec![
        step("kubectl apply -f -", "customresourcedefinition.apiextensions.k8s.io/boats.tour.example.org created").input(DEFINITION),
        step("kubectl wait --for=condition=Established crd/boats.tour.example.org --timeout=10s", "customresourcedefinition.apiextensions.k8s.io/boats.tour.example.org condition met"),
        step("kubectl api-resources --api-group=tour.example.org --no-headers | tr -s ' '", "boats bt tour.example.org/v1 true Boat"),
        step("kubectl explain boat.spec.crew", "…crew <integer>\n…DESCRIPTION:\n…How many people sail it.…").comes_true(),
        step("kubectl explain boat", "…Boat floats.\n…spec\t<…What the boat is to be.…").comes_true(),
        step("kubectl apply -f -", "boat.tour.example.org/ark created").input("{apiVersion: tour.example.org/v1, kind: Boat, metadata: {name: ark}, spec: {name: Ark}}"),
        step("kubectl get bt", "NAME   CREW   AGE\nark    2      …s"),
        step("kubectl get fleet -o name", "boat.tour.example.org/ark"),
        step("kubectl get boats.v1.tour.example.org ark -o jsonpath='{.spec}'", "{\"crew\":2,\"name\":\"Ark\"}"),
        step("kubectl apply -f -", "boat.tour.example.org/ark configured").input("{apiVersion: tour.example.org/v1, kind: Boat, metadata: {name: ark}, spec: {name: Ark, crew: 3}}"),
        step("kubectl apply -f - --dry-run=server", "boat.tour.example.org/ark configured (server dry run)").input("{apiVersion: tour.example.org/v1, kind: Boat, metadata: {name: ark}, spec: {name: Ark, crew: 4}}"),
        fails("kubectl apply -f -", "The Boat \"ark\" is invalid: spec.crew: Invalid value: 0: spec.crew in body should be greater than or equal to 1").input("{apiVersion: tour.example.org/v1, kind: Boat, metadata: {name: ark}, spec: {name: Ark, crew: 0}}"),
        fails("kubectl apply -f -", "…strict decoding error: unknown field \"spec.sail\"").input("{apiVersion: tour.example.org/v1, kind: Boat, metadata: {name: ark}, spec: {sail: big}}").since(30),
        fails("kubectl apply -f -", "error: error validating \"STDIN\": error validating data: ValidationError(Boat.spec): unknown field \"sail\" in org.example.tour.v1.Boat.spec; if you choose…").input("{apiVersion: tour.example.org/v1, kind: Boat, metadata: {name: ark}, spec: {sail: big}}").until(29),
        step("kubectl scale boat ark --replicas=5", "boat.tour.example.org/ark scaled"),
        step("kubectl patch boat ark --type=merge -p '{\"spec\":{\"name\":\"Noah\"}}' -o jsonpath='{.spec.crew}{.spec.name}'", "5Noah"),
        fails("kubectl patch boat ark -p '{\"spec\":{\"name\":\"Noah\"}}'", "…: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"),
        step("kubectl label boat ark color=red", "boat.tour.example.org/ark labeled"),
        step("kubectl get boats -l color=red --no-headers | wc -l", "1"),
        step("EDITOR=\"sed -i 's/name: Noah/name: Ark/'\" kubectl edit boat ark", "boat.tour.example.org/ark edited"),
        step("kubectl describe boat ark", "Name:         ark\nNamespace:    tour\nLabels:       color=red\n…API Version:  tour.example.org/v1\nKind:         Boat\n…Spec:\n  Crew:  5\n  Name:  Ark\n…Events:…<none>"),
        step("kubectl delete crd boats.tour.example.org", "customresourcedefinition.apiextensions.k8s.io \"boats.tour.example.org\" deleted"),
        // A client may remember the kind for a while; the server does not know it any more.
        fails("kubectl get boats", "…the server …").comes_true(),
        fails("kubectl get --raw /apis/tour.example.org/v1/boats", "Error from server (NotFound): the server could not find the requested resource"),
    ]
}
