"""How far a plan is: from the plan and the audit lines alone, so that anyone with both files sees the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vnetferry.models.base import Value
from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Step
from vnetferry.plan.render import duration

StepStatus = Literal["waiting", "running", "done", "already_done", "skipped", "failed", "undone", "stuck"]
ENDED: frozenset[StepStatus] = frozenset({"done", "already_done", "skipped", "undone"})
WAITING_MAX = 8
_STYLES: dict[StepStatus, str] = {
    "running": "bold cyan",
    "failed": "bold red",
    "stuck": "bold red",
    "waiting": "dim",
}


class StepState(Value):
    """Where one step stands.

    started, ended: Azure's time, UTC; None for what has not happened.
    waits_for:      titles of the steps that it still waits for.
    message:        what it came to, or why it failed.
    """

    id: str
    title: str
    status: StepStatus
    duration_s: int
    started: datetime | None = None
    ended: datetime | None = None
    waits_for: tuple[str, ...] = ()
    message: str = ""

    def elapsed_s(self, now: datetime) -> float:
        """Seconds of Azure's time that it has run."""
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0


def step_states(steps: Iterable[Step], lines: Iterable[AuditLine]) -> list[StepState]:
    """Where each step stands after `lines`, in the order of the plan.

    A step that was started again after a failure is running; one of an earlier run that ended stays ended.
    """
    by_step: dict[str, list[AuditLine]] = {}
    for line in lines:
        by_step.setdefault(line.step, []).append(line)
    kept = list(steps)
    statuses = {step.id: _status(by_step.get(step.id, [])) for step in kept}
    titles = {step.id: step.title for step in kept}
    return [_state(step, by_step.get(step.id, []), statuses, titles) for step in kept]


def progress_view(states: list[StepState], now: datetime, real_s: float) -> RenderableType:
    """What runs, what waits for what, and how long it has taken.

    In: now: Azure's time, UTC; real_s: seconds of real time since the run began.
    """
    return Group(_bar(states), _table(states, now), _clock(states, now, real_s))


def azure_elapsed_s(states: Iterable[StepState], now: datetime) -> float:
    """Seconds of Azure's time from the first step's start to now, or to the last end when all have ended."""
    kept = list(states)
    starts = [state.started for state in kept if state.started]
    if not starts:
        return 0.0
    ends = [state.ended for state in kept if state.ended]
    over = all(state.status not in ("waiting", "running") for state in kept)
    return ((max(ends) if over and ends else now) - min(starts)).total_seconds()


def _status(lines: list[AuditLine]) -> StepStatus:
    if not lines:
        return "waiting"
    return "running" if lines[-1].event == "started" else lines[-1].event


def _state(
    step: Step, lines: list[AuditLine], statuses: Mapping[str, StepStatus], titles: Mapping[str, str]
) -> StepState:
    status = statuses[step.id]
    started = [line for line in lines if line.event == "started"]
    ended = lines[-1] if lines and lines[-1].event != "started" else None
    return StepState(
        id=step.id,
        title=step.title,
        status=status,
        duration_s=step.duration_s,
        started=_time(started[-1]) if started else None,
        ended=_time(ended) if ended else None,
        waits_for=tuple(titles[d] for d in step.depends_on if statuses.get(d) not in ENDED)
        if status == "waiting"
        else (),
        message=ended.message if ended else "",
    )


def _time(line: AuditLine) -> datetime:
    return datetime.fromisoformat(line.time.replace("Z", "+00:00"))


def _bar(states: list[StepState]) -> Table:
    counts = Counter(state.status for state in states)
    ended = sum(counts[status] for status in ENDED)
    names: tuple[StepStatus, ...] = ("running", "waiting", "failed", "stuck")
    rest = ", ".join(f"{counts[name]} {name}" for name in names if counts[name])
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        ProgressBar(total=len(states) or 1, completed=ended, width=40),
        Text(f"{ended} of {len(states)} steps" + (f", {rest}" if rest else "")),
    )
    return grid


def _table(states: list[StepState], now: datetime) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=2, overflow="ellipsis", no_wrap=True)
    table.add_column(ratio=3, overflow="ellipsis", no_wrap=True)
    for state in states:
        if state.status in ("running", "failed", "stuck"):
            table.add_row(Text(state.status, style=_STYLES[state.status]), state.title, _detail(state, now))
    waiting = [state for state in states if state.status == "waiting"]
    for state in waiting[:WAITING_MAX]:
        table.add_row(
            Text("waiting", style="dim"), Text(state.title, style="dim"), Text(_waits(state), style="dim")
        )
    if len(waiting) > WAITING_MAX:
        table.add_row("", Text(f"and {len(waiting) - WAITING_MAX} more waiting", style="dim"), "")
    return table


def _detail(state: StepState, now: datetime) -> str:
    if state.status == "running":
        return f"{duration(state.elapsed_s(now))} of about {duration(state.duration_s)}"
    return state.message


def _waits(state: StepState) -> str:
    return f"for {'; '.join(state.waits_for)}" if state.waits_for else "for its turn"


def _clock(states: list[StepState], now: datetime, real_s: float) -> Text:
    azure_s = azure_elapsed_s(states, now)
    text = f"Azure time {timedelta(seconds=round(azure_s))}, real time {timedelta(seconds=round(real_s))}"
    return Text(text, style="dim")
