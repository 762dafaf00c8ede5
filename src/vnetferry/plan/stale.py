"""What changed in the source since a plan was made."""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.errors import ConfigError, PlanStale
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.carry_over import SET_BY_PLAN, shown
from vnetferry.plan.fields import leaves, rule_of
from vnetferry.plan.fingerprint import digest_of, relied_on, without_scaling
from vnetferry.plan.in_place import is_claimed, is_made_by, is_past_return, removed
from vnetferry.plan.scope import scope_of
from vnetferry.plan.storage_services import SERVICES

NAMED_MAX = 3
_SHOWN_CHANGES = 5
_ANEW = "Make a new plan with 'vnetferry plan', read it, and apply that."
_FORWARD = "It would be lost: take it back, and run again. What was deleted already is in this plan alone."


def changes(plan: Plan, inventory: Inventory) -> list[str]:
    """What of the source differs from what the plan relied on, a sentence each; empty when nothing does.

    While a conversion in place is under way its own deletions are none, and what it has made again is its own.
    """
    if plan.config.in_place and is_claimed(plan, inventory.workspace.body):
        return list(_lost_changes(plan, inventory))
    try:
        now = {document.id.key: document for document in relied_on(scope_of(inventory, plan.config, {}))}
    except ConfigError as err:
        return [str(err)]
    return list(_differences(plan, now))


def require_fresh(plan: Plan, inventory: Inventory, requests: dict[str, str] | None = None) -> None:
    """Raise PlanStale, naming what changed, when the source is no longer what the plan was made from.

    In: requests: source endpoint -> SHA-256 of its request file now; None when those are not looked at.
    """
    lines = [*changes(plan, inventory), *([] if requests is None else changed_requests(plan, requests))]
    if lines:
        more = f" And {len(lines) - _SHOWN_CHANGES} more." if len(lines) > _SHOWN_CHANGES else ""
        raise PlanStale(
            f"what the plan was made from changed: {' '.join(lines[:_SHOWN_CHANGES])}{more}",
            resource=str(plan.source),
            remedy=_FORWARD if is_past_return(plan, inventory) else _ANEW,
        )


def changed_requests(plan: Plan, digests: dict[str, str]) -> list[str]:
    """Which request files differ from those that the plan was made with.

    In: digests: source endpoint -> SHA-256 of its request file now.
    """
    planned = {
        step.source.name: step.spec["request_sha256"]
        for step in plan.of_kind("compare_answers")
        if step.source is not None and step.spec["request"]
    }
    return [
        f"The request file of endpoint {name} has changed."
        for name, planned_digest in sorted(planned.items())
        if digests.get(name) != planned_digest
    ]


def _lost_changes(plan: Plan, inventory: Inventory) -> Iterator[str]:
    """What is still to be deleted and is not what will be made again."""
    for document in without_scaling(inventory, removed(inventory)):
        if is_made_by(plan, document):
            continue
        if document.id.key not in plan.fingerprint:
            yield f"{_label(document.id)} is new."
        elif digest_of(document) != plan.fingerprint[document.id.key]:
            yield f"{_label(document.id)} changed: {_what(plan, document)}."


def _differences(plan: Plan, now: dict[str, Document]) -> Iterator[str]:
    for key in sorted(plan.fingerprint.keys() | now.keys()):
        if key not in now:
            yield f"{_label(ResourceId(key))} is gone."
        elif key not in plan.fingerprint:
            yield f"{_label(now[key].id)} is new."
        elif digest_of(now[key]) != plan.fingerprint[key]:
            yield f"{_label(now[key].id)} changed: {_what(plan, now[key])}."


def _what(plan: Plan, document: Document) -> str:
    """The properties that changed, as `path was a, is b`."""
    before = {
        entry.path: entry.before
        for entry in plan.carry_over
        if entry.source == document.id and entry.reason != SET_BY_PLAN
    }
    after = {
        ".".join(path): shown(path, value)
        for path, value in leaves(document.type, document.body)
        if rule_of(document.type, path).what in ("carry", "unknown")
    }
    written = {path: text for path, text in before.items() if _matters(document, path)}
    paths = sorted(p for p in written.keys() | after.keys() if written.get(p) != after.get(p))
    named = [f"{p} was {written.get(p, 'absent')}, is {after.get(p, 'absent')}" for p in paths[:NAMED_MAX]]
    more = [f"{len(paths) - NAMED_MAX} more"] if len(paths) > NAMED_MAX else []
    return "; ".join(named + more) or "its content"


def _matters(document: Document, path: str) -> bool:
    return rule_of(document.type, tuple(path.split("."))).what in ("carry", "unknown")


def _label(resource: ResourceId) -> str:
    """`deployment credit/blue` or `model churn/1` for people."""
    if service := SERVICES.get(resource.type.lower()):
        return f"{service} of {resource.parent.name}"
    noun = _noun(resource)
    if noun == "version":
        noun = _noun(resource.parent)
        return f"{noun} {resource.parent.name}/{resource.name}"
    return (
        f"{noun} {resource.parent.name}/{resource.name}"
        if noun == "deployment"
        else f"{noun} {resource.name}"
    )


def _noun(resource: ResourceId) -> str:
    return resource.type.rpartition("/")[2].lower().removesuffix("s").removeprefix("online")
