"""Callers are never dropped: whoever asks the old URI until the handoff, and then the new one, is always answered."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.migrate_workspace import migrate_workspace
from flows.retire_workspace import retire_workspace
from tests.flows.legacy_world import ROOT, SOURCE, TARGET, World, client_environment, legacy_world
from vnetferry.gateway import endpoints
from vnetferry.gateway.azure import connect

_CREDIT, _NEW_CREDIT = (
    SOURCE.child("onlineEndpoints", "credit"),
    TARGET.child("onlineEndpoints", "credit-v2"),
)
# Answers that each side must have given, so that the endpoints were really asked all the while.
_LEAST = 100


class Calls:
    """What a caller was answered: URI -> status or error -> how often. Empty until it has ended."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, int]] = {}


@contextmanager
def calling(world: World) -> Iterator[Calls]:
    """Have the endpoint `credit` asked as long as the block lasts."""
    azure, calls, stop = connect(), Calls(), world.folder / "stop"
    keys = endpoints.read_keys(azure, _CREDIT)
    old = endpoints.find_endpoint(azure, _CREDIT)
    assert keys is not None
    assert old is not None
    order = {
        "uri": old["properties"]["scoringUri"],
        "key": keys.primary,
        "endpoint": "credit",
        "handoff": str(world.folder / "handoff.json"),
        "stop": str(stop),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.flows.caller"],
        cwd=ROOT,
        env=client_environment(world.sandbox, world.folder / "home"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as caller:
        assert caller.stdin is not None
        caller.stdin.write(json.dumps(order) + "\n")
        caller.stdin.flush()
        try:
            yield calls
        finally:
            stop.touch()
            said, _ = caller.communicate(timeout=120)
            calls.answers = json.loads(said)


def _wait_for_calls(world: World, endpoint: str, count: int) -> None:
    """Until the sandbox has seen that many more requests of an endpoint."""
    wanted = _seen(world, endpoint) + count
    while _seen(world, endpoint) < wanted:
        threading.Event().wait(0.1)


def _seen(world: World, endpoint: str) -> int:
    return sum(r["host"].startswith(f"{endpoint}.") and r["path"] == "/score" for r in world.requests())


@pytest.mark.whole
@pytest.mark.xdist_group("callers")
@pytest.mark.usefixtures("prefect_server")
def test_caller_is_answered_through_migration_handoff_and_retirement(tmp_path: Path) -> None:
    with legacy_world(tmp_path, time_scale=1200.0) as world:
        plan_file, folder = str(world.plan_file), str(world.folder)
        with calling(world) as calls:
            _wait_for_calls(world, "credit", _LEAST)
            migrate_workspace(world.plan.config, plan_file, folder)
            _wait_for_calls(world, "credit-v2", _LEAST)
            retire_workspace(plan_file, SOURCE.name, folder=folder)
            _wait_for_calls(world, "credit-v2", _LEAST)

        new = endpoints.find_endpoint(connect(), _NEW_CREDIT)
        assert new is not None
        assert endpoints.find_endpoint(connect(), _CREDIT) is None
        assert {uri: set(answers) for uri, answers in calls.answers.items()} == {
            "https://credit.westeurope.inference.ml.azure.com/score": {"200"},
            new["properties"]["scoringUri"]: {"200"},
        }
