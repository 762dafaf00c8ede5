"""What retiring a source takes, as steps: wait for silence, check the guards, then delete what may be deleted. Pure.

What `spec` holds, by kind:

soak                 endpoints [source ids], soak_h.
require_retirable    moved [{source, target: ids, traffic}], handoff [specs of the plan's hand_off steps], computes [ids
                     that would go], delete_workspace (bool).
require_disconnected targets [ids of what legacy deployments had private endpoints to].
delete_workspace     purge (bool).
"""

from __future__ import annotations

from collections.abc import Sequence

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import COMPUTE, ROLE_ASSIGNMENT, Document, Inventory
from vnetferry.models.plan import Plan, Step, StepKind
from vnetferry.plan.reverse import chosen
from vnetferry.plan.satellites import orphans

_EXPECTED_S: dict[StepKind, int] = {
    "delete_endpoint": 120,
    "delete_compute": 180,
    "delete_workspace": 60,
    "delete_satellite": 5,
    "delete_group": 120,
    "require_disconnected": 5,
}
_GUARD = "require_retirable"


def build_retirement(
    plan: Plan, inventory: Inventory | None, endpoints: Sequence[str] = ()
) -> tuple[Step, ...]:
    """The steps that retire the source of `plan`, as far as the configuration allows.

    In:     inventory: the source now; what is already gone needs no step. None: it is gone, and only its resource group
            may be left. endpoints: only these (names in the source or the target), and then neither computes nor the
            workspace; empty for all.
    Out:    soak and guard come first; deletions depend on both. Satellites go before what they hang on, so that what
            they belong to can still be seen when a run was cut off; the workspace goes after all else.
    Raises: ConfigError for an endpoint that the plan does not move.
    """
    retire, creations = plan.config.retire, chosen(plan, endpoints)
    whole = retire.delete_workspace and not endpoints
    if inventory is None:
        return _group(plan) if whole else ()
    sources = [step.source for step in creations if step.source]
    left = [endpoint for endpoint in sources if endpoint in inventory]
    with_computes = retire.delete_computes and not endpoints
    computes = [d.id for d in inventory.of_type(COMPUTE)] if with_computes else []
    soak, guard = _soak(plan, left), _guard(plan, creations, computes, whole=whole)
    lost = orphans(inventory, [*sources, *([plan.source] if whole else [])])
    satellites = [_satellite(document) for document in lost]
    after = (_GUARD, *(step.id for step in satellites))
    deletions = [_deletion("delete_endpoint", endpoint, after) for endpoint in left]
    deletions += [_deletion("delete_compute", compute, (_GUARD,)) for compute in computes]
    steps = [soak, guard, *satellites, *deletions, *_disconnected(plan, inventory, deletions, left)]
    if whole:
        ids = (_GUARD, *(step.id for step in (*satellites, *deletions)))
        workspace = _deletion("delete_workspace", plan.source, ids)
        steps.append(workspace.model_copy(update={"spec": {"purge": retire.purge}}))
        steps += _group(plan, workspace.id)
    return tuple(steps)


def _group(plan: Plan, *after: str) -> tuple[Step, ...]:
    """The end of the source's resource group, if the configuration asks for it."""
    wanted = plan.config.retire.delete_resource_group
    return (_deletion("delete_group", plan.source.group_id, after),) if wanted else ()


def _soak(plan: Plan, left: list[ResourceId]) -> Step:
    soak_h = plan.config.validation.soak_h
    return Step(
        id="soak",
        kind="soak",
        title=f"wait for {soak_h:g} h without a request",
        resource=plan.source,
        spec={"endpoints": [str(e) for e in left], "soak_h": soak_h},
        duration_s=round(soak_h * 3600),
    )


def _guard(plan: Plan, creations: Sequence[Step], computes: list[ResourceId], *, whole: bool) -> Step:
    going = {str(step.resource).lower() for step in creations}
    handoff = [
        {**step.spec, "needed": [e["endpoint"] for e in step.spec["entries"] if e["target"].lower() in going]}
        for step in plan.of_kind("hand_off")
    ]
    return Step(
        id=_GUARD,
        kind="require_retirable",
        title=f"check that nothing needs {plan.source.name} any more",
        resource=plan.source,
        depends_on=("soak",),
        spec={
            "delete_workspace": whole,
            "moved": [_moved(plan, step) for step in creations],
            "handoff": handoff,
            "computes": [str(compute) for compute in computes],
        },
    )


def _moved(plan: Plan, step: Step) -> Json:
    """Source and target of one endpoint, and the traffic that the target must serve."""
    split: dict[str, int] = next(
        (s.spec["traffic"] for s in plan.of_kind("set_traffic") if s.resource == step.resource), {}
    )
    return {"source": str(step.source), "target": str(step.resource), "traffic": split}


def _satellite(document: Document) -> Step:
    what = document.type.rpartition("/")[2].removesuffix("s").lower()
    noun = {
        "roleassignment": "role assignment",
        "autoscalesetting": "autoscale setting",
        "diagnosticsetting": "diagnostic setting",
    }.get(what, "alert")
    label = document.name[:8] if document.type.lower() == ROLE_ASSIGNMENT.lower() else document.name
    return Step(
        id=f"delete_satellite:{document.id.key}",
        kind="delete_satellite",
        title=f"delete {noun} {label}, no longer needed",
        resource=document.id,
        depends_on=(_GUARD,),
        duration_s=_EXPECTED_S["delete_satellite"],
    )


def _disconnected(
    plan: Plan, inventory: Inventory, deletions: list[Step], left: list[ResourceId]
) -> tuple[Step, ...]:
    """The look at what legacy deployments were connected to, once no endpoint of the source is left."""
    if {e.id for e in inventory.endpoints} - set(left):
        return ()
    workspace = inventory.workspace
    used = [str(workspace.get(name) or "") for name in ("storageAccount", "containerRegistry")]
    step = Step(
        id="require_disconnected",
        kind="require_disconnected",
        title="check that the legacy private endpoint connections are gone",
        resource=plan.source,
        depends_on=(_GUARD, *(s.id for s in deletions if s.kind == "delete_endpoint")),
        spec={"targets": [text for text in used if text]},
        duration_s=_EXPECTED_S["require_disconnected"],
    )
    return (step,)


def _deletion(kind: StepKind, resource: ResourceId, after: tuple[str, ...]) -> Step:
    what = {"delete_group": "resource group"}.get(kind, kind.removeprefix("delete_"))
    return Step(
        id=f"{kind}:{resource.name}",
        kind=kind,
        title=f"delete {what} {resource.name}",
        resource=resource,
        depends_on=after,
        duration_s=_EXPECTED_S[kind],
    )
