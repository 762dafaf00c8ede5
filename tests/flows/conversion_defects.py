"""Every single defect that a preflight of a conversion in place is to find, and what is none there."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.flows.legacy_world import SOURCE
from tests.flows.preflight_bench import DEPLOYMENT, KEEPS, LEGACY, STORAGE, Bench
from tests.flows.preflight_defects import (
    DEFECTS,
    ML,
    Defect,
    as_owner,
    by_hand,
    closed_registry,
    config,
    let_in,
    lock,
    override_zone,
    sends,
    with_role,
)
from vnetferry.models.base import Json

CLUSTER = str(SOURCE.child("computes", "cpu-cluster"))
_LOCKS = "2020-05-01"
_ROLE = "Microsoft.MachineLearningServices/workspaces"


def changed(resource: str, *path: str, value: object) -> Callable[[Bench], None]:
    """Set one property of a live document."""

    def plant(bench: Bench) -> None:
        inner = bench.document(resource)
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value

    return plant


def on_kubernetes(bench: Bench) -> None:
    """An endpoint on attached compute beside the managed one."""
    twin = copy.deepcopy(bench.document(str(SOURCE.child("onlineEndpoints", "demand"))))
    twin.update(id=str(SOURCE.child("onlineEndpoints", "on-k8s")), name="on-k8s", identity=None)
    twin["properties"]["compute"] = str(SOURCE.child("computes", "k8s"))
    bench.add(twin)


def batch_deployment(bench: Bench) -> None:
    endpoint = SOURCE.child("batchEndpoints", "nightly")
    common: Json = {"location": "westeurope", "tags": {}, "systemData": {}}
    kind = f"{_ROLE}/batchEndpoints"
    bench.add(
        {
            "id": str(endpoint),
            "name": "nightly",
            "type": kind,
            **common,
            "properties": {"authMode": "AADToken"},
        },
        {
            "id": f"{endpoint}/deployments/main",
            "name": "main",
            "type": f"{kind}/deployments",
            **common,
            "properties": {"compute": CLUSTER, "provisioningState": "Succeeded"},
        },
    )


def without_builder(bench: Bench) -> None:
    closed_registry(bench)
    bench.properties(str(SOURCE))["imageBuildCompute"] = None


def schedule(*, enabled: bool) -> Callable[[Bench], None]:
    resource = str(SOURCE.child("schedules", "retrain"))
    document = {
        "id": resource,
        "name": "retrain",
        "type": f"{_ROLE}/schedules",
        "properties": {"isEnabled": enabled, "provisioningState": "Succeeded"},
    }
    return lambda bench: bench.add(document)


_MODE = ("properties", "managedNetwork")
_COUNTS = ("properties", "properties", "nodeStateCounts", "runningNodeCount")
OWN = (
    Defect(
        "a right to delete that the caller lacks",
        with_role(f"{_ROLE}/computes/delete"),
        "permissions",
        "blocks",
        (f"lacks {_ROLE}/computes/delete", "an hour"),
        as_owner,
    ),
    Defect(
        "a vault that keeps nothing for the caller",
        lambda bench: bench.remove(KEEPS["id"]),
        "conversion",
        "blocks",
        ("keys are to be kept in it, and it refuses the caller", "Key Vault Secrets Officer"),
        by_hand(lambda bench: bench.add(KEEPS)),
        besides=("permissions",),
    ),
    Defect(
        "a lock on an endpoint",
        lock(str(SOURCE.child("onlineEndpoints", "demand")), "CanNotDelete"),
        "locks",
        "blocks",
        ("lock keep of level CanNotDelete", "az lock delete --ids"),
        sends(
            "DELETE",
            f"{SOURCE.child('onlineEndpoints', 'demand')}/providers/Microsoft.Authorization/locks/keep",
            _LOCKS,
        ),
    ),
    Defect(
        "a lock on the group",
        lock(LEGACY, "CanNotDelete"),
        "locks",
        "blocks",
        ("lock keep of level CanNotDelete", "az lock delete --ids"),
        sends("DELETE", f"{LEGACY}/providers/Microsoft.Authorization/locks/keep", _LOCKS),
    ),
    Defect(
        "a network that is enabled already",
        changed(str(SOURCE), *_MODE, value={"isolationMode": "AllowInternetOutbound", "outboundRules": {}}),
        "conversion",
        "blocks",
        ("has a managed network already (AllowInternetOutbound)", "migrate side by side"),
        by_hand(changed(str(SOURCE), *_MODE, value={"isolationMode": "Disabled"})),
        besides=("requests",),
    ),
    Defect(
        "another plan's conversion",
        changed(
            str(SOURCE), "tags", value={"vnetferry-plan": "0123456789ab", "vnetferry-conversion": "under-way"}
        ),
        "conversion",
        "blocks",
        ("is being converted by plan 0123456789ab", "vnetferry apply"),
        by_hand(changed(str(SOURCE), "tags", value={})),
    ),
    Defect(
        "an endpoint on attached compute",
        on_kubernetes,
        "conversion",
        "blocks",
        ("on-k8s would stay", "migrate side by side"),
        sends("DELETE", str(SOURCE.child("onlineEndpoints", "on-k8s")), ML),
    ),
    Defect(
        "an attached compute",
        changed(CLUSTER, "properties", "computeType", value="Kubernetes"),
        "conversion",
        "blocks",
        ("is attached (Kubernetes)", "az ml compute detach --name cpu-cluster"),
        by_hand(changed(CLUSTER, "properties", "computeType", value="AmlCompute")),
    ),
    Defect(
        "a deployment that failed",
        changed(DEPLOYMENT, "properties", "provisioningState", value="Failed"),
        "conversion",
        "blocks",
        ("is Failed", "Mend it"),
        by_hand(changed(DEPLOYMENT, "properties", "provisioningState", value="Succeeded")),
    ),
    Defect(
        "jobs at work",
        changed(CLUSTER, *_COUNTS, value=2),
        "conversion",
        "blocks",
        ("jobs run on 2 node(s) of cpu-cluster", "az ml job cancel"),
        by_hand(changed(CLUSTER, *_COUNTS, value=0)),
    ),
    Defect(
        "a batch deployment on a cluster that goes",
        batch_deployment,
        "conversion",
        "warns",
        ("batch deployment nightly/main stays", "Have nobody invoke it"),
        by_hand(lambda bench: bench.remove(str(SOURCE.child("batchEndpoints", "nightly")))),
    ),
    Defect(
        "a schedule that is enabled",
        schedule(enabled=True),
        "conversion",
        "warns",
        ("schedule retrain may start a job", "az ml schedule disable --name retrain"),
        by_hand(schedule(enabled=False)),
    ),
    Defect(
        "an image that cannot be built",
        without_builder,
        "image_build",
        "warns",
        ("its network is closed", "target.image_build_compute to a CPU cluster of the workspace"),
        config("target", image_build_compute="cpu-cluster"),
    ),
)
# What is found in place as side by side.
_SHARED = (
    "a provider that is not registered",
    "a machine that the region lacks",
    "a read-only storage account",
    "a registry that takes no private endpoints",
    "a vault that lets nobody by",
    "an identity that may not pull",
    "a private endpoint from before",
    "the v1 legacy mode",
    "an endpoint without a request",
    "what only Azure's diagnosis sees",
)
IN_PLACE = (*OWN, *(defect for defect in DEFECTS if defect.name in _SHARED))


# What is a defect side by side, and none in place: the workspace, its name and its private endpoints stay.
HARMLESS = {
    "addresses that are let in": let_in,
    "a zone that answers for all endpoints": override_zone,
    "a compute that builds": closed_registry,
    "a lock on what stays": lock(STORAGE, "CanNotDelete"),
}
