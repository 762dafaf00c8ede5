"""Microsoft.Insights' activity log: who wrote, deleted or did what, kept from the start of the sandbox.

Each admitted request that is more than a look is one event, where Azure writes two or three with one correlation id
(started, accepted, succeeded). Source: Activity Logs - List; activity log event schema.
"""

from __future__ import annotations

import re
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

_KEPT = 10_000
_PATH = "/subscriptions/{subscriptionId}/providers/Microsoft.Insights/eventtypes/management/values"
_TERM = re.compile(r"(eventTimestamp)\s+(ge|le)\s+'([^']*)'|(\w+)\s+(eq)\s+'([^']*)'", re.IGNORECASE)
_MEMBERS = {
    "resourceuri": "resourceId",
    "resourcegroupname": "resourceGroupName",
    "resourceprovider": "resourceProviderName",
    "correlationid": "correlationId",
}


@dataclass
class ActivityLog:
    """The last events, the oldest first."""

    events: deque[Json] = field(default_factory=lambda: deque(maxlen=_KEPT))


def operations() -> list[Operation]:
    """The log of a subscription."""
    note = "one event for a request; the newest 10,000; not paged"
    versions, right = frozenset({"2015-04-01"}), "Microsoft.Insights/eventtypes/values/read"
    return [Operation("ActivityLogs_List", "GET", _PATH, _list, right, versions, note=note)]


def created_time(log: ActivityLog, resource_id: str) -> str | None:
    """When a resource was first written, if that is remembered."""
    written = (e for e in log.events if e["resourceId"].lower() == resource_id.lower())
    return next(
        (e["eventTimestamp"] for e in written if e["operationName"]["value"].endswith("/write")), None
    )


def record(call: Call, response: Response, resource_id: str, action: str) -> None:
    """Remember what a request did to a resource."""
    who = call.request.principal
    call.world.activity.events.append(
        {
            "correlationId": str(uuid.uuid4()),
            "caller": who.object_id if who else "",
            "eventTimestamp": call.world.clock.stamp(),
            "category": {"value": "Administrative", "localizedValue": "Administrative"},
            "level": "Informational",
            "operationName": {"value": action, "localizedValue": action},
            "resourceId": resource_id,
            "resourceGroupName": call.params.get("resourceGroup", ""),
            "resourceProviderName": _named(action.partition("/")[0]),
            "status": _named("Accepted" if response.status == 202 else "Succeeded"),
            "subscriptionId": call.params.get("subscriptionId", ""),
        }
    )


def _named(value: str) -> Json:
    return {"value": value, "localizedValue": value}


async def _list(call: Call) -> Response:
    terms = _terms(call.request.query.get("$filter", ""))
    subscription = call.params["subscriptionId"].lower()
    wanted = set(filter(None, call.request.query.get("$select", "").split(",")))
    found = [
        {name: value for name, value in event.items() if not wanted or name in wanted}
        for event in reversed(call.world.activity.events)
        if event["subscriptionId"].lower() == subscription and all(_fits(event, *term) for term in terms)
    ]
    return Response(200, {"value": found})


def _terms(text: str) -> list[tuple[str, str, str]]:
    """(member, comparison, value) each; 400 for another filter, or one that does not say since when."""
    parts = [
        part.strip() for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if part.strip()
    ]
    matches = [_TERM.fullmatch(part) for part in parts]
    terms = [(m[1] or m[4], (m[2] or m[5]).lower(), m[3] if m[1] else m[6]) for m in matches if m]
    known = all(comparison != "eq" or member.lower() in _MEMBERS for member, comparison, _ in terms)
    if len(terms) != len(parts) or not known or not any(comparison == "ge" for _, comparison, _ in terms):
        message = (
            f"The filter '{text}' is not supported: give eventTimestamp ge '…' and one other member at most."
        )
        raise AzureError(400, "BadRequest", message)
    return terms


def _fits(event: Json, member: str, comparison: str, value: str) -> bool:
    if comparison == "eq":
        held = event[_MEMBERS[member.lower()]]
        return str(held["value"] if isinstance(held, dict) else held).lower() == value.lower()
    then, bound = _moment(event["eventTimestamp"]), _moment(value)
    return then >= bound if comparison == "ge" else then <= bound


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00"))
    except ValueError:
        raise AzureError(400, "BadRequest", f"'{text}' is not a time in ISO 8601.") from None
