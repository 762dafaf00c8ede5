"""vnetferry retire: delete what a finished migration left behind, guarded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vnetferry.cli.flow_run import View
    from vnetferry.models.outcome import Outcome
    from vnetferry.models.plan import Step


@click.command(name="retire")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask for the workspace's name.")
@click.option("--json", "as_json", is_flag=True, help="Print what each step came to as JSON.")
def command(plan_file: Path, *, yes: bool, as_json: bool) -> None:
    """Delete the source's endpoints, and more if the configuration says so, once its callers have left.

    Waits until Azure has counted no request for validation.soak_h hours, and refuses while anything still needs it.
    """
    from vnetferry.cli.approval import require_name, require_someone
    from vnetferry.cli.flow_run import live_view, no_view
    from vnetferry.cli.show import print_outcomes, print_steps
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.plan.files import read_plan
    from vnetferry.plan.retire import build_retirement
    from vnetferry.report.audit import audit_path, require_usable

    plan = read_plan(plan_file)
    require_someone(yes=yes)
    require_usable(audit_path(plan_file))
    steps = build_retirement(plan, read_inventory(connect(), plan.source))
    if not as_json:
        print_steps(steps)
    require_name(plan.source.name, yes=yes)
    outcomes = retire_source(plan_file, steps, no_view if as_json else live_view)
    print_outcomes(steps, outcomes, as_json=as_json)


def retire_source(plan_file: Path, steps: tuple[Step, ...], view: View) -> list[Outcome]:
    """Run the retirement flow for a plan file inside `view`, which shows `steps`."""
    from vnetferry.cli.flow_run import prefect_ready
    from vnetferry.models.run import Run
    from vnetferry.plan.files import read_plan

    path = plan_file.resolve()
    plan, folder = read_plan(path), str(path.parent)
    with prefect_ready(), view(steps, Path(Run.of(plan, folder, str(path)).audit_file)):
        from flows.retire_workspace import retire_workspace

        return retire_workspace(str(path), plan.source.name, folder)
