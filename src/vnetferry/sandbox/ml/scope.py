"""What every handler inside a workspace or a registry needs: its document, stamps of who did what when, rows
and pages of lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from vnetferry.sandbox.documents import not_found, resource_type
from vnetferry.sandbox.errors import AzureError, account_error, service_error
from vnetferry.sandbox.ml.api_versions import versions_of
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Principal, Response, copied, read_count

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

PROVIDER = "Microsoft.MachineLearningServices"
_OWNERS = f"/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroup}}/providers/{PROVIDER}"
WORKSPACES, REGISTRIES = f"{_OWNERS}/workspaces", f"{_OWNERS}/registries"
WORKSPACE, REGISTRY = WORKSPACES + "/{workspace}", REGISTRIES + "/{registry}"
LOCATION = f"/subscriptions/{{subscriptionId}}/providers/{PROVIDER}/locations/{{location}}"
WORKSPACE_TYPE, REGISTRY_TYPE = f"{PROVIDER}/workspaces", f"{PROVIDER}/registries"


def workspace_id(call: Call) -> str:
    """The ARM id of the workspace (or registry) that the path is in, in the case in which it was written."""
    return "/" + "/".join(call.request.segments[:8])


def in_registry(call: Call) -> bool:
    """Whether the path is in a registry, and not in a workspace."""
    return call.request.segments[6].lower() == "registries"


def require_workspace(call: Call) -> Json:
    """The workspace that the path is in (live); AzureError 404 in ARM's words when it is absent."""
    return _require_owner(call)


def require_registry(call: Call) -> Json:
    """The registry that the path is in (live); AzureError 404 in ARM's words when it is absent."""
    return _require_owner(call)


def _require_owner(call: Call) -> Json:
    """The workspace or the registry that the path is in."""
    identifier = workspace_id(call)
    document = call.world.documents.get(identifier)
    if document is not None:
        return document
    if len(call.request.segments) == 8 or call.request.method in ("GET", "POST"):
        raise not_found(identifier)
    name = call.request.segments[7]
    message = f"Can not perform requested operation on nested resource. Parent resource '{name}' not found."
    raise AzureError(404, "ParentResourceNotFound", message)


def child_id(call: Call, *parts: str) -> str:
    """The id of something inside the path's workspace or registry, below its id as it was created."""
    return "/".join([_require_owner(call)["id"], *parts])


def created(world: World, principal: Principal | None) -> Json:
    """`systemData` of something made now."""
    return {**_who(world, principal, "created"), **_who(world, principal, "lastModified")}


def modified(world: World, principal: Principal | None, before: Json | None) -> Json:
    """`systemData` of something changed now."""
    return {**(before or {}), **_who(world, principal, "lastModified")}


def require_idle(world: World, resource_id: str) -> None:
    """AzureError 409 while an operation is under way on exactly this resource."""
    if world.operations.running_on(resource_id):
        name = resource_id.rstrip("/").rpartition("/")[2]
        message = (
            f"Conflict of operation, another operation on same entity is already running in workspace {name}"
        )
        is_workspace = resource_type(resource_id).lower() == WORKSPACE_TYPE.lower()
        raise (account_error if is_workspace else service_error)(409, "Conflict", message)


def row(name: str, method: str, path: str, handle: Handler, right: str, **fields: object) -> Operation:
    """A row of the table, in its path's api-versions unless `fields` says so; `right` lacks the provider's name."""
    known = {"api_versions": versions_of(path), **fields}
    return Operation(name, method, path, handle, f"{PROVIDER}/{right}", **known)  # type: ignore[arg-type]


def page(call: Call, documents: list[Json], size: int) -> Response:
    """One page of a list with a `nextLink` when there is more; `$skip` in the link says where it goes on."""
    start = _skipped(call)
    body: Json = {"value": copied(documents[start : start + size])}
    if start + size < len(documents):
        query = [(k, v) for k, v in parse_qsl(call.request.raw_query) if k.lower() != "$skip"]
        link = urlencode([*query, ("$skip", str(start + size))], safe="$")
        body["nextLink"] = f"https://{call.request.host}{call.request.path}?{link}"
    return Response(200, body)


def _skipped(call: Call) -> int:
    word = call.request.query.get("$skip") or "0"
    skipped = read_count(word)
    if skipped is None:
        raise service_error(400, "UserError", f"The continuation token '{word}' is not valid.")
    return skipped


def _who(world: World, principal: Principal | None, prefix: str) -> Json:
    name = principal.app_id if principal else ""
    stamp = world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {f"{prefix}At": stamp, f"{prefix}By": name, f"{prefix}ByType": "Application"}
