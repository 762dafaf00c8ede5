"""vnetferry status: where every step of a plan stands, read from Azure."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnetferry.cli.options import json_option

if TYPE_CHECKING:
    from vnetferry.models.base import Json
    from vnetferry.models.plan import Plan

_READERS = 12


@click.command(name="status")
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def command(plan_file: Path, *, as_json: bool) -> None:
    """Show where every step of a plan stands, read from Azure; nothing is touched."""
    from vnetferry.checks.standing import standing_of
    from vnetferry.cli.console import plain_console
    from vnetferry.plan.files import read_plan
    from vnetferry.report.status_table import status_table

    plan = read_plan(plan_file)
    found = read_targets(plan)
    standings = [standing_of(plan, step, found) for step in plan.steps]
    if as_json:
        click.echo(json.dumps([standing.model_dump() for standing in standings], indent=1))
    else:
        plain_console().print(status_table(standings))


def read_targets(plan: Plan) -> dict[str, Json]:
    """The documents of those target resources that exist, by id in lower case."""
    from vnetferry.gateway.api_versions import api_version
    from vnetferry.gateway.azure import connect

    arm = connect().arm
    wanted = sorted({step.resource for step in plan.steps})
    with ThreadPoolExecutor(_READERS) as pool:
        documents = pool.map(lambda resource: arm.find(resource, api_version(resource.type)), wanted)
    return {resource.key: body for resource, body in zip(wanted, documents, strict=True) if body is not None}
