"""In place, with downtime: delete computes and endpoints, enable the managed network, make all of it again.

Everything that a deletion would lose is kept before the first one. From then on there is only the way forward: running
the flow again goes on with it, as every step looks at Azure first.
"""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import carry_out
from tasks.artifacts import publish_findings, publish_inventory, publish_outcomes, publish_plan
from tasks.checks import find_obstacles, require_no_obstacle
from tasks.inventory import make_plan, open_plan, require_unchanged, take_inventory
from vnetferry.errors import ApprovalNeeded, ConfigError
from vnetferry.models.config import MigrationConfig
from vnetferry.models.outcome import Outcome
from vnetferry.models.run import Run
from vnetferry.plan.in_place import is_past_return, without_own_mark

_THREADS = 64  # they wait for Azure


@flow(
    name="convert-workspace",
    flow_run_name="convert {config.source_name} in place",
    task_runner=ThreadPoolTaskRunner(max_workers=_THREADS),  # type: ignore[arg-type]
)
def convert_workspace(
    config: MigrationConfig, workspace: str, plan_file: str | None = None, folder: str = "."
) -> list[Outcome]:
    """Carry out a plan of a conversion in place, or plan and carry out. Its endpoints answer nobody meanwhile.

    Args:
        config: What to convert, as in migration.yaml, with `mode: in_place`.
        workspace: The name of the workspace, typed by whoever approves the downtime.
        plan_file: A plan made before; the one to go on with when its conversion has begun.
        folder: What relative paths in the configuration start from.

    """
    inventory = take_inventory(config)
    publish_inventory(inventory)
    plan = open_plan(plan_file) if plan_file else make_plan(inventory, config, folder)
    if not plan.config.in_place:
        raise ConfigError(
            "this plan is of a migration side by side", remedy="Set 'mode: in_place', and plan again."
        )
    if workspace != plan.source.name:
        raise ApprovalNeeded(
            f"'{workspace}' is not the workspace that this plan converts",
            resource=str(plan.source),
            remedy=f"Type its name, {plan.source.name}, to approve that its endpoints answer nobody meanwhile.",
        )
    require_unchanged(plan, inventory)
    publish_plan(plan)
    if not is_past_return(plan, inventory):  # then there is only the way forward
        findings = find_obstacles(without_own_mark(plan, inventory), plan.config)
        publish_findings(inventory, findings)
        require_no_obstacle(findings)
    run = Run.of(plan, folder, plan_file)
    return carry_out(plan.steps, run, config.concurrency.deployments, partial(publish_outcomes, plan))
