"""Where two documents differ, and whether a plan had announced it. Knows nothing of how plans are made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from vnetferry.models.plan import CarryOver

Json = dict[str, Any]
Path = tuple[str, ...]
_ABSENT = object()
_TOLD_BY = 40  # so many characters tell one element of a list from another
NO_PLACE = "has no place in the target"
_CANONICAL: Any = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
# What Azure notes on every document by itself, and what vnetferry marks its own with.
_NOTES = (
    "systemData",
    "etag",
    "identity.principalId",
    "identity.tenantId",
    "sku",
    "kind",
    "tags.createdByToolkit",
    "tags.vnetferry-plan",
    "tags.vnetferry-source",
    "tags.vnetferry-handed-off",
    "tags.vnetferry-conversion",
    "properties.tags.vnetferry-plan",
    "properties.tags.vnetferry-source",
    "properties.managedNetwork",
    "properties.provisioningState",
    "properties.properties.azureml.onlineendpointid",
    "properties.properties.AzureAsyncOperationUri",
    "properties.environmentVariables.AZUREML_MODEL_DIR",
    "properties.environmentVariables.AZUREML_ENTRY_SCRIPT",
    "properties.environmentVariables.AML_APP_ROOT",
    "properties.v1LegacyMode",
    # of role assignments, and of what a workspace stands on
    "properties.createdOn",
    "properties.createdBy",
    "properties.updatedOn",
    "properties.updatedBy",
    "properties.primaryEndpoints",
    "properties.encryption.services",
    "properties.Ver",
    "properties.Name",
    "properties.CreationDate",
    "properties.createdDate",
    "properties.modifiedDate",
)
# What a property that is not there means, which Azure answers once the document is written anew.
_PROBE = {
    "initialDelay": "PT10S",
    "period": "PT10S",
    "timeout": "PT2S",
    "successThreshold": 1,
    "failureThreshold": 30,
}
_REQUESTS = {"requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1, "maxQueueWait": "PT0S"}
_DEFAULTS: dict[str, Any] = {
    **{
        f"properties.{probe}.{name}": v
        for probe in ("livenessProbe", "readinessProbe")
        for name, v in _PROBE.items()
    },
    **{f"properties.requestSettings.{name}": v for name, v in _REQUESTS.items()},
    "properties.scaleSettings.scaleType": "Default",
    "properties.RetentionInDays": 90,
    "properties.egressPublicNetworkAccess": "Enabled",
    "properties.publicNetworkAccess": "Enabled",
    "properties.sharedUserList": [],
    "properties.peRequirement": "NotRequired",
    "properties.peStatus": "NotApplicable",
    "properties.serviceDataAccessAuthIdentity": "None",
    **dict.fromkeys(
        (
            "properties.appInsightsEnabled",
            "properties.isArchived",
            "properties.isAnonymous",
            "properties.isSharedToAll",
            "properties.hbiWorkspace",
            "properties.useWorkspaceManagedIdentity",
            "properties.enableServiceSideCMKEncryption",
        ),
        False,
    ),
}
# What of a storage account's services says that it is off, or is not there at all.
_OFF_IN_A_NEW_SERVICE = {
    "changeFeed",
    "containerDeleteRetentionPolicy",
    "deleteRetentionPolicy",
    "lastAccessTimeTrackingPolicy",
    "restorePolicy",
}
# Words that Azure answers in its own spelling, whichever it was sent.
_WORDS = {
    "authMode",
    "endpointComputeType",
    "publicNetworkAccess",
    "instanceType",
    "vmSize",
    "category",
    "systemDatastoresAuthMode",
    "type",
}


def unannounced(
    source: Json, target: Json, entries: Mapping[str, CarryOver], staying: Iterable[str] = ()
) -> list[str]:
    """A line for each difference that no entry tells, or tells otherwise.

    In: entries: of this document, by their dotted path; staying: ids, in lower case, of what people let stay: where a
        line says that a list is another one, they are not in it any more.
    """
    was, now = dict(_leaves(source)), dict(_leaves(target))
    was = {
        path: _moving(value, tuple(staying)) if _is_remapped_list(path, value, entries) else value
        for path, value in was.items()
    }
    lost = [line for path, value in was.items() if (line := _fate(path, value, _at(target, path), entries))]
    new = [path for path in now if _at(source, path) is _ABSENT]
    return lost + [line for path in new if (line := _addition(path, now[path], entries))]


def _is_remapped_list(path: Path, value: Any, entries: Mapping[str, CarryOver]) -> bool:
    entry = entries.get(".".join(path))
    return isinstance(value, list) and entry is not None and entry.disposition == "remapped"


def _moving(value: Any, staying: tuple[str, ...]) -> Any:
    """A value without what, in a list that also names what moves, stays."""
    if isinstance(value, dict):
        return {key: _moving(item, staying) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kept = [item for item in value if not _stays(item, staying)]
    return [_moving(item, staying) for item in kept or value]


def _stays(item: Any, staying: tuple[str, ...]) -> bool:
    text = item.get("equals") if isinstance(item, dict) else item
    return isinstance(text, str) and any(f"{text.lower()}/".startswith(f"{each}/") for each in staying)


def _addition(path: Path, value: Any, entries: Mapping[str, CarryOver]) -> str:
    dotted = ".".join(path)
    told = entries[dotted].after if dotted in entries else ""
    known = (
        any(f"{dotted}.".startswith(f"{note}.") for note in _NOTES) or _DEFAULTS.get(dotted, _ABSENT) == value
    )
    return "" if known or _is_shown(told, value) else f"{dotted}: nobody announced {value!r}"


def _fate(path: Path, before: Any, after: Any, entries: Mapping[str, CarryOver]) -> str:
    dotted = ".".join(path)
    entry = next((entries[key] for key in _and_above(path) if key in entries), None)
    what = f"{dotted}: {before!r} became {'nothing' if after is _ABSENT else repr(after)}"
    if entry is None:
        return f"{what}, and no line of the plan is about it"
    same = _same(path, before, after)
    if entry.disposition == "carried":
        return "" if same else f"{what}, although it is carried"
    if entry.disposition == "remapped":
        return (
            ""
            if _is_remapped(entry, before, after)
            else f"{what}, although it is remapped to {entry.after!r}"
        )
    if entry.disposition == "re-created" and after is _ABSENT and before and not _is_hidden(path):
        return f"{what}, although it is re-created"
    if entry.reason == NO_PLACE and after is not _ABSENT:
        return f"{what}, although it has no place there"
    return "" if entry.reason else f"{what}: {entry.disposition} without a reason"


def _and_above(path: Path) -> Iterator[str]:
    for length in range(len(path), 0, -1):
        yield ".".join(path[:length])


def _same(path: Path, before: Any, after: Any) -> bool:
    if set(path[-2:-1]) & _OFF_IN_A_NEW_SERVICE and path[-1] in ("enabled", "enable") and before is False:
        return after in (False, _ABSENT)
    if path[-1] == "condaFile" and isinstance(after, str):
        return bool(yaml.safe_load(before) == yaml.safe_load(after))  # Azure writes YAML down as JSON
    if path[-1] in _WORDS and isinstance(before, str) and isinstance(after, str):
        return before.lower().replace(" ", "") == after.lower().replace(" ", "")
    return bool(before == after)


def _is_hidden(path: Path) -> bool:
    """Whether GET shows nothing of it: secrets."""
    return path[:2] == ("properties", "keys") or path[:3] == ("properties", "credentials", "secrets")


def _is_remapped(entry: CarryOver, before: Any, after: Any) -> bool:
    """Whether a value is the one that its line shows; what long lines leave out of the middle may only name others.

    A list may have more at its end, if the line shows each of it: its beginning or its end, at least.
    """
    if not isinstance(after, list):
        return _is_shown(entry.after, after)
    as_before = after[: len(before)] if isinstance(before, list) else after
    more = [json.dumps(item, **_CANONICAL) for item in after[len(as_before) :]]
    return (
        _is_shown(entry.after, after)
        and _is_alike(before, as_before)
        and all(item[:_TOLD_BY] in entry.after or item[-_TOLD_BY:] in entry.after for item in more)
    )


def _is_alike(before: Any, after: Any) -> bool:
    """Whether two values have the same shape, and differ in their texts alone."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_is_alike(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_is_alike, before, after))
    return bool(before == after) or (isinstance(before, str) and isinstance(after, str))


def _is_shown(shown: str, value: Any) -> bool:
    """Whether a value is the one that a line shows, which leaves out the middle of long ones."""
    head, cut, tail = shown.partition("…")
    text = value if isinstance(value, str) else json.dumps(value, **_CANONICAL)
    return text == shown or bool(cut and text.startswith(head) and text.endswith(tail))


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value with its path; an array is one value; null and {} are none, and so is no per cent of the traffic."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif value is not None and not (value == 0 and "raffic" in "".join(path[-2:-1])):
        yield path, value


def _at(document: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(document, dict) or document.get(key) is None:
            return _ABSENT
        document = document[key]
    return document
