"""What differs between two plans, property by property. Pure: the same two plans give the same bytes.

What is lists or nested objects in a step, a cost or the configuration is told at its own dotted path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from vnetferry.models.base import Json, Value
from vnetferry.models.plan import Plan
from vnetferry.plan.carry_over import shown

Change = Literal["added", "removed", "changed"]


class Property(Value):
    """One property's two values, shortened for people; "" where it is not there."""

    path: str
    before: str
    after: str


class Difference(Value):
    """One step, line of the carry-over table, cost, or the configuration; `properties` only where it changed."""

    change: Change
    what: str
    properties: tuple[Property, ...] = ()


class PlanDiff(Value):
    """What is different in `new`, as against `old`; both are ids of plans. Durations are of the longest chain."""

    old: str
    new: str
    duration_s_before: int
    duration_s_after: int
    config: tuple[Property, ...]
    steps: tuple[Difference, ...]
    carry_over: tuple[Difference, ...]
    costs: tuple[Difference, ...]
    warnings: tuple[Difference, ...]


def diff_plans(old: Plan, new: Plan) -> PlanDiff:
    """What is different in `new`."""
    return PlanDiff(
        old=old.id,
        new=new.id,
        duration_s_before=old.critical_path_s,
        duration_s_after=new.critical_path_s,
        config=_properties(old.config.model_dump(mode="json"), new.config.model_dump(mode="json")),
        steps=_differences(_steps(old), _steps(new)),
        carry_over=_differences(_lines(old), _lines(new)),
        costs=_differences(_costs(old), _costs(new)),
        warnings=_differences(_warnings(old), _warnings(new)),
    )


def _differences(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[Difference, ...]:
    """What was removed first, in the order of the old plan; then the rest in the order of the new one."""
    gone = [Difference(change="removed", what=name) for name in old if name not in new]
    return (*gone, *_arrived(old, new))


def _arrived(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Difference]:
    for name, value in new.items():
        if name not in old:
            yield Difference(change="added", what=name)
        elif value != old[name]:
            yield Difference(change="changed", what=name, properties=_properties(old[name], value))


def _steps(plan: Plan) -> dict[str, Json]:
    return {step.id: step.model_dump(mode="json", exclude={"id", "kind"}) for step in plan.steps}


def _lines(plan: Plan) -> dict[str, Json]:
    return {
        f"{entry.source} {entry.path}": entry.model_dump(mode="json", exclude={"source", "path"})
        for entry in plan.carry_over
    }


def _costs(plan: Plan) -> dict[str, Json]:
    return {cost.what: cost.model_dump(mode="json", exclude={"what"}) for cost in plan.costs}


def _warnings(plan: Plan) -> dict[str, Json]:
    return {f"{warning.kind}: {warning.text}": {} for warning in plan.warnings}


def _properties(old: Any, new: Any) -> tuple[Property, ...]:
    was, now = dict(_flat(old)), dict(_flat(new))
    return tuple(
        Property(path=".".join(path), before=_shown(path, was), after=_shown(path, now))
        for path in sorted(was.keys() | now.keys())
        if was.get(path) != now.get(path)
    )


def _shown(path: tuple[str, ...], values: Mapping[tuple[str, ...], Any]) -> str:
    return shown(path, values[path]) if path in values else ""


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path; an array is one value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, (*path, key))
    elif value not in (None, {}):
        yield path, value
