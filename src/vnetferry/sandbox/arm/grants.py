"""When role assignments begin and cease to count: what is written through the API takes a while to be known.

Assignments of the scenario, and those that Azure makes for its own identities, hold at once. Sources: manage access to
Azure Machine Learning workspaces and troubleshoot online endpoints (15 minutes to an hour until the ML service
honours a new assignment); troubleshoot Azure RBAC (up to ten minutes for the API of Azure itself). The shortest that
the ML service's own pages promise is taken; a scenario's `durations_s` sets it under `RoleAssignments_Propagation`.

A new identity is itself unknown to parts of the directory for a while. Source: troubleshoot Azure RBAC (assigning a
role to a new service principal). How long is assumed; `durations_s` sets it under `Identities_Replication`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

PROPAGATION = "RoleAssignments_Propagation"
_PROPAGATION_S = 900.0
REPLICATION = "Identities_Replication"
_REPLICATION_S = 60.0


@dataclass
class Grants:
    """Assignments whose effect is not what their documents say; times are Azure seconds since the start.

    begins:    assignment id (lower case) -> when it begins to count.
    withdrawn: (document, when it ceases to count) of assignments that were deleted.
    known:     principal (lower case) of an identity that was just made -> when the directory knows it everywhere.
    """

    begins: dict[str, float] = field(default_factory=dict)
    withdrawn: list[tuple[Json, float]] = field(default_factory=list)
    known: dict[str, float] = field(default_factory=dict)


def grant(world: World, assignment: Json) -> None:
    """Let an assignment that was just made count only after the delay."""
    world.grants.begins[assignment["id"].lower()] = world.clock.elapsed_s() + _delay_s(world)


def withdraw(world: World, assignment: Json) -> None:
    """Let an assignment that was just deleted count until the delay is over, if it counted at all."""
    begins_s = world.grants.begins.pop(assignment["id"].lower(), 0.0)
    if begins_s <= world.clock.elapsed_s():
        world.grants.withdrawn.append((assignment, world.clock.elapsed_s() + _delay_s(world)))


def has_begun(world: World, assignment: Json) -> bool:
    """Whether an assignment that exists counts already."""
    return world.grants.begins.get(assignment["id"].lower(), 0.0) <= world.clock.elapsed_s()


def lingering(world: World, scope: str) -> Iterator[Json]:
    """Deleted assignments at `scope` or above it that count still."""
    below = f"{scope.rstrip('/').lower()}/"
    for assignment, ends_s in world.grants.withdrawn:
        held = assignment["properties"]["scope"].rstrip("/").lower()
        if ends_s > world.clock.elapsed_s() and below.startswith(f"{held}/"):
            yield assignment


def introduce(world: World, principal: str) -> str:
    """Let the directory know a new identity's principal only after a while; the principal."""
    delay_s = world.scenario.durations_s.get(REPLICATION, _REPLICATION_S)
    world.grants.known[principal.lower()] = world.clock.elapsed_s() + delay_s
    return principal


def is_replicating(world: World, principal: str) -> bool:
    """Whether parts of the directory do not know a principal yet."""
    return world.grants.known.get(principal.lower(), 0.0) > world.clock.elapsed_s()


def _delay_s(world: World) -> float:
    return world.scenario.durations_s.get(PROPAGATION, _PROPAGATION_S)
