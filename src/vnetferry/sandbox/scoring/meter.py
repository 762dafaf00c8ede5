"""How many scoring requests each endpoint answered, by minute of Azure's time.

What RequestsPerMinute shows.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timezone


class Meter:
    """Counts per endpoint and minute; endpoint ids are compared without case."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))

    def count(self, endpoint_id: str, at: datetime) -> None:
        """Note one request at a time of Azure's."""
        self._counts[endpoint_id.lower()][_minute(at)] += 1

    def per_minute(self, endpoint_id: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The minutes of [start, end) that had requests, in order, with their counts."""
        counts = self._counts.get(endpoint_id.lower(), {})
        return [(at, float(count)) for at, count in sorted(counts.items()) if _minute(start) <= at < end]


def _minute(at: datetime) -> datetime:
    return at.astimezone(timezone.utc).replace(second=0, microsecond=0)
