"""The documents of computes, as recorded: while they are being made, and afterwards.

Sizes of machines are written in capitals, a password is never answered, and what runs on a compute is null until
it is made.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

from vnetferry.sandbox.ml.compute_cores import nodes_that_fit
from vnetferry.sandbox.ml.identity import resolve_identity
from vnetferry.sandbox.ml.scope import child_id, created, modified
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, Principal

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/computes"
_CLUSTER = {
    "vmPriority": "Dedicated",
    "osType": "Linux",
    "remoteLoginPortPublicAccess": "NotSpecified",
    "enableNodePublicIp": True,
    "isolatedNetwork": False,
    "virtualMachineImage": None,
    "subnet": None,
}
_UNKNOWN = dict.fromkeys(
    ("currentNodeCount", "targetNodeCount", "nodeStateCounts", "allocationState", "errors")
)
_IDLE_COUNTS = (
    "preparingNodeCount",
    "runningNodeCount",
    "unusableNodeCount",
    "leavingNodeCount",
    "preemptedNodeCount",
)


class Subject(NamedTuple):
    """What a PUT is about: the workspace, the body as read, and the compute before (live)."""

    workspace: Json
    body: Json
    before: Json | None


def new_document(call: Call, subject: Subject) -> Json:
    """The document while the compute is being made or changed, which are the same word."""
    world, body, properties = call.world, subject.body, subject.body["properties"]
    stamp, before = world.clock.stamp(), subject.before or {}
    tenant = call.request.principal.tenant_id if call.request.principal else ""
    known, principal = before.get("properties") or {}, call.request.principal
    history = modified(world, principal, before.get("systemData")) if before else created(world, principal)
    return {
        "id": child_id(call, "computes", call.params["compute"]),
        "name": call.params["compute"],
        "type": TYPE,
        "location": body.get("location") or subject.workspace["location"],
        "tags": body.get("tags") or {},
        "identity": resolve_identity(world, body.get("identity"), before.get("identity"), tenant),
        "properties": {
            "description": properties.get("description"),
            "computeType": properties["computeType"],
            "computeLocation": properties.get("computeLocation") or subject.workspace["location"],
            "resourceId": properties.get("resourceId"),
            "provisioningErrors": None,
            "provisioningState": "Creating",
            "isAttachedCompute": properties["computeType"] == "Kubernetes",
            "disableLocalAuth": bool(properties.get("disableLocalAuth")),
            "createdOn": known.get("createdOn") or stamp,
            "modifiedOn": stamp,
            "properties": {**_maker(properties, principal), **_filled(properties, known)},
        },
        "systemData": history,
    }


def _maker(properties: Json, principal: Principal | None) -> Json:
    """Whom an instance belongs to unless it is assigned to somebody else."""
    if properties["computeType"] != "ComputeInstance" or principal is None:
        return {}
    who = {
        "userName": principal.app_id,
        "userOrgId": principal.tenant_id,
        "userId": principal.object_id,
    }
    return {"createdBy": who}


def complete(world: World, document: Json) -> None:
    """What the document says once the compute is there."""
    properties = document["properties"]
    properties["provisioningState"] = "Succeeded"
    if properties["computeType"] == "AmlCompute":
        allocate(world, document)
    if properties["computeType"] == "ComputeInstance":
        _run(world, document)


def allocate(world: World, document: Json) -> None:
    """Give a cluster the least of its nodes, as far as the quota goes; nodes that are missing show in `errors`."""
    inner = document["properties"]["properties"]
    wanted = int((inner.get("scaleSettings") or {}).get("minNodeCount") or 0)
    nodes = nodes_that_fit(world, document, wanted)
    message = f"The vCPU quota allows {nodes} of the {wanted} nodes that the cluster is to have at least."
    error = {"error": {"code": "ClusterCoreQuotaReached", "message": message}}
    inner.update(
        currentNodeCount=nodes,
        targetNodeCount=wanted,
        nodeStateCounts={**dict.fromkeys(_IDLE_COUNTS, 0), "idleNodeCount": nodes},
        allocationState="Steady",
        allocationStateTransitionTime=world.clock.stamp(),
        errors=[error] if nodes < wanted else None,
    )


def note_operation(world: World, document: Json, name: str, state: str) -> None:
    """The state of an instance after an operation on it, and that operation."""
    last = {
        "operationName": name,
        "operationTime": world.clock.stamp(),
        "operationStatus": "Succeeded",
        "operationTrigger": "User",
    }
    document["properties"]["properties"].update(state=state, lastOperation=last)
    document["properties"]["modifiedOn"] = world.clock.stamp()


def _run(world: World, document: Json) -> None:
    inner, name = document["properties"]["properties"], document["name"]
    host = f"https://{name}.{document['location'].replace(' ', '').lower()}.instances.azureml.ms"
    inner["applications"] = [
        {"displayName": "Jupyter", "endpointUri": f"{host}/tree/"},
        {"displayName": "Jupyter Lab", "endpointUri": f"{host}/lab"},
    ]
    inner.update(errors=[])
    note_operation(world, document, "Create", "Running")


def _filled(properties: Json, known: Json) -> Json:
    """The inner properties with what the service fills in."""
    given = deepcopy({**(known.get("properties") or {}), **(properties.get("properties") or {})})
    if given.get("vmSize"):
        given["vmSize"] = given["vmSize"].upper()
    if given.get("userAccountCredentials"):
        given["userAccountCredentials"]["adminUserPassword"] = None
    if properties["computeType"] != "AmlCompute":
        return given
    scale = {"minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S", **(given.get("scaleSettings") or {})}
    return {**_CLUSTER, **given, **_UNKNOWN, "scaleSettings": scale}
