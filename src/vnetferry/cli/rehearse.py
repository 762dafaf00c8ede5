"""vnetferry rehearse: a whole migration in the sandbox, with the code, the flows and the SDK that migrate on Azure.

The sandbox runs in this process, the migration in another that knows of the sandbox by its environment alone. Nothing
of the rehearsal leaves its folder: not the handoff file, not Prefect's records, and no run goes to a Prefect server
that the environment names.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnetferry.errors import ConfigError

if TYPE_CHECKING:
    from vnetferry.models.config import MigrationConfig
    from vnetferry.models.handoff import HandoffConfig
    from vnetferry.sandbox.scenario import Scenario

_EXAMPLE = "legacy-workspace"
_OURS = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE")
_MARK = ".vnetferry-rehearsal"


@click.command(name="rehearse")
@click.option(
    "-c", "--config", "config_file", type=click.Path(path_type=Path), help="Default: the example's."
)
@click.option(
    "--scenario", metavar="FILE|NAME", default="", help="Default: a snapshot of the config's source."
)
@click.option(
    "--time-scale",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=120.0,
    show_default=True,
    help="Azure seconds in a second.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("rehearsal"),
    show_default=True,
    help="Where plan, audit file, handoff file and report go; its earlier content is replaced.",
)
def command(config_file: Path | None, scenario: str, time_scale: float, folder: Path) -> None:
    """Rehearse a whole migration on this machine: plan, apply, hand over, soak, retire, report."""
    from vnetferry.config import load_config

    if config_file is None:
        scenario = scenario or _EXAMPLE
        config_file = _example_config(scenario)
    config = load_config(config_file)
    _prepare(folder)
    value = _scenario(scenario, config, folder)
    _write_config(config, value, config_file.resolve().parent, folder)
    click.get_current_context().exit(_run(value, config, time_scale, folder.resolve()))


def _run(scenario: Scenario, config: MigrationConfig, time_scale: float, folder: Path) -> int:
    """Run the migration inside a sandbox; its exit code."""
    from vnetferry.cli.sandbox import in_our_words
    from vnetferry.sandbox.environment import inherited
    from vnetferry.sandbox.process import run_command
    from vnetferry.sandbox.server import running

    inside = [sys.executable, "-m", "vnetferry.cli.rehearsal", str(folder)]
    parent = {name: value for name, value in os.environ.items() if name not in _OURS}
    log = folder / "requests.jsonl"
    with in_our_words(), running(scenario, time_scale=time_scale, request_log=log) as sandbox:
        environment = inherited(parent, sandbox.env(_vantage(scenario, config, sandbox.vantages)))
        return run_command(inside, {**environment, "PREFECT_HOME": str(folder / "prefect")})


def _vantage(scenario: Scenario, config: MigrationConfig, known: object) -> str:
    """Where the migration is run from: the callers' VNet, as an engineer inside it would."""
    from vnetferry.config import require_source
    from vnetferry.models.ids import ResourceId
    from vnetferry.models.inventory import Document, Inventory
    from vnetferry.plan.inbound import ways_in

    documents = tuple(Document(id=ResourceId(str(d["id"])), body=d) for d in scenario.resources)
    source = require_source(config).id
    ways = ways_in(Inventory(source=source, documents=documents), config.target.inbound, source)
    networks = (way.subnet.parent.name for way in ways)
    return next((name for name in networks if isinstance(known, dict) and name in known), "internet")


def _example_config(scenario: str) -> Path:
    from vnetferry.cli.sandbox import in_our_words
    from vnetferry.sandbox.scenario_file import find

    with in_our_words():
        config_file = find(scenario).with_name("migration.yaml")
    if not config_file.is_file():
        raise ConfigError(
            f"no migration.yaml lies beside the scenario '{scenario}'",
            resource=str(config_file),
            remedy="Name one with -c.",
        )
    return config_file


def _scenario(name: str, config: MigrationConfig, folder: Path) -> Scenario:
    """The scenario of that name; without one, a snapshot of the source, as it is on Azure now."""
    from vnetferry.cli.sandbox import in_our_words
    from vnetferry.sandbox.scenario_file import load

    if not name:
        from vnetferry.cli.snapshot import write_snapshot

        name = str(folder / "scenario.yaml")
        write_snapshot(config, Path(name))
    with in_our_words():
        return load(name)


def _prepare(folder: Path) -> None:
    """An empty folder of ours; one that holds anything else is refused."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise ConfigError(
            f"the folder {folder} is not empty and holds no earlier rehearsal",
            resource=str(folder),
            remedy="Name another with --folder.",
        )
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
        (folder / _MARK).touch()
    except OSError as err:
        raise ConfigError(
            f"the folder {folder} cannot be made: {err.strerror}", remedy="Name another with --folder."
        ) from None


def _handoffs(config: MigrationConfig, scenario: Scenario) -> tuple[HandoffConfig, ...]:
    """Those that tell nobody outside: files in the rehearsal's own folder, and places that the scenario holds."""
    from vnetferry.models.handoff import AppConfigurationHandoff, FileHandoff, KeyVaultHandoff

    held = {str(resource["id"]).lower() for resource in scenario.resources}

    def is_held(kind: str, name: str) -> bool:
        return any(identifier.endswith(f"/{kind}/{name}".lower()) for identifier in held)

    kept: list[HandoffConfig] = []
    for handoff in config.handoff:
        if isinstance(handoff, FileHandoff):
            kept.append(handoff.model_copy(update={"path": Path(handoff.path).name}))
        elif (isinstance(handoff, KeyVaultHandoff) and is_held("vaults", handoff.vault)) or (
            isinstance(handoff, AppConfigurationHandoff) and is_held("configurationStores", handoff.store)
        ):
            kept.append(handoff)
        else:
            click.echo(f"not told in a rehearsal: {handoff.place}", err=True)
    return tuple(kept) or (FileHandoff(),)


def _write_config(config: MigrationConfig, scenario: Scenario, source: Path, folder: Path) -> None:
    """The configuration for the rehearsal: requests from where they are, and handoffs that stay inside."""
    import yaml

    from vnetferry.config import rebase_config

    rebased = rebase_config(config, source, folder.resolve())
    own = rebased.model_copy(update={"handoff": _handoffs(config, scenario)})
    (folder / "migration.yaml").write_text(yaml.safe_dump(own.model_dump(mode="json"), sort_keys=False))
