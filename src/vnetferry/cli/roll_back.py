"""vnetferry roll-back: undo what a plan made; run it again to go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vnetferry.cli.flow_run import View
    from vnetferry.models.outcome import Outcome
    from vnetferry.models.plan import Plan, Step
    from vnetferry.plan.reverse import Callers, Reversal


@click.command(name="roll-back")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--endpoint", "endpoints", metavar="NAME", multiple=True, help="Only this endpoint; repeatable."
)
@click.option("--keep", metavar="NAME", multiple=True, help="All but this endpoint; repeatable.")
@click.option(
    "--purge",
    is_flag=True,
    help="Delete the target workspace, and what was made for it, for good, so that their names are free.",
)
@click.option(
    "--wait", is_flag=True, help="Wait until callers have left the new endpoints, instead of refusing."
)
@click.option("--drop-callers", is_flag=True, help="Remove the new endpoints although they are still called.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what each step came to as JSON.")
def command(  # noqa: PLR0913 - one for each option
    plan_file: Path,
    *,
    endpoints: tuple[str, ...],
    keep: tuple[str, ...],
    purge: bool,
    wait: bool,
    drop_callers: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Point callers back to the source, then remove what the plan made; the source stays as it was.

    Whatever another hand made is left alone. Run it again to go on after a failure.
    """
    from vnetferry.cli.approval import require_someone, require_yes
    from vnetferry.cli.flow_run import live_view, no_view
    from vnetferry.cli.show import print_outcomes, print_steps
    from vnetferry.plan.files import read_plan
    from vnetferry.plan.reverse import Reversal, build_reversal
    from vnetferry.report.audit import audit_path, require_usable

    if wait and drop_callers:
        raise click.UsageError("--wait and --drop-callers contradict each other.")
    plan = read_plan(plan_file)
    callers: Callers = "wait" if wait else "drop" if drop_callers else "refuse"
    wanted = Reversal(endpoints=endpoints, keep=keep, purge=purge, callers=callers)
    steps = build_reversal(plan, wanted)
    if plan.config.in_place:
        _require_returnable(plan)
    require_someone(yes=yes)
    require_usable(audit_path(plan_file))
    if not as_json:
        _print_first_error(plan, plan_file)
        print_steps(steps)
    if any(step.kind in ("remove_workspace", "undo_claim_workspace") for step in steps):
        require_yes(f"Remove all that plan {plan.id} made?", yes=yes)
    else:
        require_yes("Remove these?", yes=yes)
    outcomes = roll_back_plan(plan_file, wanted, steps, no_view if as_json else live_view)
    print_outcomes(steps, outcomes, as_json=as_json)
    if not as_json:
        _print_end(outcomes)


def _require_returnable(plan: Plan) -> None:
    """Raise RollBackRefused, before anybody is asked, when a conversion in place has deleted anything."""
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.conversion import require_nothing_deleted
    from vnetferry.models.run import PLAN_TAG
    from vnetferry.plan.reverse_conversion import deleted_by

    require_nothing_deleted(connect(), plan.source, deleted_by(plan), {PLAN_TAG: plan.id})


def roll_back_plan(plan_file: Path, wanted: Reversal, steps: tuple[Step, ...], view: View) -> list[Outcome]:
    """Run the rollback flow for a plan file inside `view`, which shows `steps`."""
    from vnetferry.cli.flow_run import prefect_ready
    from vnetferry.models.run import Run
    from vnetferry.plan.files import read_plan

    path = plan_file.resolve()
    plan, folder = read_plan(path), str(path.parent)
    with prefect_ready(), view(steps, Path(Run.of(plan, folder, str(path)).audit_file)):
        from flows.roll_back import roll_back

        return roll_back(str(path), wanted, folder)


def _print_first_error(plan: Plan, plan_file: Path) -> None:
    """What the migration failed with, for whoever reads of an undo that fails too."""
    from vnetferry.report.audit import audit_path, read

    made = {step.id: step for step in plan.steps}
    last = {line.step: line for line in read(audit_path(plan_file)) if line.step in made}
    for line in last.values():
        if line.event == "failed":
            click.echo(f"It had failed at: {made[line.step].title}: {line.message}")


def _print_end(outcomes: Sequence[Outcome]) -> None:
    """What is left alone, and what a person may want to know after the end."""
    for outcome in outcomes:
        if outcome.message and (
            outcome.status == "skipped" or outcome.step.startswith("undo_create_workspace")
        ):
            click.echo(f"{outcome.resource.name if outcome.resource else outcome.step}: {outcome.message}")
    if all(outcome.status in ("already_done", "done") for outcome in outcomes):
        click.echo("Nothing of it was left.")
