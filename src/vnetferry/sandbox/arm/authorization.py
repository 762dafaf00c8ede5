"""Who may do what: role assignments on a scope and on everything above it, by Azure's rules.

A permission counts when one of its actions matches and none of its own notActions does; permissions and
assignments add up, and an assignment written through the API counts after a while only (`grants`). The sandbox's
own client has Owner on every subscription unless the scenario assigns it roles, in which case only assignments
count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import extension
from vnetferry.sandbox.arm.grants import has_begun, lingering
from vnetferry.sandbox.arm.roles import BY_ID, Role
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

CLIENT_OBJECT_ID = "5a4d1c0e-7d3b-4b61-9c55-000000000c11"

_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"


def require(world: World, principal: Principal | None, action: str, scope: str) -> None:
    """Raise AzureError 403 `AuthorizationFailed` unless `principal` may do `action` at `scope` (an id)."""
    if principal is None or not allowed(world, principal.object_id, action, scope):
        raise denied(principal, action, scope)


def denied(principal: Principal | None, action: str, scope: str) -> AzureError:
    """Azure's refusal."""
    message = (
        f"{named(principal)} does not have authorization to perform action "
        f"'{action}' over "
        f"scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your "
        "credentials."
    )
    return AzureError(403, "AuthorizationFailed", message)


def named(principal: Principal | None) -> str:
    """How refusals name a caller: a service principal by its application's id and by its own."""
    oid = principal.object_id if principal else ""
    client = (principal.app_id if principal else "") or oid
    return f"The client '{client}' with object id '{oid}'"


def allowed(world: World, object_id: str, action: str, scope: str, *, data: bool = False) -> bool:
    """Whether the principal may perform `action` at `scope`; `data`: a data action (Owner has none)."""
    return any(_permits(role, action, data=data) for role in _roles(world, object_id, scope))


def assignments_at(world: World, scope: str) -> Iterator[Json]:
    """The role assignments that hold at `scope`: its own and those of every scope above it."""
    return extension.above(world, scope, _ASSIGNMENTS)


def permissions(world: World, object_id: str, scope: str) -> list[Json]:
    """What the principal may do at `scope`, in the shape of Microsoft.Authorization/permissions.

    The client whose rights the scenario leaves unsaid may do everything on data planes too, which Owner alone may not.
    """
    own = ["*"] if is_implied_owner(world, object_id) else []
    return [
        {
            "actions": list(role.actions),
            "notActions": list(role.not_actions),
            "dataActions": own or list(role.data),
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
    document = find_definition(world, definition_id)
    return Role(name, document["properties"].get("roleName", name)) if document else None


def find_definition(world: World, definition_id: str) -> Json | None:
    """The document of a custom role, or None."""
    return world.documents.get(definition_id)


def has_some_right_below(world: World, object_id: str, scope: str) -> bool:
    """Whether any assignment to the principal counts on something within `scope`."""
    return any(
        each["properties"]["principalId"].lower() == object_id.lower() and has_begun(world, each)
        for each in world.documents.below(scope, _ASSIGNMENTS)
    )


def _roles(world: World, object_id: str, scope: str) -> Iterator[Role]:
    """Every permission that the principal has at the scope, each as a role of its own."""
    if is_implied_owner(world, object_id):
        yield BY_ID["8e3af657-a8ff-443c-a75c-2fe8c4bcb635"]
    live = (each for each in assignments_at(world, scope) if has_begun(world, each))
    for assignment in (*live, *lingering(world, scope)):
        properties = assignment["properties"]
        if properties["principalId"].lower() == object_id.lower():
            yield from _permissions_of(world, properties["roleDefinitionId"])


def _permissions_of(world: World, definition_id: str) -> Iterator[Role]:
    name = definition_id.rstrip("/").rpartition("/")[2].lower()
    if name in BY_ID:
        yield BY_ID[name]
    elif document := find_definition(world, definition_id):
        properties = document["properties"]
        for part in properties.get("permissions", []):
            yield _permission(name, properties.get("roleName", name), part)


def _permission(name: str, title: str, part: Json) -> Role:
    def read(key: str) -> tuple[str, ...]:
        return tuple(part.get(key) or ())

    return Role(name, title, read("actions"), read("notActions"), read("dataActions"), read("notDataActions"))


def _permits(role: Role, action: str, *, data: bool) -> bool:
    granted, withheld = (role.data, role.not_data) if data else (role.actions, role.not_actions)
    return _matches(granted, action) and not _matches(withheld, action)


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(_pattern(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """`*` stands for anything, slashes too, anywhere; between two slashes also for nothing at all.

    `userAssignedIdentities/*/assign/action` is how the role Managed Identity Operator lets identities be assigned,
    and AzureML Data Scientist excepts `workspaces/delete` from `workspaces/*/delete`.
    """
    anything = ".*".join(map(re.escape, text.split("*")))
    return re.compile(anything.replace("/.*/", "/(?:.*/)?"), re.IGNORECASE)
