"""Reads that lag behind writes: for a while, a resource is answered as it was before it was written.

Azure keeps copies, and a read may reach one that has not heard of the last write: a new resource is absent
still, a changed one has its former state, a deleted one is there. Only a GET of the resource itself lags;
rights, api-version and everything else are judged as ever.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.faults import Faults
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.scenario import Fault
from vnetferry.sandbox.wire import Json

_WRITES = frozenset({"PUT", "PATCH", "DELETE"})


@dataclass
class _Lag:
    """What reads of one resource answer (None: that it is absent), how many of them, and until when."""

    former: Json | None
    reads: float
    until_s: float


class StaleReads:
    """The resources whose reads lag at present."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults, self._clock = faults, clock
        self._lags: dict[str, _Lag] = {}

    @contextmanager
    def around(self, call: Call) -> Iterator[Call]:
        """The call as it is to be answered: a read may see the past; a write that is accepted may cause it."""
        fault = self._faults.strike_write(call.request) if call.request.method in _WRITES else None
        former = copy.deepcopy(call.world.documents.get(call.path)) if fault else None
        yield self._as_seen(call) if call.request.method == "GET" and self._lags else call
        if fault:
            self._lags[call.path.lower()] = self._lag(fault, former)

    def _lag(self, fault: Fault, former: Json | None) -> _Lag:
        until_s = self._clock.elapsed_s() + fault.stale_s if fault.stale_s else float("inf")
        return _Lag(former, fault.reads or float("inf"), until_s)

    def _as_seen(self, call: Call) -> Call:
        key = call.path.lower()
        lag = self._lags.get(key)
        if lag is None:
            return call
        if self._clock.elapsed_s() >= lag.until_s:
            del self._lags[key]
            return call
        lag.reads -= 1
        if not lag.reads:
            del self._lags[key]
        past = copy.copy(call.world)
        past.documents, past.lagging = call.world.documents.as_of(call.path, lag.former), key
        return replace(call, world=past)
