"""The head of an answer: what Resource Manager writes on every one, and what the ML service adds to its own.

Recorded: the identifiers are one, the last part of the routing identifier; what the ML service answered says
whether it is an error, how long it took and by which cluster. Assumed: how an operation's identifier is built.
"""

from __future__ import annotations

import uuid
from email.utils import format_datetime
from typing import TYPE_CHECKING

from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# Where the caller's requests enter Azure, and the region of what names none.
FRONT_DOOR = "westeurope"
_ML = "microsoft.machinelearningservices"


def head(world: World, request: Request, caller: Principal | None) -> dict[str, str]:
    """What Resource Manager writes; the date is Azure's."""
    identifier, now = str(uuid.uuid4()), world.clock.now()
    echo = request.headers.get("x-ms-client-request-id")
    asked = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
    return {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Expires": "-1",
        "Date": format_datetime(now, usegmt=True),
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "x-ms-request-id": identifier,
        "x-ms-correlation-request-id": identifier,
        "x-ms-routing-request-id": f"{FRONT_DOOR.upper()}:{now:%Y%m%dT%H%M%SZ}:{identifier}",
        **_operation_identifier(caller),
        **({"x-ms-client-request-id": echo} if echo and asked else {}),
    }


def service_head(world: World, request: Request, response: Response, took_s: float) -> dict[str, str]:
    """What the ML service adds to an answer of its own, `took_s` seconds after it was asked."""
    if not _is_by_ml(request, response):
        return {}
    return {
        "x-ms-response-type": "standard" if response.status < 400 else "error",
        "azureml-served-by-cluster": f"vienna-{region_of(world, request)}-01",
        "x-request-time": f"{took_s:.3f}",
    }


def region_of(world: World, request: Request) -> str:
    """The region of what a request is about: its workspace's, or that of the location that its path names."""
    parts = list(request.segments)
    lower = [part.lower() for part in parts]
    if "locations" in lower[:-1]:
        return normal_region(parts[lower.index("locations") + 1])
    if len(parts) < 8 or lower[5] != _ML:
        return FRONT_DOOR
    document = world.documents.get("/" + "/".join(parts[:8])) or {}
    return normal_region(str(document.get("location") or FRONT_DOOR))


def _is_by_ml(request: Request, response: Response) -> bool:
    """Whether the request came through to the ML service: the front door says so of what it refuses itself."""
    to_ml = _ML in (segment.lower() for segment in request.segments)
    return to_ml and response.headers.get("x-ms-failure-cause") != "gateway"


def _operation_identifier(caller: Principal | None) -> dict[str, str]:
    if caller is None:
        return {}
    who = f"tenantId={caller.tenant_id},objectId={caller.object_id}"
    return {"x-ms-operation-identifier": f"{who}/{FRONT_DOOR}/{uuid.uuid4()}"}
