"""What a step came to, and one line of the audit file."""

from __future__ import annotations

from typing import Literal

from vnetferry.models.base import Value
from vnetferry.models.ids import ResourceId

Status = Literal["done", "already_done", "skipped", "failed", "undone", "stuck"]
Event = Literal["started", "done", "already_done", "skipped", "failed", "undone", "stuck"]


class Outcome(Value):
    """What one step came to.

    facts:         small, JSON-able and never secret (a scoring URI, an answer's digest).
    before, after: SHA-256 of the resource's document ("" for absent or untouched).
    """

    step: str
    status: Status
    message: str = ""
    resource: ResourceId | None = None
    request_id: str = ""
    before: str = ""
    after: str = ""
    facts: dict[str, str | int | float | bool | list[str]] = {}


class AuditLine(Value):
    """One line of the audit file: who did what to which resource, when, and what it was before and after.

    time:   UTC, ISO 8601. actor: object id of the caller. before, after: SHA-256 of the document ("" for absent).
    """

    time: str
    actor: str
    plan: str
    step: str
    event: Event
    resource: str = ""
    before: str = ""
    after: str = ""
    request_id: str = ""
    message: str = ""
    facts: dict[str, str | int | float | bool | list[str]] = {}
