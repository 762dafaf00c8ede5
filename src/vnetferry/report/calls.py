"""How many requests went to Azure, by class, from a sandbox's request log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vnetferry.models.base import Json

_POLLED = ("operationsstatus", "operationstatuses", "operationresults", "/operations")
_READS = {"GET", "HEAD"}


def count_calls(entries: Iterable[Json]) -> dict[str, int]:
    """Class of request -> how many; `entries` are lines of the request log."""
    return dict(Counter(_class(entry) for entry in entries).most_common())


def _class(entry: Json) -> str:
    host, path = str(entry.get("host", "")).lower(), str(entry.get("path", "")).lower()
    if host.startswith("login."):
        return "sign-in"
    if ".blob." in host:
        return "storage"
    if ".inference." in host:
        return "scoring"
    if host != "management.azure.com":
        return "other"
    if any(mark in path for mark in _POLLED):
        return "waiting for operations"
    if path.endswith(("/listkeys", "/listsecrets", "/token")):
        return "reads"
    return "reads" if entry.get("method") in _READS else "writes"
