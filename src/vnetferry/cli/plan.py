"""vnetferry plan: show what will be done, and write it to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from vnetferry.cli.options import config_option, json_option

if TYPE_CHECKING:
    from vnetferry.models.plan import Plan


@click.command(name="plan")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@config_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("plan.json"),
    show_default=True,
    help="Where to write the plan.",
)
@click.option(
    "--diff",
    "old_file",
    metavar="OLD.json",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Show what differs from the plan in OLD.json, which is read before anything is written.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show every step and what becomes of every property.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option by its name
    context: click.Context,
    plan_file: Path | None,
    config_file: Path,
    output: Path,
    old_file: Path | None,
    *,
    verbose: bool,
    as_json: bool,
) -> None:
    """Plan a migration: read the source, write plan.json, touch nothing.

    With PLAN_FILE, show that plan again instead of making one; nothing is read from Azure, and nothing written.
    """
    from vnetferry.plan.files import read_plan, write_plan

    _require_one_of(context, plan_file)
    old = read_plan(old_file) if old_file else None
    plan = read_plan(plan_file) if plan_file else make_plan(config_file, output)
    if not plan_file:
        write_plan(plan, output)
    if old:
        _show_difference(old, plan, as_json=as_json)
    else:
        _show(plan, verbose=verbose, as_json=as_json)
    if not as_json and not plan_file:
        click.echo(f"\nWritten to {output}. Carry it out with: vnetferry apply {output}")


def _require_one_of(context: click.Context, plan_file: Path | None) -> None:
    """A plan is shown, or made of a configuration and written."""
    given = [
        name
        for parameter, name in (("config_file", "--config"), ("output", "--output"))
        if context.get_parameter_source(parameter) is not ParameterSource.DEFAULT
    ]
    if plan_file and given:
        raise click.UsageError(f"PLAN_FILE shows a plan that is there; leave out {' and '.join(given)}.")


def _show(plan: Plan, *, verbose: bool, as_json: bool) -> None:
    from vnetferry.cli.console import plain_console
    from vnetferry.plan.files import plan_text
    from vnetferry.report.plan_table import plan_table

    if as_json:
        click.echo(plan_text(plan), nl=False)
    else:
        plain_console().print(plan_table(plan, verbose=verbose))


def _show_difference(old: Plan, new: Plan, *, as_json: bool) -> None:
    from vnetferry.cli.console import plain_console
    from vnetferry.plan.diff import diff_plans
    from vnetferry.report.diff_table import diff_table

    difference = diff_plans(old, new)
    if as_json:
        click.echo(json.dumps(difference.model_dump(mode="json"), indent=1, ensure_ascii=False))
    else:
        plain_console().print(diff_table(difference))


def make_plan(config_file: Path, output: Path) -> Plan:
    """The plan of a configuration; its paths are relative to the folder of `output`."""
    from vnetferry.config import load_config, rebase_config, request_digests, require_handoff, require_source
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.plan.build import build
    from vnetferry.plan.files import require_place

    config = load_config(config_file)
    require_handoff(config, config_file.parent)
    require_place(output)
    inventory = read_inventory(connect(), require_source(config).id)
    digests = request_digests(config, config_file.parent)
    return build(inventory, rebase_config(config, config_file.parent, output.parent), digests)
