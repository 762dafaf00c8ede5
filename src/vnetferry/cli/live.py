"""Progress while a flow runs: read from the audit file, so the flow need not know that anyone looks."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import click
from rich.live import Live

from vnetferry.cli.console import plain_console
from vnetferry.gateway.azure import connect
from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Step
from vnetferry.report.audit import read
from vnetferry.report.progress import progress_view, step_states

_REFRESH_S = 0.25
_VERBS = {
    "started": "…",
    "done": "✓",
    "already_done": "=",
    "skipped": "-",
    "failed": "✗",
    "undone": "↶",
    "stuck": "!",
}


def show_picture(steps: tuple[Step, ...], audit_file: Path, stop: threading.Event) -> None:
    """Show on a terminal what runs, what waits, Azure's time and real time, until `stop` is set."""
    clock, began_s = connect().clock, time.monotonic()
    with Live(console=plain_console(), refresh_per_second=4, transient=True) as live:
        while not stop.wait(_REFRESH_S):
            states = step_states(steps, read(audit_file))
            live.update(progress_view(states, clock.now(), time.monotonic() - began_s))


def show_lines(steps: tuple[Step, ...], audit_file: Path, stop: threading.Event) -> None:
    """Print a line for each step that starts or ends, until `stop` is set."""
    titles, seen, ended = {step.id: step.title for step in steps}, len(read(audit_file)), False
    began_s = time.monotonic()
    while not ended:
        ended = stop.wait(_REFRESH_S)  # one more look after the end, for what was written last
        lines = read(audit_file)
        for line in lines[seen:]:
            if line.step in titles:
                click.echo(_line(line, titles[line.step], time.monotonic() - began_s))
        seen = len(lines)


def _line(line: AuditLine, title: str, real_s: float) -> str:
    message = f": {line.message}" if line.message else ""
    return f"{real_s:6.1f} s  {_VERBS[line.event]} {title}{message}"
