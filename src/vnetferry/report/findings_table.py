"""What the checks found, as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vnetferry.models.finding import Finding, Severity
from vnetferry.models.ids import ResourceId

_STYLES: dict[Severity, str] = {"blocks": "bold red", "warns": "yellow", "informs": "dim"}


def findings_table(findings: Iterable[Finding]) -> RenderableType:
    """A table of findings and one line that sums them up."""
    kept = list(findings)
    table = Table(show_lines=True, expand=True)
    for title, ratio in (("", 0), ("What", 2), ("Seen", 4), ("What to do", 5)):
        table.add_column(title, ratio=ratio or None, no_wrap=not ratio, overflow="fold")
    for finding in kept:
        what = Text.assemble((finding.check.replace("_", " "), "bold"), "\n", _short(finding.resource))
        severity = Text(finding.severity, style=_STYLES[finding.severity])
        table.add_row(severity, what, Text(finding.evidence), Text(finding.remedy))
    return Group(table, _summary(kept)) if kept else _summary(kept)


def _summary(findings: list[Finding]) -> Text:
    blocking = sum(finding.severity == "blocks" for finding in findings)
    warning = sum(finding.severity == "warns" for finding in findings)
    if blocking:
        return Text(
            f"{blocking} blocking, {warning} warnings. Nothing can be applied before the first are mended."
        )
    return Text(f"Nothing blocks. {warning} warnings." if warning else "Nothing blocks.")


def _short(resource: str) -> str:
    """`workspaces ws-legacy` instead of a whole id."""
    try:
        parsed = ResourceId(resource)
    except ValueError:
        return resource
    return f"{parsed.type.rpartition('/')[2]} {parsed.name}"
