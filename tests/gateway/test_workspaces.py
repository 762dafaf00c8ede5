"""Workspaces and managed networks, against the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.errors import (
    ConfigError,
    Conflict,
    NotFound,
    NotOurs,
    OperationFailed,
    PermissionDenied,
    PersonNeeded,
)
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


def test_create_workspace_again_with_another_rule_writes_that_rule(azure: Azure, target: ResourceId) -> None:
    tags = {"vnetferry-plan": "plan2", "vnetferry-source": "/subscriptions/s/old"}
    rule = {"type": "FQDN", "category": "UserDefined", "destination": "more.example"}
    spec = _spec("AllowOnlyApprovedOutbound", outbound_rules={"one-more": rule})

    written = workspaces.create_workspace(azure, target, spec, tags)

    assert written.changed
    rules = written.after["properties"]["managedNetwork"]["outboundRules"]
    assert rules["one-more"]["destination"] == "more.example"
    assert "package-index" in rules
    assert not workspaces.create_workspace(azure, target, spec, tags).changed


def test_create_workspace_passes_on_its_key_and_its_serverless_compute(
    azure: Azure, source: ResourceId
) -> None:
    workspace = ResourceId.workspace(source.subscription_id, "rg", "ws-cmk")
    vault = azure.arm.get(source, "2025-12-01")["properties"]["keyVault"]
    key = {"keyVaultArmId": vault, "keyIdentifier": "https://v.vault.azure.net/keys/k/1"}

    brought = {
        f"{name}ResourceId": "/subscriptions/s" for name in ("cosmosDb", "searchAccount", "storageAccount")
    }
    encryption = {"status": "Enabled", "keyVaultProperties": key, **brought}

    spec = _spec("Disabled", encryption=encryption, serverless_without_public_ip=True)
    written = workspaces.create_workspace(azure, workspace, spec)

    assert written.after["properties"]["encryption"] == encryption
    assert written.after["properties"]["serverlessComputeSettings"]["serverlessComputeNoPublicIP"] is True


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


def test_provision_network_active_with_a_failed_rule_still_fails(azure: Azure, target: ResourceId) -> None:
    """A run that ended with it and was begun again must not go on as if nothing had been."""
    registry = f"{target.group_id}/providers/Microsoft.ContainerRegistry/registries/basicone"
    azure.arm.wait(
        azure.arm.put(registry, "2023-07-01", {"location": "westeurope", "sku": {"name": "Basic"}}),
        "document",
    )
    destination = {"serviceResourceId": registry, "subresourceTarget": "registry", "sparkEnabled": False}
    rule = {"type": "PrivateEndpoint", "category": "UserDefined", "destination": destination}
    workspaces.ensure_outbound_rules(azure, target, {"to-basic": rule})
    try:
        with pytest.raises(OperationFailed, match=r"to-basic: .*Premium"):
            workspaces.provision_network(azure, target)
        assert workspaces.ensure_outbound_rules(azure, target, {"to-basic": rule}) == ("to-basic",)
    finally:
        path = target.child("outboundRules", "to-basic")
        azure.arm.wait(azure.arm.delete(path, "2025-12-01"), "outbound_rule")


def test_provision_network_under_a_lock_says_so_at_once(azure: Azure, source: ResourceId) -> None:
    workspace = ResourceId.workspace(source.subscription_id, "rg", "ws-locked")
    workspaces.create_workspace(azure, workspace, _spec("AllowInternetOutbound"))
    lock = f"{workspace}/providers/Microsoft.Authorization/locks/keep"
    azure.arm.put(lock, "2020-05-01", {"properties": {"level": "ReadOnly"}})
    try:
        with pytest.raises(Conflict, match="lock") as caught:
            workspaces.provision_network(azure, workspace)
    finally:
        azure.arm.delete(lock, "2020-05-01")
    assert caught.value.code == "ScopeLocked"


def test_set_image_build_compute_missing_asks_for_it(azure: Azure, target: ResourceId) -> None:
    with pytest.raises(PersonNeeded, match="az ml compute create"):
        workspaces.set_image_build_compute(azure, target, "builder")


def test_set_image_build_compute_twice_writes_once(azure: Azure, target: ResourceId) -> None:
    properties = {
        "vmSize": "Standard_DS3_v2",
        "vmPriority": "Dedicated",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2},
    }
    body = {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": properties}}
    compute = target.child("computes", "builder")
    azure.arm.wait(azure.arm.put(compute, "2025-12-01", body), "compute")

    written = workspaces.set_image_build_compute(azure, target, "builder")

    assert written.changed
    assert written.after["properties"]["imageBuildCompute"] == "builder"
    assert not workspaces.set_image_build_compute(azure, target, "builder").changed


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

    from vnetferry.gateway.readings import Readings

    with ThreadPoolExecutor(2) as pool:
        readings = Readings(azure, pool)
        missing = ResourceId.workspace(source.subscription_id, "rg", "nobody")
        with pytest.raises(NotFound):
            readings.children([(missing, "onlineEndpoints")])
        assert readings.collections([(missing, "onlineEndpoints")]) == []
    assert len(readings.unread) == 1
