"""What each concern of planning contributes: steps, what is carried over, and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import CarryOver, PlanWarning, Step


class Part(NamedTuple):
    """A contribution to a plan."""

    steps: tuple[Step, ...] = ()
    carry_over: tuple[CarryOver, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


def join(parts: Iterable[Part]) -> Part:
    """All contributions as one, in their order."""
    kept = list(parts)
    return Part(
        steps=tuple(step for part in kept for step in part.steps),
        carry_over=tuple(entry for part in kept for entry in part.carry_over),
        warnings=tuple(warning for part in kept for warning in part.warnings),
    )


def in_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps as they are, but for those that depend on a later one: they come right after it."""
    by_id, placed = {step.id: step for step in steps}, dict[str, Step]()

    def place(step: Step) -> None:
        for needed in step.depends_on:
            if needed not in placed:
                place(by_id[needed])
        placed.setdefault(step.id, step)

    for step in steps:
        place(step)
    return tuple(placed.values())


def attention(resource: ResourceId | str, text: str) -> PlanWarning:
    """A warning that something wants a person's attention."""
    return PlanWarning(kind="attention", resource=str(resource), text=text)


def cannot_carry(resource: ResourceId | str, text: str) -> PlanWarning:
    """A warning that something of the source does not arrive in the target."""
    return PlanWarning(kind="cannot_carry", resource=str(resource), text=text)
