"""From a step and what the gateway wrote to an outcome."""

from __future__ import annotations

from vnetferry.gateway.documents import Written
from vnetferry.models.base import digest
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step


def outcome_of(step: Step, written: Written, message: str = "", **facts: str | int | float | bool) -> Outcome:
    """`done` when the gateway changed something, `already_done` when there was nothing to change."""
    return Outcome(
        step=step.id,
        status="done" if written.changed else "already_done",
        message=message or written.message,
        resource=step.resource,
        request_id=written.request_id,
        before=digest(written.before) if written.before else "",
        after=digest(written.after),
        facts=dict(facts),
    )
