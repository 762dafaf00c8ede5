"""`vnetferry apply` on a plan in place as a person runs it: refused, failed past the first deletion, finished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.flows.commands import Ended, leaks, run_command
from tests.flows.conversion_world import conversion_world
from tests.flows.legacy_world import SECRETS, SOURCE, World, client_environment, legacy_scenario, state_of
from vnetferry.sandbox.scenario import Fault

pytestmark = [pytest.mark.xdist_group("convert-command"), pytest.mark.whole]
CRASH = Fault(
    match="PUT */onlineEndpoints/churn/deployments/main",
    kind="lro_failure",
    body={"error": {"code": "ResourceNotReady", "message": "User container has crashed or terminated."}},
)


class Applied(NamedTuple):
    """What became of a plan that nobody approved, that failed on its way, was to be taken back, and then finished."""

    world: World
    before: dict[str, str]
    after_refusal: dict[str, str]
    refused: Ended
    failed: Ended
    taken_back: Ended
    finished: Ended


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    folder = tmp_path_factory.mktemp("applied")
    with conversion_world(folder, legacy_scenario(CRASH), time_scale=1200.0) as world:
        before = state_of(world)
        refused = _run(world, "apply", "plan.json", "--yes")
        after_refusal = state_of(world)
        failed = _run(world, "apply", "plan.json", "--yes", "--accept-downtime")
        taken_back = _run(world, "roll-back", "plan.json", "--yes")
        finished = _run(world, "apply", "plan.json", "--yes", "--accept-downtime")
        yield Applied(world, before, after_refusal, refused, failed, taken_back, finished)


def _run(world: World, *arguments: str) -> Ended:
    return run_command(arguments, world.folder, client_environment(world.sandbox, world.folder / "prefect"))


def test_apply_in_place_with_yes_alone_changes_nothing(applied: Applied) -> None:
    assert applied.refused.code == 3
    assert "answer nobody for about" in applied.refused.stderr
    assert "--accept-downtime" in applied.refused.stderr
    assert applied.after_refusal == applied.before


def test_apply_in_place_goes_forward_after_a_failure(applied: Applied) -> None:
    assert applied.failed.code == 1
    assert "User container has crashed" in applied.failed.stderr
    assert applied.finished.code == 0, applied.finished.stderr
    for name, split in (
        ("credit", {"blue": 90, "green": 10}),
        ("churn", {"main": 100}),
        ("demand", {"main": 100}),
    ):
        assert applied.world.get(SOURCE.child("onlineEndpoints", name))["properties"]["traffic"] == split


def test_roll_back_of_a_conversion_says_to_resume(applied: Applied) -> None:
    assert applied.taken_back.code == 3
    assert "Resume it: run 'vnetferry apply'" in applied.taken_back.stderr


def test_apply_in_place_writes_no_secret_anywhere(applied: Applied) -> None:
    said = "".join(e.stdout + e.stderr for e in applied[3:])
    assert leaks(applied.world.folder, said, SECRETS) == []
    assert (applied.world.folder / "prefect" / "prefect.db").is_file()
    assert (applied.world.folder / "answers-ws-legacy-credit.json").is_file()
