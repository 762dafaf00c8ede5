"""Offering what mends a finding, one by one, and writing down what was done beside the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vnetferry.gateway.azure import Azure
    from vnetferry.models.finding import Finding, Fix
    from vnetferry.models.outcome import Event


def offer_fixes(findings: Iterable[Finding], config_file: Path, *, yes: bool, quiet: bool) -> bool:
    """Ask about each finding that can be mended, and mend those that the person says yes to.

    In:      yes: mend all without asking; quiet: say nothing of what is done.
    Out:     whether anything was mended.
    Effects: one small write to Azure for each yes, with a line before and one after in
             `<configuration>.audit.jsonl`; one that Azure refuses is told, and does not stop the others.
    """
    from vnetferry.report.audit import audit_path, require_usable

    audit_file = audit_path(config_file)
    require_usable(audit_file)
    chosen = [f.fix for f in findings if f.fix and (yes or _is_wanted(f, f.fix))]
    for fix in chosen:
        done = _carry_out(fix, audit_file)
        if not quiet:
            click.echo(done, err=True)
    return bool(chosen)


def _is_wanted(finding: Finding, fix: Fix) -> bool:
    from vnetferry.report.fix_text import describe_fix

    question = f"{finding.check.replace('_', ' ')}: {finding.evidence}.\n{describe_fix(fix)}?"
    return click.confirm(question, default=False, err=True)


def _carry_out(fix: Fix, audit_file: Path) -> str:
    """Mend one finding between two audit lines, and say what came of it."""
    from vnetferry.errors import VnetferryError
    from vnetferry.gateway.azure import connect
    from vnetferry.gateway.remedies import apply_fix
    from vnetferry.models.base import digest
    from vnetferry.report.fix_text import describe_fix

    azure = connect()
    _note(azure, fix, audit_file, "started")
    try:
        written = apply_fix(azure, fix)
    except VnetferryError as err:
        _note(azure, fix, audit_file, "failed", message=str(err))
        return f"failed: {err}"
    event: Event = "done" if written.changed else "already_done"
    states = {"before": digest(written.before) if written.before else "", "after": digest(written.after)}
    _note(azure, fix, audit_file, event, request_id=written.request_id, **states)
    return f"{event.replace('_', ' ')}: {describe_fix(fix)}"


def _note(azure: Azure, fix: Fix, audit_file: Path, event: Event, **fields: str) -> None:
    from vnetferry.gateway.azure import actor
    from vnetferry.models.outcome import AuditLine
    from vnetferry.report.audit import append

    line = AuditLine(
        time=azure.clock.now().isoformat(),
        actor=actor(azure),
        plan="",
        step=f"{fix.kind}:{fix.resource.rpartition('/')[2]}",
        event=event,
        resource=fix.resource,
        facts=dict(fix.parameters),
        **fields,
    )
    append(audit_file, line)
