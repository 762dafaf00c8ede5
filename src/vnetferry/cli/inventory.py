"""vnetferry inventory: what is there, and what it would take to move it."""

from __future__ import annotations

from pathlib import Path

import click

from vnetferry.cli.options import config_option, json_option


@click.command(name="inventory")
@config_option
@json_option
def command(config_file: Path, *, as_json: bool) -> None:
    """Show what the source workspace holds, and what it would take to move it."""
    from vnetferry.cli.console import plain_console
    from vnetferry.config import load_config, require_source
    from vnetferry.errors import ConfigError
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.plan.secrets import redacted
    from vnetferry.report.inventory_table import effort_table, inventory_table

    config = load_config(config_file)
    inventory = redacted(read_inventory(connect(), require_source(config).id))
    if as_json:
        click.echo(inventory.model_dump_json(indent=1))
        return
    plain_console().print(inventory_table(inventory))
    try:
        plain_console().print(effort_table(inventory, config))
    except ConfigError as err:  # what is there was read; that it cannot move is something to know about it
        plain_console().print(f"Cannot be moved as it is: {err}", style="yellow")
