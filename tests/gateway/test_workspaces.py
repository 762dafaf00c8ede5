"""Workspaces and managed networks, against the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.errors import ConfigError, NotFound, NotOurs, PermissionDenied
from vnetferry.gateway import inventory, locks, rbac, workspaces
from vnetferry.gateway.azure import Azure, actor
from vnetferry.models.ids import ResourceId


def _spec(mode: str, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("storage_account", "key_vault", "container_registry", "application_insights"), ""
    )
    base = {"isolation_mode": mode, "firewall_sku": "Basic", "outbound_rules": {}, "associated": nothing}
    return {**base, "public_network_access": "Disabled", "location": "westeurope", **more}


def test_create_workspace_new_carries_what_the_spec_says(azure: Azure, target: ResourceId) -> None:
    document = workspaces.find_workspace(azure, target)

    assert document is not None
    assert document["tags"]["vnetferry-plan"] == "plan1"
    assert document["tags"]["team"] == "search"
    network = document["properties"]["managedNetwork"]
    assert network["isolationMode"] == "AllowOnlyApprovedOutbound"
    assert network["outboundRules"]["package-index"]["destination"] == "pypi.example"
    assert document["properties"]["publicNetworkAccess"] == "Disabled"


def test_create_workspace_again_sends_nothing(
    azure: Azure, target: ResourceId, requests_since: Callable[[], list[Any]]
) -> None:
    tags = {"vnetferry-plan": "plan2", "vnetferry-source": "/SUBSCRIPTIONS/s/old"}

    written = workspaces.create_workspace(azure, target, _spec("AllowOnlyApprovedOutbound"), tags)

    assert not written.changed
    assert requests_since() == []


def test_create_workspace_of_another_hand_is_refused(azure: Azure, source: ResourceId) -> None:
    with pytest.raises(NotOurs, match="vnetferry did not make it"):
        workspaces.create_workspace(
            azure, source, _spec("AllowOnlyApprovedOutbound"), {"vnetferry-plan": "p"}
        )


def test_create_workspace_from_another_source_is_refused(azure: Azure, target: ResourceId) -> None:
    tags = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/third"}

    with pytest.raises(NotOurs, match="another source"):
        workspaces.create_workspace(azure, target, _spec("AllowOnlyApprovedOutbound"), tags)


def test_create_workspace_with_other_isolation_is_refused(azure: Azure, target: ResourceId) -> None:
    tags = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/old"}

    with pytest.raises(ConfigError, match="isolation mode AllowOnlyApprovedOutbound"):
        workspaces.create_workspace(azure, target, _spec("AllowInternetOutbound"), tags)


def test_create_workspace_missing_group_says_so(azure: Azure, source: ResourceId) -> None:
    workspace = ResourceId.workspace(source.subscription_id, "no-such-group", "ws-x")

    with pytest.raises(NotFound, match="resource group"):
        workspaces.create_workspace(azure, workspace, _spec("AllowInternetOutbound"))


def test_provision_network_active_is_done(
    azure: Azure, target: ResourceId, requests_since: Callable[[], list[Any]]
) -> None:
    assert workspaces.network_state(azure, target) == "Active"
    assert not workspaces.provision_network(azure, target).changed


def test_provision_network_without_managed_network_is_refused(azure: Azure, source: ResourceId) -> None:
    assert workspaces.network_state(azure, source) == "Disabled"
    with pytest.raises(ConfigError, match="no managed network"):
        workspaces.provision_network(azure, source)


def test_ensure_outbound_rules_twice_writes_once(azure: Azure, target: ResourceId) -> None:
    rules = {
        "first-rule": {"type": "FQDN", "category": "UserDefined", "destination": "a.example"},
        "second-rule": {"type": "FQDN", "category": "UserDefined", "destination": "b.example"},
    }

    assert workspaces.ensure_outbound_rules(azure, target, rules) == ("first-rule", "second-rule")
    assert workspaces.ensure_outbound_rules(azure, target, rules) == ()


def test_read_inventory_holds_workspace_first_and_children_once(azure: Azure, target: ResourceId) -> None:
    found = inventory.read_inventory(azure, target)

    assert found.documents[0].id == target
    ids = [document.id for document in found.documents]
    assert len(ids) == len(set(ids))
    assert target.child("datastores", "workspaceblobstore") in found
    assert target.child("outboundRules", "package-index") in found
    assert found.usages
    assert found.unread == ()


def test_read_inventory_holds_no_ingestion_secret(azure: Azure, target: ResourceId) -> None:
    found = inventory.read_inventory(azure, target)

    components = found.of_type("Microsoft.Insights/components")
    assert components
    assert all(c.get("ConnectionString") is None and c.get("InstrumentationKey") is None for c in components)


def test_read_inventory_missing_workspace_names_the_setting(azure: Azure, source: ResourceId) -> None:
    missing = ResourceId.workspace(source.subscription_id, "rg", "nobody")

    with pytest.raises(ConfigError, match=r"'nobody' does not exist.*source\.workspace"):
        inventory.read_inventory(azure, missing)


def test_read_locks_on_group_binds_its_workspaces(azure: Azure, source: ResourceId) -> None:
    lock = f"{source.group_id}/providers/Microsoft.Authorization/locks/keep"
    azure.arm.put(lock, "2020-05-01", {"properties": {"level": "CanNotDelete"}})
    try:
        assert [found["name"] for found in locks.read_locks(azure, source)] == ["keep"]
    finally:
        azure.arm.delete(lock, "2020-05-01")
    assert locks.read_locks(azure, source) == []


def test_missing_actions_owner_lacks_nothing(azure: Azure, source: ResourceId) -> None:
    assert rbac.missing_actions(azure, source, ["Microsoft.MachineLearningServices/workspaces/write"]) == []


def test_actor_is_the_object_id_of_the_token(azure: Azure) -> None:
    assert actor(azure).count("-") == 4


def test_connect_without_credentials_says_how_to_sign_in(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vnetferry.gateway.azure import _connect, connect

    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    _connect.cache_clear()
    try:
        with pytest.raises(PermissionDenied) as caught:
            actor(connect())
    finally:
        _connect.cache_clear()
    assert "az login" in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_delete_workspace_then_absent_is_done(azure: Azure, source: ResourceId) -> None:
    workspace = ResourceId.workspace(source.subscription_id, "rg", "ws-brief")
    workspaces.create_workspace(azure, workspace, _spec("Disabled"))

    assert workspaces.delete_workspace(azure, workspace, purge=True).changed
    assert workspaces.find_workspace(azure, workspace) is None
    assert not workspaces.delete_workspace(azure, workspace, purge=True).changed


def test_read_inventory_unreadable_children_are_fatal(azure: Azure, source: ResourceId) -> None:
    """A plan made without the endpoints that could not be read would leave them behind."""
    from concurrent.futures import ThreadPoolExecutor

    from vnetferry.gateway.satellites import Readings

    with ThreadPoolExecutor(2) as pool:
        readings = Readings(azure, pool)
        missing = ResourceId.workspace(source.subscription_id, "rg", "nobody")
        with pytest.raises(NotFound):
            readings.children([(missing, "onlineEndpoints")])
        assert readings.collections([(missing, "onlineEndpoints")]) == []
    assert len(readings.unread) == 1
