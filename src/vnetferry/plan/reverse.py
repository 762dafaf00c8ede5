"""What undoing a migration takes, as steps in the reverse order of those of the plan. Pure.

Callers are pointed back first, and nothing is removed before they have left. Then each step whose undo is "delete"
gets one that removes what it made, after all that depended on it. A step looks at Azure, so a step of what was never
made, or is gone already, has nothing to do: the same steps undo half a migration and a whole one, once or again.

What `spec` holds, by kind:

require_way_back   endpoints [{source, target: ids}]: those that go; the source's must be there to take the callers.
undo_hand_off      handoff, entries as in hand_off; moved_back [source names].
require_left       endpoints [target ids], soak_h, callers ("refuse" | "wait" | "drop").
remove_resource    made_by (kind of the plan's step).
remove_endpoint    deployments [names that the plan made].
remove_asset       body, content ("" when it stays), content_field, content_root as in the plan's step.
remove_associated  purge (bool).
remove_workspace   purge (bool), created (bool: Azure made its storage, vault … with it).

A conversion in place is taken back as a whole, and only until it deletes anything: plan/reverse_conversion.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json, Value
from vnetferry.models.plan import Plan, Step, StepKind
from vnetferry.plan.reverse_conversion import reverse_conversion, title_of_removal

Callers = Literal["refuse", "wait", "drop"]
_REMOVALS: dict[StepKind, StepKind] = {
    "create_associated": "remove_associated",
    "create_workspace": "remove_workspace",
    "create_endpoint": "remove_endpoint",
    "copy_code": "remove_asset",
    "copy_environment": "remove_asset",
    "copy_model": "remove_asset",
}
_EXPECTED_S: dict[StepKind, int] = {"remove_endpoint": 120, "remove_workspace": 60, "remove_resource": 30}


class Reversal(Value):
    """What is asked for.

    endpoints: only these (names in the source, or in the target); empty for all. keep: all but these.
    purge:     delete the workspace for good, so that its name is free at once.
    callers:   what to do while new endpoints are still called: refuse, wait as long as a soak, or go on.
    """

    endpoints: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    purge: bool = False
    callers: Callers = "refuse"


def build_reversal(plan: Plan, wanted: Reversal) -> tuple[Step, ...]:
    """The steps that undo `plan`, or as much of it as is wanted.

    Raises: ConfigError for an endpoint that the plan does not move, and for a choice in a plan in place.
    """
    if plan.config.in_place:
        _require_whole(wanted)
        return reverse_conversion(plan)
    gone = chosen(plan, wanted.endpoints, wanted.keep)
    removed = _removed(plan, {step.id for step in gone})
    way_back = _way_back(plan, gone)
    told = _undo_hand_offs(plan, gone, way_back)
    left = _left(plan, gone, wanted, told)
    after = _dependents(plan, removed)
    removals = [
        _removal(
            step,
            _spec(plan, step, wanted, removed),
            (left.id, *(f"undo_{d}" for d in sorted(after[step.id]))),
        )
        for step in reversed(plan.steps)
        if step.id in removed
    ]
    return (way_back, *told, left, *removals)


def _require_whole(wanted: Reversal) -> None:
    if wanted != Reversal():
        raise ConfigError(
            "a conversion in place is taken back as a whole, while nothing is deleted and every caller is served",
            remedy="Leave out --endpoint, --keep, --purge, --wait and --drop-callers.",
        )


def chosen(plan: Plan, only: Sequence[str], keep: Sequence[str] = ()) -> tuple[Step, ...]:
    """The steps that created the endpoints that are meant: those named, or all; without those to keep.

    Raises: ConfigError for a name that is neither that of an endpoint which the plan moves nor of its successor.
    """
    creations = plan.of_kind("create_endpoint")
    known = {name.lower(): step for step in creations for name in _names(step)}
    named, kept = [_find(name, known) for name in only], [_find(name, known) for name in keep]
    return tuple(step for step in creations if (not named or step in named) and step not in kept)


def _find(name: str, known: dict[str, Step]) -> Step:
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        choices = ", ".join(sorted({_names(step)[0] for step in known.values()}))
        raise ConfigError(
            f"the plan moves no endpoint '{name}'",
            remedy=f"Did you mean '{near[0]}'?" if near else f"It moves: {choices}.",
        )
    return known[name.lower()]


def _names(creation: Step) -> tuple[str, str]:
    """An endpoint's name in the source and in the target."""
    return (creation.source or creation.resource).name, creation.resource.name


def _removed(plan: Plan, gone: set[str]) -> set[str]:
    """The steps whose work is removed.

    What an endpoint that stays needs is kept, and so is, unless all go, what no endpoint needs. Deployments go with
    their endpoint.
    """
    owners = _owners(plan)
    made = {step.id for step in plan.steps if step.undo == "delete" and step.kind != "create_deployment"}
    if gone == {step.id for step in plan.of_kind("create_endpoint")}:
        return made
    own = {step for step, endpoints in owners.items() if endpoints and endpoints <= gone}
    needed = _needs(plan, {step.id for step in plan.steps if owners[step.id] - gone})
    shared = _needs(plan, own) - needed
    return made & ((own | shared) - needed)


def _owners(plan: Plan) -> dict[str, set[str]]:
    """Step -> the creations of endpoints that it depends on, itself included.

    Depending on a handoff is waiting for its time, and belonging to no endpoint.
    """
    found: dict[str, set[str]] = {}
    told = {step.id for step in plan.of_kind("hand_off")}
    for step in plan.steps:
        found[step.id] = {owner for d in step.depends_on if d not in told for owner in found.get(d, ())}
        if step.kind == "create_endpoint":
            found[step.id].add(step.id)
    return found


def _needs(plan: Plan, wanted: set[str]) -> set[str]:
    """What these steps depend on, handoffs' dependencies apart: a handoff needs no endpoint to be there."""
    needed: set[str] = set()
    for step in reversed(plan.steps):
        if (step.id in wanted or step.id in needed) and step.kind != "hand_off":
            needed.update(step.depends_on)
    return needed


def _dependents(plan: Plan, removed: set[str]) -> dict[str, set[str]]:
    """Step -> the nearest of `removed` that depend on it, directly or through steps that leave nothing behind.

    What depends on a deployment goes before its endpoint, with which the deployment goes. What an endpoint's creation
    came before, and its deployment after, such as a role of its identity, goes before the endpoint too.
    """
    owners = _owners(plan)
    creations = {step.resource: step.id for step in plan.of_kind("create_endpoint")}
    found: dict[str, set[str]] = {step.id: set() for step in plan.steps}
    for step in reversed(plan.steps):
        own = {step.id} if step.id in removed else set(found[step.id])
        creation = creations.get(step.resource.parent) if step.kind == "create_deployment" else None
        if creation in removed:
            found[creation] |= found[step.id]
            own = {creation}
        for dependency in step.depends_on:
            found[dependency] |= own - {dependency} - owners[dependency]
    return found


def _way_back(plan: Plan, gone: Iterable[Step]) -> Step:
    pairs = [{"source": str(step.source), "target": str(step.resource)} for step in gone]
    return Step(
        id="require_way_back",
        kind="require_way_back",
        title=f"check that {plan.source.name} can take its callers back",
        resource=plan.source,
        spec={"endpoints": pairs},
        duration_s=5,
    )


def _undo_hand_offs(plan: Plan, gone: tuple[Step, ...], way_back: Step) -> tuple[Step, ...]:
    names = [_names(step)[0] for step in gone]
    steps: list[Step] = []
    for step in reversed(plan.of_kind("hand_off")):
        place = step.id.partition(":")[2]
        undo = Step(
            id=f"undo_{step.id}",
            kind="undo_hand_off",
            title=f"point the callers back in {place}",
            resource=step.resource,
            spec={**step.spec, "moved_back": names},
            depends_on=(way_back.id, *(s.id for s in steps[-1:])),
            duration_s=step.duration_s,
        )
        steps.append(undo)
    return tuple(steps)


def _left(plan: Plan, gone: tuple[Step, ...], wanted: Reversal, told: tuple[Step, ...]) -> Step:
    targets = [str(step.resource) for step in gone]
    return Step(
        id="require_left",
        kind="require_left",
        title="check that no caller uses what goes",
        resource=plan.target,
        spec={"endpoints": targets, "soak_h": plan.config.validation.soak_h, "callers": wanted.callers},
        depends_on=("require_way_back", *(step.id for step in told)),
        duration_s=5,
    )


def _removal(step: Step, spec: Json, after: tuple[str, ...]) -> Step:
    kind = _REMOVALS.get(step.kind, "remove_resource")
    return Step(
        id=f"undo_{step.id}",
        kind=kind,
        title=title_of_removal(step),
        resource=step.resource,
        source=step.source,
        spec=spec,
        depends_on=after,
        duration_s=_EXPECTED_S.get(kind, 10),
    )


def _spec(plan: Plan, step: Step, wanted: Reversal, removed: set[str]) -> Json:
    if step.kind == "create_workspace":
        created = any(not associated for associated in step.spec["associated"].values())
        return {"purge": wanted.purge, "created": created}
    if step.kind == "create_associated":
        return {"purge": wanted.purge}
    if step.kind == "create_endpoint":
        made = [d.resource for d in plan.of_kind("create_deployment")]
        return {"deployments": [d.name for d in made if d.is_under(step.resource)]}
    if _REMOVALS.get(step.kind) == "remove_asset":
        kept = {s.spec.get("content") for s in plan.steps if s.id not in removed} - {""}
        shared = kept & {step.spec["content"], step.spec.get("content_root", "")}
        return {**step.spec, "body": step.body, **({"content": ""} if shared else {})}
    return {"made_by": step.kind}
