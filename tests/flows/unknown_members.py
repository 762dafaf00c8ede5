"""Members of documents that nobody knows, in every object of them, and whether a plan flags each and tells its fate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.flows.announced import NO_PLACE
from tests.flows.drops import OF_PROPERTIES
from vnetferry.models.inventory import Document
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver, Plan

Json = dict[str, Any]
Path = tuple[str, ...]
UNKNOWN = "setting2030"
_VALUE = {"level": 3}
# Maps of names that people choose: whatever is in them is known, but for the members of what some have under a name.
_FREE = {
    *(
        "tags",
        "environmentVariables",
        "traffic",
        "mirrorTraffic",
        "metadata",
        "keys",
        "userAssignedIdentities",
    ),
    *("webHookProperties", "webhookProperties", "customProperties", "data", "actionProperties"),
}
_NAMED = {"flavors", "collections"}


def with_unknown(value: Any, name: str = "", above: str = "") -> Any:
    """A document's JSON with an unknown member in each of its objects, those in arrays among them."""
    if isinstance(value, list):
        return [with_unknown(item, name, above) for item in value]
    if not isinstance(value, dict):
        return value
    items = {key: with_unknown(item, key, name) for key, item in value.items()}
    is_map = name in _FREE | _NAMED or (name == "properties" and above in ("properties", "webhooks"))
    return items if is_map or above in _FREE else {**items, UNKNOWN: _VALUE}


def unknown_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every unknown member, through `name[]` where it is in the elements of an array."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == UNKNOWN:
                yield (*path, key)
            else:
                yield from unknown_paths(item, (*path, key))
    if isinstance(value, list):
        element = (*path[:-1], f"{path[-1]}[]")
        yield from dict.fromkeys(found for item in value for found in unknown_paths(item, element))


def untold(plan: Plan, documents: Iterable[Document]) -> list[str]:
    """A line for each unknown member that is neither in what is written nor told to be left out."""
    told: dict[Any, dict[str, CarryOver]] = {}
    for entry in plan.carry_over:
        told.setdefault(entry.source, {})[entry.path] = entry
    bodies = {step.source: step.body for step in plan.steps if step.body and step.kind != "set_traffic"}
    return [
        f"{document.id}: {'.'.join(path)}"
        for document in documents
        if WHOLE_DOCUMENT not in told[document.id]
        for path in unknown_paths(document.body)
        if not _is_told(
            path, document, told[document.id], bodies.get(document.id, {}), flagged(plan, document)
        )
    ]


def flagged(plan: Plan, document: Document | None = None) -> set[str]:
    """The paths that warnings say nobody knows, of one document or of all."""
    return {
        warning.text.partition(" is not known to vnetferry")[0]
        for warning in plan.warnings
        if " is not known to vnetferry" in warning.text
        if document is None or warning.resource == str(document.id)
    }


def _is_told(
    path: Path, document: Document, entries: dict[str, CarryOver], body: Json, flagged: set[str]
) -> bool:
    above = [".".join(path[:length]) for length in range(len(path) + 1, 0, -1)]
    entry = next((entries[each] for each in [f"{above[0]}.level", *above] if each in entries), None)
    array = next((each.partition("[]")[0] for each in reversed(above) if each.endswith("[]")), "")
    entry = entries.get(array, entry)
    if entry is None:
        return False
    is_flagged = f"{'.'.join(path)}.level" in flagged
    if entry.disposition == "carried" or (array and entry.disposition == "remapped"):
        found = list(_values(path, body))
        return is_flagged and found == list(_values(path, document.body)) != []
    if is_flagged:
        return True
    return entry.disposition == "re-created" or entry.reason in OF_PROPERTIES.keys() - {NO_PLACE}


def _values(path: Path, value: Any) -> Iterator[Any]:
    """What is at a path, in every element of the arrays that it goes through."""
    if not path:
        yield value
    elif isinstance(value, dict) and (name := path[0].removesuffix("[]")) in value:
        items = value[name] if path[0].endswith("[]") else [value[name]]
        for item in items:
            yield from _values(path[1:], item)
