"""What Azure's activity log says about deletions: there is no list of soft-deleted workspaces.

Source: Activity Logs - List (the log is kept for 90 days; filters are by time and one of a few members).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from vnetferry.checks.deletions import RETENTION_DAYS
from vnetferry.checks.facts import Deletion
from vnetferry.gateway import api_versions
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId

_NAMES_HELD = timedelta(hours=1)  # how long Azure holds an endpoint's name is not known; minutes are reported
_SELECTED = "eventTimestamp,operationName,resourceId,status,correlationId"
_KINDS = (f"{ML}/workspaces", f"{ML}/workspaces/onlineEndpoints")


def read_deletions(readings: Readings, target: ResourceId) -> list[Deletion]:
    """Deletions of the target that may still hold its name, and of endpoints that may still hold theirs."""
    now = readings.azure.clock.now()
    path = (
        f"/subscriptions/{target.subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
    )

    def read(since: timedelta, member: str, value: str) -> list[Json]:
        times = f"eventTimestamp ge '{_stamp(now - since)}' and eventTimestamp le '{_stamp(now)}'"
        query = {"$filter": f"{times} and {member} eq '{value}'", "$select": _SELECTED}
        return readings.items(path, api_versions.ACTIVITY_LOG, query)

    workspace = read(timedelta(days=RETENTION_DAYS), "resourceUri", str(target))
    endpoints = read(_NAMES_HELD, "resourceProvider", ML)
    return deletions_in([*workspace, *(e for e in endpoints if _kind(e) != _KINDS[0].lower())])


def deletions_in(events: Iterable[Json]) -> list[Deletion]:
    """What was deleted and not written since. One deletion is several events, with one correlation id."""
    deleted: dict[str, dict[str, Json]] = {}
    for event in sorted(events, key=lambda event: str(event["eventTimestamp"])):
        resource, verb = str(event.get("resourceId", "")), _operation(event).rpartition("/")[2]
        if _kind(event) not in (kind.lower() for kind in _KINDS) or _status(event) not in (
            "succeeded",
            "accepted",
        ):
            continue
        if verb == "write":
            deleted.pop(resource.lower(), None)
        elif verb == "delete":
            deleted.setdefault(resource.lower(), {})[str(event.get("correlationId"))] = event
    return [
        Deletion(
            resource=ResourceId(str(last["resourceId"])),
            time=str(last["eventTimestamp"])[:19],
            count=len(each),
        )
        for _, each in sorted(deleted.items())
        for last in [list(each.values())[-1]]
    ]


def _operation(event: Json) -> str:
    return str((event.get("operationName") or {}).get("value", "")).lower()


def _kind(event: Json) -> str:
    """The type of resource that an operation is about: its name without the verb."""
    return _operation(event).rpartition("/")[0]


def _status(event: Json) -> str:
    return str((event.get("status") or {}).get("value", "")).lower()


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
