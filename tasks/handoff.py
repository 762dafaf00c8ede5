"""Telling callers the new URIs, and telling them to come back.

When callers were first told stands on the target workspace, in a tag that is written before anything is told. So
everybody with the plan can see whether callers know of the new endpoints, and since when: requests before were ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from tasks.media import MEDIA, Medium, Telling
from tasks.step import step_task
from vnetferry.errors import VerificationFailed
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.endpoints import find_endpoint
from vnetferry.gateway.workspaces import find_workspace, note
from vnetferry.models.base import Json, digest
from vnetferry.models.handoff import HandoffConfig, Message, Row
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run

HANDED_OFF_TAG = "vnetferry-handed-off"
_HANDOFF: TypeAdapter[Any] = TypeAdapter(HandoffConfig)


@step_task()
def hand_off(step: Step, run: Run, azure: Azure) -> Outcome:
    """Tell callers in one place where each endpoint is now; what says so already is left alone."""
    medium, handoff = _medium(step.spec)
    telling = _telling(azure, run, step.spec["entries"])
    unsaid = medium.unsaid(azure, handoff, telling)
    if unsaid:
        telling = telling._replace(at=_note_told(azure, run, telling.message))
        medium.publish(azure, handoff, telling)
        _require_said(medium.unsaid(azure, handoff, telling), step)
    return Outcome(
        step=step.id,
        status="done" if unsaid else "already_done",
        resource=step.resource,
        message=f"{len(step.spec['entries'])} endpoint(s)",
        facts={"place": handoff.place},
    )


@step_task()
def undo_hand_off(step: Step, run: Run, azure: Azure) -> Outcome:
    """Point the callers of some endpoints back to the source; who was not told is left alone."""
    medium, handoff = _medium(step.spec)
    back = frozenset(step.spec["moved_back"])
    telling = _telling(azure, run, step.spec["entries"], back)
    changed = medium.point_back(azure, handoff, telling)
    if left := medium.point_back(azure, handoff, telling) if changed else []:
        raise VerificationFailed(f"{', '.join(left)} still leads to the target", resource=handoff.place)
    if changed and telling.at:
        _note(azure, run, telling.message, telling.at)
    said = (
        f"{len(back)} endpoint(s) lead to {run.source.name} again"
        if changed
        else "callers were not told here"
    )
    return Outcome(
        step=step.id, status="undone" if changed else "already_done", resource=step.resource, message=said
    )


def unsaid(azure: Azure, run: Run, spec: Json) -> list[str]:
    """The places of one handoff that do not tell callers where the endpoints are now."""
    medium, handoff = _medium(spec)
    return medium.unsaid(azure, handoff, _telling(azure, run, spec["entries"]))


def told_at(azure: Azure, target: ResourceId) -> datetime | None:
    """When callers were first told of the target, by Azure's clock; None when they were not."""
    text = _noted(azure, target)[1]
    return datetime.fromisoformat(text) if text else None


def _medium(spec: Json) -> tuple[Medium, Any]:
    handoff = _HANDOFF.validate_python(spec["handoff"])
    return MEDIA[handoff.kind], handoff


def _telling(azure: Azure, run: Run, entries: list[Json], back: frozenset[str] = frozenset()) -> Telling:
    rows = tuple(_row(azure, run, entry, back=entry["endpoint"] in back) for entry in entries)
    message = Message(source=run.source, target=run.target, plan=run.plan, endpoints=rows)
    moved_back = tuple(
        row.model_copy(update={"target_endpoint": ResourceId(entry["target"]).name})
        for row, entry in zip(rows, entries, strict=True)
        if entry["endpoint"] in back
    )
    return Telling(message, run, _noted(azure, run.target)[1], moved_back)


def _row(azure: Azure, run: Run, entry: Json, *, back: bool) -> Row:
    """Where the callers of one endpoint go: to its successor, or to the source where they go back or there is none."""
    successor = None if back else find_endpoint(azure, ResourceId(entry["target"]))
    found = successor or find_endpoint(azure, run.source.child("onlineEndpoints", entry["endpoint"])) or {}
    properties = found.get("properties") or {}
    return Row(
        endpoint=entry["endpoint"],
        source_uri=entry["source_uri"],
        target_endpoint=found.get("name") or entry["endpoint"],
        target_uri=(properties.get("scoringUri") or "") if successor else entry["source_uri"],
        auth_mode=properties.get("authMode") or "",
    )


def _require_said(unsaid: list[str], step: Step) -> None:
    if unsaid:
        raise VerificationFailed(
            f"{', '.join(unsaid)} does not say what was just written",
            resource=str(step.resource),
            remedy="See who else writes there, and run again.",
        )


def _note_told(azure: Azure, run: Run, message: Message) -> str:
    """Note that callers are being told this; when they were first told it."""
    told, at = _noted(azure, run.target)
    if told == _gist(message):
        return at
    now = azure.clock.now().isoformat(timespec="seconds")
    _note(azure, run, message, now)
    return now


def _note(azure: Azure, run: Run, message: Message, at: str) -> None:
    note(azure, run.target, {HANDED_OFF_TAG: f"{_gist(message)} {at}"})


def _noted(azure: Azure, target: ResourceId) -> tuple[str, str]:
    """(gist of what callers were told last, when they were told); empty when they were not."""
    tags = (find_workspace(azure, target) or {}).get("tags") or {}
    told, _, at = str(tags.get(HANDED_OFF_TAG, "")).partition(" ")
    return told, at


def _gist(message: Message) -> str:
    return digest(message.model_dump(mode="json"))[:12]
