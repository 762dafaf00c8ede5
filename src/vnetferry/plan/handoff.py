"""Telling callers: one step for each configured handoff, after the traffic of every endpoint is set. Pure."""

from __future__ import annotations

from vnetferry.models.base import Json
from vnetferry.models.handoff import HandoffConfig
from vnetferry.models.plan import Step
from vnetferry.plan.durations import expected_s
from vnetferry.plan.endpoints import hand_off_dependencies
from vnetferry.plan.parts import Part
from vnetferry.plan.scope import Scope


def plan_handoff(scope: Scope) -> Part:
    """One step for each handoff, one after the other: each notes on the target what callers were told."""
    steps: list[Step] = []
    for handoff in scope.config.handoff:
        after = (*hand_off_dependencies(scope), *(step.id for step in steps[-1:]))
        steps.append(_step(scope, handoff, after))
    return Part(tuple(steps))


def hand_off_ids(scope: Scope) -> tuple[str, ...]:
    """The steps after which callers know of the new endpoints."""
    return tuple(_id(handoff) for handoff in scope.config.handoff)


def _id(handoff: HandoffConfig) -> str:
    return f"hand_off:{handoff.place}"


def _step(scope: Scope, handoff: HandoffConfig, after: tuple[str, ...]) -> Step:
    return Step(
        id=_id(handoff),
        kind="hand_off",
        title=f"hand the new scoring URIs to the callers in {handoff.place}",
        resource=scope.target,
        source=scope.inventory.source,
        spec={"handoff": handoff.model_dump(mode="json"), "entries": _entries(scope)},
        depends_on=after,
        duration_s=expected_s("hand_off"),
    )


def _entries(scope: Scope) -> list[Json]:
    return [
        {
            "endpoint": endpoint.name,
            "source_uri": endpoint.get("scoringUri", ""),
            "target": str(scope.remap.endpoint(endpoint.name)),
        }
        for endpoint in scope.endpoints
    ]
