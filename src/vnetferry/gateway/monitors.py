"""Diagnostic settings, alerts and autoscale settings: making them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vnetferry.errors import NotFound
from vnetferry.gateway.api_versions import DIAGNOSTIC_SETTINGS, api_version
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, ensure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_SINKS = (
    "workspaceId",
    "storageAccountId",
    "eventHubAuthorizationRuleId",
    "eventHubName",
    "marketplacePartnerId",
    "logAnalyticsDestinationType",
)


def create_monitor(azure: Azure, monitor: ResourceId, body: Json, tags: Mapping[str, str]) -> Written:
    """Make an alert or an autoscale setting what `body` says. Raises: NotOurs. Effects: at most one PUT."""
    return ensure(azure, monitor, body, kind="document", tags=tags)


def create_diagnostic_setting(azure: Azure, setting: ResourceId, body: Json) -> Written:
    """Send what a resource logs where `body` says; an equal setting under whatever name counts.

    A policy may have made one already, and Azure takes no second one that sends the same to the same place.

    Effects: at most one PUT.
    """
    path, name = setting.text.rsplit("/", 1)
    held = list(azure.arm.list(path, DIAGNOSTIC_SETTINGS))
    if equal := next((item for item in held if _sends(item) == _sends(body)), None):
        return Written(False, equal, equal)
    before = next((item for item in held if str(item.get("name")).lower() == name.lower()), None)
    answer = azure.arm.put(setting, DIAGNOSTIC_SETTINGS, body)
    return Written(True, before, dict(answer.body), answer.request_id)


def with_secrets(azure: Azure, body: Json, source: ResourceId, paths: Iterable[Sequence[str | int]]) -> Json:
    """A body with the source document's own values at those places of it that the plan leaves out.

    Raises: NotFound when the source is gone, or has nothing there any more.
    """
    paths = list(paths)
    if not paths:
        return body
    document = azure.arm.get(source, api_version(source.type))
    for path in paths:
        try:
            value: Any = document
            for part in path:
                value = value[part]
        except (KeyError, IndexError, TypeError) as err:
            where = ".".join(map(str, path))
            raise NotFound(
                f"{where} is not there any more",
                resource=str(source),
                remedy="Make a new plan with 'vnetferry plan', read it, and apply that.",
            ) from err
        body = _replaced(body, path, value)
    return body


def _replaced(value: Any, path: Sequence[str | int], new: Any) -> Any:
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list):
        return [
            _replaced(item, rest, new) if position == first else item for position, item in enumerate(value)
        ]
    return {**value, first: _replaced(value[first], rest, new)}


def _sends(setting: Json) -> tuple[Any, ...]:
    """What a setting sends where, whatever the order; Azure answers categories that are off besides."""
    properties = setting.get("properties") or {}
    sinks = tuple(str(properties.get(name) or "").lower() for name in _SINKS)
    return sinks, _categories(properties.get("logs")), _categories(properties.get("metrics"))


def _categories(items: Any) -> frozenset[tuple[str, str, str]]:
    """The categories that are on, each with for how long it is kept."""
    return frozenset(
        (
            str(item.get("category") or item.get("categoryGroup") or "").lower(),
            str(item.get("timeGrain") or ""),
            str((item.get("retentionPolicy") or {}).get("days") or 0),
        )
        for item in items or ()
        if item.get("enabled")
    )
