"""A whole migration by the real flow: all of it done, the target as planned, and nothing to do the second time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterTags

from flows.migrate_workspace import migrate_workspace
from tests.flows.legacy_world import SECRETS, SOURCE, TARGET, Json, World, legacy_world
from vnetferry.gateway import api_versions, datastores, endpoints
from vnetferry.gateway.azure import connect
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver

pytestmark = pytest.mark.xdist_group("prefect")


class Migrated(NamedTuple):
    """A world after a migration and a second application of its plan."""

    world: World
    first: list[Outcome]
    second: list[Outcome]
    changes_of_second: list[str]
    scored_by_second: int


@pytest.fixture(scope="module")
def migrated(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    with legacy_world(tmp_path_factory.mktemp("migrated")) as world:
        first = _migrate(world)
        seen = len(world.requests())
        second = _migrate(world)
        later = world.requests()[seen:]
        scored = sum(r["host"].endswith(".inference.ml.azure.com") for r in later)
        yield Migrated(world, first, second, world.changes(since=seen), scored)


def _migrate(world: World) -> list[Outcome]:
    outcomes: list[Outcome] = migrate_workspace(world.plan.config, str(world.plan_file), str(world.folder))
    return outcomes


def test_migrate_workspace_every_step_is_done(migrated: Migrated) -> None:
    assert {o.step for o in migrated.first} == {step.id for step in migrated.world.plan.steps}
    assert {o.status for o in migrated.first} == {"done"}


def test_migrate_workspace_second_time_changes_nothing(migrated: Migrated) -> None:
    assert len(migrated.second) == len(migrated.first)
    assert {o.status for o in migrated.second} == {"already_done"}
    assert migrated.changes_of_second == []
    assert migrated.scored_by_second == 0


def test_migrate_workspace_task_runs_bear_the_steps_titles(migrated: Migrated) -> None:
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(
            task_run_filter=TaskRunFilter(tags=TaskRunFilterTags(all_=["vnetferry"])), limit=200
        )
    names = {run.name for run in runs}
    assert {step.title for step in migrated.world.plan.steps} <= names
    assert {"deploy credit-v2/blue", "read ws-legacy"} <= names


def test_migrate_workspace_traffic_and_access_are_as_planned(migrated: Migrated) -> None:
    credit = migrated.world.get(TARGET.child("onlineEndpoints", "credit-v2"))
    assert credit["properties"]["traffic"] == {"blue": 90, "green": 10}
    assert credit["properties"]["publicNetworkAccess"] == "Disabled"
    assert credit["tags"] == {"application": "lending", **migrated.world.run.tags}


def test_migrate_workspace_keys_are_the_sources(migrated: Migrated) -> None:
    for name in ("credit", "churn"):
        keys = endpoints.read_keys(connect(), TARGET.child("onlineEndpoints", f"{name}-v2"))
        assert keys is not None
        assert keys == endpoints.read_keys(connect(), SOURCE.child("onlineEndpoints", name))
        assert keys.primary == f"made-up-primary-key-of-{name}"


def test_migrate_workspace_secrets_of_stores_are_the_sources(migrated: Migrated) -> None:
    store = datastores.read_secrets(connect(), TARGET.child("datastores", "training"))
    assert store is not None
    assert store["key"] == SECRETS["a datastore's account key"]
    answer = connect().arm.post(f"{TARGET.child('connections', 'feature-api')}/listsecrets", api_versions.ML)
    assert answer.body["properties"]["credentials"] == {"key": SECRETS["a connection's key"]}


def test_migrate_workspace_deployments_keep_what_clients_lose(migrated: Migrated) -> None:
    get, new = migrated.world.get, TARGET.child("onlineEndpoints", "demand-v2").child("deployments", "main")
    old = get(SOURCE.child("onlineEndpoints", "demand").child("deployments", "main"))["properties"]
    kept = (
        "requestSettings",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "scaleSettings",
        "instanceType",
    )
    assert {k: get(new)["properties"][k] for k in kept} == {k: old[k] for k in kept}
    blue = get(TARGET.child("onlineEndpoints", "credit-v2").child("deployments", "blue"))
    assert blue["properties"]["modelMountPath"] == "/var/models"
    assert blue["sku"]["capacity"] == 2
    churn = get(TARGET.child("onlineEndpoints", "churn-v2").child("deployments", "main"))["properties"]
    assert churn["environmentVariables"]["PRICING_API_KEY"] == SECRETS["an environment variable"]
    assert churn["environmentVariables"]["CHURN_THRESHOLD"] == "0.35"
    assert "egressPublicNetworkAccess" not in churn or churn["egressPublicNetworkAccess"] == "Enabled"


def test_migrate_workspace_handoff_file_maps_old_to_new(migrated: Migrated) -> None:
    handoff = json.loads((migrated.world.folder / "handoff.json").read_text())
    assert (handoff["source"], handoff["target"]) == (str(SOURCE), str(TARGET))
    assert {e["source_uri"]: e["target_uri"] for e in handoff["endpoints"]} == {
        f"https://{name}.westeurope.inference.ml.azure.com/score": (
            f"https://{name}-v2.westeurope.inference.ml.azure.com/score"
        )
        for name in ("churn", "credit", "demand")
    }


# --- The raw documents of both sides -----------------------------------------------------------------------------


def test_migrate_workspace_documents_differ_only_as_announced(migrated: Migrated) -> None:
    """Every property of every source document: where the target has another value, the plan said so."""
    unannounced = [
        line for entry in migrated.world.plan.carry_over for line in _broken(migrated.world, entry)
    ]
    assert unannounced == []


def test_migrate_workspace_every_property_of_the_source_is_in_the_plan(migrated: Migrated) -> None:
    announced: dict[ResourceId, list[str]] = {}
    for entry in migrated.world.plan.carry_over:
        announced.setdefault(entry.source, []).append(entry.path)
    missing = [
        f"{source.name}: {path}"
        for source, paths in announced.items()
        if paths != [WHOLE_DOCUMENT]
        for path, _ in _leaves(migrated.world.get(source))
        if not any(path == p or path.startswith(f"{p}.") for p in paths)
    ]
    assert len(announced) >= 18
    assert missing == []


def test_migrate_workspace_target_has_nothing_that_nobody_announced(migrated: Migrated) -> None:
    """What the target's documents hold beyond the source's is vnetferry's tags and Azure's own."""
    pairs = {(e.source, e.target) for e in migrated.world.plan.carry_over if e.target}
    invented = [
        f"{target.name}: {path}"
        for source, target in sorted(pairs)
        for path in _beyond(migrated.world.get(source), migrated.world.get(target))
    ]
    assert invented == []


def _broken(world: World, entry: CarryOver) -> list[str]:
    """How the target breaks what one line of the plan says; nothing when it does not."""
    if entry.target is None or entry.disposition in ("dropped", "re-created"):
        return []
    before, after = _at(world.get(entry.source), entry.path), _at(world.get(entry.target), entry.path)
    if entry.disposition == "carried" and not _same(before, after):
        return [f"{entry.target.name} {entry.path}: carried, but {before!r} became {after!r}"]
    if entry.disposition == "remapped" and not _is_shown(entry.after, after):
        return [f"{entry.target.name} {entry.path}: remapped to {entry.after!r}, but it is {after!r}"]
    return []


def _is_shown(shown: str, value: Any) -> bool:
    """Whether a value is the one that the plan shows, of which it leaves out the middle of long ones."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
    text = text.lower()
    head, cut, tail = shown.lower().partition("…")
    return text.startswith(head) and text.endswith(tail) if cut else text == head


def _beyond(source: Json, target: Json) -> list[str]:
    there = {path for path, _ in _leaves(source)}
    return [path for path, _ in _leaves(target) if path not in there and not path.startswith(_AZURES)]


_AZURES = (
    "systemData",
    "etag",
    "tags.vnetferry-",
    "properties.tags.vnetferry-",
    "tags.createdByToolkit",
    "identity.",
    "properties.managedNetwork",
    "properties.properties.AzureAsyncOperationUri",
    "properties.peRequirement",
    "properties.peStatus",
    "properties.useWorkspaceManagedIdentity",
)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property with its dotted path; an array is one value; null, {} and "" are none."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif value not in (None, ""):
        yield path, value


def _at(document: Json, path: str) -> Any:
    """The value at a dotted path; keys may hold dots themselves."""
    return next((value for found, value in _subtrees(document, "") if found == path), None)


def _subtrees(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _subtrees(item, f"{path}.{key}" if path else key)


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        # Azure answers a conda file as JSON, with spaces of its own.
        return "".join(before.lower().split()) == "".join(after.lower().split())
    return bool(before == after) or (not before and not after)
