from __future__ import annotations

from datetime import datetime, timedelta, timezone

from vnetferry.sandbox.scoring.meter import Meter

_NOON = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)


def test_meter_counts_by_minute_and_leaves_out_the_quiet_ones() -> None:
    meter = Meter()
    for seconds in (0, 59, 130):
        meter.count("/E/1", _NOON + timedelta(seconds=seconds))
    shown = meter.per_minute("/e/1", _NOON, _NOON + timedelta(minutes=3))
    assert shown == [(_NOON + timedelta(minutes=m), n) for m, n in ((0, 2.0), (2, 1.0))]


def test_meter_of_an_unknown_endpoint_is_empty() -> None:
    assert Meter().per_minute("/e/2", _NOON, _NOON + timedelta(minutes=1)) == []
