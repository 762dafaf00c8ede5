"""Reading the source, and turning it into a plan."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from tasks.step import reading_task
from vnetferry.config import request_digests, require_source
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import find_inventory, read_inventory
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.models.plan import Plan, Step
from vnetferry.plan.build import build
from vnetferry.plan.files import read_plan, write_plan
from vnetferry.plan.retire import build_retirement
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.plan.stale import require_fresh


@reading_task("read {config.source_name}")
def take_inventory(config: MigrationConfig) -> Inventory:
    """Everything that the source workspace holds, and what hangs on it."""
    return read_inventory(connect(), require_source(config).id)


@task(task_run_name="make a plan", tags=["vnetferry"])
def make_plan(inventory: Inventory, config: MigrationConfig, folder: str) -> Plan:
    """A plan made now, kept beside the configuration as `plan-<id>.json`."""
    plan = build(inventory, config, request_digests(config, Path(folder)))
    write_plan(plan, Path(folder, f"plan-{plan.id}.json"))
    return plan


@task(task_run_name="open {plan_file}", tags=["vnetferry"])
def open_plan(plan_file: str) -> Plan:
    """A plan that was made before."""
    return read_plan(Path(plan_file))


@task(task_run_name="check that {plan.source.name} is unchanged", tags=["vnetferry"])
def require_unchanged(plan: Plan, inventory: Inventory) -> None:
    """Raise PlanStale when the source is no longer what the plan was made from."""
    require_fresh(plan, inventory)


@reading_task("see what is left of {plan.source.name}")
def plan_retirement(plan: Plan, endpoints: list[str]) -> tuple[Step, ...]:
    """What is left of the source, and the steps that end it, or some of its endpoints."""
    return build_retirement(plan, find_inventory(connect(), plan.source), endpoints)


@task(task_run_name="see what {plan.id} made", tags=["vnetferry"])
def plan_reversal(plan: Plan, reversal: Reversal) -> tuple[Step, ...]:
    """The steps that take a plan back, or as much of it as is wanted."""
    return build_reversal(plan, reversal)
