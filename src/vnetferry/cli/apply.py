"""vnetferry apply: carry out a plan; run it again to resume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vnetferry.cli.flow_run import View
    from vnetferry.models.outcome import Outcome
    from vnetferry.models.plan import Plan


@click.command(name="apply")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask; the plan has been read.")
@click.option("--json", "as_json", is_flag=True, help="Print what each step came to as JSON.")
def command(plan_file: Path, *, yes: bool, as_json: bool) -> None:
    """Carry out a plan.

    Every step looks at Azure first, so running it again resumes it, and running it once more changes nothing.
    """
    from vnetferry.cli.approval import require_someone, require_yes
    from vnetferry.cli.flow_run import live_view, no_view
    from vnetferry.cli.show import print_outcomes, print_plan
    from vnetferry.plan.files import read_plan

    plan = read_plan(plan_file)
    require_someone(yes=yes)
    if not as_json:
        print_plan(plan)
    require_applicable(plan, plan_file)
    require_yes(f"Carry out these {len(plan.steps)} steps?", yes=yes)
    outcomes = apply_plan(plan_file, no_view if as_json else live_view)
    print_outcomes(plan.steps, outcomes, as_json=as_json)


def require_applicable(plan: Plan, plan_file: Path) -> None:
    """Raise unless the plan can still be carried out. The steps look again, but only once they are reached.

    Raises: PlanStale, naming what changed in the source or the request files; what `require_unblocked` raises
            when the preflight finds what blocks; ConfigError for a file that cannot be read or written.
    """
    from vnetferry.checks.preflight import require_unblocked, run_preflight
    from vnetferry.config import request_digests, require_handoff
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.facts import read_facts
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.plan.stale import require_fresh
    from vnetferry.report.audit import audit_path, require_usable

    require_handoff(plan.config, plan_file.parent)
    require_usable(audit_path(plan_file))
    requests = request_digests(plan.config, plan_file.parent)
    inventory = read_inventory(connect(), plan.source)
    require_fresh(plan, inventory, requests)
    require_unblocked(run_preflight(read_facts(connect(), inventory, plan.config)))


def apply_plan(plan_file: Path, view: View) -> list[Outcome]:
    """Run the migration flow for a plan file inside `view`."""
    from vnetferry.cli.flow_run import prefect_ready
    from vnetferry.models.run import Run
    from vnetferry.plan.files import read_plan

    path = plan_file.resolve()
    plan, folder = read_plan(path), str(path.parent)
    with prefect_ready(), view(plan.steps, Path(Run.of(plan, folder, str(path)).audit_file)):
        from flows.migrate_workspace import migrate_workspace

        return migrate_workspace(plan.config, str(path), folder)
