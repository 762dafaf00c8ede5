"""What retiring a source takes, as steps: wait for silence, check the guards, then delete what may be
deleted. Pure.
"""

from __future__ import annotations

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import COMPUTE, Inventory
from vnetferry.models.plan import Plan, Step, StepKind

_EXPECTED_S: dict[StepKind, int] = {"delete_endpoint": 120, "delete_compute": 180, "delete_workspace": 60}


def build_retirement(plan: Plan, inventory: Inventory) -> tuple[Step, ...]:
    """The steps that retire the source of `plan`, as far as the configuration allows.

    In:  inventory: the source now; what is already gone needs no step.
    Out: soak and guard come first; deletions depend on both, the workspace on all other deletions.
    """
    config = plan.config
    sources = [step.source for step in plan.of_kind("create_endpoint") if step.source]
    left = [endpoint for endpoint in sources if endpoint in inventory]
    soak = Step(
        id="soak",
        kind="soak",
        title=f"wait for {config.validation.soak_h:g} h without a request",
        resource=plan.source,
        spec={"endpoints": [str(e) for e in left], "soak_h": config.validation.soak_h},
        duration_s=round(config.validation.soak_h * 3600),
    )
    guard = Step(
        id="require_retirable",
        kind="require_retirable",
        title=f"check that nothing needs {plan.source.name} any more",
        resource=plan.source,
        depends_on=(soak.id,),
        spec={
            "delete_workspace": config.retire.delete_workspace,
            "moved": [_moved(plan, step) for step in plan.of_kind("create_endpoint")],
            "handoff": [step.spec for step in plan.of_kind("hand_off")],
        },
    )
    deletions = [_deletion("delete_endpoint", endpoint) for endpoint in left]
    if config.retire.delete_computes:
        deletions += [_deletion("delete_compute", compute.id) for compute in inventory.of_type(COMPUTE)]
    steps = [soak, guard, *deletions]
    if config.retire.delete_workspace:
        steps.append(_workspace_deletion(plan, tuple(step.id for step in deletions)))
    return tuple(steps)


def _moved(plan: Plan, step: Step) -> Json:
    """Source and target of one endpoint, and the traffic that the target must serve."""
    split: dict[str, int] = next(
        (s.spec["traffic"] for s in plan.of_kind("set_traffic") if s.resource == step.resource), {}
    )
    return {"source": str(step.source), "target": str(step.resource), "traffic": split}


def _deletion(kind: StepKind, resource: ResourceId) -> Step:
    what = kind.removeprefix("delete_")
    return Step(
        id=f"{kind}:{resource.name}",
        kind=kind,
        title=f"delete {what} {resource.name}",
        resource=resource,
        depends_on=("require_retirable",),
        duration_s=_EXPECTED_S[kind],
    )


def _workspace_deletion(plan: Plan, after: tuple[str, ...]) -> Step:
    purge = plan.config.retire.purge
    return _deletion("delete_workspace", plan.source).model_copy(
        update={"depends_on": (*after, "require_retirable"), "spec": {"purge": purge}}
    )
