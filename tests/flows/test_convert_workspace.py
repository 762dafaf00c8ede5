"""A whole conversion in place by the real flow: everything is there again, as it was, in the managed network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from flows.convert_workspace import convert_workspace
from tests.flows.conversion_world import conversion_world
from tests.flows.legacy_world import SECRETS, SOURCE, Json, World, legacy_world, state_of
from tests.flows.test_migrate_workspace import _at, _beyond, _is_shown, _leaves, _same
from vnetferry.errors import ApprovalNeeded, ConfigError
from vnetferry.gateway import endpoints
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import LEGACY_CONNECTION, ROLE_ASSIGNMENT, Document, Inventory
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver

pytestmark = pytest.mark.xdist_group("prefect")
ENDPOINTS = ("churn", "credit", "demand")


class Converted(NamedTuple):
    """A world after a conversion and a second application of its plan, and what was there before."""

    world: World
    before: Inventory
    keys: dict[str, endpoints.Keys | None]
    first: list[Outcome]
    second: list[Outcome]
    changes_of_second: list[str]


@pytest.fixture(scope="module")
def converted(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converted]:
    with conversion_world(tmp_path_factory.mktemp("converted")) as world:
        before, keys = read_inventory(connect(), SOURCE), {name: _keys(name) for name in ENDPOINTS}
        first = convert(world)
        seen = len(world.requests())
        second = convert(world)
        yield Converted(world, before, keys, first, second, world.changes(since=seen))


def convert(world: World, name: str = SOURCE.name) -> list[Outcome]:
    outcomes: list[Outcome] = convert_workspace(
        world.plan.config, name, str(world.plan_file), str(world.folder)
    )
    return outcomes


def _keys(name: str) -> endpoints.Keys | None:
    return endpoints.read_keys(connect(), SOURCE.child("onlineEndpoints", name))


def test_convert_workspace_every_step_is_done(converted: Converted) -> None:
    assert {o.step for o in converted.first} == {step.id for step in converted.world.plan.steps}
    assert {o.status for o in converted.first} == {"done"}


def test_convert_workspace_second_time_changes_nothing(converted: Converted) -> None:
    assert {o.status for o in converted.second} == {"already_done"}
    assert converted.changes_of_second == []


def test_convert_workspace_network_is_active_and_isolates(converted: Converted) -> None:
    network = converted.world.get(SOURCE)["properties"]["managedNetwork"]
    assert network["isolationMode"] == "AllowOnlyApprovedOutbound"
    assert network["status"]["status"] == "Active"
    assert network["outboundRules"]["price-index"]["destination"] == "prices.contoso.com"


def test_convert_workspace_callers_change_nothing(converted: Converted) -> None:
    for name in ENDPOINTS:
        endpoint = SOURCE.child("onlineEndpoints", name)
        was, now = converted.before.find(endpoint), converted.world.get(endpoint)["properties"]
        same = ("scoringUri", "authMode", "publicNetworkAccess", "traffic", "mirrorTraffic")
        assert {key: now[key] for key in same} == {key: was.properties[key] for key in same}
        assert _keys(name) == converted.keys[name]


def test_convert_workspace_secret_variables_are_there_again(converted: Converted) -> None:
    churn = converted.world.get(SOURCE.child("onlineEndpoints", "churn").child("deployments", "main"))
    variables = churn["properties"]["environmentVariables"]
    assert variables["PRICING_API_KEY"] == SECRETS["an environment variable"]


def test_convert_workspace_vault_keeps_nothing_afterwards(converted: Converted) -> None:
    held = converted.world.sandbox.world.secrets.vaults
    assert [name for name in held if "vnetferry" in name] == []
    written = [c for c in converted.world.changes() if c.startswith("PUT /secrets/vnetferry-")]
    assert len(written) == 2  # demand has neither keys nor secret variables


# --- Nothing is lost ----------------------------------------------------------------------------------------------


def test_convert_workspace_everything_that_was_there_is_there(converted: Converted) -> None:
    """But for what Azure made for the legacy deployments and for the principals that are gone: it makes that anew."""
    now = read_inventory(connect(), SOURCE)
    lost = [d for d in converted.before.documents if d.id not in now]
    roles = [d for d in lost if d.type == ROLE_ASSIGNMENT]
    egress = [d for d in lost if LEGACY_CONNECTION in str(d.properties)]
    assert [str(d.id) for d in lost if d not in (*roles, *egress)] == []
    assert len(egress) == 3 * 4  # three for each legacy deployment
    assert _granted(converted.before) == _granted(now)


def _granted(inventory: Inventory) -> dict[str, set[tuple[str, str]]]:
    """Endpoint -> (role, scope) of what its own identity may."""
    return {
        endpoint.name: {
            (str(d.get("roleDefinitionId")).lower(), str(d.get("scope")).lower())
            for d in inventory.of_type(ROLE_ASSIGNMENT)
            if d.get("principalId") == endpoint.body["identity"]["principalId"]
        }
        for endpoint in inventory.endpoints
    }


def test_convert_workspace_documents_differ_only_as_announced(converted: Converted) -> None:
    entries = _properties(converted)
    now = {source: converted.world.get(source) for source in {entry.source for entry in entries}}
    unannounced = [line for entry in entries for line in _broken(converted, now, entry)]
    assert len(entries) > 100
    assert unannounced == []


def test_convert_workspace_every_property_is_in_the_plan(converted: Converted) -> None:
    announced: dict[ResourceId, list[str]] = {}
    for entry in _properties(converted):
        announced.setdefault(entry.source, []).append(entry.path)
    missing = [
        f"{source.name}: {path}"
        for source, paths in announced.items()
        for path, _ in _leaves(converted.before.find(source).body)
        if not any(path == p or path.startswith(f"{p}.") for p in paths)
    ]
    assert len(announced) == 10  # the workspace, 3 endpoints, 4 deployments, a cluster, a diagnostic setting
    assert missing == []


def test_convert_workspace_adds_nothing_that_nobody_announced(converted: Converted) -> None:
    invented = [
        f"{source.name}: {path}"
        for source in sorted({entry.source for entry in _properties(converted)})
        for path in _beyond(converted.before.find(source).body, converted.world.get(source))
        if not path.startswith(("tags.vnetferry", "properties.properties.modifiedOn"))
    ]
    assert invented == []


def test_convert_workspace_what_stays_is_byte_for_byte_as_it_was(converted: Converted) -> None:
    now = read_inventory(connect(), SOURCE)
    entries = [
        e for e in converted.world.plan.carry_over if e.path == WHOLE_DOCUMENT and e.disposition == "carried"
    ]
    changed = [
        str(entry.source)
        for entry in entries
        if _without_connections(now.find(entry.source))
        != _without_connections(converted.before.find(entry.source))
    ]
    assert len(entries) > 30
    assert changed == []


def _without_connections(document: Document) -> Json:
    """A storage account, vault or registry names who connects to it; that is others' doing."""
    kept = {key: value for key, value in document.properties.items() if key != "privateEndpointConnections"}
    return {**document.body, "properties": kept}


def _properties(converted: Converted) -> list[CarryOver]:
    return [entry for entry in converted.world.plan.carry_over if entry.path != WHOLE_DOCUMENT]


def _broken(converted: Converted, now: dict[ResourceId, Json], entry: CarryOver) -> list[str]:
    if entry.disposition in ("dropped", "re-created"):
        return []
    before = _at(converted.before.find(entry.source).body, entry.path)
    after = _at(now[entry.source], entry.path)
    if entry.disposition == "carried" and not _same(before, after):
        return [f"{entry.source.name} {entry.path}: carried, but {before!r} became {after!r}"]
    if entry.disposition == "remapped" and not _is_shown(entry.after, after):
        return [f"{entry.source.name} {entry.path}: remapped to {entry.after!r}, but it is {after!r}"]
    return []


# --- Who may say yes ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("prefect_server")
def test_convert_workspace_unapproved_leaves_everything_as_it_was(tmp_path: Any) -> None:
    with conversion_world(tmp_path) as world:
        before = state_of(world)

        with pytest.raises(ApprovalNeeded, match="is not the workspace") as caught:
            convert(world, "ws-other")

        assert caught.value.exit_code == 3
        assert state_of(world) == before
        assert world.changes() == []


@pytest.mark.usefixtures("prefect_server")
def test_convert_workspace_of_a_plan_side_by_side_is_refused(tmp_path: Any) -> None:
    with legacy_world(tmp_path) as world:
        with pytest.raises(ConfigError, match="side by side"):
            convert(world)
        assert world.changes() == []
