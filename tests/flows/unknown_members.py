"""Members of documents that nobody knows, in every object of them, and whether a plan flags each and tells its fate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.flows.announced import NO_PLACE
from tests.flows.drops import OF_PROPERTIES
from vnetferry.models.inventory import Document
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver, Plan

Json = dict[str, Any]
UNKNOWN = "setting2030"
# Maps of names that people choose: whatever is in them is known.
_FREE = {
    *(
        "tags",
        "environmentVariables",
        "traffic",
        "mirrorTraffic",
        "metadata",
        "flavors",
        "keys",
        "userAssignedIdentities",
    ),
    *("webHookProperties", "customProperties", "collections", "data", "actionProperties"),
}


def with_unknown(value: Any, name: str = "", above: str = "") -> Any:
    """A document's JSON with an unknown member in each of its objects."""
    if isinstance(value, list):
        return [with_unknown(item, name, above) for item in value]
    if not isinstance(value, dict):
        return value
    items = {key: with_unknown(item, key, name) for key, item in value.items()}
    is_free = name in _FREE or above in _FREE or (name == "properties" and above == "properties")
    return items if is_free else {**items, UNKNOWN: {"level": 3}}


def untold(plan: Plan, documents: Iterable[Document]) -> list[str]:
    """A line for each unknown member that is neither in what is written nor told to be left out."""
    told: dict[Any, dict[str, CarryOver]] = {}
    for entry in plan.carry_over:
        told.setdefault(entry.source, {})[entry.path] = entry
    bodies = {step.source: step.body for step in plan.steps if step.body and step.kind != "set_traffic"}
    flagged = " ".join(warning.text for warning in plan.warnings)
    return [
        f"{document.id}: {'.'.join(path)}"
        for document in documents
        if WHOLE_DOCUMENT not in told[document.id]
        for path in _unknown(document.body)
        if not _is_told(path, told[document.id], bodies.get(document.id, {}), flagged)
    ]


def _is_told(path: tuple[str, ...], entries: dict[str, CarryOver], body: Json, flagged: str) -> bool:
    above = [".".join(path[:length]) for length in range(len(path) + 1, 0, -1)]
    entry = next((entries[each] for each in [f"{above[0]}.level", *above] if each in entries), None)
    if entry is None:
        return False
    is_flagged = f"{entry.path} is not known" in flagged
    if entry.disposition == "carried":
        return is_flagged and _is_written(path, body)
    if is_flagged:
        return True
    return entry.disposition == "re-created" or entry.reason in OF_PROPERTIES.keys() - {NO_PLACE}


def _is_written(path: tuple[str, ...], body: Any) -> bool:
    for key in path:
        if not isinstance(body, dict) or key not in body:
            return False
        body = body[key]
    return bool(body == {"level": 3})


def _unknown(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of unknown members; an array counts as one value, which the plan carries as a whole or not at all."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == UNKNOWN:
                yield (*path, key)
            else:
                yield from _unknown(item, (*path, key))
