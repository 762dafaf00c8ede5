"""Microsoft.Authorization/locks: CanNotDelete and ReadOnly, on a scope and everything below it.

A lock below also stops the deletion of what is above, as Azure refuses to delete a group that holds a
locked resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import extension
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member, require_object
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Authorization/locks"
_VERSIONS = frozenset({"2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01"})


def refuse_locked(world: World, resource_id: str, write: bool) -> None:
    """Raise AzureError 409 `ScopeLocked` if a lock forbids writing (`write`) or deleting it."""
    locks = [*extension.above(world, resource_id, TYPE), *(() if write else _below(world, resource_id))]
    levels = {"ReadOnly"} if write else {"ReadOnly", "CanNotDelete"}
    locked = [_scope(lock) for lock in locks if lock["properties"]["level"] in levels]
    if locked:
        verb, scopes = ("write" if write else "delete"), "', '".join(dict.fromkeys(locked))
        message = (
            f"The scope '{resource_id}' cannot perform {verb} operation because following scope(s) are "
            "locked: "
            f"'{scopes}'. Please remove the lock and try again."
        )
        raise AzureError(409, "ScopeLocked", message)


def require_free(world: World, resource_id: str, action: str) -> None:
    """AzureError 409 `ScopeLocked` when any lock holds on a resource or above it."""
    if locked := [_scope(lock) for lock in extension.above(world, resource_id, TYPE)]:
        scopes = "', '".join(dict.fromkeys(locked))
        message = (
            f"The scope '{resource_id}' cannot perform {action} operation because following scope(s) are "
            f"locked: '{scopes}'. Please remove the lock and try again."
        )
        raise AzureError(409, "ScopeLocked", message)


def operations() -> list[Operation]:
    """Locks at every scope."""
    return extension.operations(
        extension.ExtensionType(
            TYPE,
            "ManagementLocks",
            _VERSIONS,
            put=_put,
            list=_list,
            title=("AtSubscriptionLevel", "AtResourceGroupLevel", "ByScope"),
        )
    )


async def _list(call: Call) -> Response:
    """Those on the scope, and without `atScope()` those below it too."""
    found = call.world.documents.collection(call.path)
    if call.request.query.get("$filter", "").lower() != "atscope()":
        found = [*found, *_below(call.world, extension.scope_of(call.path))]
    return Response(200, {"value": deepcopy(found)})


async def _put(call: Call) -> Response:
    extension.require_target(call)
    body = call.json()
    require_known(body, {"id", "name", "type", "properties"}, "LockDefinition")
    properties = require_object(body.get("properties"), "properties")
    require_known(properties, {"level", "notes", "owners"}, "LockProperties", "properties")
    level = require_member(properties, "level", "InvalidLockLevel", "properties")
    properties["level"] = require_choice(
        level, ("CanNotDelete", "ReadOnly"), "properties.level", "InvalidLockLevel"
    )
    document, existed = extension.store(call, TYPE, properties)
    return Response(200 if existed else 201, document)


def _below(world: World, resource_id: str) -> Iterator[Json]:
    own = f"{resource_id.rstrip('/')}/providers/{TYPE}/".lower()
    for document in world.documents.below(resource_id, TYPE):
        if not document["id"].lower().startswith(own):
            yield document


def _scope(lock: Json) -> str:
    return str(lock["id"]).rpartition("/providers/")[0]
