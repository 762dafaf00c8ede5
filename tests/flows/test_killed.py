"""A migration that is killed at any point and started again ends as one that was not, and writes nothing twice.

Each test works in one sandbox: the process that dies next goes on where the one before it died.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.legacy_world import (
    ROOT,
    World,
    blanked,
    client_environment,
    differences,
    legacy_world,
    state_of,
)

pytestmark = pytest.mark.xdist_group("killed")
Batch = Callable[..., list[int]]
KILLED = -9
_MOST_WRITES = 60


@pytest.fixture(scope="module")
def processes() -> Iterator[Batch]:
    """Runs jobs at the same time, each in a process of its own; their exit codes."""
    command = [sys.executable, "-m", "tests.flows.step_runner"]
    environment = {
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "PATH": "/usr/bin:/bin",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        stdin, stdout = runner.stdin, runner.stdout

        def run(world: World, *jobs: dict[str, Any]) -> list[int]:
            common = {
                "environment": client_environment(world.sandbox, world.folder / "prefect"),
                "plan_file": str(world.plan_file),
            }
            stdin.write(json.dumps([{**common, **job} for job in jobs]) + "\n")
            stdin.flush()
            answer: list[int] = json.loads(stdout.readline())
            return answer

        yield run
        stdin.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with legacy_world(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, processes: Batch
) -> tuple[dict[str, str], Counter[str]]:
    """The state at the end of a migration that nobody killed, and how often it wrote what."""
    with legacy_world(tmp_path_factory.mktemp("undisturbed")) as made:
        assert processes(made, {}) == [0]
        return state_of(made), _writes(made)


def _writes(world: World) -> Counter[str]:
    """How often each write was sent and taken; what is called by a time or a GUID is called by neither."""
    return Counter(map(blanked, world.changes(taken=True)))


def test_apply_killed_after_each_step_ends_as_undisturbed(
    world: World, processes: Batch, undisturbed: tuple[dict[str, str], Counter[str]]
) -> None:
    steps = range(1, len(world.plan.steps) + 1)

    assert [processes(world, {"die_after_step": number}) for number in steps] == [[KILLED]] * len(steps)

    assert processes(world, {}) == [0]
    assert differences(state_of(world), undisturbed[0]) == []
    assert _writes(world) == undisturbed[1]


def test_apply_killed_after_each_write_ends_as_undisturbed(
    world: World, processes: Batch, undisturbed: tuple[dict[str, str], Counter[str]]
) -> None:
    ends = [KILLED]
    while ends == [KILLED] and len(world.changes()) < _MOST_WRITES:
        ends = processes(world, {"die_after_write": True})

    assert ends == [0]
    assert differences(state_of(world), undisturbed[0]) == []
    assert _writes(world) == undisturbed[1]


def test_apply_by_two_at_once_ends_as_by_one(
    world: World, processes: Batch, undisturbed: tuple[dict[str, str], Counter[str]]
) -> None:
    assert processes(world, {}, {}) == [0, 0]

    assert differences(state_of(world), undisturbed[0]) == []
    assert set(_writes(world)) == set(undisturbed[1])
