"""The client's side of ARM's budget: asking no faster than Azure answers, so that a 429 stays the exception.

Source: ARM's token buckets per subscription and principal, for each region: 250 reads and 25 more each
        second, 200
writes and 10, 200 deletes and 10.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from vnetferry.gateway.clock import Clock


class Rate(NamedTuple):
    """A bucket of `burst` requests that gains `per_s` each second."""

    burst: float
    per_s: float


READS, WRITES, DELETES = Rate(250, 25), Rate(200, 10), Rate(200, 10)


class Bucket:
    """A token bucket in Azure's time; threads that find it empty wait their turn in order."""

    def __init__(self, clock: Clock, rate: Rate) -> None:
        self._clock, self._rate = clock, rate
        self._level, self._at_s = rate.burst, clock.elapsed_s()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take one request, waiting until it is there."""
        self._clock.sleep(self._reserve())

    def _reserve(self) -> float:
        """Take one, going into debt if need be; the seconds until the debt is paid."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            gained = (now_s - self._at_s) * self._rate.per_s
            self._level, self._at_s = min(self._rate.burst, self._level + gained) - 1, now_s
            return max(0.0, -self._level / self._rate.per_s)


class Budget:
    """What one process may ask of ARM."""

    def __init__(self, clock: Clock) -> None:
        self._reads, self._writes = Bucket(clock, READS), Bucket(clock, WRITES)
        self._deletes = Bucket(clock, DELETES)

    def take(self, method: str) -> None:
        """Wait until one more request of that HTTP method is within the budget."""
        {"GET": self._reads, "HEAD": self._reads, "DELETE": self._deletes}.get(method, self._writes).take()
