"""Computes: clusters, instances and attached Kubernetes clusters.

Making and deleting one are long-running operations of their own family. The first compute of a workspace
whose managed network is not provisioned provisions it, which is why it takes that much longer.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml import compute_actions, managed_network
from vnetferry.sandbox.ml.compute_actions import require_compute, require_idle_time
from vnetferry.sandbox.ml.compute_cores import computes_in, region_of, require_quota
from vnetferry.sandbox.ml.compute_documents import Subject, complete, new_document
from vnetferry.sandbox.ml.compute_fields import COMPUTES, SCALE
from vnetferry.sandbox.ml.fields import IDENTIFIERS, Field, Kind, anything, object_of, text, variant, words
from vnetferry.sandbox.ml.identity import IDENTITY_FIELD, require_assignable
from vnetferry.sandbox.ml.instances import find_size
from vnetferry.sandbox.ml.scope import (
    WORKSPACE,
    child_id,
    page,
    require_idle,
    require_workspace,
    row,
)
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json, Principal, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_PATH = f"{WORKSPACE}/computes"
_ONE = _PATH + "/{compute}"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")
# Source: naming rules for Azure resources (workspaces/computes).
_LENGTHS = {"AmlCompute": (3, 32), "ComputeInstance": (3, 24)}
_ATTACHED_LENGTHS = (2, 16)
_PAGE = 30
_CREATE_S = {"AmlCompute": 60.0, "ComputeInstance": 240.0, "Kubernetes": 60.0}
_UPDATE_S, _DELETE_S = 30.0, 60.0
_BODY = Kind(
    "ComputeResource",
    {
        **IDENTIFIERS,
        "identity": IDENTITY_FIELD,
        "location": Field(text),
        "sku": Field(anything),
        "tags": Field(words),
        "properties": Field(variant(COMPUTES), required=True),
    },
)
_PATCH = Kind("ClusterUpdateParameters", {"properties": Field(object_of(SCALE), required=True)})


def operations() -> list[Operation]:
    """List, get, put, patch, delete, and the actions."""
    right = "workspaces/computes"
    return [
        row("Compute_List", "GET", _PATH, _list, f"{right}/read"),
        row("Compute_Get", "GET", _ONE, _get, f"{right}/read", note="absent: an empty 404, as recorded"),
        row(
            "Compute_CreateOrUpdate",
            "PUT",
            _ONE,
            _put,
            f"{right}/write",
            evidence="recorded",
            note="AmlCompute, ComputeInstance and Kubernetes; jobs do not run, so clusters have their least of nodes; "
            "the shape of refusals, which is that of endpoints, is assumed",
        ),
        row("Compute_Update", "PATCH", _ONE, _patch, f"{right}/write", note="scale settings of a cluster"),
        row("Compute_Delete", "DELETE", _ONE, _delete, f"{right}/delete", evidence="recorded"),
        *compute_actions.operations(),
    ]


async def _list(call: Call) -> Response:
    return page(call, call.world.documents.collection(child_id(call, "computes")), _PAGE)


async def _get(call: Call) -> Response:
    document = call.world.documents.get(_id(call))
    return Response(404) if document is None else Response(200, deepcopy(document))


async def _put(call: Call) -> Response:
    workspace = require_workspace(call)
    body = _BODY.read(call.json())
    properties = body["properties"]
    _require_name(call, properties["computeType"])
    before = call.world.documents.get(_id(call))
    require_idle(call.world, _id(call))
    require_assignable(call, body.get("identity"))
    _require_size(properties)
    _require_settled(before, properties)
    _require_network(call.world, workspace, properties)
    document = new_document(call, Subject(workspace, body, before))
    _require_place(call.world, document)
    call.world.documents.put(document)
    first = managed_network.is_managed(workspace) and not managed_network.is_active(workspace)
    default_s = _UPDATE_S if before else _CREATE_S[properties["computeType"]]
    finish = _settle(call.world, workspace, document, call.request.principal, first=first)
    operation = _start(call, workspace, document, default_s, finish)
    return Response(201, deepcopy(document), _headers(call, operation))


def _require_place(world: World, document: Json) -> None:
    """Room in the quotas, and for an instance a name of its own."""
    if document["properties"]["computeType"] == "ComputeInstance":
        require_idle_time(document["properties"]["properties"])
        _require_unique(world, document)
    require_quota(world, document)


def _headers(call: Call, operation: LongOperation) -> dict[str, str]:
    """Of computes' operations only the status is told, as recorded."""
    headers = call.world.operations.headers(operation, call.api_version)
    headers.pop("Location")
    return headers


async def _patch(call: Call) -> Response:
    workspace, document = require_workspace(call), require_compute(call)
    scale = _PATCH.read(call.json())["properties"]["scaleSettings"]
    if document["properties"]["computeType"] != "AmlCompute":
        raise service_error(400, "UserError", "Only the scale settings of an AmlCompute can be changed.")
    _require_scale(scale)
    require_idle(call.world, document["id"])
    document["properties"]["provisioningState"] = "Updating"

    async def finish() -> None:
        document["properties"]["properties"]["scaleSettings"].update(scale)
        complete(call.world, document)

    operation = _start(call, workspace, document, _UPDATE_S, finish)
    return Response(200, deepcopy(document), _headers(call, operation))


async def _delete(call: Call) -> Response:
    action = call.request.query.get("underlyingresourceaction", "").lower()
    if action not in ("delete", "detach"):
        raise service_error(400, "UserError", "underlyingResourceAction must be Delete or Detach.")
    workspace = require_workspace(call)
    document = call.world.documents.get(_id(call))
    if document is None:
        return Response(204)
    require_idle(call.world, document["id"])
    document["properties"]["provisioningState"] = "Deleting"

    async def finish() -> None:
        call.world.documents.remove(document["id"])

    operation = _start(call, workspace, document, _DELETE_S, finish)
    return Response(202, None, _headers(call, operation))


def _settle(
    world: World, workspace: Json, document: Json, caller: Principal | None, *, first: bool
) -> Callable[[], Awaitable[None]]:
    """What happens at the end of a PUT: the network is there, and so is the compute."""

    async def finish() -> None:
        if first and not managed_network.is_active(workspace):
            await world.clock.sleep(managed_network.provision_s(world, workspace))
            managed_network.complete_provisioning(world, workspace, caller)
        complete(world, document)

    return finish


def _start(
    call: Call, workspace: Json, document: Json, default_s: float, finish: Callable[[], Awaitable[None]]
) -> LongOperation:
    def fail(error: AzureError) -> None:
        document["properties"]["provisioningState"] = "Failed"
        document["properties"]["provisioningErrors"] = [{"error": error.error()}]

    return call.world.operations.start(
        "compute",
        call.operation.name,
        document["id"],
        workspace["location"],
        default_s=default_s,
        finish=finish,
        fail=fail,
        result=lambda: deepcopy(document),
    )


def _id(call: Call) -> str:
    return child_id(call, "computes", call.params["compute"])


def _require_name(call: Call, kind: str) -> None:
    """AzureError 400 for a name that does not fit, 409 for an instance's that the region has already."""
    name, (least, most) = call.params["compute"], _LENGTHS.get(kind, _ATTACHED_LENGTHS)
    if not _NAME.fullmatch(name) or not least <= len(name) <= most:
        message = (
            f"Compute name '{name}' is invalid: {least} to {most} letters, digits and hyphens, beginning with a "
            "letter and not ending with a hyphen."
        )
        raise service_error(400, "UserError", message)


def _require_unique(world: World, document: Json) -> None:
    """The name of an instance is one's in its region. Source: create a compute instance; assumed: 409."""
    region = region_of(document)
    for subscription in world.scenario.subscriptions:
        for other in computes_in(world, subscription, region):
            is_instance = other["properties"]["computeType"] == "ComputeInstance"
            same_name = other["name"].lower() == document["name"].lower()
            if is_instance and same_name and other["id"].lower() != document["id"].lower():
                message = f"A compute instance with the name '{document['name']}' exists in region {region}."
                raise service_error(409, "Conflict", message)


def _require_size(properties: Json) -> None:
    """AzureError 400 for a virtual machine size that does not exist or scale settings that make no sense."""
    inner = properties.get("properties") or {}
    if "vmSize" in inner and find_size(inner["vmSize"]) is None:
        raise service_error(400, "UserError", f"Requested VM size {inner['vmSize']} is not supported.")
    if scale := inner.get("scaleSettings"):
        _require_scale(scale)


def _require_scale(scale: Json) -> None:
    least, most = scale.get("minNodeCount") or 0, scale["maxNodeCount"]
    if not 0 <= least <= most or most > 1000:
        message = (
            f"Scale settings are invalid: minimum {least}, maximum {most} (0 <= minimum <= maximum <= 1000)."
        )
        raise service_error(400, "UserError", message)


def _require_settled(before: Json | None, properties: Json) -> None:
    """AzureError 400 for a change of what a compute is."""
    known = (before or {}).get("properties") or {}
    for name in ("computeType", "resourceId"):
        if (
            known.get(name)
            and properties.get(name)
            and str(known[name]).lower() != str(properties[name]).lower()
        ):
            raise service_error(400, "UserError", f"The {name} of a compute cannot be changed.")
    old, new = (each.get("properties") or {} for each in (known, properties))
    if old.get("vmSize") and new.get("vmSize") and old["vmSize"].lower() != new["vmSize"].lower():
        raise service_error(400, "UserError", "The vmSize of a compute cannot be changed.")


def _require_own_region(workspace: Json, properties: Json) -> None:
    """Documented: no clusters in other regions beside a managed network; code and text are assumed."""
    place = normal_region(properties.get("computeLocation") or workspace["location"])
    if managed_network.is_managed(workspace) and place != normal_region(workspace["location"]):
        message = (
            f"A compute cannot be in region '{place}' when the workspace has a managed network: it must be in "
            f"'{workspace['location']}'."
        )
        raise service_error(400, "UserError", message)


def _require_network(world: World, workspace: Json, properties: Json) -> None:
    """AzureError 400 for a subnet that is not there, or for a place that the managed network does not reach."""
    _require_own_region(workspace, properties)
    subnet = ((properties.get("properties") or {}).get("subnet") or {}).get("id")
    if not subnet:
        return
    if managed_network.is_managed(workspace):
        message = "A compute cannot be in a custom virtual network when the workspace has a managed network."
        raise service_error(400, "UserError", message)
    if subnet not in world.documents:
        raise service_error(400, "UserError", f"The subnet '{subnet}' was not found.")
