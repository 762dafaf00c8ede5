"""vnetferry preflight: what would go wrong, found before anything is touched."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from vnetferry.cli.options import config_option, json_option


@click.command(name="preflight")
@config_option
@json_option
def command(config_file: Path, *, as_json: bool) -> None:
    """Check everything that can be checked before a migration; exit with 1 if anything blocks it."""
    from rich.console import Console

    from vnetferry.checks.preflight import blocks, run_preflight
    from vnetferry.config import load_config, require_source
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.facts import read_facts
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.report.findings_table import findings_table

    config = load_config(config_file)
    inventory = read_inventory(connect(), require_source(config).id)
    findings = run_preflight(read_facts(connect(), inventory, config))
    if as_json:
        click.echo(json.dumps([finding.model_dump() for finding in findings], indent=1))
    else:
        Console().print(findings_table(findings))
    sys.exit(1 if blocks(findings) else 0)
