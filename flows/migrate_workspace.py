"""Side by side: everything of one source workspace into a target workspace with a managed virtual network.

The source is only read, and nothing is written while the preflight finds what blocks. Running the flow again resumes
it: every step looks at Azure first.
"""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import carry_out
from tasks.artifacts import publish_findings, publish_inventory, publish_outcomes, publish_plan
from tasks.checks import find_obstacles, require_no_obstacle
from tasks.inventory import make_plan, open_plan, require_unchanged, take_inventory
from vnetferry.errors import ConfigError
from vnetferry.models.config import MigrationConfig
from vnetferry.models.outcome import Outcome
from vnetferry.models.run import Run

# Tasks wait for Azure, not for the processor; what Azure bears at once is limited per kind of step.
_THREADS = 64


@flow(
    name="migrate-workspace",
    flow_run_name="migrate {config.source_name} to {config.target.workspace}",
    task_runner=ThreadPoolTaskRunner(max_workers=_THREADS),  # type: ignore[arg-type]
)
def migrate_workspace(
    config: MigrationConfig, plan_file: str | None = None, folder: str = "."
) -> list[Outcome]:
    """Carry out a plan, or plan and carry out.

    Args:
        config: What to migrate, as in migration.yaml.
        plan_file: A plan made before; refused when its source has changed since. Without it, one is made now.
        folder: What relative paths in the configuration start from.

    """
    inventory = take_inventory(config)
    publish_inventory(inventory)
    plan = open_plan(plan_file) if plan_file else make_plan(inventory, config, folder)
    if plan.config.in_place:
        raise ConfigError(
            "this plan converts its workspace in place", remedy="Run the flow convert-workspace with it."
        )
    require_unchanged(plan, inventory)
    publish_plan(plan)
    findings = find_obstacles(inventory, plan.config)
    publish_findings(inventory, findings)
    require_no_obstacle(findings)
    run = Run.of(plan, folder, plan_file)
    return carry_out(plan.steps, run, config.concurrency.deployments, partial(publish_outcomes, plan))
