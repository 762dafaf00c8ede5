"""The source goes only when nothing needs it any more, and only as far as the configuration says."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.steps import TASKS
from tests.flows.legacy_world import SOURCE, TARGET, Json, World, legacy_scenario, legacy_world, make_plan
from vnetferry.cli.main import main
from vnetferry.errors import ConfigError, NotFound, RetireRefused
from vnetferry.gateway import api_versions, dependents, endpoints
from vnetferry.gateway.azure import connect
from vnetferry.gateway.documents import delete
from vnetferry.gateway.inventory import find_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.plan.retire import build_retirement

pytestmark = pytest.mark.xdist_group("retire")
_LOCKS = "2020-05-01"
PRIVATE_ENDPOINT = ResourceId(
    f"/subscriptions/{SOURCE.subscription_id}/resourceGroups/rg-network/providers/Microsoft.Network"
    "/privateEndpoints/pe-ws-legacy"
)
_CLUSTER = SOURCE.child("computes", "cpu-cluster")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A finished migration whose source stays: each test puts back what it spoils."""
    with legacy_world(tmp_path_factory.mktemp("retire")) as world:
        world.carry_out()
        yield world


def _retire(world: World, *endpoints: str) -> list[Outcome]:
    steps = build_retirement(world.plan, find_inventory(connect(), SOURCE), endpoints)
    return [TASKS[step.kind].fn(step, world.run) for step in steps]


def _refused(world: World, why: str) -> None:
    """Retiring is refused with exit code 3 and one sentence that says why, and nothing is deleted."""
    seen = len(world.requests())
    with pytest.raises(RetireRefused, match=why) as caught:
        _retire(world)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert world.changes(since=seen) == []


def _gone(resource: ResourceId) -> bool:
    return connect().arm.find(resource, api_versions.api_version(resource.type)) is None


def test_retire_locked_source_is_refused(migrated: World) -> None:
    lock = f"{SOURCE}/providers/Microsoft.Authorization/locks/keep"
    connect().arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    _refused(migrated, "the lock 'keep' is on it")
    connect().arm.delete(lock, _LOCKS)


def test_retire_locked_group_is_refused(migrated: World) -> None:
    lock = f"{SOURCE.group_id}/providers/Microsoft.Authorization/locks/keep-all"
    connect().arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    _refused(migrated, "the lock 'keep-all' is on it")
    connect().arm.delete(lock, _LOCKS)


def test_retire_with_other_traffic_than_planned_is_refused(migrated: World) -> None:
    credit = TARGET.child("onlineEndpoints", "credit-v2")
    endpoints.set_traffic(connect(), credit, {"blue": 100})
    _refused(migrated, "credit-v2 does not serve as planned yet")
    endpoints.set_traffic(connect(), credit, {"blue": 90, "green": 10})


def test_retire_without_the_handoff_file_is_refused(migrated: World) -> None:
    handoff = migrated.folder / "handoff.json"
    text = handoff.read_text()
    handoff.unlink()
    _refused(migrated, "the handoff file handoff.json is missing or older")
    handoff.write_text(text)


def test_retire_with_an_edited_handoff_file_is_refused(migrated: World) -> None:
    handoff = migrated.folder / "handoff.json"
    text = handoff.read_text()
    handoff.write_text(text.replace("credit-v2", "credit-v3"))
    _refused(migrated, "the handoff file handoff.json is missing or older")
    handoff.write_text(text)


def test_retire_before_the_migration_is_refused(tmp_path: Path) -> None:
    with legacy_world(tmp_path) as world:
        _refused(world, "churn has no successor churn-v2")


def test_retire_while_callers_still_call_is_refused(tmp_path: Path) -> None:
    busy = {str(SOURCE.child("onlineEndpoints", "churn")): {"RequestsPerMinute": 12.0}}
    with legacy_world(tmp_path, legacy_scenario().model_copy(update={"metrics": busy})) as world:
        world.carry_out()
        _refused(world, "callers still use ws-legacy")


def _configured(folder: Path, **retire: bool) -> None:
    file = folder / "migration.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "retire": retire}))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with legacy_world(tmp_path) as made:
        yield made


def _migrated(world: World, **retire: bool) -> World:
    _configured(world.folder, **retire)
    configured = World(world.sandbox, world.folder, make_plan(world.folder))
    configured.carry_out()
    return configured


def _migrate_and_retire(world: World, **retire: bool) -> list[Outcome]:
    return _retire(_migrated(world, **retire))


def _shared(world: World) -> list[ResourceId]:
    properties = world.get(TARGET)["properties"]
    return [
        ResourceId(properties[name])
        for name in ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
    ]


def test_retire_deletes_endpoints_and_computes_and_no_more(world: World) -> None:
    outcomes = _migrate_and_retire(world, delete_computes=True)

    assert {o.status for o in outcomes} == {"done"}
    assert all(_gone(SOURCE.child("onlineEndpoints", name)) for name in ("churn", "credit", "demand"))
    assert _gone(SOURCE.child("computes", "cpu-cluster"))
    assert world.get(SOURCE)["properties"]["provisioningState"] == "Succeeded"
    assert world.get(SOURCE.child("models", "churn-tree").child("versions", "3"))
    assert [_gone(resource) for resource in _shared(world)] == [False] * 4


def test_retire_keeps_computes_when_told_to(world: World) -> None:
    _migrate_and_retire(world, delete_computes=False)

    assert not _gone(SOURCE.child("computes", "cpu-cluster"))
    assert _gone(SOURCE.child("onlineEndpoints", "churn"))


@pytest.mark.parametrize("purge", [False, True])
def test_retire_deletes_the_workspace_but_nothing_that_the_target_shares(world: World, purge: bool) -> None:
    configured = _migrated(world, delete_workspace=True, purge=purge)
    _refused(
        configured, "private endpoint pe-ws-legacy leads to it .az network private-endpoint delete --ids"
    )
    delete(connect(), PRIVATE_ENDPOINT)
    _retire(configured)

    with pytest.raises(NotFound):
        world.get(SOURCE)
    assert [_gone(resource) for resource in _shared(world)] == [False] * 4
    assert world.get(TARGET)["properties"]["provisioningState"] == "Succeeded"
    deletion = next(
        r for r in world.requests() if r["method"] == "DELETE" and r["path"].endswith("/workspaces/ws-legacy")
    )
    assert f"forceToPurge={str(purge).lower()}" in deletion["query"]


def test_retire_again_changes_nothing(world: World) -> None:
    configured = _migrated(world, delete_computes=True)
    _retire(configured)
    seen = len(world.requests())

    _retire(configured)

    assert world.changes(since=seen) == []


def test_retire_locked_endpoint_is_refused(migrated: World) -> None:
    churn = SOURCE.child("onlineEndpoints", "churn")
    lock = f"{churn}/providers/Microsoft.Authorization/locks/keep-churn"
    connect().arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    _refused(migrated, "the lock 'keep-churn' is on churn")
    connect().arm.delete(lock, _LOCKS)


def test_retire_compute_at_work_is_refused(migrated: World) -> None:
    inner = migrated.sandbox.world.documents.require(str(_CLUSTER))["properties"]["properties"]
    before = copy.deepcopy(inner)
    inner["nodeStateCounts"] = {"runningNodeCount": 2, "preparingNodeCount": 1}
    _refused(migrated, r"compute cpu-cluster is in use: 3 node\(s\) at work")
    inner.clear()
    inner.update(before)


def test_retire_compute_that_an_endpoint_needs_is_refused(migrated: World) -> None:
    documents = migrated.sandbox.world.documents
    held = copy.deepcopy(documents.require(str(SOURCE.child("onlineEndpoints", "churn"))))
    other = SOURCE.child("onlineEndpoints", "on-our-cluster")
    held.update(id=str(other), name=other.name)
    held["properties"]["compute"] = str(_CLUSTER)
    documents.put(held)
    _refused(migrated, "endpoint on-our-cluster runs on compute cpu-cluster")
    documents.remove(str(other))


def test_retire_hub_with_a_project_is_refused(world: World) -> None:
    configured = _migrated(world, delete_workspace=True)
    project = ResourceId.workspace(SOURCE.subscription_id, "rg-legacy", "ws-project")
    held = copy.deepcopy(world.sandbox.world.documents.require(str(SOURCE)))
    held.update(id=str(project), name=project.name)
    held["properties"]["hubResourceId"] = str(SOURCE)
    world.sandbox.world.documents.put(held)
    _refused(configured, "ws-project is a project of it")


def test_retire_one_endpoint_deletes_it_and_its_satellites_alone(world: World) -> None:
    world.carry_out()
    credit = SOURCE.child("onlineEndpoints", "credit")
    principal = world.get(credit)["identity"]["principalId"]
    assert _assignments(principal)

    _retire(world, "credit")

    assert _gone(credit)
    assert _assignments(principal) == []
    assert not _gone(SOURCE.child("onlineEndpoints", "churn"))
    assert not _gone(_CLUSTER)


def _assignments(principal: str) -> list[Json]:
    path = f"/subscriptions/{SOURCE.subscription_id}/providers/Microsoft.Authorization/roleAssignments"
    query = {"$filter": f"principalId eq '{principal}'"}
    return list(connect().arm.list(path, api_versions.AUTHORIZATION, query))


def test_retire_unknown_endpoint_is_bad_usage(migrated: World) -> None:
    with pytest.raises(ConfigError, match=r"the plan moves no endpoint 'churm'.*Did you mean 'churn'"):
        _retire(migrated, "churm")


def test_retire_of_a_workspace_that_is_gone_has_nothing_to_do(migrated: World) -> None:
    assert migrated.plan.config.retire.delete_resource_group is False
    assert build_retirement(migrated.plan, None) == ()


def test_retire_leaves_no_connection_of_a_legacy_deployment(world: World) -> None:
    registry = ResourceId(world.get(SOURCE)["properties"]["containerRegistry"])
    world.carry_out()
    assert dependents.legacy_connections(connect(), registry)

    outcomes = {outcome.step: outcome for outcome in _retire(world)}

    assert outcomes["require_disconnected"].message == "none is left"
    assert dependents.legacy_connections(connect(), registry) == []


def test_retire_group_that_holds_more_is_kept(world: World) -> None:
    configured = _migrated(world, delete_workspace=True, delete_resource_group=True)
    delete(connect(), PRIVATE_ENDPOINT)

    with pytest.raises(RetireRefused, match="the resource group rg-legacy is kept: it holds Microsoft"):
        _retire(configured)

    assert _gone(SOURCE)
    assert [_gone(resource) for resource in _shared(world)] == [False] * 4
    _retire_group_alone(configured)


def _retire_group_alone(world: World) -> None:
    """What a run does that goes on where one before it ended, after the workspace and before its group."""
    with pytest.raises(RetireRefused, match="the resource group rg-legacy is kept: it holds Microsoft"):
        _retire(world)
    documents = world.sandbox.world.documents
    for document in documents.below(f"{SOURCE.group_id}/providers"):
        documents.remove(document["id"])

    assert [(o.step, o.status) for o in _retire(world)] == [("delete_group:rg-legacy", "done")]
    assert [(o.step, o.status) for o in _retire(world)] == [("delete_group:rg-legacy", "already_done")]


def test_retire_dry_run_says_what_guards_say_and_writes_nothing(
    migrated: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(migrated.folder)
    lock = f"{SOURCE}/providers/Microsoft.Authorization/locks/keep"
    connect().arm.put(lock, _LOCKS, {"properties": {"level": "CanNotDelete"}})
    seen, audit = len(migrated.requests()), (migrated.folder / "plan.audit.jsonl").read_bytes()

    with pytest.raises(SystemExit) as ended:
        main(["retire", "plan.json", "--dry-run"])

    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "delete endpoint credit" in said
    assert "It would be refused: the lock 'keep' is on it." in said
    assert "Nothing was deleted: this was a dry run." in said
    assert migrated.changes(since=seen) == []
    assert (migrated.folder / "plan.audit.jsonl").read_bytes() == audit
    connect().arm.delete(lock, _LOCKS)
