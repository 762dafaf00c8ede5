"""`vnetferry sandbox`: Azure's API on this machine, for one command (`run`) or until `down` (`up`)."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnetferry.errors import ConfigError

if TYPE_CHECKING:
    from vnetferry.sandbox.detached import State
    from vnetferry.sandbox.scenario import Scenario

_scenario = click.option("--scenario", metavar="FILE|NAME", default="", help="What its Azure holds.")
_time_scale = click.option(
    "--time-scale",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=1.0,
    help="Azure seconds per second.",
)
_request_log = click.option(
    "--request-log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every request as a JSON line.",
)


@click.group()
def command() -> None:
    """Azure's REST API on loopback: real SDKs, no account, nothing leaves this machine."""


@command.command(context_settings={"allow_interspersed_args": False})
@_scenario
@_time_scale
@_request_log
@click.option("--vantage", metavar="internet|VNET", default="internet", help="Where the command is.")
@click.argument("cmd", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def run(
    scenario: str, time_scale: float, request_log: Path | None, vantage: str, cmd: tuple[str, ...]
) -> None:
    """Start a sandbox, run CMD in it, and exit with CMD's code."""
    with in_our_words():
        from vnetferry.sandbox.environment import inherited
        from vnetferry.sandbox.process import run_command
        from vnetferry.sandbox.server import running

        with running(_load(scenario), time_scale=time_scale, request_log=request_log) as sandbox:
            code = run_command(cmd, inherited(os.environ, sandbox.env(vantage)))
    click.get_current_context().exit(code)


@command.command()
@_scenario
@_time_scale
@_request_log
def up(scenario: str, time_scale: float, request_log: Path | None) -> None:
    """Start a sandbox in the background and print its environment: eval "$(vnetferry sandbox up)"."""
    with in_our_words():
        from vnetferry.sandbox import detached

        state = detached.start(scenario, time_scale, request_log)
    click.echo(_exports(state))


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--env", "with_env", is_flag=True, help="Print its environment again, as `up` did.")
def status(as_json: bool, with_env: bool) -> None:
    """Say whether a sandbox is up (exit 0) or not (exit 1)."""
    with in_our_words():
        from vnetferry.sandbox import detached

        state = detached.read_state()
    if as_json:
        shown = state.model_dump(mode="json", exclude={"env"}) if state else None
        click.echo(json.dumps({"up": state is not None, "sandbox": shown}))
    elif state is None:
        click.echo("No sandbox is up.")
    else:
        click.echo(_exports(state) if with_env else _summary(state))
    click.get_current_context().exit(0 if state else 1)


@command.command()
def down() -> None:
    """Stop the sandbox that `up` started."""
    with in_our_words():
        from vnetferry.sandbox import detached

        was_up = detached.stop()
    click.echo("The sandbox is down." if was_up else "No sandbox is up.")


def _load(scenario: str) -> Scenario | None:
    from vnetferry.sandbox import scenario_file

    return scenario_file.load(scenario) if scenario else None


def _exports(state: State) -> str:
    from vnetferry.sandbox.environment import REMOVED

    lines = [f"export {name}={shlex.quote(value)}" for name, value in state.env.items()]
    return "\n".join([f"unset {' '.join(REMOVED)}", *lines])


def _summary(state: State) -> str:
    vantages = "".join(
        f"\n  {name}: {url} (names: dig @{host} -p {port})"
        for name, url in state.vantages.items()
        for host, _, port in [state.dns[name].partition(":")]
    )
    what = state.scenario or "an empty subscription"
    pace = f"{state.time_scale:g} times as fast as Azure"
    return f"A sandbox is up (process {state.pid}): {what}, {pace}.{vantages}"


@contextmanager
def in_our_words() -> Iterator[None]:
    """The sandbox knows nothing of ours; what it cannot do as asked is bad usage to us."""
    from vnetferry.sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as err:
        raise ConfigError(str(err)) from err
