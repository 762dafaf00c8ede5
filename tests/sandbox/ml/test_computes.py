"""Computes by the SDK: clusters and instances made, changed, started, stopped and deleted; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute, AmlComputeSshSettings, ComputeInstance, KubernetesCompute
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.sandbox.contract.strict import faults
from tests.sandbox.ml.workspace_world import (
    GROUP,
    STORAGE,
    SUBSCRIPTION,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)

FAMILY = "standardDSv2Family"
CLUSTER = f"{WORKSPACE}/computes/cluster"
INSTANCE = f"{WORKSPACE}/computes/instance"
# Members that the SDK itself sends and that its newest model has not.
LEFT_OUT = ("'enableRootAccess'", "'enableOSPatching'", "'releaseQuotaOnStop'")
USAGES = (
    f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/westeurope/usages"
)


def _cluster(least: int = 0, most: int = 4, **inner: Any) -> dict[str, Any]:
    scale = {"minNodeCount": least, "maxNodeCount": most}
    own = {"vmSize": "Standard_DS3_v2", "scaleSettings": scale, **inner}
    return {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": own}}


def _instance(**inner: Any) -> dict[str, Any]:
    own = {"vmSize": "Standard_DS3_v2", **inner}
    return {"location": "westeurope", "properties": {"computeType": "ComputeInstance", "properties": own}}


def _used(arm: Arm, name: str = FAMILY) -> int:
    return next(each["currentValue"] for each in arm.get(USAGES)["value"] if each["name"]["value"] == name)


def _inner(arm: Arm, path: str) -> dict[str, Any]:
    return dict(arm.get(path)["properties"]["properties"])


def test_cluster_by_the_sdk_is_made_changed_and_deleted(made: Arm, client: Callable[[], MLClient]) -> None:
    computes = client().compute
    ssh = AmlComputeSshSettings(admin_username="me", admin_password="secret")
    asked = AmlCompute(
        name="cluster", size="Standard_DS3_v2", min_instances=1, max_instances=2, ssh_settings=ssh
    )
    cluster = computes.begin_create_or_update(asked).result()
    assert (cluster.provisioning_state, cluster.size, cluster.max_instances) == (
        "Succeeded",
        "STANDARD_DS3_V2",
        2,
    )
    assert [vars(node)["nodeState"] for node in computes.list_nodes("cluster")] == ["idle"]
    cluster.max_instances = 3
    assert computes.begin_update(cluster).result().max_instances == 3
    assert [each.name for each in computes.list()] == ["cluster"]
    assert _inner(made, CLUSTER)["userAccountCredentials"]["adminUserPassword"] is None
    assert faults("ComputeResource", made.get(CLUSTER)) == []
    computes.begin_delete("cluster").result()
    with pytest.raises(ResourceNotFoundError):
        computes.get("cluster")


def test_instance_by_the_sdk_is_stopped_started_and_restarted(
    made: Arm, client: Callable[[], MLClient]
) -> None:
    computes = client().compute
    asked = ComputeInstance(name="instance", size="Standard_DS3_v2", idle_time_before_shutdown_minutes=30)
    assert computes.begin_create_or_update(asked).result().state == "Running"
    surplus = faults("ComputeResource", made.get(INSTANCE))
    assert [fault for fault in surplus if not fault.endswith(LEFT_OUT)] == []
    computes.begin_stop("instance").wait()
    assert computes.get("instance").state == "Stopped"
    assert computes.get("instance").last_operation["operationName"] == "Stop"
    computes.begin_start("instance").wait()
    assert computes.get("instance").state == "Running"
    computes.begin_restart("instance").wait()
    assert computes.get("instance").last_operation["operationName"] == "Restart"
    computes.enable_sso(name="instance", enable_sso=False)
    assert _inner(made, INSTANCE)["enableSSO"] is False
    computes.begin_delete("instance").result()
    assert list(computes.list()) == []


def test_kubernetes_by_the_sdk_is_attached_and_detached(made: Arm, client: Callable[[], MLClient]) -> None:
    cluster = f"{GROUP}/providers/Microsoft.Kubernetes/connectedClusters/k8s"
    asked = KubernetesCompute(name="k8s", resource_id=cluster, namespace="default")
    attached = client().compute.begin_attach(asked).result()
    assert (attached.type, attached.resource_id) == ("kubernetes", cluster)
    client().compute.begin_delete("k8s", action="Detach").result()
    assert made.send("GET", f"{WORKSPACE}/computes/k8s").status_code == 404


def test_sizes_and_usage_by_the_sdk(made: Arm, client: Callable[[], MLClient]) -> None:
    computes = client().compute
    assert "Standard_DS3_v2" in [size.name for size in computes.list_sizes()]
    assert FAMILY in [usage.name["value"] for usage in computes.list_usage()]


def test_compute_put_is_201_with_the_status_alone_new_or_not(made: Arm) -> None:
    first = made.send("PUT", CLUSTER, _cluster())
    assert (first.status_code, "Location" in first.headers) == (201, False)
    body = first.json()["properties"]
    assert (body["provisioningState"], body["properties"]["currentNodeCount"]) == ("Creating", None)
    assert made.finish(first) == {"status": "Succeeded", "percentComplete": 100.0}
    again = made.send("PUT", CLUSTER, _cluster(most=5))
    assert (again.status_code, again.json()["properties"]["provisioningState"]) == (201, "Creating")


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("ab", _cluster(), 400),
        ("a" * 33, _cluster(), 400),
        ("a" * 25, _instance(), 400),
        ("1abc", _cluster(), 400),
        ("abc-", _instance(), 400),
        ("abc", _cluster(vmSize="Standard_Nothing"), 400),
        ("abc", _cluster(vmSize=None), 400),
        ("abc", _cluster(3, 2), 400),
        ("abc", _instance(idleTimeBeforeShutdown="PT5M"), 400),
        ("abc", _instance(idleTimeBeforeShutdown="P4D"), 400),
        ("abc", _instance(idleTimeBeforeShutdown="soon"), 400),
        ("abc", {**_cluster(), "properties": {"computeType": "Abacus", "properties": {}}}, 400),
    ],
)
def test_compute_unfit_is_refused(made: Arm, name: str, body: dict[str, Any], status: int) -> None:
    path = f"{WORKSPACE}/computes/{name}"
    assert made.refused("PUT", path, body)[0] == status
    assert made.send("GET", path).status_code == 404


@pytest.fixture
def tight(start: Start) -> Callable[..., Arm]:
    """A workspace in a subscription with these quotas."""

    def begin(**quotas: int) -> Arm:
        start(associated(), quotas=quotas)
        arm = Arm()
        arm.done("PUT", WORKSPACE, workspace_body())
        return arm

    return begin


def test_cluster_of_which_no_node_could_ever_run_is_refused(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 100, "totalCores": 2})
    status, code, message = arm.refused("PUT", CLUSTER, _cluster())
    assert (status, code) == (400, "BadRequest")
    assert message == (
        "The specified subscription has a total vCPU quota of 2 and cannot accomodate for at least 1 requested "
        "managed compute node which maps to 4 vCPUs."
    )
    assert arm.send("GET", CLUSTER).status_code == 404


def test_cluster_of_low_priority_is_not_counted(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 0})
    arm.done("PUT", CLUSTER, _cluster(1, 2, vmPriority="LowPriority"))
    assert (_used(arm), _inner(arm, CLUSTER)["currentNodeCount"]) == (0, 1)


def test_cluster_may_be_larger_than_the_quota_and_does_not_grow_beyond_it(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 10})
    arm.done("PUT", f"{WORKSPACE}/computes/first", _cluster(1, 50))
    arm.done("PUT", CLUSTER, _cluster(2, 50))
    inner = _inner(arm, CLUSTER)
    assert (inner["currentNodeCount"], inner["targetNodeCount"]) == (1, 2)
    assert inner["errors"][0]["error"]["code"] == "ClusterCoreQuotaReached"
    assert (_used(arm), _used(arm, "totalCores")) == (8, 8)


def test_instance_beyond_what_is_left_is_refused(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 6})
    arm.done("PUT", CLUSTER, _cluster(1, 1))
    status, code, message = arm.refused("PUT", INSTANCE, _instance())
    assert (status, code) == (400, "BadRequest")
    assert "4 are in use" in message
    assert arm.send("GET", INSTANCE).status_code == 404


def test_deployment_has_what_computes_leave_of_the_quota(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 12})
    arm.done("PUT", INSTANCE, _instance())
    endpoint = f"{WORKSPACE}/onlineEndpoints/scoring"
    arm.done("PUT", endpoint, {"location": "westeurope", "properties": {"authMode": "Key"}})
    arm.send("PUT", f"{WORKSPACE}/environments/e/versions/1", {"properties": {"image": "x:1"}})
    body = {
        "location": "westeurope",
        "properties": {
            "endpointComputeType": "Managed",
            "instanceType": "Standard_DS3_v2",
            "environmentId": f"{WORKSPACE}/environments/e/versions/1",
        },
        "sku": {"name": "Default", "capacity": 2},
    }
    assert arm.refused("PUT", f"{endpoint}/deployments/blue", body)[1] == "OutOfQuota"
    arm.done("DELETE", INSTANCE, underlyingResourceAction="Delete")
    arm.done("PUT", f"{endpoint}/deployments/blue", body)


def test_instance_that_releases_its_quota_when_stopped_may_not_come_back(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 4})
    arm.done("PUT", INSTANCE, _instance(releaseQuotaOnStop=True))
    arm.done("POST", f"{INSTANCE}/stop")
    assert _used(arm) == 0
    arm.done("PUT", f"{WORKSPACE}/computes/other", _instance())
    assert arm.refused("POST", f"{INSTANCE}/start")[:2] == (400, "BadRequest")
    assert _inner(arm, INSTANCE)["state"] == "Stopped"


def test_instance_keeps_its_quota_when_it_is_only_stopped(tight: Callable[..., Arm]) -> None:
    arm = tight(**{FAMILY: 4})
    arm.done("PUT", INSTANCE, _instance())
    arm.done("POST", f"{INSTANCE}/stop")
    assert _used(arm) == 4


def test_instance_whose_name_the_region_has_is_refused(start: Start) -> None:
    other = {"id": f"{WORKSPACE}2", "location": "westeurope", "properties": {"storageAccount": STORAGE}}
    taken = {
        "id": f"{WORKSPACE}2/computes/Instance",
        "location": "westeurope",
        "properties": {"computeType": "ComputeInstance", "properties": {"vmSize": "Standard_DS3_v2"}},
    }
    start([*associated(), other, taken])
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    assert arm.refused("PUT", INSTANCE, _instance())[:2] == (409, "Conflict")
    assert arm.send("GET", INSTANCE).status_code == 404
    arm.done("PUT", f"{WORKSPACE}/computes/instance2", _instance())


@pytest.mark.parametrize("action", ["start", "stop", "restart", "updateIdleShutdownSetting"])
def test_cluster_cannot_do_what_instances_do(made: Arm, action: str) -> None:
    made.done("PUT", CLUSTER, _cluster())
    assert made.refused("POST", f"{CLUSTER}/{action}", {})[:2] == (400, "BadRequest")
    assert made.get(CLUSTER)["properties"]["provisioningState"] == "Succeeded"


def test_compute_absent_is_refused_for_every_action(made: Arm, client: Callable[[], MLClient]) -> None:
    for action in ("start", "stop", "restart", "listNodes", "listKeys", "enableSso"):
        assert made.refused("POST", f"{CLUSTER}/{action}", {})[0] == 404
    with pytest.raises(HttpResponseError):
        client().compute.begin_start("cluster")


def test_keys_of_a_cluster_are_refused(made: Arm) -> None:
    made.done("PUT", CLUSTER, _cluster())
    assert made.refused("POST", f"{CLUSTER}/listKeys")[:2] == (400, "BadRequest")


def test_idle_shutdown_of_an_instance_is_set(made: Arm) -> None:
    made.done("PUT", INSTANCE, _instance())
    path = f"{INSTANCE}/updateIdleShutdownSetting"
    assert made.send("POST", path, {"idleTimeBeforeShutdown": "PT1H"}).status_code == 200
    assert made.refused("POST", path, {"idleTimeBeforeShutdown": "PT1M"})[0] == 400
    assert _inner(made, INSTANCE)["idleTimeBeforeShutdown"] == "PT1H"


def test_instance_busy_is_a_conflict(start: Start) -> None:
    start(associated(), durations_s={"Compute_Stop": 1e9})
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    arm.done("PUT", INSTANCE, _instance())
    assert arm.send("POST", f"{INSTANCE}/stop").status_code == 202
    for method, path in (("POST", f"{INSTANCE}/start"), ("POST", f"{INSTANCE}/stop"), ("PUT", INSTANCE)):
        assert arm.refused(method, path, _instance())[0] == 409
    assert arm.refused("DELETE", INSTANCE, underlyingResourceAction="Delete")[0] == 409
    assert _inner(arm, INSTANCE)["state"] == "Stopping"
