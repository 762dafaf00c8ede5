"""vnetferry plan: show what will be done, and write it to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnetferry.cli.options import config_option, json_option

if TYPE_CHECKING:
    from vnetferry.models.plan import Plan


@click.command(name="plan")
@config_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("plan.json"),
    show_default=True,
    help="Where to write the plan.",
)
@click.option("--steps", "all_steps", is_flag=True, help="List every step.")
@json_option
def command(config_file: Path, output: Path, *, all_steps: bool, as_json: bool) -> None:
    """Plan a migration: read the source, write plan.json, touch nothing."""
    from rich.console import Console

    from vnetferry.plan.files import plan_text, write_plan
    from vnetferry.report.plan_table import plan_table

    plan = make_plan(config_file, output)
    write_plan(plan, output)
    if as_json:
        click.echo(plan_text(plan), nl=False)
        return
    Console().print(plan_table(plan, all_steps=all_steps))
    click.echo(f"\nWritten to {output}. Carry it out with: vnetferry apply {output}")


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
