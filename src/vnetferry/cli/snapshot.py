"""vnetferry snapshot: the source workspace as a scenario, to rehearse its own migration in the sandbox."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnetferry.cli.options import config_option

if TYPE_CHECKING:
    from vnetferry.gateway.azure import Azure
    from vnetferry.models.base import Json
    from vnetferry.models.config import MigrationConfig
    from vnetferry.models.inventory import Inventory


@click.command(name="snapshot")
@config_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("scenario.yaml"),
    show_default=True,
    help="Where to write the scenario; blobs go to a folder beside it.",
)
def command(config_file: Path, output: Path) -> None:
    """Write the source as a scenario that `vnetferry rehearse` takes. Secrets become placeholders."""
    from vnetferry.config import load_config

    write_snapshot(load_config(config_file), output)


def write_snapshot(config: MigrationConfig, output: Path) -> None:
    """Write the source of `config` as a scenario, and say so. Raises: ConfigError when the file exists."""
    import yaml

    from vnetferry.config import require_source
    from vnetferry.errors import ConfigError
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.plan.snapshot import build_scenario

    if output.exists():
        raise ConfigError(f"{output} exists already", remedy="Name another file with -o, or remove it.")
    azure = connect()
    inventory = read_inventory(azure, require_source(config).id)
    folder = output.with_name(f"{output.stem}-blobs")
    blobs = _fetch(azure, inventory, folder)
    scenario = build_scenario(inventory, _surroundings(azure, inventory, config), blobs)
    output.write_text(yaml.safe_dump(scenario, sort_keys=False, allow_unicode=True), encoding="utf-8")
    click.echo(
        f"Written to {output}: {len(scenario['resources'])} resources, {len(blobs)} blobs in {folder}."
    )


def _fetch(azure: Azure, inventory: Inventory, folder: Path) -> dict[str, str]:
    """Blob -> its file relative to the scenario; content that cannot be fetched is named and left out."""
    from vnetferry.errors import AzureError, PermissionDenied
    from vnetferry.gateway.content import download_content
    from vnetferry.plan.snapshot import content_uris

    folder.mkdir(exist_ok=True)
    found: dict[str, str] = {}
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    for uri in content_uris(inventory):
        try:
            written = download_content(azure, inventory.source, uri, folder)
        except (AzureError, PermissionDenied) as err:
            left_out[str(err)].append(uri)
            continue
        found |= {name: path.relative_to(folder.parent).as_posix() for name, path in written.items()}
    for why, uris in left_out.items():
        click.echo(f"left out: {len(uris)} of the source's files: {why}", err=True)
    return found


def _surroundings(azure: Azure, inventory: Inventory, config: MigrationConfig) -> list[Json]:
    """What the inventory's parts and the target lie in: resource groups, and the network of the target's callers."""
    from vnetferry.gateway.api_versions import api_version
    from vnetferry.plan.scope import target_workspace

    target = target_workspace(inventory.source, config)
    subnet = config.target.inbound.subnet_id if config.target.inbound else None
    around = [subnet.parent] if subnet and subnet.parent not in inventory else []
    members = [*(d.id for d in inventory.documents), *around, target]
    groups = sorted({member.group_id for member in members if member.resource_group})
    found = [azure.arm.find(resource, api_version(resource.type)) for resource in (*groups, *around)]
    return [document for document in found if document is not None]
