"""What the commands that change something print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import click
from rich.table import Table

from vnetferry.cli.console import plain_console
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Plan, Step

_LOG_LINES = 20


def print_plan(plan: Plan) -> None:
    """Print the plan as it is approved."""
    from vnetferry.report.plan_table import plan_table

    plain_console().print(plan_table(plan))


def print_steps(steps: Iterable[Step]) -> None:
    """Print steps that are no migration's plan, a line each."""
    from vnetferry.plan.render import duration

    table = Table(box=None, pad_edge=False)
    table.add_column("Step")
    table.add_column("Takes", justify="right")
    for step in steps:
        table.add_row(step.title, duration(step.duration_s))
    plain_console().print(table)


def print_outcomes(steps: Sequence[Step], outcomes: Iterable[Outcome], *, as_json: bool) -> None:
    """Print what each step came to."""
    ended = list(outcomes)
    if as_json:
        click.echo(json.dumps([outcome.model_dump(mode="json") for outcome in ended], indent=2))
        return
    changed = sum(outcome.status in ("done", "undone") for outcome in ended)
    click.echo(
        f"{len(ended)} of {len(steps)} steps: {changed} done now, {len(ended) - changed} needed nothing."
    )


def print_logs(steps: Iterable[Step]) -> None:
    """Print the last lines of the deployments' logs."""
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.deployments import read_logs

    for step in steps:
        if step.kind == "read_logs":
            click.echo(f"\nLog of {step.resource.parent.name}/{step.resource.name}")
            click.echo(read_logs(connect(), step.resource, tail=_LOG_LINES))
