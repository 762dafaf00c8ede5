"""The checks before a migration, in Prefect."""

from __future__ import annotations

from prefect import task

from tasks.step import reading_task
from vnetferry.checks.preflight import require_unblocked, run_preflight
from vnetferry.gateway.azure import connect
from vnetferry.gateway.facts import read_facts
from vnetferry.models.config import MigrationConfig
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Inventory


@reading_task("check that {config.source_name} can be moved")
def find_obstacles(inventory: Inventory, config: MigrationConfig) -> list[Finding]:
    """What the preflight finds, the gravest first."""
    return run_preflight(read_facts(connect(), inventory, config))


@task(task_run_name="check that nothing blocks", tags=["vnetferry"])
def require_no_obstacle(findings: list[Finding]) -> None:
    """Raise the error of the first finding that blocks."""
    require_unblocked(findings)
