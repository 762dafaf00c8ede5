"""The difference of two plans, for the person who approved the first and is asked about the second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from vnetferry.models.ids import ResourceId
from vnetferry.plan.diff import Change, Difference, PlanDiff, Property
from vnetferry.plan.render import duration
from vnetferry.report.plan_table import named

_SIGNS = {"added": ("+ ", "green"), "removed": ("- ", "red"), "changed": ("~ ", "yellow")}
_SECTIONS = (
    ("Steps", "steps"),
    ("Billed by the hour", "costs"),
    ("Before you say yes", "warnings"),
)


def diff_table(difference: PlanDiff) -> RenderableType:
    """Each section that differs, a line for each difference and one for each property of what changed."""
    if difference.old == difference.new:
        return Text(f"Plan {difference.new} is the same plan.")
    parts: list[RenderableType] = [Text(f"Plan {difference.old} -> plan {difference.new}", style="bold")]
    if difference.config:
        parts += [Text("Configuration", style="bold"), *_properties(difference.config)]
    parts += _carry_over(difference.carry_over)
    for title, name in _SECTIONS:
        found: tuple[Difference, ...] = getattr(difference, name)
        if found:
            parts += [Text(f"{title}{_counts(found)}", style="bold"), *_lines(found)]
    return Group(*parts, _times(difference))


def _carry_over(found: tuple[Difference, ...]) -> list[RenderableType]:
    """A line for each document of which lines came or went, and one for each property with another fate."""
    if not found:
        return []
    parts: list[RenderableType] = [Text(f"Carry-over table{_counts(found)}", style="bold")]
    lines: Counter[tuple[Change, str]] = Counter()
    for each in found:
        source, _, path = each.what.partition(" ")
        document = named(ResourceId(source))
        if each.change == "changed":
            parts += _lines([each.model_copy(update={"what": f"{document} {path}"})])
        else:
            lines[each.change, document] += 1
    for (change, document), count in lines.items():
        parts.append(Padding(Text.assemble(_SIGNS[change], f"{document} ({count} lines)"), (0, 0, 0, 2)))
    return parts


def _counts(found: tuple[Difference, ...]) -> str:
    counts = [(kind, sum(each.change == kind for each in found)) for kind in _SIGNS]
    return ": " + ", ".join(f"{count} {kind}" for kind, count in counts if count)


def _lines(found: Iterable[Difference]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for each in found:
        lines.append(Padding(Text.assemble(_SIGNS[each.change], each.what), (0, 0, 0, 2)))
        lines += _properties(each.properties)
    return lines


def _properties(properties: Iterable[Property]) -> list[RenderableType]:
    return [
        Padding(Text(f"{each.path}: {each.before or '(absent)'} -> {each.after or '(absent)'}"), (0, 0, 0, 6))
        for each in properties
    ]


def _times(difference: PlanDiff) -> Text:
    before, after = duration(difference.duration_s_before), duration(difference.duration_s_after)
    return Text(
        f"Longest chain: {before} -> {after}." if before != after else f"Longest chain: {after}, as before."
    )
