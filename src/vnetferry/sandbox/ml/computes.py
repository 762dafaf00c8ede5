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
from vnetferry.sandbox.ml import managed_network
from vnetferry.sandbox.ml.compute_fields import COMPUTES, SCALE
from vnetferry.sandbox.ml.fields import IDENTIFIERS, Field, Kind, anything, object_of, text, variant, words
from vnetferry.sandbox.ml.identity import IDENTITY_FIELD, require_assignable, resolve_identity
from vnetferry.sandbox.ml.instances import find_size
from vnetferry.sandbox.ml.scope import (
    WORKSPACE,
    child_id,
    created,
    modified,
    page,
    require_idle,
    require_workspace,
    row,
)
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Principal, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/computes"
_PATH = f"{WORKSPACE}/computes"
_ONE = _PATH + "/{compute}"
_NAME = re.compile(r"[A-Za-z](?=.{2,31}$)[A-Za-z0-9-]*[A-Za-z0-9]")
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
    """List, get, put, patch, delete and nodes."""
    right = "workspaces/computes"
    nodes = f"{right}/listNodes/action"
    return [
        row("Compute_List", "GET", _PATH, _list, f"{right}/read"),
        row("Compute_Get", "GET", _ONE, _get, f"{right}/read", note="absent: an empty 404, as recorded"),
        row("Compute_CreateOrUpdate", "PUT", _ONE, _put, f"{right}/write"),
        row("Compute_Update", "PATCH", _ONE, _patch, f"{right}/write", note="scale settings of a cluster"),
        row("Compute_Delete", "DELETE", _ONE, _delete, f"{right}/delete", evidence="recorded"),
        row(
            "Compute_ListNodes", "POST", f"{_ONE}/listNodes", _nodes, nodes, note="clusters stay at no nodes"
        ),
    ]


async def _list(call: Call) -> Response:
    return page(call, call.world.documents.collection(child_id(call, "computes")), _PAGE)


async def _get(call: Call) -> Response:
    document = call.world.documents.get(_id(call))
    return Response(404) if document is None else Response(200, deepcopy(document))


async def _put(call: Call) -> Response:
    workspace, name = require_workspace(call), call.params["compute"]
    body = _BODY.read(call.json())
    properties = body["properties"]
    _require_name(name)
    before = call.world.documents.get(_id(call))
    require_idle(call.world, _id(call))
    require_assignable(call, body.get("identity"))
    _require_size(properties)
    _require_settled(before, properties)
    _require_network(call.world, workspace, properties)
    document = _document(call, workspace, body, before)
    call.world.documents.put(document)
    first = managed_network.is_managed(workspace) and not managed_network.is_active(workspace)
    default_s = _UPDATE_S if before else _CREATE_S[properties["computeType"]]
    finish = _settle(call.world, workspace, document, call.request.principal, first=first)
    operation = _start(call, workspace, document, default_s, finish)
    headers = call.world.operations.headers(operation, call.api_version)
    return Response(200 if before else 201, deepcopy(document), headers)


async def _patch(call: Call) -> Response:
    workspace, document = require_workspace(call), _require(call)
    scale = _PATCH.read(call.json())["properties"]["scaleSettings"]
    if document["properties"]["computeType"] != "AmlCompute":
        raise service_error(400, "UserError", "Only the scale settings of an AmlCompute can be changed.")
    _require_scale(scale)
    require_idle(call.world, document["id"])
    document["properties"]["provisioningState"] = "Updating"

    async def finish() -> None:
        document["properties"]["properties"]["scaleSettings"].update(scale)
        document["properties"]["provisioningState"] = "Succeeded"

    operation = _start(call, workspace, document, _UPDATE_S, finish)
    return Response(200, deepcopy(document), call.world.operations.headers(operation, call.api_version))


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
    return call.world.operations.accepted(operation, call.api_version)


async def _nodes(call: Call) -> Response:
    _require(call)
    return Response(200, {"nodes": []})


def _settle(
    world: World, workspace: Json, document: Json, caller: Principal | None, *, first: bool
) -> Callable[[], Awaitable[None]]:
    """What happens at the end of a PUT: the network is there, and so is the compute."""

    async def finish() -> None:
        if first and not managed_network.is_active(workspace):
            await world.clock.sleep(managed_network.provision_s(world, workspace))
            managed_network.complete_provisioning(world, workspace, caller)
        properties = document["properties"]
        properties["provisioningState"] = "Succeeded"
        if properties["computeType"] == "AmlCompute":
            properties["properties"]["allocationState"] = "Steady"
        if properties["computeType"] == "ComputeInstance":
            properties["properties"]["state"] = "Running"

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


def _document(call: Call, workspace: Json, body: Json, before: Json | None) -> Json:
    world, properties, stamp = call.world, body["properties"], call.world.clock.stamp()
    tenant = call.request.principal.tenant_id if call.request.principal else ""
    known = (before or {}).get("properties") or {}
    return {
        "id": _id(call),
        "name": call.params["compute"],
        "type": TYPE,
        "location": body.get("location") or workspace["location"],
        "tags": body.get("tags") or {},
        "identity": resolve_identity(world, body.get("identity"), (before or {}).get("identity"), tenant),
        "properties": {
            "description": properties.get("description"),
            "computeType": properties["computeType"],
            "computeLocation": properties.get("computeLocation") or workspace["location"],
            "resourceId": properties.get("resourceId"),
            "provisioningErrors": None,
            "provisioningState": "Updating" if before else "Creating",
            "isAttachedCompute": properties["computeType"] == "Kubernetes",
            "disableLocalAuth": bool(properties.get("disableLocalAuth")),
            "createdOn": known.get("createdOn") or stamp,
            "modifiedOn": stamp,
            "properties": _filled(properties, known),
        },
        "systemData": modified(world, call.request.principal, (before or {}).get("systemData"))
        if before
        else created(world, call.request.principal),
    }


def _filled(properties: Json, known: Json) -> Json:
    """The inner properties with what the service fills in."""
    given = {**(known.get("properties") or {}), **(properties.get("properties") or {})}
    if properties["computeType"] != "AmlCompute":
        return given
    defaults: Json = {
        "vmPriority": "Dedicated",
        "osType": "Linux",
        "remoteLoginPortPublicAccess": "NotSpecified",
        "enableNodePublicIp": True,
        "isolatedNetwork": False,
        "allocationState": "Resizing",
        "currentNodeCount": 0,
        "targetNodeCount": 0,
        "errors": None,
    }
    scale = {"minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S", **(given.get("scaleSettings") or {})}
    return {**defaults, **given, "scaleSettings": scale}


def _id(call: Call) -> str:
    return child_id(call, "computes", call.params["compute"])


def _require(call: Call) -> Json:
    document = call.world.documents.get(_id(call))
    if document is None:
        raise service_error(404, "NotFound", f"Compute {call.params['compute']} not found.")
    return document


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        message = (
            f"Compute name '{name}' is invalid: 3 to 32 letters, digits and hyphens, beginning with a letter "
            "and not ending with a hyphen."
        )
        raise service_error(400, "UserError", message)


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


def _require_network(world: World, workspace: Json, properties: Json) -> None:
    """AzureError 400 for a subnet that is not there, or that a managed network leaves no room for."""
    subnet = ((properties.get("properties") or {}).get("subnet") or {}).get("id")
    if not subnet:
        return
    if managed_network.is_managed(workspace):
        message = "A compute cannot be in a custom virtual network when the workspace has a managed network."
        raise service_error(400, "UserError", message)
    if subnet not in world.documents:
        raise service_error(400, "UserError", f"The subnet '{subnet}' was not found.")
