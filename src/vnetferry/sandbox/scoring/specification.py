"""What a deployment's document says about running it, in the units that the rest of the package uses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vnetferry.sandbox.wire import Json

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0)


def parse_duration_s(text: str) -> float | None:
    """Seconds of an ISO 8601 duration such as `PT5S` or `P1DT2H`; None when it is none."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    return sum(unit * float(part or 0) for unit, part in zip(_UNITS_S, found.groups(), strict=True))


@dataclass(frozen=True)
class Limits:
    """How many requests a deployment takes at once, and how long one may last in real seconds.

    Models run in real time, however fast Azure's clock is.

    Source: request settings of managed online deployments; one more than twice the concurrency is refused
            with 429.
    """

    timeout_s: float
    pending: int


def read_limits(document: Json) -> Limits:
    """The limits of a deployment; Azure's defaults (5 s, one request per instance) where it says nothing."""
    settings = document["properties"].get("requestSettings") or {}
    instances = (document.get("sku") or {}).get("capacity") or 1
    per_instance = settings.get("maxConcurrentRequestsPerInstance") or 1
    timeout_s = parse_duration_s(settings.get("requestTimeout") or "PT5S") or 5.0
    return Limits(timeout_s, 2 * per_instance * instances)


def endpoint_id_of(deployment_id: str) -> str:
    """The id of the endpoint that a deployment belongs to."""
    return deployment_id.rsplit("/", 2)[0]


def workspace_id_of(child_id: str) -> str:
    """The id of the workspace that an endpoint, deployment or asset belongs to."""
    return "/" + "/".join(child_id.strip("/").split("/")[:8])


def name_of(resource_id: str) -> str:
    """The last name of an id."""
    return resource_id.rstrip("/").rpartition("/")[2]
