"""How many scoring requests each endpoint answered, by minute of Azure's time.

What RequestsPerMinute shows.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone

_MINUTE = timedelta(minutes=1)


class Meter:
    """Counts per endpoint and minute; endpoint ids are compared without case."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))

    def count(self, endpoint_id: str, at: datetime) -> None:
        """Note one request at a time of Azure's."""
        self._counts[endpoint_id.lower()][_minute(at)] += 1

    def per_minute(self, endpoint_id: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """Every minute of [start, end) with its count, minutes without a request included."""
        counts = self._counts.get(endpoint_id.lower(), {})
        minutes = []
        minute = _minute(start)
        while minute < end:
            minutes.append((minute, float(counts.get(minute, 0))))
            minute += _MINUTE
        return minutes


def _minute(at: datetime) -> datetime:
    return at.astimezone(timezone.utc).replace(second=0, microsecond=0)
