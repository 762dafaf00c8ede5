"""Resource groups: made, listed, and deleted with all that they hold; and the list of a scope's resources.

A group that a scenario's resources lie in exists even where the scenario does not name it (`adopt_implied`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.activity import ActivityLog, created_time
from vnetferry.sandbox.arm.api_versions import RESOURCES
from vnetferry.sandbox.arm.bodies import require_known, require_tags
from vnetferry.sandbox.arm.providers import NAMESPACES
from vnetferry.sandbox.arm.regions import require_region
from vnetferry.sandbox.arm.requests import await_operation, newest_version, send
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.operations import Beginning, Fate, suffer
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response, copied

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Resources/resourceGroups"
# How the ids of the results of deployments' deletions begin.
DEPLOYMENT_DELETED = "DEPLOYMENTDELETE-"
_ALL = "/subscriptions/{subscriptionId}/resourceGroups"
_ONE = f"{_ALL}/{{resourceGroup}}"
_RIGHT = "Microsoft.Resources/subscriptions/resourceGroups"
_NAME = re.compile(r"^[\w().-]{0,89}[\w()-]$")
_DELETE_S = 60.0
_UNLISTED = frozenset({"microsoft.resources/deployments", "microsoft.resources/resourcegroups"})
_COMPARISON = re.compile(
    r"^\s*(resourceType|resourceGroup|name|location|tagName|tagValue)\s+eq\s+'([^']*)'\s*$", re.IGNORECASE
)


def operations() -> list[Operation]:
    """Groups, and resources as one list."""
    resources = "Microsoft.Resources/subscriptions/resources/read"
    status = "/subscriptions/{subscriptionId}/operationresults/{id}"
    rows = [
        Operation("ResourceGroups_List", "GET", _ALL, _list, f"{_RIGHT}/read"),
        Operation("ResourceGroups_Get", "GET", _ONE, _get, f"{_RIGHT}/read"),
        Operation("ResourceGroups_CheckExistence", "HEAD", _ONE, _exists, f"{_RIGHT}/read"),
        Operation("ResourceGroups_CreateOrUpdate", "PUT", _ONE, _put, f"{_RIGHT}/write"),
        Operation("ResourceGroups_Update", "PATCH", _ONE, _patch, f"{_RIGHT}/write"),
        Operation("ResourceGroups_Delete", "DELETE", _ONE, _delete, f"{_RIGHT}/delete"),
        Operation("ResourceGroups_DeleteResult", "GET", status, _delete_result),
        Operation(
            "Resources_ListByResourceGroup",
            "GET",
            f"{_ONE}/resources",
            _resources,
            f"{_RIGHT}/resources/read",
        ),
        Operation(
            "Resources_List", "GET", "/subscriptions/{subscriptionId}/resources", _resources, resources
        ),
    ]
    return [replace(row, api_versions=RESOURCES) for row in rows]


def adopt(world: World, document: Json) -> None:
    """Register a group of the scenario."""
    properties = {"provisioningState": "Succeeded", **(document.get("properties") or {})}
    world.documents.put({"type": TYPE, "tags": {}, **document, "properties": properties})


def adopt_implied(world: World) -> None:
    """Make the groups that documents lie in and nobody named, in the region of the first such document."""
    for document in list(world.documents.below("/")):
        parts = document["id"].strip("/").split("/")
        if len(parts) > 4 and parts[2].lower() == "resourcegroups":
            identifier = "/" + "/".join(parts[:4])
            if identifier not in world.documents:
                adopt(
                    world,
                    {"id": identifier, "name": parts[3], "location": document.get("location", "westeurope")},
                )


async def _list(call: Call) -> Response:
    return tracked.paged(call, [_shown(group) for group in call.world.documents.collection(call.path)])


async def _get(call: Call) -> Response:
    return Response(200, _shown(_require(call)))


def _shown(group: Json) -> Json:
    return {**deepcopy(group), "properties": {"provisioningState": group["properties"]["provisioningState"]}}


async def _exists(call: Call) -> Response:
    return Response(204 if call.path in call.world.documents else 404)


def _require(call: Call) -> Json:
    return _require_group(call, call.params["resourceGroup"])


def _require_group(call: Call, name: str) -> Json:
    document = call.world.documents.get(
        f"/subscriptions/{call.params['subscriptionId']}/resourceGroups/{name}"
    )
    if document is None:
        message = f"Resource group '{name}' could not be found."
        raise AzureError(404, "ResourceGroupNotFound", message)
    return document


async def _put(call: Call) -> Response:
    body, name = call.json(), call.params["resourceGroup"]
    require_known(
        body, {"id", "name", "type", "location", "tags", "managedBy", "properties"}, "ResourceGroupDefinition"
    )
    if not _NAME.fullmatch(name):
        message = (
            f"The provided resource group name '{name}' has these invalid characters or a wrong length. "
            "The name can only be "
            "a letter, digit, '-', '.', '(', ')' or '_', must not end with '.' and has at most 90 characters."
        )
        raise AzureError(400, "InvalidResourceGroupName", message)
    location, tags = require_region(body.get("location"), TYPE), require_tags(body.get("tags"))
    before = call.world.documents.get(call.path)
    if before:
        _require_same_location(before, location)
        _require_ready(before)
        before["tags"] = tags
        return Response(200, _shown(before))
    adopt(
        call.world,
        {
            "id": f"/subscriptions/{call.params['subscriptionId']}/resourceGroups/{name}",
            "name": name,
            "location": location,
            "tags": tags,
        },
    )
    return Response(201, _shown(_require(call)))


def _require_same_location(group: Json, location: str) -> None:
    if group["location"] != location:
        message = (
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{group['location']}'."
        )
        raise AzureError(409, "InvalidResourceGroupLocation", message)


def _require_ready(group: Json) -> None:
    if group["properties"]["provisioningState"] == "Deleting":
        message = (
            f"The resource group '{group['name']}' is in deprovisioning state and cannot perform this "
            "operation."
        )
        raise AzureError(409, "ResourceGroupBeingDeleted", message)


async def _patch(call: Call) -> Response:
    group, body = _require(call), call.json()
    require_known(body, {"name", "tags", "managedBy", "properties"}, "ResourceGroupPatchable")
    _require_ready(group)
    if "tags" in body:
        group["tags"] = require_tags(body["tags"])
    return Response(200, _shown(group))


async def _delete(call: Call) -> Response:
    group = _require(call)
    _require_ready(group)
    group["properties"] = {"provisioningState": "Deleting"}
    fate = call.world.operations.fate(Beginning("ResourceGroups_Delete", group["id"]))
    call.world.operations.spawn(_finish_delete(call, group, fate))
    base = f"https://management.azure.com/subscriptions/{call.params['subscriptionId']}/operationresults"
    location = f"{base}/{_token(group['name'])}?api-version={call.api_version}"
    return Response(202, None, {"Location": location, **call.world.operations.pace()})


async def _finish_delete(call: Call, group: Json, fate: Fate) -> None:
    await call.world.clock.sleep(call.world.scenario.durations_s.get("ResourceGroups_Delete", _DELETE_S))
    try:
        await suffer(fate)
        await _delete_all(call, group)
    except AzureError as err:
        group["properties"].update(provisioningState="Succeeded", deletionError=err.error())


async def _delete_all(call: Call, group: Json) -> None:
    """Delete the group with what is in it; AzureError 409 when something of it stays."""
    left, before = _outermost(call.world, group["id"]), -1
    while left and len(left) != before:  # what is in use goes in a later round, once its user is gone
        before = len(left)
        left = [found for found in left if not await _removed(call, found)]
    if not left:
        call.world.documents.remove(group["id"])
        return
    failed = [found["id"] for found in left]
    message = (
        f"Deletion of resource group '{group['name']}' failed as resources with identifiers "
        f"'{','.join(failed)}' could not be deleted. The provisioning state of the resource group will be "
        "rolled back."
    )
    raise AzureError(409, "ResourceGroupDeletionBlocked", message)


def _outermost(world: World, group_id: str) -> list[Json]:
    """The group's own resources, newest first: what was made later may use what was made before."""
    found = [r for r in world.documents.below(group_id) if resource_type(r["id"]).count("/") == 1]
    return [resource for resource in found[::-1] if resource["id"].lower().count("/providers/") == 1]


async def _removed(call: Call, resource: Json) -> bool:
    """Delete one resource by its own service's rules; what no service deletes just goes."""
    version = newest_version("DELETE", resource["id"])
    if version is None or resource["id"] not in call.world.documents:
        return True
    try:
        response = await send(call.world, call.request, "DELETE", resource["id"], version)
        await await_operation(call.world, response)
    except AzureError:
        return False
    return True


async def _delete_result(call: Call) -> Response:
    """202 while the group is being deleted; 200 without a body when it is gone; 409 when it could not be.

    Of a template deployment, which goes at once, 204.
    """
    if call.params["id"].startswith(DEPLOYMENT_DELETED):
        return Response(204)
    name = _group_of(call.params["id"])
    group = call.world.documents.get(f"/subscriptions/{call.params['subscriptionId']}/resourceGroups/{name}")
    if group is None:
        return Response(200)
    if error := group["properties"].get("deletionError"):
        raise AzureError(409, error["code"], error["message"])
    return Response(202, None, {"Location": _self(call), **call.world.operations.pace()})


def _self(call: Call) -> str:
    return f"https://{call.request.host}{call.request.path}?{call.request.raw_query}"


def _token(name: str) -> str:
    """The group's name, coded as Azure codes it into the id of its deletion."""
    return "GROUPDELETE-" + name.encode().hex().upper()


def _group_of(token: str) -> str:
    try:
        return bytes.fromhex(token.removeprefix("GROUPDELETE-")).decode()
    except ValueError as err:
        raise AzureError(404, "OperationNotFound", f"The operation '{token}' could not be found.") from err


async def _resources(call: Call) -> Response:
    """Those that `$filter` wants, with what `$expand` asks for; without their tags when these were filtered by."""
    scope = call.path.rpartition("/")[0]
    if "resourceGroup" in call.params:
        _require_group(call, call.params["resourceGroup"])
    wanted = _parse_filter(call.request.query.get("$filter", ""))
    if "resourcegroup" in wanted:
        _require_group(call, wanted["resourcegroup"])
    expanded = call.request.query.get("$expand", "").lower().split(",")
    log = call.world.activity
    found = [
        _listed(r, wanted, expanded, log) for r in _tracked_below(call.world, scope) if _matches(r, wanted)
    ]
    return tracked.paged(call, found)


def _tracked_below(world: World, scope: str) -> Iterator[Json]:
    """The live documents that count as resources, not as parts of one."""
    known = {f"{namespace}/{kind}".lower() for namespace, kinds in NAMESPACES.items() for kind in kinds}
    for document in world.documents.below(scope):
        kind = resource_type(document["id"]).lower()
        if document.get("location") and kind not in _UNLISTED and (kind in known or kind.count("/") == 1):
            yield document


def _listed(document: Json, wanted: dict[str, str], expanded: list[str], log: ActivityLog) -> Json:
    """A resource as the list shows it. Source: Resources - List (tags are left out when filtered by)."""
    members = ["id", "name", "type", "kind", "location", "identity", "sku", "managedBy"]
    shown = {m: copied(document[m]) for m in members if document.get(m) is not None}
    if document.get("tags") is not None and "tagname" not in wanted:
        shown["tags"] = copied(document["tags"])
    state = (document.get("properties") or {}).get("provisioningState")
    made = document.get("systemData") or {}
    created = made.get("createdAt") or created_time(log, document["id"])
    times = {"createdTime": created, "changedTime": made.get("lastModifiedAt")}
    more = {**times, "provisioningState": state}
    return {**shown, **{name: value for name, value in more.items() if value and name.lower() in expanded}}


def _parse_filter(text: str) -> dict[str, str]:
    """What a `$filter` of comparisons with `eq`, joined by `and`, asks for; names in lower case.

    Tags cannot be asked for together with anything else, nor a value without its name.
    """
    wanted = {}
    for part in filter(None, re.split(r"\s+and\s+", text)):
        found = _COMPARISON.match(part)
        if not found:
            raise _bad_filter(text)
        wanted[found[1].lower()] = found[2]
    tagged = wanted.keys() & {"tagname", "tagvalue"}
    if tagged and (wanted.keys() - tagged or "tagname" not in wanted):
        raise _bad_filter(text)
    return wanted


def _bad_filter(text: str) -> AzureError:
    return AzureError(
        400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string."
    )


def _matches(resource: Json, wanted: dict[str, str]) -> bool:
    parts = resource["id"].strip("/").split("/")
    held = {
        "resourcetype": resource.get("type", ""),
        "name": resource.get("name", ""),
        "location": resource.get("location", ""),
        "resourcegroup": parts[3] if len(parts) > 3 else "",
    }
    tags = {name.lower(): value for name, value in (resource.get("tags") or {}).items()}
    plain = all(str(held[key]).lower() == wanted[key].lower() for key in wanted.keys() & held.keys())
    name = wanted.get("tagname")
    return plain and (name is None or _is_tagged(tags, name.lower(), wanted.get("tagvalue")))


def _is_tagged(tags: dict[str, str], name: str, value: str | None) -> bool:
    """Tags' names are compared without case, their values with it."""
    return name in tags and value in (None, tags[name])
