"""vnetferry preflight: what would go wrong, found before anything is touched, and mended where a person says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnetferry.cli.options import config_option, json_option

if TYPE_CHECKING:
    from vnetferry.models.config import MigrationConfig
    from vnetferry.models.finding import Finding


@click.command(name="preflight")
@config_option
@json_option
@click.option("--fix", is_flag=True, help="Offer to mend what can be mended safely, one by one.")
@click.option("--yes", is_flag=True, help="With --fix: mend all of it without asking.")
def command(config_file: Path, *, as_json: bool, fix: bool, yes: bool) -> None:
    """Check everything that can be checked before a migration; exit with 1 if anything blocks it.

    With --fix, what can be mended by one safe and reversible change is, and all is checked again.
    """
    from vnetferry.checks.preflight import blocks
    from vnetferry.cli.approval import require_someone
    from vnetferry.cli.fixing import offer_fixes
    from vnetferry.config import load_config, require_source

    if yes and not fix:
        raise click.UsageError("--yes is for --fix: without it nothing is changed that could be asked about.")
    config = load_config(config_file)
    require_source(config)
    if fix:
        require_someone(yes=yes)
    findings = _find(config)
    if fix and any(finding.fix for finding in findings):
        if not as_json:
            _show(findings, as_json=False)
        if offer_fixes(findings, config_file, yes=yes, quiet=as_json):
            findings = _find(config)
    _show(findings, as_json=as_json)
    sys.exit(1 if blocks(findings) else 0)


def _find(config: MigrationConfig) -> list[Finding]:
    """Read all facts, and what the checks find in them."""
    from vnetferry.checks.preflight import run_preflight
    from vnetferry.config import require_source
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.facts import read_facts
    from vnetferry.gateway.inventory import read_inventory

    inventory = read_inventory(connect(), require_source(config).id)
    return run_preflight(read_facts(connect(), inventory, config))


def _show(findings: list[Finding], *, as_json: bool) -> None:
    from vnetferry.cli.console import plain_console
    from vnetferry.report.findings_table import findings_table

    if as_json:
        click.echo(json.dumps([finding.model_dump() for finding in findings], indent=1))
    else:
        plain_console().print(findings_table(findings))
