"""Who may do what: role assignments on a scope and on everything above it, by Azure's rules.

A permission counts when one of its actions matches and none of its notActions does; assignments add up. The
client has Owner on every subscription unless the scenario assigns it roles, in which case only assignments
count.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.roles import BY_ID, Role
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

CLIENT_OBJECT_ID = "5a4d1c0e-7d3b-4b61-9c55-000000000c11"

_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"


def require(world: World, principal: Principal | None, action: str, scope: str) -> None:
    """Raise AzureError 403 `AuthorizationFailed` unless `principal` may do `action` at `scope` (an id)."""
    if principal is None or not allowed(world, principal.object_id, action, scope):
        raise denied(principal, action, scope)


def denied(principal: Principal | None, action: str, scope: str) -> AzureError:
    """Azure's refusal."""
    oid = principal.object_id if principal else ""
    message = (
        f"The client '{oid}' with object id '{oid}' does not have authorization to perform action "
        f"'{action}' over "
        f"scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your "
        "credentials."
    )
    return AzureError(403, "AuthorizationFailed", message)


def allowed(world: World, object_id: str, action: str, scope: str, *, data: bool = False) -> bool:
    """Whether the principal may perform `action` at `scope`; `data`: a data action (Owner has none)."""
    return any(_permits(role, action, data=data) for role in _roles(world, object_id, scope))


def assignments_at(world: World, scope: str) -> Iterator[Json]:
    """The role assignments that hold at `scope`: its own and those of every scope above it."""
    parts = scope.strip("/").split("/")
    for end in range(len(parts) + 1):
        yield from world.documents.collection("/".join([*parts[:end], _ASSIGNMENTS]))


def permissions(world: World, object_id: str, scope: str) -> list[Json]:
    """What the principal may do at `scope`, in the shape of Microsoft.Authorization/permissions."""
    return [
        {
            "actions": list(role.actions),
            "notActions": list(role.not_actions),
            "dataActions": list(role.data),
            "notDataActions": list(role.not_data),
        }
        for role in _roles(world, object_id, scope)
    ]


def is_implied_owner(world: World, object_id: str) -> bool:
    """Whether this is the client and the scenario leaves its rights unsaid."""
    return object_id == CLIENT_OBJECT_ID and CLIENT_OBJECT_ID not in world.scenario.assigned_principals


def find_role(world: World, definition_id: str) -> Role | None:
    """The built-in or custom role of a definition id, or None."""
    name = definition_id.rstrip("/").rpartition("/")[2].lower()
    if name in BY_ID:
        return BY_ID[name]
    document = world.documents.get(definition_id)
    return _custom_role(name, document["properties"]) if document else None


def _roles(world: World, object_id: str, scope: str) -> Iterator[Role]:
    if is_implied_owner(world, object_id):
        yield BY_ID["8e3af657-a8ff-443c-a75c-2fe8c4bcb635"]
    for assignment in assignments_at(world, scope):
        properties = assignment["properties"]
        if properties["principalId"].lower() != object_id.lower():
            continue
        if role := find_role(world, properties["roleDefinitionId"]):
            yield role


def _custom_role(name: str, properties: Json) -> Role:
    def gather(key: str) -> tuple[str, ...]:
        return tuple(action for part in properties.get("permissions", []) for action in part.get(key) or ())

    return Role(
        name,
        properties.get("roleName", name),
        gather("actions"),
        gather("notActions"),
        gather("dataActions"),
        gather("notDataActions"),
    )


def _permits(role: Role, action: str, *, data: bool) -> bool:
    granted, withheld = (role.data, role.not_data) if data else (role.actions, role.not_actions)
    return _matches(granted, action) and not _matches(withheld, action)


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
