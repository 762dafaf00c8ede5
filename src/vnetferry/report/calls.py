"""How many requests went to Azure, by class, from a sandbox's request log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vnetferry.models.base import Json

_POLLED = ("operationsstatus", "operationstatuses", "operationresults", "/operations")
_READS = {"GET", "HEAD"}
_READ_ACTIONS = ("/listkeys", "/listsecrets", "/token")
_HOSTS = {"login.": "sign-in", ".blob.": "storage", ".inference.": "scoring"}


def count_calls(entries: Iterable[Json]) -> dict[str, int]:
    """Class of request -> how many; `entries` are lines of the request log."""
    return dict(Counter(_class(entry) for entry in entries).most_common())


def _class(entry: Json) -> str:
    host = str(entry.get("host", "")).lower()
    if host == "management.azure.com":
        return _arm_class(str(entry.get("method", "")), str(entry.get("path", "")).lower())
    return next((name for mark, name in _HOSTS.items() if mark in host), "other")


def _arm_class(method: str, path: str) -> str:
    if any(mark in path for mark in _POLLED):
        return "waiting for operations"
    return "reads" if method in _READS or path.endswith(_READ_ACTIONS) else "writes"
