"""Processes that carry a plan out step by step and may be killed on the way; what tests of resuming begin with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.flows.legacy_world import ROOT, World, blanked, client_environment

Batch = Callable[..., list[int]]
KILLED = -9


@contextmanager
def step_processes() -> Iterator[Batch]:
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


def writes_of(world: World) -> Counter[str]:
    """How often each write was sent and taken; what is called by a time or a GUID is called by neither.

    Azure does not say that a network is being provisioned. Who looks just before that ends and asks just after it asks
    for what is there already: that changes nothing, and counts once.
    """
    writes = Counter(map(blanked, world.changes(taken=True)))
    return Counter({w: min(n, 1) if w.endswith("/provisionManagedNetwork") else n for w, n in writes.items()})
