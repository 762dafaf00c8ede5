"""A plan as Markdown, for Prefect's UI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vnetferry.models.base import Value
from vnetferry.models.plan import Plan
from vnetferry.plan.render import (
    carried_summary,
    duration,
    endpoint_rows,
    headline,
    ordered_warnings,
    step_rows,
)


def plan_markdown(plan: Plan) -> str:
    """The plan as people read it: endpoints, warnings, steps."""
    path = duration(plan.critical_path_s)
    parts = [
        f"# {headline(plan)}",
        f"Plan `{plan.id}`: {len(plan.steps)} steps, at least {path}. Properties: {carried_summary(plan)}.",
        "## Endpoints",
        _table(endpoint_rows(plan)),
        "## Warnings",
        "\n".join(f"- **{w.kind.replace('_', ' ')}** {_cell(w.text)}" for w in ordered_warnings(plan))
        or "None.",
        "## Steps",
        _table(step_rows(plan)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Value]) -> str:
    if not rows:
        return "None."
    names = list(type(rows[0]).model_fields)
    lines = [names, ["---"] * len(names), *([getattr(row, name) for name in names] for row in rows)]
    return "\n".join(_line(line) for line in lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return " ".join(str(text).replace("|", "\\|").split())
