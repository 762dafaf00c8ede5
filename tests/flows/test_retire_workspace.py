"""The source goes only when nothing needs it any more, and only as far as the configuration says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.steps import TASKS
from tests.flows.legacy_world import SOURCE, TARGET, World, legacy_scenario, legacy_world, make_plan
from vnetferry.errors import NotFound, RetireRefused
from vnetferry.gateway import api_versions, endpoints
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.plan.retire import build_retirement

pytestmark = pytest.mark.xdist_group("retire")
_LOCKS = "2020-05-01"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A finished migration whose source stays: each test puts back what it spoils."""
    with legacy_world(tmp_path_factory.mktemp("retire")) as world:
        world.carry_out()
        yield world


def _retire(world: World) -> list[Outcome]:
    steps = build_retirement(world.plan, read_inventory(connect(), SOURCE))
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
    _migrate_and_retire(world, delete_workspace=True, purge=purge)

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
