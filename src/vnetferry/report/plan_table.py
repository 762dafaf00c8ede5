"""A plan for the person who must say yes: what moves, what is done, what to know before."""

from __future__ import annotations

import re

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import WHOLE_DOCUMENT, Plan, PlanWarning, Step
from vnetferry.plan.render import (
    FateRow,
    carried_summary,
    cost_rows,
    critical_rows,
    documents_summary,
    duration,
    endpoint_rows,
    fates,
    ordered_warnings,
    stage_rows,
    step_rows,
)

_MARKS = {
    "irreversible": ("cannot be undone", "bold red"),
    "cannot_carry": ("not carried", "red"),
    "attention": ("attention", "yellow"),
}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHORT_GUID = 8
_FATES = {"carried": "", "remapped": "cyan", "re-created": "yellow", "dropped": "red"}


def plan_table(plan: Plan, *, verbose: bool = False) -> RenderableType:
    """The plan as it is shown before it is applied.

    In: verbose: every step with what it waits for, and the whole carry-over table, instead of one line per stage.
    """
    parts: list[RenderableType] = [_heading(plan), _endpoints(plan)]
    parts += [_steps(plan), *_carry_over(plan)] if verbose else [_stages(plan)]
    parts += [_longest_chain(plan), _costs(plan), *_network(plan), *_warnings(plan), _closing(plan)]
    return Group(*parts)


def _heading(plan: Plan) -> Text:
    if plan.config.in_place:
        return Text.assemble(
            (f"Plan {plan.id}", "bold"),
            ": ",
            (plan.source.name, "bold"),
            f" ({plan.source.resource_group}, {plan.location}) is converted in place, with downtime",
        )
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
    table = Table(expand=True, title="Steps (* of the longest chain)", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("Step", ratio=3, overflow="fold")
    table.add_column("after", ratio=4, overflow="fold")
    table.add_column("takes", justify="right", no_wrap=True)
    for row in step_rows(plan):
        table.add_row("*" if row.critical else "", row.title, row.after, row.expected)
    return table


def _longest_chain(plan: Plan) -> Text:
    rows = critical_rows(plan)
    lengthy = [f"{row.title} ({row.expected})" for row in rows if row.expected.endswith("min")]
    short = len(rows) - len(lengthy)
    return Text.assemble(
        ("Longest chain: ", "bold"),
        ", then ".join(lengthy),
        f", and {short} steps of seconds" if short else "",
        f". At best {duration(plan.critical_path_s)} of Azure's time, however many endpoints.",
    )


def _costs(plan: Plan) -> Table:
    table = Table(expand=True, title="Billed by the hour", title_justify="left")
    table.add_column("What", ratio=3, overflow="fold")
    for title in ("today", "meanwhile" if plan.config.in_place else "both run", "after"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("Price", ratio=5, overflow="fold")
    for row in cost_rows(plan):
        table.add_row(row.what, row.today, row.both, row.after, row.price)
    return table


def _carry_over(plan: Plan) -> list[RenderableType]:
    """A table for each document that moves, and one for all that stay."""
    found = fates(plan)
    moving = {source: rows for source, rows in found.items() if rows[0].path != WHOLE_DOCUMENT}
    return [*(_document(source, rows) for source, rows in moving.items()), _staying(found)]


def _document(source: ResourceId, rows: list[FateRow]) -> Table:
    table = Table(expand=True, title=named(source), title_justify="left")
    table.add_column("Property", ratio=3, overflow="fold")
    table.add_column("is", no_wrap=True)
    table.add_column("was -> becomes (why)", ratio=5, overflow="fold")
    for row in rows:
        table.add_row(row.path, Text(row.disposition, style=_FATES[row.disposition]), Text(row.detail))
    return table


def _staying(found: dict[ResourceId, list[FateRow]]) -> Table:
    table = Table(expand=True, title="Documents that no step is made from", title_justify="left")
    table.add_column("Document", ratio=3, overflow="fold")
    table.add_column("is", no_wrap=True)
    table.add_column("why, and what to do", ratio=5, overflow="fold")
    for source, (first, *_) in found.items():
        if first.path == WHOLE_DOCUMENT:
            fate = Text(first.disposition, style=_FATES[first.disposition])
            table.add_row(named(source), fate, Text(first.detail))
    return table


def named(resource: ResourceId) -> str:
    """A document by its kind and place: `deployments credit/blue`, `roleAssignments 1f2e3d4c on kv-legacy`."""
    kind = resource.type.rpartition("/")[2]
    if kind == "versions":
        return f"{resource.parent.type.rpartition('/')[2]} {resource.parent.name}/{resource.name}"
    scope, _, _ = resource.text.rpartition("/providers/")
    if "/providers/" in scope or resource.type.lower().startswith("microsoft.authorization"):
        name = resource.name[:_SHORT_GUID] if _GUID.fullmatch(resource.name) else resource.name
        return f"{kind} {name} on {scope.rpartition('/')[2]}"
    nested = resource.type.count("/") > 2 or (resource.type.count("/") > 1 and not _is_ml(resource))
    return f"{kind} {resource.parent.name}/{resource.name}" if nested else f"{kind} {resource.name}"


def _is_ml(resource: ResourceId) -> bool:
    return resource.type.lower().startswith("microsoft.machinelearningservices/")


def _network(plan: Plan) -> list[RenderableType]:
    workspace = plan.of_kind("create_workspace") or plan.of_kind("enable_network")
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
        f"{len(plan.steps)} steps. Properties: {carried_summary(plan)}. Documents: {documents_summary(plan)}."
        + (f" Downtime: {duration(plan.downtime_s)} at best." if plan.downtime_s else "")
    )
