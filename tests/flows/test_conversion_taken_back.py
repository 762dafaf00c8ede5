"""A conversion in place is taken back until it deletes anything, and from then on resumed."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import yaml

from tasks.steps import TASKS
from tests.flows.legacy_world import (
    EXAMPLE,
    SOURCE,
    World,
    differences,
    legacy_scenario,
    legacy_world,
    state_of,
)
from tests.flows.preflight_bench import CALLERS
from vnetferry.cli.apply import require_applicable
from vnetferry.cli.main import main
from vnetferry.errors import ConfigError, PersonNeeded, RollBackRefused, UndoStuck
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.run import CONVERSION_TAG, PLAN_TAG
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.sandbox.faults import Faults
from vnetferry.sandbox.scenario import Fault

pytestmark = pytest.mark.xdist_group("conversion-taken-back")
CHURN = SOURCE.child("onlineEndpoints", "churn")
BEFORE_DELETION = ("claim_workspace", "create_private_endpoint", "keep_secrets", "record_answers")


_BRANCH = f"{CALLERS.rpartition('/')[0]}/vnet-branch"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A plan in place that also makes a private endpoint in a further network; each test leaves all as it was."""
    scenario = legacy_scenario()
    branch = copy.deepcopy(next(d for d in scenario.resources if str(d["id"]) == CALLERS))
    subnet = {"name": "snet", "properties": {"addressPrefix": "10.60.1.0/24"}}
    branch.update(id=_BRANCH, name="vnet-branch")
    branch["properties"].update(addressSpace={"addressPrefixes": ["10.60.0.0/16"]}, subnets=[subnet])
    config = yaml.safe_load((EXAMPLE / "in-place.yaml").read_text())
    config["target"]["inbound"] = {"subnet_id": f"{_BRANCH}/subnets/snet"}
    with legacy_world(
        tmp_path_factory.mktemp("taken-back"),
        scenario.model_copy(update={"resources": (*scenario.resources, branch)}),
        config=yaml.safe_dump(config),
    ) as made:
        assert made.plan.of_kind("create_private_endpoint")
        yield made


def undo(world: World, reversal: Reversal | None = None) -> list[Outcome]:
    steps = build_reversal(world.plan, reversal or Reversal())
    return [TASKS[step.kind].fn(step, world.run) for step in steps]


def kept(world: World) -> list[str]:
    """What the vault and the folder hold of the plan."""
    vaults = [name for name in world.sandbox.world.secrets.vaults if world.plan.id in name]
    return [*vaults, *(file.name for file in world.folder.glob("answers-*"))]


@pytest.mark.parametrize("made", range(1, len(BEFORE_DELETION) + 1))
def test_roll_back_before_the_first_deletion_leaves_nothing(world: World, made: int) -> None:
    before = state_of(world)
    world.carry_out(*BEFORE_DELETION[:made])
    assert differences(before, state_of(world))

    outcomes = undo(world)

    assert differences(before, state_of(world)) == []
    assert kept(world) == []
    assert {o.status for o in outcomes} <= {"undone", "already_done"}
    seen = len(world.requests())
    assert {o.status for o in undo(world)} == {"already_done"}
    assert world.changes(since=seen) == []


def test_roll_back_of_what_was_never_begun_changes_nothing(world: World) -> None:
    seen = len(world.requests())

    assert {o.status for o in undo(world)} == {"already_done"}
    assert world.changes(since=seen) == []


def test_apply_goes_on_with_its_own_conversion_before_the_first_deletion(world: World) -> None:
    world.carry_out("claim_workspace")

    require_applicable(world.plan, world.plan_file)

    undo(world)


def test_deletion_is_refused_once_the_conversion_was_taken_back(world: World) -> None:
    """An apply that runs meanwhile deletes nothing any more."""
    world.carry_out(*BEFORE_DELETION)
    undo(world)
    step = world.plan.step("take_down_compute:cpu-cluster")

    with pytest.raises(PersonNeeded, match="not marked as being converted by this plan any more"):
        TASKS[step.kind].fn(step, world.run)

    assert world.get(step.resource)


def test_roll_back_of_another_plans_conversion_is_refused(world: World) -> None:
    held = world.sandbox.world.documents.require(str(SOURCE))
    before = copy.deepcopy(held["tags"])
    held["tags"] = {PLAN_TAG: "0123456789ab", CONVERSION_TAG: "under-way"}
    seen = len(world.requests())

    with pytest.raises(RollBackRefused, match="converted by plan 0123456789ab, not by this one"):
        undo(world)

    assert world.changes(since=seen) == []
    held["tags"] = before


def test_roll_back_of_a_part_of_a_conversion_is_bad_usage(world: World) -> None:
    with pytest.raises(ConfigError, match="taken back as a whole"):
        build_reversal(world.plan, Reversal(keep=("churn",)))


def test_roll_back_that_the_vault_refuses_is_stuck_with_the_command(world: World) -> None:
    world.carry_out(*BEFORE_DELETION)
    refused = Fault(match="DELETE /secrets/vnetferry-*", times=0, status=403)
    world.sandbox.world.faults = Faults((refused,))
    step = next(s for s in build_reversal(world.plan, Reversal()) if s.kind == "undo_keep_secrets")
    vault = ResourceId(world.get(SOURCE)["properties"]["keyVault"]).name

    with pytest.raises(UndoStuck, match=f"az keyvault secret delete --vault-name {vault} --name vnetferry-"):
        TASKS[step.kind].fn(step, world.run)

    world.sandbox.world.faults = Faults(())
    undo(world)
    assert kept(world) == []


def test_roll_back_after_the_first_deletion_says_to_resume_and_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last test: nothing puts the deleted cluster back."""
    world.carry_out(*BEFORE_DELETION, "take_down_compute")
    seen = len(world.requests())
    monkeypatch.chdir(world.folder)

    with pytest.raises(SystemExit) as ended:
        main(["roll-back", "plan.json", "--yes"])

    said = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 3
    assert "cannot be taken back: deleted: cpu-cluster, and nothing undoes that" in said
    assert "Resume it: run 'vnetferry apply' with this plan" in said
    with pytest.raises(RollBackRefused, match="deleted: cpu-cluster"):
        undo(world)
    assert world.changes(since=seen) == []
    assert kept(world)
