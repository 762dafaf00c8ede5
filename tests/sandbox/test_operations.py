"""What becomes of long-running operations that have ended."""

from __future__ import annotations

import asyncio

import pytest

from vnetferry.sandbox import operations
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.operations import LongOperation, LongOperations

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


async def _finish() -> None:
    """Nothing to do."""


def _start(all_of_them: LongOperations, duration_s: float = 0.0) -> LongOperation:
    return all_of_them.start("mfe", "Any", WORKSPACE, "westeurope", default_s=duration_s, finish=_finish)


def test_find_ended_operations_knows_the_latest_and_forgets_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "_KEPT_ENDED", 3)

    async def end_five() -> list[bool]:
        all_of_them, started = LongOperations(Clock(), {}), []
        for _ in range(5):
            started.append(_start(all_of_them))
            await started[-1].ended.wait()
        return [all_of_them.find(each.id) is each for each in started]

    assert asyncio.run(end_five()) == [False, False, True, True, True]


def test_find_operation_under_way_is_known_however_many_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_KEPT_ENDED", 0)

    async def end_others() -> None:
        all_of_them = LongOperations(Clock(), {})
        slow = _start(all_of_them, duration_s=60)
        for _ in range(3):
            await _start(all_of_them).ended.wait()
        assert all_of_them.find(slow.id) is slow
        assert all_of_them.running_on(WORKSPACE.upper()) is slow
        await all_of_them.close()

    asyncio.run(end_others())
