"""A migration, side by side or in place, that is killed at any point and started again ends as one that was not, and
writes nothing twice. In place there is no other way than forward: what was deleted is made again by the next run.

Each test works in one sandbox: the process that dies next goes on where the one before it died.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.flows.conversion_world import conversion_world
from tests.flows.legacy_world import World, differences, legacy_world, state_of
from tests.flows.processes import KILLED, Batch, step_processes, writes_of

pytestmark = pytest.mark.whole
_MOST_WRITES = 60
Begin = Callable[[Path], AbstractContextManager[World]]
End = tuple[dict[str, str], Counter[str]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(legacy_world, id="side by side", marks=pytest.mark.xdist_group("killed")),
        pytest.param(conversion_world, id="in place", marks=pytest.mark.xdist_group("convert-killed")),
    ],
)
def begin(request: pytest.FixtureRequest) -> Begin:
    chosen: Begin = request.param
    return chosen


@pytest.fixture(scope="module")
def processes() -> Iterator[Batch]:
    with step_processes() as run:
        yield run


@pytest.fixture
def world(begin: Begin, tmp_path: Path) -> Iterator[World]:
    with begin(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(begin: Begin, tmp_path_factory: pytest.TempPathFactory, processes: Batch) -> End:
    """The state at the end of a migration that nobody killed, and how often it wrote what."""
    with begin(tmp_path_factory.mktemp("undisturbed")) as made:
        assert processes(made, {}) == [0]
        return state_of(made), writes_of(made)


def test_apply_killed_after_each_step_ends_as_undisturbed(
    world: World, processes: Batch, undisturbed: End
) -> None:
    steps = range(1, len(world.plan.steps) + 1)

    assert [processes(world, {"die_after_step": number}) for number in steps] == [[KILLED]] * len(steps)

    assert processes(world, {}) == [0]
    assert differences(state_of(world), undisturbed[0]) == []
    assert writes_of(world) == undisturbed[1]


def test_apply_killed_after_each_write_ends_as_undisturbed(
    world: World, processes: Batch, undisturbed: End
) -> None:
    ends = [KILLED]
    while ends == [KILLED] and len(world.changes()) < _MOST_WRITES:
        ends = processes(world, {"die_after_write": True})

    assert ends == [0]
    assert differences(state_of(world), undisturbed[0]) == []
    assert writes_of(world) == undisturbed[1]


def test_apply_by_two_at_once_ends_as_by_one(world: World, processes: Batch, undisturbed: End) -> None:
    assert processes(world, {}, {}) == [0, 0]

    assert differences(state_of(world), undisturbed[0]) == []
    assert set(writes_of(world)) == set(undisturbed[1])
