"""What scales, watches and logs endpoints without being part of them: settings and alerts that name their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vnetferry.errors import Rejected
from vnetferry.gateway import api_versions
from vnetferry.gateway.readings import Readings, identified
from vnetferry.models.alert_rules import concerns
from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import (
    ACTIVITY_ALERT,
    AUTOSCALE,
    LOG_ALERT,
    METRIC_ALERT,
    PROCESSING_RULE,
    WORKSPACE,
    Document,
)

_TABLES = "amlonlineendpoint"  # the beginning of the names of the tables that endpoints log into


def read_monitoring(
    readings: Readings, workspace: ResourceId, watched: Iterable[Document], sinks: Iterable[Document]
) -> list[Document]:
    """Diagnostic settings of what is watched, and the subscription's autoscale settings and alerts about the workspace.

    In: watched: the workspace, its endpoints and deployments. sinks: the log stores that it writes to.
    """
    watched = list(watched)
    settings = _diagnostic_settings(readings, watched)
    logs = {document.id.key for document in sinks} | set(_sinks(settings))
    names = [document.name for document in watched if not document.type.lower().endswith("/deployments")]
    found = [
        *(i for i in _list(readings, workspace, AUTOSCALE) if _autoscales(i, workspace)),
        *(i for i in _list(readings, workspace, METRIC_ALERT) if _watches(i, workspace)),
        *(
            i
            for i in _list(readings, workspace, LOG_ALERT)
            if _watches(i, workspace) or _queries(i, logs, names)
        ),
        *(
            i
            for kind in (ACTIVITY_ALERT, PROCESSING_RULE)
            for i in _list(readings, workspace, kind)
            if concerns(i.get("properties") or {}, workspace)
        ),
    ]
    return [*settings, *identified(found)]


def _list(readings: Readings, workspace: ResourceId, kind: str) -> list[Json]:
    return readings.everywhere(workspace.subscription_id, kind, workspace.group_id)


def _diagnostic_settings(readings: Readings, watched: list[Document]) -> list[Document]:
    def read(document: Document) -> list[Json]:
        path = f"{document.id}/providers/Microsoft.Insights/diagnosticSettings"
        try:
            return list(readings.azure.arm.list(path, api_versions.DIAGNOSTIC_SETTINGS))
        except Rejected as err:
            if err.code.lower() == "resourcetypenotsupported":
                return []  # a resource that cannot have settings has none
            raise

    return identified(chain.from_iterable(readings.each(read, watched, "diagnostic settings of")))


def _sinks(settings: Iterable[Document]) -> Iterator[str]:
    for setting in settings:
        if sink := setting.get("workspaceId"):
            yield str(sink).lower()


def _autoscales(setting: Json, workspace: ResourceId) -> bool:
    """Whether a setting acts on something in the workspace, or goes by its metrics."""
    properties = setting.get("properties") or {}
    rules = chain.from_iterable(profile.get("rules") or () for profile in properties.get("profiles") or ())
    sources = [(rule.get("metricTrigger") or {}).get("metricResourceUri") for rule in rules]
    return any(_is_in(str(uri or ""), workspace) for uri in (properties.get("targetResourceUri"), *sources))


def _watches(alert: Json, workspace: ResourceId) -> bool:
    """Whether an alert's scope is in the workspace, or is above it and for resources of its kind."""
    properties = alert.get("properties") or {}
    kinds = [properties.get("targetResourceType"), *(properties.get("targetResourceTypes") or ())]
    for_ours = any(str(kind or "").lower().startswith(f"{ML}/".lower()) for kind in kinds)
    for scope in properties.get("scopes") or ():
        above = f"{workspace.key}/".startswith(f"{str(scope).rstrip('/').lower()}/")
        if _is_in(str(scope), workspace) or (above and for_ours):
            return True
    return False


def _queries(alert: Json, logs: set[str], names: list[str]) -> bool:
    """Whether an alert queries a log store of the workspace for one of its names, or for what endpoints log."""
    properties = alert.get("properties") or {}
    if not any(str(scope).lower() in logs for scope in properties.get("scopes") or ()):
        return False
    criteria = (properties.get("criteria") or {}).get("allOf") or ()
    text = " ".join(str(criterion.get("query") or "") for criterion in criteria).lower()
    return any(word in text for word in (_TABLES, WORKSPACE.lower(), *(name.lower() for name in names)))


def _is_in(resource: str, workspace: ResourceId) -> bool:
    return f"{resource.rstrip('/').lower()}/".startswith(f"{workspace.key}/")
