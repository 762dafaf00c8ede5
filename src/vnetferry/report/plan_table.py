"""A plan for the person who must say yes: what moves, what is done, what to know before."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vnetferry.models.plan import Plan, PlanWarning, Step
from vnetferry.plan.render import (
    carried_summary,
    duration,
    endpoint_rows,
    ordered_warnings,
    stage_rows,
    step_rows,
)

_MARKS = {
    "irreversible": ("cannot be undone", "bold red"),
    "cannot_carry": ("not carried", "red"),
    "attention": ("attention", "yellow"),
    "cost": ("cost", "cyan"),
}


def plan_table(plan: Plan, *, all_steps: bool = False) -> RenderableType:
    """The plan as it is shown before it is applied; `all_steps` lists every step instead of one line per stage."""
    steps = _steps(plan) if all_steps else _stages(plan)
    parts: list[RenderableType] = [_heading(plan), _endpoints(plan), steps, *_network(plan)]
    return Group(*parts, *_warnings(plan), _closing(plan))


def _heading(plan: Plan) -> Text:
    return Text.assemble(
        ("Plan ", "bold"),
        (plan.id, "bold"),
        f": {plan.source.name} ({plan.source.resource_group}) -> ",
        (plan.target.name, "bold"),
        f" ({plan.target.resource_group}, {plan.location})",
    )


def _endpoints(plan: Plan) -> Table:
    table = Table(expand=True)
    titles = ("Endpoint", "becomes", "Authentication", "Deployments", "Traffic", "Answers compared")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in endpoint_rows(plan):
        table.add_row(*(row.model_dump()[key] for key in type(row).model_fields))
    return table


def _stages(plan: Plan) -> Table:
    table = Table(expand=True)
    table.add_column("Stage", no_wrap=True)
    table.add_column("Steps", justify="right")
    table.add_column("What", ratio=1, overflow="fold")
    for row in stage_rows(plan):
        table.add_row(row.stage, row.steps, row.what)
    return table


def _steps(plan: Plan) -> Table:
    table = Table(expand=True)
    table.add_column("Step", ratio=3, overflow="fold")
    table.add_column("after", ratio=4, overflow="fold")
    table.add_column("takes", justify="right", no_wrap=True)
    for row in step_rows(plan):
        table.add_row(row.title, row.after, row.expected)
    return table


def _network(plan: Plan) -> list[RenderableType]:
    workspace = plan.of_kind("create_workspace")
    return [_rules(workspace[0])] if workspace and workspace[0].spec["outbound_rules"] else []


def _rules(step: Step) -> Table:
    table = Table(
        title=f"Outbound rules besides Azure's own ({step.spec['isolation_mode']})", title_justify="left"
    )
    for title in ("Name", "Type", "To"):
        table.add_column(title, overflow="fold")
    for name, rule in step.spec["outbound_rules"].items():
        table.add_row(name, rule["type"], _destination(rule["destination"]))
    return table


def _destination(where: object) -> str:
    if not isinstance(where, dict):
        return str(where)
    if "serviceTag" in where:
        return f"{where['serviceTag']} {where['protocol']} {where['portRanges']}"
    return f"{where['serviceResourceId'].rpartition('/')[2]} ({where['subresourceTarget']})"


def _warnings(plan: Plan) -> list[RenderableType]:
    found = ordered_warnings(plan)
    if not found:
        return []
    return [Text("Before you say yes", style="bold"), *(Padding(_warning(w), (0, 0, 0, 2)) for w in found)]


def _warning(warning: PlanWarning) -> Text:
    mark, style = _MARKS[warning.kind]
    return Text.assemble((f"{mark}: ", style), warning.text)


def _closing(plan: Plan) -> Text:
    return Text(
        f"{len(plan.steps)} steps. Properties: {carried_summary(plan)}. "
        f"At best {duration(plan.critical_path_s)} of Azure's time, however many endpoints: the longest chain of steps."
    )
