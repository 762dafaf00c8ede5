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
@click.option(
    "--accept-downtime", is_flag=True, help="With --yes, for a plan that converts a workspace in place."
)
@click.option("--json", "as_json", is_flag=True, help="Print what each step came to as JSON.")
def command(plan_file: Path, *, yes: bool, accept_downtime: bool, as_json: bool) -> None:
    """Carry out a plan.

    Every step looks at Azure first, so running it again resumes it, and running it once more changes nothing. A plan
    that converts a workspace in place takes its endpoints down: it asks for the workspace's name.
    """
    from vnetferry.cli.approval import require_name, require_yes
    from vnetferry.cli.flow_run import live_view, no_view
    from vnetferry.cli.show import print_outcomes, print_plan
    from vnetferry.plan.files import read_plan

    plan = read_plan(plan_file)
    _require_someone(plan, yes=yes, accept_downtime=accept_downtime)
    if not as_json:
        print_plan(plan)
    require_applicable(plan, plan_file)
    if plan.config.in_place:
        require_name(
            plan.source.name, f"{_downtime(plan)}, and nothing brings back what is deleted.", yes=yes
        )
    else:
        require_yes(f"Carry out these {len(plan.steps)} steps?", yes=yes)
    outcomes = apply_plan(plan_file, no_view if as_json else live_view)
    print_outcomes(plan.steps, outcomes, as_json=as_json)


def _require_someone(plan: Plan, *, yes: bool, accept_downtime: bool) -> None:
    """Raise ApprovalNeeded when nobody could approve the plan later: `--yes` alone accepts no downtime."""
    from vnetferry.cli.approval import require_someone
    from vnetferry.errors import ApprovalNeeded

    require_someone(yes=yes)
    if plan.config.in_place and yes and not accept_downtime:
        raise ApprovalNeeded(
            f"{_downtime(plan)}; --yes alone does not accept that",
            resource=str(plan.source),
            remedy="Add --accept-downtime, or run it from a terminal and type the workspace's name.",
        )


def _downtime(plan: Plan) -> str:
    from vnetferry.plan.render import duration

    count = len(plan.of_kind("take_down_endpoint"))
    return f"{count} endpoint(s) of {plan.source.name} answer nobody for about {duration(plan.downtime_s)} at best"


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
    from vnetferry.plan.in_place import is_past_return, without_own_mark
    from vnetferry.plan.stale import require_fresh
    from vnetferry.report.audit import audit_path, require_usable

    require_handoff(plan.config, plan_file.parent)
    require_usable(audit_path(plan_file))
    requests = request_digests(plan.config, plan_file.parent)
    inventory = read_inventory(connect(), plan.source, figures=False)
    require_fresh(plan, inventory, requests)
    if not is_past_return(plan, inventory):  # then there is only the way forward
        facts = read_facts(connect(), without_own_mark(plan, inventory), plan.config)
        require_unblocked(run_preflight(facts))


def apply_plan(plan_file: Path, view: View) -> list[Outcome]:
    """Run the flow of a plan file that has been approved, inside `view`."""
    from vnetferry.cli.flow_run import prefect_ready
    from vnetferry.models.run import Run
    from vnetferry.plan.files import read_plan

    path = plan_file.resolve()
    plan, folder = read_plan(path), str(path.parent)
    with prefect_ready(), view(plan.steps, Path(Run.of(plan, folder, str(path)).audit_file)):
        if plan.config.in_place:
            from flows.convert_workspace import convert_workspace

            return convert_workspace(plan.config, plan.source.name, str(path), folder)
        from flows.migrate_workspace import migrate_workspace

        return migrate_workspace(plan.config, str(path), folder)
