"""`vnetferry apply` as a person runs it: it fails, is killed in the middle, and finishes; and what it writes about
it holds no secret. The sandbox outlives every one of its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.flows.commands import COMMAND, Ended, leaks, run_command
from tests.flows.legacy_world import (
    ROOT,
    SECRETS,
    TARGET,
    World,
    client_environment,
    legacy_scenario,
    legacy_world,
    prepare_folder,
)
from tests.flows.test_failures import CRASH
from vnetferry.sandbox.scenario import Fault

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.whole]
_CHURN = f"PUT {TARGET.child('onlineEndpoints', 'churn-v2').child('deployments', 'main')}".lower()


class Applied(NamedTuple):
    """What became of three applications of one plan: one that failed, one that was killed, one that finished."""

    world: World
    failed: Ended
    killed: Ended
    finished: Ended


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    with legacy_world(tmp_path_factory.mktemp("applied"), legacy_scenario(CRASH), time_scale=1200.0) as world:
        failed = _run(world)
        killed = _run(world, kill_at=sum(c.lower() == _CHURN for c in world.changes()) + 1)
        yield Applied(world, failed, killed, _run(world))


def _run(world: World, kill_at: int = 0) -> Ended:
    """Apply the plan; kill the whole process group once churn-v2's deployment was asked for that often."""
    with subprocess.Popen(
        [*COMMAND, "apply", "plan.json", "--yes"],
        cwd=world.folder,
        env=client_environment(world.sandbox, world.folder / "prefect"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while kill_at and process.poll() is None:
            if sum(change.lower() == _CHURN for change in world.changes()) >= kill_at:
                os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        stdout, stderr = process.communicate(timeout=240)
    return Ended(process.returncode, stdout, stderr)


def test_apply_failing_deployment_exits_with_1_and_one_sentence(applied: Applied) -> None:
    assert applied.failed.code == 1
    last = applied.failed.stderr.strip().splitlines()
    assert len(last) == 1, applied.failed.stderr
    assert last[0].startswith("vnetferry: ")
    assert "User container has crashed" in last[0]
    assert "Traceback" not in applied.failed.stdout


def test_apply_killed_in_the_middle_is_finished_by_the_next(applied: Applied) -> None:
    assert applied.killed.code == -signal.SIGKILL
    assert applied.finished.code == 0, applied.finished.stderr
    for name, split in (("credit-v2", {"blue": 90, "green": 10}), ("churn-v2", {"main": 100})):
        assert applied.world.get(TARGET.child("onlineEndpoints", name))["properties"]["traffic"] == split
    assert (applied.world.folder / "handoff.json").is_file()


def test_apply_after_the_kill_deploys_nothing_again(applied: Applied) -> None:
    """One deployment that failed, and the one that the killed run began and the last run waited for."""
    puts = [change.lower() for change in applied.world.changes(taken=True)]
    assert puts.count(_CHURN) == 2
    credit = f"PUT {TARGET.child('onlineEndpoints', 'credit-v2').child('deployments', 'blue')}".lower()
    assert puts.count(credit) == 1


def test_apply_writes_no_secret_anywhere(applied: Applied) -> None:
    client_secret = applied.world.sandbox.world.identity.client_secret
    secrets = {**SECRETS, "the client's secret": client_secret}
    said = "".join(e.stdout + e.stderr for e in (applied.failed, applied.killed, applied.finished))
    assert leaks(applied.world.folder, said, secrets) == []
    assert (applied.world.folder / "prefect" / "prefect.db").is_file()
    assert (applied.world.folder / "plan.audit.jsonl").is_file()


# --- A rehearsal ---------------------------------------------------------------------------------------------------


@pytest.fixture
def rehearsal(tmp_path: Path) -> Path:
    """A folder with the furnished example as a scenario file of its own."""
    prepare_folder(tmp_path / "given")
    return tmp_path


def _rehearse(folder: Path, *faults: Fault) -> Ended:
    scenario = legacy_scenario(*faults).model_dump(mode="json", exclude_none=True)
    given, made = folder / "given", folder / "made"
    made.mkdir()
    (given / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    arguments = ["-c", str(given / "migration.yaml"), "--scenario", str(given / "scenario.yaml")]
    paths = {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "PREFECT_HOME": str(made / "home"),
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    whole = ("rehearse", *arguments, "--time-scale", "6000", "--folder", str(made / "rehearsal"))
    return run_command(whole, made, {**own, **paths})


def test_rehearse_writes_no_secret_anywhere(rehearsal: Path) -> None:
    ended = _rehearse(rehearsal)

    assert ended.code == 0, ended.stderr
    assert "3 of 3 endpoints moved" in ended.stdout
    assert leaks(rehearsal / "made", ended.stdout + ended.stderr, SECRETS) == []
    assert (rehearsal / "made" / "rehearsal" / "prefect" / "prefect.db").is_file()
    assert (rehearsal / "made" / "rehearsal" / "report.html").is_file()


def test_leaks_finds_a_secret_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.db").write_bytes(b"\x00" + SECRETS["a connection's key"].encode() + b"\x00")

    found = leaks(tmp_path, "Bearer eyJhbGciOi.eyJhdWQi", SECRETS)

    assert found == ["a connection's key in deep/file.db", "a token in the terminal"]
