"""A migration is taken back wherever it stopped, and then nothing of it is left and the source is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.roll_back import roll_back
from tasks.steps import TASKS
from tests.flows.legacy_world import (
    SOURCE,
    TARGET,
    World,
    differences,
    legacy_scenario,
    legacy_world,
    make_plan,
    prepare_folder,
    state_of,
)
from tests.flows.satellite_world import satellite_scenario
from vnetferry.errors import NotOurs, RollBackRefused, UndoStuck, VnetferryError
from vnetferry.gateway import api_versions, endpoints
from vnetferry.gateway.azure import connect
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.sandbox.faults import Faults
from vnetferry.sandbox.scenario import Fault

pytestmark = pytest.mark.xdist_group("roll-back")
Json = dict[str, Any]
_LOCKS = "2020-05-01"
_SATELLITES = ("assign_role", "create_diagnostic_setting", "create_alert", "create_autoscale_setting")
_REFUSED = {"error": {"code": "BadRequest", "message": "Refused for the test."}}


def _refusing(match: str) -> Fault:
    return Fault(match=match, times=0, status=400, body=_REFUSED)


def _scoring(status: int) -> Fault:
    return Fault(match="POST *", host="churn-v2.*", times=0, status=status)


# What makes the first step of each kind fail.
FAULTS: dict[str, Fault] = {
    "create_workspace": Fault(match="PUT */workspaces/ws-secure", times=0, kind="lro_failure"),
    "provision_network": _refusing("POST */provisionManagedNetwork"),
    "create_private_endpoint": _refusing("PUT */privateEndpoints/pe-ws-secure/privateDnsZoneGroups/*"),
    "copy_datastore": _refusing("PUT */ws-secure/datastores/*"),
    "copy_connection": _refusing("PUT */ws-secure/connections/*"),
    "copy_code": _refusing("PUT */ws-secure/codes/*"),
    "copy_environment": _refusing("PUT */ws-secure/environments/*"),
    "copy_model": _refusing("PUT */ws-secure/models/*"),
    "create_endpoint": Fault(match="PUT */onlineEndpoints/churn-v2", times=0, kind="lro_failure"),
    "create_deployment": Fault(match="PUT */churn-v2/deployments/main", times=0, kind="lro_failure"),
    "smoke_test": _scoring(424),
    "compare_answers": _scoring(424),
    "probe_isolation": _scoring(403),
    "set_traffic": _refusing("PUT */onlineEndpoints/churn-v2"),
    "hand_off": _refusing("PATCH */workspaces/ws-secure"),
}


def _strike(world: World, *faults: Fault) -> None:
    world.sandbox.world.faults = Faults(faults)


def _undo(world: World, reversal: Reversal | None = None) -> list[Outcome]:
    """Every step of the rollback, without Prefect."""
    steps = build_reversal(world.plan, reversal or Reversal(purge=True))
    return [TASKS[step.kind].fn(step, world.run) for step in steps]


def _source_of(world: World) -> list[str]:
    """Every document of the source's group, as it is held."""
    held = world.sandbox.world.documents.below(str(SOURCE.group_id))
    return sorted(json.dumps(document, sort_keys=True) for document in held)


def _gone(resource: ResourceId) -> bool:
    return connect().arm.find(resource, api_versions.api_version(resource.type)) is None


def _copied_blobs(world: World) -> list[str]:
    containers = world.sandbox.world.blobs._containers.values()
    return [blob.name for c in containers for blob in c.blobs.values() if "vnetferry_etag" in blob.metadata]


def _of_one_endpoint(folder: Path, **sections: Any) -> None:
    file = folder / "migration.yaml"
    given = yaml.safe_load(file.read_text())
    requests = {"churn": "requests/churn.json"}
    validation = {"requests": requests, "soak_h": 0.25}
    file.write_text(
        yaml.safe_dump({**given, "endpoints": {"include": ["churn"]}, "validation": validation, **sections})
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A plan that moves one endpoint, and nothing done yet; each test leaves it so."""
    with legacy_world(tmp_path_factory.mktemp("small")) as world:
        _of_one_endpoint(world.folder)
        yield World(world.sandbox, world.folder, make_plan(world.folder))


def test_faults_cover_every_kind_of_step(small: World) -> None:
    assert {step.kind for step in small.plan.steps} == FAULTS.keys()


@pytest.mark.parametrize("kind", FAULTS)
def test_roll_back_after_a_failure_leaves_nothing_and_the_source_as_it_was(small: World, kind: str) -> None:
    before, source = state_of(small), _source_of(small)
    failing = next(step for step in small.plan.steps if step.kind == kind)
    for step in small.plan.steps[: small.plan.steps.index(failing)]:
        TASKS[step.kind].fn(step, small.run)
    _strike(small, FAULTS[kind])
    with pytest.raises(VnetferryError):
        TASKS[kind].fn(failing, small.run)  # type: ignore[index]
    _strike(small)

    outcomes = _undo(small)

    assert {o.status for o in outcomes} <= {"done", "undone", "already_done"}
    assert differences(before, state_of(small)) == []
    assert _source_of(small) == source
    assert _copied_blobs(small) == []


def test_roll_back_of_what_was_never_made_changes_nothing(small: World) -> None:
    seen = len(small.requests())

    outcomes = _undo(small)

    assert {o.status for o in outcomes} == {"done", "already_done"}
    assert small.changes(since=seen) == []


@pytest.mark.parametrize("kind", ["create_workspace", "create_endpoint"])
def test_roll_back_cut_off_at_the_roles_of_an_identity_leaves_none(small: World, kind: str) -> None:
    """What they belong to is there until they are gone: nobody would know whose they were."""
    before = state_of(small)
    small.carry_out("create_workspace", kind)
    made = next(step.resource for step in small.plan.steps if step.kind == kind)
    _strike(small, _refusing("DELETE */roleAssignments/*"))

    with pytest.raises(UndoStuck):
        _undo(small)

    assert not _gone(made)
    _strike(small)
    _undo(small)
    assert differences(before, state_of(small)) == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with legacy_world(tmp_path) as made:
        yield made


def _call(world: World, endpoint: str) -> None:
    """One request of a caller in the VNet, a minute of Azure's time after it was told."""
    azure = connect()
    azure.clock.sleep(120)
    resource = TARGET.child("onlineEndpoints", endpoint)
    key = endpoints.read_credential(azure, resource).token
    uri = world.get(resource)["properties"]["scoringUri"]
    answer = httpx.post(uri, headers={"Authorization": f"Bearer {key}"}, json={})
    assert answer.status_code == 200


@pytest.fixture
def called(tmp_path: Path) -> Iterator[World]:
    """A finished migration whose callers call credit-v2, twelve times a minute."""
    load = {str(TARGET.child("onlineEndpoints", "credit-v2")): {"RequestsPerMinute": 12.0}}
    with legacy_world(tmp_path, legacy_scenario().model_copy(update={"metrics": load})) as made:
        made.carry_out()
        connect().clock.sleep(180)
        yield made


def test_roll_back_while_callers_call_points_them_back_and_refuses(called: World) -> None:
    with pytest.raises(RollBackRefused, match=r"callers still use credit-v2 \(last at") as caught:
        _undo(called)

    assert caught.value.exit_code == 3
    assert "--drop-callers" in str(caught.value)
    rows = json.loads((called.folder / "handoff.json").read_text())["endpoints"]
    assert all(row["target_uri"] == row["source_uri"] for row in rows)
    assert not _gone(TARGET.child("onlineEndpoints", "churn-v2"))

    outcomes = {o.step: o.status for o in _undo(called, Reversal(callers="drop"))}

    assert outcomes["require_left"] == "skipped"
    assert _gone(TARGET)


def test_roll_back_that_waits_goes_on_when_callers_have_left(world: World) -> None:
    source = _source_of(world)
    world.carry_out()
    _call(world, "credit-v2")

    outcomes = {o.step: o for o in _undo(world, Reversal(callers="wait"))}

    assert outcomes["require_left"].message == "no request to 3 endpoint(s) for 0.25 h"
    assert _gone(TARGET)
    assert _source_of(world) == source


def test_roll_back_of_one_endpoint_keeps_the_others_and_what_they_need(world: World) -> None:
    world.carry_out()

    _undo(world, Reversal(endpoints=("churn",)))

    assert _gone(TARGET.child("onlineEndpoints", "churn-v2"))
    assert _gone(TARGET.child("models", "churn-tree").child("versions", "3"))
    assert not _gone(TARGET.child("environments", "sklearn-serving").child("versions", "2"))
    for name in ("credit-v2", "demand-v2"):
        assert world.get(TARGET.child("onlineEndpoints", name))["properties"]["traffic"]
    rows = json.loads((world.folder / "handoff.json").read_text())["endpoints"]
    assert [row["endpoint"] for row in rows if row["target_uri"] == row["source_uri"]] == ["churn"]

    again = {outcome.step: outcome.status for outcome in world.carry_out()}

    assert again["create_endpoint:churn-v2"] == again["hand_off:handoff.json"] == "done"
    assert again["create_endpoint:credit-v2"] == again["create_workspace:ws-secure"] == "already_done"
    assert world.get(TARGET.child("onlineEndpoints", "churn-v2"))["properties"]["traffic"] == {"main": 100}


def test_roll_back_of_all_but_one_endpoint_names_what_it_keeps(small: World) -> None:
    kinds = {step.kind for step in build_reversal(small.plan, Reversal(keep=("churn",)))}
    assert kinds == {"require_way_back", "undo_hand_off", "require_left"}


def test_roll_back_without_a_source_to_go_back_to_is_refused(world: World) -> None:
    world.carry_out()
    endpoints.delete_endpoint(connect(), SOURCE.child("onlineEndpoints", "churn"))
    seen = len(world.requests())

    with pytest.raises(RollBackRefused, match="endpoint churn is gone") as caught:
        _undo(world)

    assert caught.value.exit_code == 3
    assert world.changes(since=seen) == []


def test_roll_back_leaves_alone_what_another_hand_made(world: World) -> None:
    world.carry_out("create_workspace", "create_private_endpoint", "create_endpoint")
    private_endpoint = next(step.resource for step in world.plan.of_kind("create_private_endpoint"))
    held = world.sandbox.world.documents.require(str(private_endpoint))
    held["tags"] = {"owner": "somebody else"}
    model = TARGET.child("models", "theirs").child("versions", "1")
    uri = "azureml://datastores/workspaceblobstore/paths/theirs"
    connect().arm.put(model, api_versions.ML, {"properties": {"modelUri": uri, "modelType": "custom_model"}})

    with pytest.raises(UndoStuck, match="it holds what the plan did not make: models theirs") as caught:
        _undo(world)

    assert "az ml workspace delete --name ws-secure" in str(caught.value)
    assert not _gone(private_endpoint)
    assert not _gone(model)
    assert _gone(TARGET.child("onlineEndpoints", "churn-v2"))


def test_roll_back_of_another_hands_workspace_is_refused(world: World) -> None:
    world.carry_out("create_workspace", "copy_connection")
    world.sandbox.world.documents.require(str(TARGET))["tags"] = {}
    seen = len(world.requests())

    with pytest.raises(NotOurs, match="vnetferry did not make it"):
        _undo(world)

    assert world.changes(since=seen) == []


def _lock(scope: ResourceId) -> str:
    lock = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    connect().arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    return lock


@pytest.mark.whole
@pytest.mark.usefixtures("prefect_server")
def test_roll_back_stuck_undo_names_state_and_commands_and_goes_on_elsewhere(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    with legacy_world(tmp_path) as world:
        before = state_of(world)
        world.carry_out()
        credit = TARGET.child("onlineEndpoints", "credit-v2")
        lock = _lock(credit)

        with pytest.raises(UndoStuck, match="remove endpoint credit-v2") as caught:
            roll_back(str(world.plan_file), Reversal(purge=True), str(world.folder))

        said = str(caught.value)
        assert caught.value.exit_code == 3
        assert "It is there, succeeded, with 1 lock(s) on it" in said
        assert f"az lock delete --ids {lock}" in said
        assert "az ml online-endpoint delete --name credit-v2 --yes --workspace-name ws-secure" in said
        assert _gone(TARGET.child("onlineEndpoints", "churn-v2"))
        assert not _gone(credit)
        assert not _gone(TARGET)

        connect().arm.delete(lock, _LOCKS)
        outcomes = roll_back(str(world.plan_file), Reversal(purge=True), str(world.folder))

        assert {o.status for o in outcomes} == {"done", "undone", "already_done"}
        assert differences(before, state_of(world)) == []


def test_roll_back_takes_what_hangs_on_endpoints_with_them(tmp_path: Path) -> None:
    with legacy_world(tmp_path, satellite_scenario()) as world:
        before = state_of(world)
        world.carry_out()
        satellites = [s.resource for s in world.plan.steps if s.kind in _SATELLITES]
        assert len(satellites) > 5
        assert not any(_gone(resource) for resource in satellites)

        _undo(world, Reversal(endpoints=("credit",)))

        scaled = [s.resource for s in world.plan.of_kind("create_autoscale_setting")]
        assert [_gone(resource) for resource in scaled] == ["credit" in str(s.body) for s in _scaling(world)]
        outcomes = _undo(world)
        assert {o.status for o in outcomes} == {"done", "undone", "already_done"}
        assert differences(before, state_of(world)) == []


def _scaling(world: World) -> tuple[Step, ...]:
    return world.plan.of_kind("create_autoscale_setting")
