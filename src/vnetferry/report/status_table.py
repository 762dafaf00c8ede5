"""Where every step of a plan stands, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vnetferry.checks.standing import Standing, State

_STYLES: dict[State, str] = {
    "done": "green",
    "running": "bold cyan",
    "failed": "bold red",
    "not ours": "bold red",
    "missing": "yellow",
    "not proven": "yellow",
    "see there": "dim",
}


def status_table(standings: Sequence[Standing]) -> RenderableType:
    """A row for each step, and one line that sums them up."""
    table = Table(expand=True)
    table.add_column("Step", ratio=3, overflow="fold")
    table.add_column("In Azure", no_wrap=True)
    table.add_column("", ratio=2, overflow="fold")
    for standing in standings:
        table.add_row(standing.title, Text(standing.state, style=_STYLES[standing.state]), standing.note)
    counts = Counter(standing.state for standing in standings)
    return Group(table, Text(", ".join(f"{count} {state}" for state, count in counts.items()) + "."))
