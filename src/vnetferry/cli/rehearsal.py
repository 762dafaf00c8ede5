"""The inside of a rehearsal, `python -m vnetferry.cli.rehearsal FOLDER`: what a person would type, one after the other.

It knows nothing of the sandbox: in the environment of a real subscription it would migrate on Azure.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from vnetferry.cli.apply import apply_plan
from vnetferry.cli.console import plain_console
from vnetferry.cli.flow_run import live_view
from vnetferry.cli.main import DEBUG_VARIABLE, describe
from vnetferry.cli.retire import retire_source
from vnetferry.cli.show import print_plan
from vnetferry.errors import VnetferryError

if TYPE_CHECKING:
    from vnetferry.models.finding import Finding
    from vnetferry.models.plan import Plan
    from vnetferry.report.summary import Summary


def rehearse(folder: Path) -> None:
    """Plan, apply, soak, retire and report what `folder`/migration.yaml says. Raises: VnetferryError."""
    began_s = time.monotonic()
    _say("1  Look and plan")
    findings, plan = _look(folder)
    print_plan(plan)
    _say("2  Apply (approved, as this is a rehearsal)")
    try:
        apply_plan(folder / "plan.json", live_view)
        if not plan.config.in_place:  # then there is nobody to hand over to, and nothing to retire
            _say("3  Hand over, soak, retire")
            _retire(folder, plan)
    finally:
        summary = _report(folder, plan, findings, time.monotonic() - began_s)
        from vnetferry.report.summary import summary_view

        _say("3  Summary" if plan.config.in_place else "4  Summary")
        plain_console().print(summary_view(summary))


def _look(folder: Path) -> tuple[list[Finding], Plan]:
    """Preflight and plan. Raises: what `require_unblocked` raises when a finding blocks."""
    from vnetferry.checks.preflight import require_unblocked, run_preflight
    from vnetferry.config import load_config, request_digests, require_source
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.facts import read_facts
    from vnetferry.gateway.inventory import read_inventory
    from vnetferry.plan.build import build
    from vnetferry.plan.files import write_plan
    from vnetferry.report.findings_table import findings_table

    config = load_config(folder / "migration.yaml")
    inventory = read_inventory(connect(), require_source(config).id)
    findings = run_preflight(read_facts(connect(), inventory, config))
    plain_console().print(findings_table(findings))
    require_unblocked(findings)
    plan = build(inventory, config, request_digests(config, folder))
    write_plan(plan, folder / "plan.json")
    return findings, plan


def _retire(folder: Path, plan: Plan) -> None:
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.inventory import find_inventory
    from vnetferry.plan.retire import build_retirement

    steps = build_retirement(plan, find_inventory(connect(), plan.source))
    retire_source(folder / "plan.json", steps, live_view)


def _report(folder: Path, plan: Plan, findings: list[Finding], real_s: float) -> Summary:
    """Write report.html; the summary that it holds."""
    from vnetferry.models.run import Run
    from vnetferry.report.audit import read
    from vnetferry.report.calls import count_calls
    from vnetferry.report.html import render_html
    from vnetferry.report.summary import summarize

    lines = read(Path(Run.of(plan, str(folder), str(folder / "plan.json")).audit_file))
    log = (folder / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    shown = os.path.relpath(folder)
    look = {
        "Report": f"{shown}/report.html",
        **_handoff_file(plan, shown),
        "Prefect UI": f"PREFECT_HOME={folder}/prefect {_prefect()} server start",
    }
    summary = summarize(plan, lines, real_s=real_s, api_calls=count_calls(map(json.loads, log)), look=look)
    made = datetime.now(timezone.utc)
    (folder / "report.html").write_text(render_html(plan, lines, summary, made=made, findings=findings))
    return summary


def _handoff_file(plan: Plan, folder: str) -> dict[str, str]:
    from vnetferry.models.handoff import FileHandoff

    files = [handoff.path for handoff in plan.config.handoff if isinstance(handoff, FileHandoff)]
    return {"Handoff": f"{folder}/{Path(files[0]).name}"} if files else {}


def _prefect() -> str:
    """The command of this environment, as it can be typed from here."""
    command = Path(sys.executable).with_name("prefect")
    return os.path.relpath(command) if command.is_relative_to(Path.cwd()) else str(command)


def _say(text: str) -> None:
    plain_console().rule(Text(text, style="bold"), align="left")


def main(folder: Path) -> int:
    """Rehearse; the exit code, after one sentence about what went wrong if anything did."""
    try:
        rehearse(folder)
    except VnetferryError as err:
        click.echo(f"vnetferry: {err}", err=True)
        return err.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as err:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        click.echo(f"vnetferry: {describe(err)}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
