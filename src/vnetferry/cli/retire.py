"""vnetferry retire: delete what a finished migration left behind, guarded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vnetferry.cli.flow_run import View
    from vnetferry.models.outcome import Outcome
    from vnetferry.models.plan import Plan, Step


@click.command(name="retire")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--endpoint", "endpoints", metavar="NAME", multiple=True, help="Only this endpoint; repeatable."
)
@click.option(
    "--dry-run", is_flag=True, help="Show what would be deleted and what the guards say; delete nothing."
)
@click.option("--yes", is_flag=True, help="Do not ask for the workspace's name.")
@click.option("--json", "as_json", is_flag=True, help="Print what each step came to as JSON.")
def command(plan_file: Path, *, endpoints: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete the source's endpoints, and more if the configuration says so, once its callers have left.

    Waits until Azure has counted no request for validation.soak_h hours, and refuses while anything still needs it.
    """
    from vnetferry.cli.approval import require_name, require_someone
    from vnetferry.cli.flow_run import live_view, no_view
    from vnetferry.cli.show import print_outcomes, print_steps
    from vnetferry.errors import ConfigError
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.inventory import find_inventory
    from vnetferry.plan.files import read_plan
    from vnetferry.plan.retire import build_retirement
    from vnetferry.report.audit import audit_path, require_usable

    plan = read_plan(plan_file)
    if plan.config.in_place:
        raise ConfigError(
            f"this plan converts {plan.source.name} in place: there is no other workspace to retire",
            remedy="Name the plan of a migration side by side.",
        )
    if not dry_run:
        require_someone(yes=yes)
        require_usable(audit_path(plan_file))
    steps = build_retirement(plan, find_inventory(connect(), plan.source), endpoints)
    if not steps:
        click.echo("[]" if as_json else f"{plan.source.name} is gone, and nothing of it is left to retire.")
        return
    if dry_run:
        _show_dry(plan, plan_file, steps, as_json=as_json)
        return
    if not as_json:
        print_steps(steps)
    require_name(plan.source.name, "What is deleted cannot be brought back.", yes=yes)
    outcomes = retire_source(plan_file, steps, no_view if as_json else live_view, endpoints)
    print_outcomes(steps, outcomes, as_json=as_json)


def _show_dry(plan: Plan, plan_file: Path, steps: tuple[Step, ...], *, as_json: bool) -> None:
    """What would be deleted, and what the guards say now."""
    from vnetferry.cli.flow_run import prefect_ready
    from vnetferry.cli.show import print_steps
    from vnetferry.gateway.azure import connect
    from vnetferry.models.run import Run

    run, by_id = Run.of(plan, str(plan_file.resolve().parent), str(plan_file)), {s.id: s for s in steps}
    with prefect_ready():
        from tasks.retirement import objections, still_calling

        # Both are missing when the workspace is gone, and its group alone is left.
        calling = still_calling(connect(), by_id["soak"], run) if "soak" in by_id else []
        guard = by_id.get("require_retirable")
        refused = objections(connect(), guard, run) if guard else []
    deleted = [step for step in steps if step.kind.startswith("delete_")]
    if as_json:
        found = [{"title": step.title, "resource": str(step.resource)} for step in deleted]
        click.echo(json.dumps({"deletes": found, "callers": calling, "refused_because": refused}, indent=1))
        return
    print_steps(steps)
    for line in calling:
        click.echo(f"It would wait: {line}.")
    for line in refused:
        click.echo(f"It would be refused: {line}.")
    click.echo(f"{len(deleted)} deletion(s). Nothing was deleted: this was a dry run.")


def retire_source(
    plan_file: Path, steps: tuple[Step, ...], view: View, endpoints: Sequence[str] = ()
) -> list[Outcome]:
    """Run the retirement flow for a plan file inside `view`, which shows `steps`."""
    from vnetferry.cli.flow_run import prefect_ready
    from vnetferry.models.run import Run
    from vnetferry.plan.files import read_plan

    path = plan_file.resolve()
    plan, folder = read_plan(path), str(path.parent)
    with prefect_ready(), view(steps, Path(Run.of(plan, folder, str(path)).audit_file)):
        from flows.retire_workspace import retire_workspace

        return retire_workspace(str(path), plan.source.name, folder, list(endpoints))
