"""Azure CLI: key vaults, registries, and the private endpoint connections that lead to them."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("az-services")

SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
LEGACY = f"{SUBSCRIPTION}/resourceGroups/rg-legacy"
VAULT = f"{LEGACY}/providers/Microsoft.KeyVault/vaults/kv-ws-legacy-7f3a"
REGISTRY = f"{LEGACY}/providers/Microsoft.ContainerRegistry/registries/crwslegacy7f3a"
BLUE = "credit-blue-registry-b0edc4dc.772b816c-cbeb-5c29-9740-7cd621cf2e8b"


def _rules(az: Any) -> Any:
    return az.held(VAULT)["properties"]["networkAcls"]


def test_network_rules_of_a_vault_are_listed_added_and_removed(az: Any) -> None:
    assert az("keyvault network-rule list -n kv-ws-legacy-7f3a")["ipRules"] == []
    added = az("keyvault network-rule add -n kv-ws-legacy-7f3a --ip-address 203.0.113.0/24")
    assert (
        added["properties"]["networkAcls"]["ipRules"]
        == [{"value": "203.0.113.0/24"}]
        == _rules(az)["ipRules"]
    )
    az("keyvault network-rule remove -n kv-ws-legacy-7f3a --ip-address 203.0.113.0/24")
    assert _rules(az)["ipRules"] == []


def test_vault_lets_trusted_services_in_by_the_remedy_that_preflight_names(az: Any) -> None:
    az("keyvault update --name kv-ws-legacy-7f3a --bypass None --default-action Deny")
    assert (_rules(az)["bypass"], _rules(az)["defaultAction"]) == ("None", "Deny")
    az("keyvault update --name kv-ws-legacy-7f3a --bypass AzureServices")
    assert (_rules(az)["bypass"], _rules(az)["defaultAction"]) == ("AzureServices", "Deny")


def test_registry_is_shown_and_made_premium(az: Any) -> None:
    assert az("acr show --name crwslegacy7f3a --query loginServer") == "crwslegacy7f3a.azurecr.io"
    az("acr update --name crwslegacy7f3a --sku Premium")
    assert az.held(REGISTRY)["sku"]["name"] == "Premium"


def test_connections_of_a_registry_are_listed_rejected_and_approved(az: Any) -> None:
    listed = az("acr private-endpoint-connection list --registry-name crwslegacy7f3a --query [].name")
    assert BLUE in listed
    for verb, status in (("reject", "Rejected"), ("approve", "Approved")):
        az(f"acr private-endpoint-connection {verb} -r crwslegacy7f3a -n {BLUE}")
        state = az.held(f"{REGISTRY}/privateEndpointConnections/{BLUE}")["properties"]
        assert state["privateLinkServiceConnectionState"]["status"] == status


def test_connection_is_shown_and_approved_by_its_id(az: Any) -> None:
    one = f"{REGISTRY}/privateEndpointConnections/{BLUE}"
    az.held(one)["properties"]["privateLinkServiceConnectionState"]["status"] = "Pending"
    listed = az(f"network private-endpoint-connection list --id {REGISTRY}")
    assert [c["id"] for c in listed if "Pending" in str(c["properties"])] == [one]
    approved = az(f"network private-endpoint-connection approve --id {one} --description reviewed")
    assert approved["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"
    state = az.held(one)["properties"]["privateLinkServiceConnectionState"]
    assert (state["status"], state["description"]) == ("Approved", "reviewed")
    shown = az(f"network private-endpoint-connection show --id {one}")
    assert shown["properties"]["privateLinkServiceConnectionState"]["description"] == "reviewed"


def test_connections_of_a_workspace_are_listed(az: Any) -> None:
    workspace = f"{LEGACY}/providers/Microsoft.MachineLearningServices/workspaces/ws-legacy"
    found = az(f"network private-endpoint-connection list --id {workspace} --query [].name")
    assert any(name.startswith("pe-ws-legacy.") for name in found)
