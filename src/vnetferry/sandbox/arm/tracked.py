"""Tracked resources: create, get, update, delete and list by one set of rules, as Azure Resource Manager has
them.

A service describes its type once (TrackedType) and gets the rows of the route table. The rules held here:
unknown members are refused, the location must be a region and cannot change, names follow the type's
pattern, tags have limits and are replaced by an update, lists are by resource group and by subscription.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from vnetferry.sandbox.arm.bodies import require_known, require_object, require_tags
from vnetferry.sandbox.arm.regions import require_global, require_region
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Evidence, Operation
from vnetferry.sandbox.wire import Json, Response, read_count

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

Prepare = Callable[[Call, Json, "Json | None"], None]
# How many parts the id of a resource directly in a group has.
_RESOURCE_DEPTH = 8
_ENVELOPE = frozenset({"id", "name", "type", "location", "tags", "properties", "etag", "systemData"})
_TYPED = {"location": str, "kind": str, "sku": {"name": str, "tier": str}, "identity": dict}
GROUP_PATH = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}/providers"


def _unchanged(_call: Call, _draft: Json, _before: Json | None) -> None:
    return None


def _plain(_world: World, document: Json) -> Json:
    return document


def _forget(_world: World, _document: Json) -> None:
    return None


@dataclass(frozen=True)
class TrackedType:
    """One resource type and its rules.

    type:       such as "Microsoft.Storage/storageAccounts". versions: the api-versions that it answers to.
    group:      what its operations are called after, such as "StorageAccounts".
    fields:     top-level members beyond those that every resource has (such as sku, kind, identity).
    properties: the members of `properties`; None where the service takes any.
    patched:    those of them that an update may change; None: all.
    shape:      of `properties`, as far as handlers rely on it (see shapes).
    name:       a regular expression, and `name_error` the service's refusal of what does not match.
    prepare:    called with the call, the draft and the document before (None: new); fills defaults, or
                refuses with AzureError.
    show:       turns a copy of the stored document into what GET answers.
    removed:    called after a deletion.
    created:    the status of a PUT that created. create_s, delete_s: Azure seconds; None: at once.
    """

    type: str
    group: str
    versions: frozenset[str]
    fields: frozenset[str] = frozenset()
    properties: frozenset[str] | None = None
    patched: frozenset[str] | None = None
    shape: Shape = field(default_factory=dict)
    name: str = r"^[A-Za-z0-9_][A-Za-z0-9_.()-]{0,79}(?<!\.)$"
    name_error: Callable[[str], AzureError] | None = None
    prepare: Prepare = _unchanged
    show: Callable[[World, Json], Json] = _plain
    removing: Callable[[Call, Json], None] | None = None
    removed: Callable[[World, Json], None] = _forget
    created: int = 201
    create_s: float | None = None
    delete_s: float | None = None
    global_location: bool = False
    system_data: bool = False
    evidence: Evidence = "specified"
    note: str = ""

    @property
    def path(self) -> str:
        """The path of the collection in a resource group."""
        return f"{GROUP_PATH}/{self.type}"


def operations(kind: TrackedType) -> list[Operation]:
    """Its rows of the route table."""
    read_body = reader({**_TYPED, "properties": kind.shape})

    def row(
        verb: str, method: str, path: str, handle: Callable[[Call, TrackedType], Response], right: str
    ) -> Operation:
        async def answer(call: Call) -> Response:
            return handle(call, kind)

        return Operation(
            f"{kind.group}_{verb}",
            method,
            path,
            answer,
            f"{kind.type}/{right}",
            kind.versions,
            kind.evidence,
            kind.note,
            read_body,
        )

    one, everywhere = f"{kind.path}/{{name}}", f"/subscriptions/{{subscriptionId}}/providers/{kind.type}"
    return [
        row("CreateOrUpdate", "PUT", one, put, "write"),
        row("Get", "GET", one, get, "read"),
        row("Update", "PATCH", one, patch, "write"),
        row("Delete", "DELETE", one, delete, "delete"),
        row("ListByResourceGroup", "GET", kind.path, list_in_group, "read"),
        row("ListBySubscription", "GET", everywhere, list_everywhere, "read"),
    ]


def put(call: Call, kind: TrackedType) -> Response:
    """Create, or replace what a caller may write."""
    before = call.world.documents.get(call.path)
    draft = _draft(call, kind, call.json(), before)
    require_lasting(call, call.path)
    kind.prepare(call, draft, before)
    document = _save(call, draft, before)
    if kind.create_s is None:
        return Response(200 if before else kind.created, shown(call.world, kind, document))
    return _begin_put(call, kind, document, existed=before is not None)


def get(call: Call, kind: TrackedType) -> Response:
    """The document."""
    return Response(200, shown(call.world, kind, call.world.documents.require(call.path)))


def patch(call: Call, kind: TrackedType) -> Response:
    """Change the members that the body names; `tags` and every member of `properties` are replaced whole."""
    before = call.world.documents.require(call.path)
    body = call.json()
    if kind.patched is not None:
        require_known(body, {"tags", "properties"}, "PatchObject")
        require_known(body.get("properties") or {}, kind.patched, "PatchProperties", "properties")
    merged = {**deepcopy(before), **body}
    merged["properties"] = {
        **(before.get("properties") or {}),
        **require_object(body.get("properties"), "properties"),
    }
    _require_members(kind, body)
    require_lasting(call, call.path)
    draft = deepcopy(merged)
    draft.update({name: before[name] for name in ("id", "name", "type", "location") if name in before})
    draft["tags"] = require_tags(merged.get("tags"))
    kind.prepare(call, draft, before)
    return Response(200, shown(call.world, kind, _save(call, draft, before)))


def delete(call: Call, kind: TrackedType) -> Response:
    """200 (or 202 for slow types); 204 when there is none."""
    document = call.world.documents.get(call.path)
    if document is None:
        return Response(204)
    if kind.removing:
        kind.removing(call, document)
    if kind.delete_s is not None:
        return _begin_delete(call, kind, document)
    call.world.documents.remove(call.path)
    kind.removed(call.world, document)
    return Response(200)


def list_in_group(call: Call, kind: TrackedType) -> Response:
    """Those of one resource group."""
    return paged(
        call, [shown(call.world, kind, found) for found in call.world.documents.collection(call.path)]
    )


def list_everywhere(call: Call, kind: TrackedType) -> Response:
    """Those of the whole subscription."""
    scope = f"/subscriptions/{call.params['subscriptionId']}"
    return paged(
        call, [shown(call.world, kind, found) for found in call.world.documents.below(scope, kind.type)]
    )


def shown(world: World, kind: TrackedType, document: Json) -> Json:
    """What GET answers for a stored document."""
    return kind.show(world, deepcopy(document))


def paged(call: Call, values: Iterable[Any], page: int = 1000) -> Response:
    """A list in pages of `page` (or `$top`, if less), with Azure's `nextLink` and `$skiptoken`."""
    found, query = list(values), call.request.query
    start = _number(query.get("$skiptoken", "0"), "$skiptoken")
    size = min(_number(query.get("$top", str(page)), "$top") or page, page)
    body: Json = {"value": found[start : start + size]}
    if start + size < len(found) and "$top" not in query:
        asked = [(k, v) for k, v in parse_qsl(call.request.raw_query) if k.lower() != "$skiptoken"]
        link = urlencode([*asked, ("$skiptoken", str(start + size))], safe="$")
        body["nextLink"] = f"https://{call.request.host}{call.request.path}?{link}"
    return Response(200, body)


def _number(text: str, name: str) -> int:
    number = read_count(text)
    if number is None:
        raise AzureError(
            400, "InvalidQueryParameterValue", f"The value '{text}' of query parameter '{name}' is invalid."
        )
    return number


def _require_members(kind: TrackedType, body: Json) -> None:
    require_known(body, _ENVELOPE | kind.fields, kind.type.rpartition("/")[2])
    properties = require_object(body.get("properties"), "properties")
    if kind.properties is not None:
        require_known(properties, kind.properties | {"provisioningState"}, "Properties", "properties")


def _draft(call: Call, kind: TrackedType, body: Json, before: Json | None) -> Json:
    _require_members(kind, body)
    name = call.path.rpartition("/")[2]
    if before is None:
        _require_name(kind, name)
    draft: Json = {
        "id": _id(call, kind, name, before),
        "name": before["name"] if before else name,
        "type": kind.type,
    }
    draft["location"] = _location(call, kind, body, before)
    draft["tags"] = require_tags(body.get("tags"))
    draft.update({member: deepcopy(body[member]) for member in kind.fields if body.get(member) is not None})
    draft["properties"] = deepcopy(require_object(body.get("properties"), "properties"))
    if kind.system_data:
        draft["systemData"] = _system_data(call, before)
    return draft


def _require_name(kind: TrackedType, name: str) -> None:
    if re.fullmatch(kind.name, name):
        return
    if kind.name_error:
        raise kind.name_error(name)
    raise AzureError(
        400, "InvalidResourceName", f"Resource name {name} is invalid. It must match '{kind.name}'."
    )


def _id(call: Call, kind: TrackedType, name: str, before: Json | None) -> str:
    if before:
        return str(before["id"])
    group = f"/subscriptions/{call.params['subscriptionId']}/resourceGroups/{call.params['resourceGroup']}"
    return f"{group}/providers/{kind.type}/{name}"


def _location(call: Call, kind: TrackedType, body: Json, before: Json | None) -> str:
    require = require_global if kind.global_location else require_region
    location = require(body.get("location"), kind.type)
    held = str((before or {}).get("location", location))
    if before and held.replace(" ", "").lower() != location:
        message = (
            f"The resource '{before['name']}' already exists in location '{held}' in "
            "resource group "
            f"'{call.params['resourceGroup']}'. A resource with the same name cannot be created in location "
            f"'{location}'. Please select a new resource name."
        )
        raise AzureError(409, "InvalidResourceLocation", message)
    return held


def _system_data(call: Call, before: Json | None) -> Json:
    principal, now = call.request.principal, call.world.clock.stamp()
    who = principal.app_id if principal else ""
    created = (before or {}).get("systemData") or {
        "createdBy": who,
        "createdByType": "Application",
        "createdAt": now,
    }
    return {**created, "lastModifiedBy": who, "lastModifiedByType": "Application", "lastModifiedAt": now}


def _save(call: Call, draft: Json, before: Json | None) -> Json:
    """Keep the live document's identity: other parts of the world may hold it."""
    if before is None:
        return call.world.documents.put(draft)
    before.clear()
    before.update(draft)
    return before


def _begin_put(call: Call, kind: TrackedType, document: Json, *, existed: bool) -> Response:
    properties = document["properties"]
    properties["provisioningState"] = "Updating"

    async def finish() -> None:
        properties["provisioningState"] = "Succeeded"

    def fail(_error: AzureError) -> None:
        properties["provisioningState"] = "Failed"

    operation = call.world.operations.start(
        "network",
        call.operation.name,
        document["id"],
        document["location"],
        default_s=kind.create_s or 0,
        finish=finish,
        fail=fail,
    )
    headers = {
        **call.world.operations.headers(operation, call.api_version),
        "Azure-AsyncNotification": "Enabled",
    }
    headers.pop("Location")
    return Response(200 if existed else 201, shown(call.world, kind, document), headers)


def _begin_delete(call: Call, kind: TrackedType, document: Json) -> Response:
    document["properties"]["provisioningState"] = "Deleting"

    async def finish() -> None:
        if call.world.documents.get(document["id"]) is not document:
            return  # another deletion came first, and what is there now was made after it
        call.world.documents.remove(document["id"])
        kind.removed(call.world, document)

    operation = call.world.operations.start(
        "network",
        call.operation.name,
        document["id"],
        document["location"],
        default_s=kind.delete_s or 0,
        finish=finish,
    )
    return call.world.operations.accepted(operation, call.api_version)


def require_lasting(call: Call, resource_id: str) -> None:
    """AzureError 409 while a resource that a write touches or uses is being deleted, or what it lies in.

    The code and the text are the network provider's as users quote them; the status is assumed.
    """
    parts = resource_id.strip("/").split("/")
    for end in range(len(parts), _RESOURCE_DEPTH - 1, -2):
        held = call.world.documents.get("/".join(parts[:end])) or {}
        if (held.get("properties") or {}).get("provisioningState") == "Deleting":
            message = (
                f"Cannot proceed with operation because resource {held['id']} used by resource {call.path} is not "
                "in Succeeded state. Resource is in Deleting state."
            )
            raise AzureError(409, "ReferencedResourceNotProvisioned", message)


def carry(draft: Json, before: Json | None, *names: str) -> None:
    """Keep members of `properties` that only the service writes."""
    if before:
        held = before.get("properties") or {}
        kept = {name: held[name] for name in names if name in held}
        draft["properties"].update(deepcopy(kept))


def new_guid() -> str:
    """A GUID for a new resource."""
    return str(uuid.uuid4())
