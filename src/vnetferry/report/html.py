"""The report of a migration as one HTML file: no script, nothing loaded from elsewhere, fit for printing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from vnetferry.models.base import Value
from vnetferry.models.finding import Finding
from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Plan
from vnetferry.plan.render import (
    carried_summary,
    changed_properties,
    duration,
    endpoint_rows,
    headline,
    ordered_warnings,
    step_rows,
)
from vnetferry.report.progress import StepState, step_states
from vnetferry.report.summary import Summary, figures, verdict

_WARNING_WORDS = {
    "irreversible": "Cannot be undone",
    "cannot_carry": "Not carried",
    "attention": "Attention",
}


class Bar(Value):
    """One step on the timeline; places are percentages of the whole time."""

    title: str
    status: str
    left_pct: float
    width_pct: float
    text: str


def render_html(
    plan: Plan,
    lines: Iterable[AuditLine],
    summary: Summary,
    *,
    made: datetime,
    findings: Sequence[Finding] = (),
) -> str:
    """The report as HTML text.

    In: lines: the plan's audit lines; made: when the report is made, UTC.
    """
    states = step_states(plan.steps, [line for line in lines if line.plan == plan.id])
    context: dict[str, Any] = {
        "plan": plan,
        "headline": headline(plan),
        "summary": summary,
        "verdict": verdict(summary),
        "figures": figures(summary),
        "endpoints": summary.endpoints,
        "planned": endpoint_rows(plan),
        "findings": findings,
        "bars": timeline(states),
        "steps": list(zip(step_rows(plan), states, strict=True)),
        "warnings": [(_WARNING_WORDS[w.kind], w.text) for w in ordered_warnings(plan)],
        "changes": changed_properties(plan),
        "carried": carried_summary(plan),
        "made": made.strftime("%d %B %Y, %H:%M UTC"),
    }
    return _environment().from_string(_template()).render(context)


def timeline(states: Iterable[StepState]) -> list[Bar]:
    """The steps that have started and ended, as bars on one time line, in the order of their starts."""
    ran = sorted((s for s in states if s.started and s.ended), key=lambda s: (s.started, s.id))
    if not ran:
        return []
    first = min(s.started for s in ran if s.started)
    whole_s = max((s.ended - first).total_seconds() for s in ran if s.ended) or 1.0
    return [_bar(state, first, whole_s) for state in ran]


def _bar(state: StepState, first: datetime, whole_s: float) -> Bar:
    taken_s = state.elapsed_s(first)
    begin_s = (state.started - first).total_seconds() if state.started else 0.0
    return Bar(
        title=state.title,
        status=state.status,
        left_pct=round(100 * begin_s / whole_s, 2),
        width_pct=round(max(100 * taken_s / whole_s, 0.4), 2),
        text=duration(taken_s),
    )


def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _template() -> str:
    return files("vnetferry.report").joinpath("report.html.j2").read_text(encoding="utf-8")
