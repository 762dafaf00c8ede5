"""Resources that hang on any scope: `{scope}/providers/{Namespace}/{type}/{name}` (locks, role assignments,
…).

The route table knows paths by their length, so an extension type has a row per depth of scope:
subscription, group, resource, and two levels of child resources, which is as deep as the sandbox's
resources go.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.routes import Call, Evidence, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_RESOURCE = (
    "subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}/providers/{namespace}/{type}/{resource}"
)
# How many parts the id of a resource directly in a group has.
_RESOURCE_DEPTH = 8
SCOPES = (
    "subscriptions/{subscriptionId}",
    "subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}",
    _RESOURCE,
    _RESOURCE + "/{childType}/{child}",
    _RESOURCE + "/{childType}/{child}/{grandchildType}/{grandchild}",
)


async def get(call: Call) -> Response:
    """The stored document."""
    return Response(200, deepcopy(call.world.documents.require(call.path)))


async def remove(call: Call) -> Response:
    """200 with the document that was; 204 when there was none."""
    document = call.world.documents.get(call.path)
    if document is None:
        return Response(204)
    call.world.documents.remove(call.path)
    return Response(200, document)


async def list_own(call: Call) -> Response:
    """Those directly on the scope."""
    return Response(200, {"value": deepcopy(call.world.documents.collection(call.path))})


@dataclass(frozen=True)
class ExtensionType:
    """An extension resource type and how it is written.

    shape: of `properties`, as far as `put` relies on it (see shapes).
    title: suffixes of the list operation's name for subscription, group and resource scopes.
    """

    type: str
    group: str
    versions: frozenset[str]
    put: Handler
    title: tuple[str, str, str] = ("", "", "")
    get: Handler = get
    remove: Handler = remove
    list: Handler = list_own
    evidence: Evidence = "specified"
    note: str = ""
    shape: Shape = field(default_factory=dict)


def operations(kind: ExtensionType) -> list[Operation]:
    """Its rows of the route table."""
    return [
        row for depth, scope in enumerate(SCOPES) for row in _rows(kind, scope, kind.title[min(depth, 2)])
    ]


def scope_of(path: str) -> str:
    """The scope that an extension resource's path or collection hangs on, with its leading slash."""
    return path.rpartition("/providers/")[0] or "/"


def above(world: World, resource_id: str, kind: str) -> Iterator[Json]:
    """The extension resources of a type on a scope and on every scope above it, the tenant's first."""
    parts = resource_id.strip("/").split("/")
    for end in range(len(parts) + 1):
        yield from world.documents.collection("/".join([*parts[:end], "providers", kind]))


def require_target(call: Call) -> None:
    """AzureError 404 `ResourceNotFound` when the resource is not there that something is to hang on.

    Blob containers are asked of nobody: they are the Blob service's, not Resource Manager's.
    """
    scope = scope_of(call.path)
    parts = scope.strip("/").split("/")
    if len(parts) < _RESOURCE_DEPTH:
        return
    call.world.documents.require("/" + "/".join(parts[:_RESOURCE_DEPTH]))
    if [part.lower() for part in parts[_RESOURCE_DEPTH:][:1]] != ["blobservices"]:
        call.world.documents.require(scope)


def store(call: Call, kind: str, properties: Json, **fields: object) -> tuple[Json, bool]:
    """Put `{id, name, type, properties}` and say whether it was there before."""
    before = call.world.documents.get(call.path)
    identifier = before["id"] if before else call.path
    document: Json = {"id": identifier, "name": call.path.rpartition("/")[2], "type": kind, **fields}
    document["properties"] = properties
    call.world.documents.put(document)
    return deepcopy(document), before is not None


def _rows(kind: ExtensionType, scope: str, title: str) -> list[Operation]:
    path = f"/{scope}/providers/{kind.type}"
    one = f"{path}/{{name}}"

    def row(name: str, method: str, where: str, handle: Handler, right: str) -> Operation:
        return Operation(
            name, method, where, handle, f"{kind.type}/{right}", kind.versions, kind.evidence, kind.note
        )

    put = row(f"{kind.group}_CreateOrUpdate", "PUT", one, kind.put, "write")
    return [
        replace(put, read_body=reader({"properties": kind.shape})),
        row(f"{kind.group}_Get", "GET", one, kind.get, "read"),
        row(f"{kind.group}_Delete", "DELETE", one, kind.remove, "delete"),
        row(f"{kind.group}_List{title}", "GET", path, kind.list, "read"),
    ]
