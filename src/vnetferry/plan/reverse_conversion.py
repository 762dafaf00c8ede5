"""What taking back a conversion in place takes, which is possible until it deletes anything. Pure.

Its mark goes first: a deletion looks for it, so none begins afterwards. Then goes what was made before the first
deletion: private endpoints for callers, kept secrets, recorded answers. The same steps take back half of that and all
of it, once or again.

What `spec` holds, by kind:

undo_claim_workspace  removed [ids of what the conversion deletes].
undo_keep_secrets     vault.
undo_record_answers   answers (the file's name).
remove_resource       made_by (kind of the plan's step).
"""

from __future__ import annotations

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import Plan, Step, StepKind

# Step -> what takes it back, and what that is called.
_UNDOS: dict[StepKind, tuple[StepKind, str]] = {
    "keep_secrets": ("undo_keep_secrets", "forget the kept secrets of {}, which has them still"),
    "record_answers": ("undo_record_answers", "delete the recorded answers of {}"),
}


def reverse_conversion(plan: Plan) -> tuple[Step, ...]:
    """The steps that take back a conversion which has deleted nothing."""
    claim = _undo_claim(plan)
    undone = (step for step in reversed(plan.steps) if step.undo == "delete" or step.kind in _UNDOS)
    return (claim, *(_undo(step, claim) for step in undone))


def deleted_by(plan: Plan) -> tuple[ResourceId, ...]:
    """What a conversion deletes and makes again."""
    return tuple(
        s.resource for s in (*plan.of_kind("take_down_endpoint"), *plan.of_kind("take_down_compute"))
    )


def title_of_removal(step: Step) -> str:
    """For people: "create endpoint credit-v2" -> "remove endpoint credit-v2"."""
    return f"remove {step.title.partition(' ')[2]}"


def _undo_claim(plan: Plan) -> Step:
    return Step(
        id=f"undo_claim_workspace:{plan.source.name}",
        kind="undo_claim_workspace",
        title=f"take the mark off {plan.source.name}, of which nothing is deleted",
        resource=plan.source,
        spec={"removed": [str(each) for each in deleted_by(plan)]},
        duration_s=10,
    )


def _undo(step: Step, claim: Step) -> Step:
    kind, title = _UNDOS.get(step.kind, ("remove_resource", title_of_removal(step)))
    spec: Json = {name: step.spec[name] for name in ("vault", "answers") if name in step.spec}
    return Step(
        id=f"undo_{step.id}",
        kind=kind,
        title=title.format(step.resource.name),
        resource=step.resource,
        source=step.source,
        spec=spec or {"made_by": step.kind},
        depends_on=(claim.id,),
        duration_s=10,
    )
