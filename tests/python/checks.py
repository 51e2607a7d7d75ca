"""What every client library does, here through Python's: create, read, update, watch, conflict.

The same checks run through kube-rs in crates/engine/apiserver/tests/api/clients.rs, under the same names.
Prints one line per check; ends with 1 if one does not hold.
"""

import json
import sys
import traceback

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "python"


def config_map(name, value="1", **metadata):
    return client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name=name, **metadata), data={"k": value}
    )


def deployment(name):
    labels = {"app": name}
    container = client.V1Container(name="main", image="example.org/app:1")
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[container]),
    )
    spec = client.V1DeploymentSpec(
        replicas=1, selector=client.V1LabelSelector(match_labels=labels), template=template
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


def refused(code, reason, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiException as error:
        status = json.loads(error.body)
        assert (error.status, status["reason"]) == (code, reason), (error.status, error.body)
        return status
    raise AssertionError(f"expected {code} {reason}")


def names(listed):
    return [item.metadata.name for item in listed.items]


def what_is_created_is_stamped_and_is_there_once(core):
    made = core.create_namespaced_config_map(NAMESPACE, config_map("a"))
    assert made.metadata.uid and made.metadata.resource_version and made.metadata.creation_timestamp
    refused(409, "AlreadyExists", core.create_namespaced_config_map, NAMESPACE, config_map("a"))
    generated = core.create_namespaced_config_map(NAMESPACE, config_map(None, generate_name="gen-"))
    assert generated.metadata.name.startswith("gen-") and len(generated.metadata.name) > 4


def what_was_created_is_read_as_it_is(core):
    made = core.create_namespaced_config_map(NAMESPACE, config_map("a"))
    assert core.read_namespaced_config_map("a", NAMESPACE) == made
    refused(404, "NotFound", core.read_namespaced_config_map, "b", NAMESPACE)


def lists_select_and_come_in_pages(core):
    for index in range(5):
        odd = "true" if index % 2 else "false"
        core.create_namespaced_config_map(NAMESPACE, config_map(f"m{index}", labels={"odd": odd}))
    odd = core.list_namespaced_config_map(NAMESPACE, label_selector="odd=true")
    assert names(odd) == ["m1", "m3"], names(odd)
    one = core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=m3")
    assert names(one) == ["m3"], names(one)
    first = core.list_namespaced_config_map(NAMESPACE, limit=2, label_selector="odd")
    rest = core.list_namespaced_config_map(NAMESPACE, label_selector="odd", _continue=first.metadata._continue)
    assert names(first) + names(rest) == [f"m{index}" for index in range(5)]
    assert first.metadata.resource_version == rest.metadata.resource_version


def an_update_of_an_older_revision_is_a_conflict(core):
    made = core.create_namespaced_config_map(NAMESPACE, config_map("a"))
    newer = core.read_namespaced_config_map("a", NAMESPACE)
    newer.data = {"k": "2"}
    updated = core.replace_namespaced_config_map("a", NAMESPACE, newer)
    assert updated.metadata.resource_version != made.metadata.resource_version
    refused(409, "Conflict", core.replace_namespaced_config_map, "a", NAMESPACE, made)
    assert core.read_namespaced_config_map("a", NAMESPACE).data == {"k": "2"}


def patches_change_what_they_name(core):
    apps = client.AppsV1Api()
    apps.create_namespaced_deployment(NAMESPACE, deployment("web"))
    patched = apps.patch_namespaced_deployment("web", NAMESPACE, {"metadata": {"labels": {"a": "b"}}})
    assert patched.metadata.labels == {"a": "b"}
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}}}
    patched = apps.patch_namespaced_deployment("web", NAMESPACE, side)
    assert len(patched.spec.template.spec.containers) == 2
    steps = [{"op": "replace", "path": "/spec/paused", "value": True}]
    refused(422, "Invalid", apps.patch_namespaced_deployment, "web", NAMESPACE, steps)
    steps = [{"op": "add", "path": "/spec/paused", "value": True}]
    assert apps.patch_namespaced_deployment("web", NAMESPACE, steps).spec.paused
    scaled = apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 4}})
    assert scaled.spec.replicas == 4


def an_apply_takes_no_field_of_another_unless_forced(core):
    def apply(value, **named):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": value}}
        named["_content_type"] = "application/apply-patch+yaml"
        return core.patch_namespaced_config_map("a", NAMESPACE, body, **named)

    apply("1", field_manager="one")
    conflict = refused(409, "Conflict", apply, "2", field_manager="two")
    assert conflict["details"]["causes"][0]["reason"] == "FieldManagerConflict", conflict
    assert apply("2", field_manager="two", force=True).data == {"k": "2"}


def a_watch_tells_every_change_once_and_goes_on_where_it_ended(core):
    revision = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, config_map("a"))
    core.patch_namespaced_config_map("a", NAMESPACE, {"data": {"k": "2"}})
    core.delete_namespaced_config_map("a", NAMESPACE)
    seen = []
    for _ in range(3):
        watching = watch.Watch()
        events = watching.stream(
            core.list_namespaced_config_map, NAMESPACE, resource_version=revision, timeout_seconds=10
        )
        for event in events:
            seen.append(event["type"])
            revision = event["object"].metadata.resource_version
            watching.stop()
    assert seen == ["ADDED", "MODIFIED", "DELETED"], seen


def a_deletion_holds_its_preconditions_and_a_selection_goes_together(core):
    made = core.create_namespaced_config_map(NAMESPACE, config_map("a"))

    def options(uid):
        return client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=uid))

    refused(409, "Conflict", core.delete_namespaced_config_map, "a", NAMESPACE, body=options("other"))
    core.delete_namespaced_config_map("a", NAMESPACE, body=options(made.metadata.uid))
    refused(404, "NotFound", core.read_namespaced_config_map, "a", NAMESPACE)
    for name in ["b", "c"]:
        core.create_namespaced_config_map(NAMESPACE, config_map(name, labels={"goes": "yes"}))
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="goes=yes")
    assert names(core.list_namespaced_config_map(NAMESPACE, label_selector="goes")) == []


def a_dry_run_leaves_nothing(core):
    made = core.create_namespaced_config_map(NAMESPACE, config_map("a"), dry_run="All")
    assert made.metadata.name == "a"
    refused(404, "NotFound", core.read_namespaced_config_map, "a", NAMESPACE)


def a_status_is_written_apart(core):
    apps = client.AppsV1Api()
    apps.create_namespaced_deployment(NAMESPACE, deployment("web"))
    # The cloud's own controller writes the status, too: a condition of our own stays as we wrote it.
    condition = {"type": "Checked", "status": "True", "reason": "Python", "message": "by hand"}
    patch = {"spec": {"replicas": 9}, "status": {"conditions": [condition]}}
    patched = apps.patch_namespaced_deployment_status("web", NAMESPACE, patch)
    assert patched.spec.replicas == 1, patched.spec.replicas
    assert "Checked" in [condition.type for condition in patched.status.conditions]


def a_refusal_names_its_causes(core):
    spec = client.V1ServiceSpec(ports=[client.V1ServicePort(port=99999)])
    service = client.V1Service(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    status = refused(422, "Invalid", core.create_namespaced_service, NAMESPACE, service)
    assert status["details"]["causes"][0]["field"] == "spec.ports[0].port", status


def a_dynamic_client_finds_kinds_and_their_fields(core):
    found = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="apps/v1", kind="Deployment")
    assert found.name == "deployments" and "scale" in found.subresources
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}}
    utils.create_from_dict(client.ApiClient(), manifest, namespace=NAMESPACE)
    assert core.read_namespaced_config_map("a", NAMESPACE).data == {"k": "1"}


CHECKS = [
    what_is_created_is_stamped_and_is_there_once,
    what_was_created_is_read_as_it_is,
    lists_select_and_come_in_pages,
    an_update_of_an_older_revision_is_a_conflict,
    patches_change_what_they_name,
    an_apply_takes_no_field_of_another_unless_forced,
    a_watch_tells_every_change_once_and_goes_on_where_it_ended,
    a_deletion_holds_its_preconditions_and_a_selection_goes_together,
    a_dry_run_leaves_nothing,
    a_status_is_written_apart,
    a_refusal_names_its_causes,
    a_dynamic_client_finds_kinds_and_their_fields,
]


def main():
    config.load_kube_config()
    core = client.CoreV1Api()
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    failed = False
    for check in CHECKS:
        try:
            check(core)
            print(f"ok      {check.__name__}")
        except Exception:  # A check that ends in any way but well does not hold.
            failed = True
            print(f"FAILED  {check.__name__}\n{traceback.format_exc()}")
        core.delete_collection_namespaced_config_map(NAMESPACE)
        client.AppsV1Api().delete_collection_namespaced_deployment(NAMESPACE)
    sys.exit(1 if failed else 0)


main()
