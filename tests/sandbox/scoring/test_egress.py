from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.sandbox.online_world import GROUP, STORAGE, VAULT, WORKSPACE, Online, documents, online
from vnetferry.sandbox.doors import find_door
from vnetferry.sandbox.scoring.egress import network_of, private_endpoint_to
from vnetferry.sandbox.wire import INTERNET, Json

_STORAGE_RULE = {
    "type": "PrivateEndpoint",
    "status": "Active",
    "destination": {"serviceResourceId": STORAGE, "subresourceTarget": "blob", "sparkEnabled": False},
}
_ARM_RULE = {
    "type": "ServiceTag",
    "status": "Active",
    "destination": {"serviceTag": "AzureResourceManager", "protocol": "TCP", "portRanges": "80, 400-500"},
}
_REGIONAL_RULE = {
    "type": "ServiceTag",
    "status": "Active",
    "destination": {"serviceTag": "AzureKeyVault.WestEurope", "protocol": "*", "portRanges": "*"},
}
_FQDN_RULE = {"type": "FQDN", "status": "Active", "destination": "*.example.com"}


@pytest.mark.parametrize(
    ("rule", "host", "port", "passes"),
    [
        (_STORAGE_RULE, "stlegacy.blob.core.windows.net", 443, True),
        (_STORAGE_RULE, "stlegacy2.blob.core.windows.net", 443, False),
        (_STORAGE_RULE, "kvlegacy.vault.azure.net", 443, False),
        (_ARM_RULE, "management.azure.com", 443, True),
        (_ARM_RULE, "management.azure.com", 8443, False),
        (_ARM_RULE, "login.microsoftonline.com", 443, False),
        (_REGIONAL_RULE, "kvlegacy.vault.azure.net", 443, True),
        (_FQDN_RULE, "api.example.com", 443, True),
        (_FQDN_RULE, "API.Example.com", 80, True),
        (_FQDN_RULE, "api.example.com", 8080, False),
        (_FQDN_RULE, "example.com", 443, False),
        ({**_FQDN_RULE, "status": "Inactive"}, "api.example.com", 443, False),
        (
            {**_FQDN_RULE, "destination": "stlegacy.blob.core.windows.net"},
            "stlegacy.blob.core.windows.net",
            443,
            False,
        ),
    ],
)
def test_approved_outbound_passes_what_its_active_rules_cover(
    tmp_path: Path, rule: Json, host: str, port: int, passes: bool
) -> None:
    with _managed(tmp_path, {"r": rule}) as az:
        _, refuse = network_of(az.world, _deployment())
        said = refuse(host, port)
        assert (said is None) == passes
        if said:
            assert host in said
            assert "rule" in said


def test_rule_added_later_holds_at_once(tmp_path: Path) -> None:
    with _managed(tmp_path, {}) as az:
        vantage, refuse = network_of(az.world, _deployment())
        assert vantage == f"managed:{WORKSPACE}".lower()
        assert refuse("api.example.com", 443)
        workspace = az.world.documents.require(WORKSPACE)
        workspace["properties"]["managedNetwork"]["outboundRules"]["late"] = _FQDN_RULE
        assert refuse("api.example.com", 443) is None


def test_internet_outbound_passes_everything(tmp_path: Path) -> None:
    with online(
        tmp_path, held=documents({"managedNetwork": {"isolationMode": "AllowInternetOutbound"}})
    ) as az:
        _, refuse = network_of(az.world, _deployment())
        assert refuse("anything.example.org", 8080) is None


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("stlegacy.blob.core.windows.net", True),
        ("crlegacy.azurecr.io", True),
        ("crlegacy2.azurecr.io", False),
        ("other.blob.core.windows.net", False),
        ("kvlegacy.vault.azure.net", False),
        ("management.azure.com", False),
    ],
)
def test_legacy_private_deployment_reaches_its_workspaces_storage_and_registry_only(
    tmp_path: Path, host: str, passes: bool
) -> None:
    with online(tmp_path) as az:
        vantage, refuse = network_of(az.world, _deployment(egressPublicNetworkAccess="Disabled"))
        assert vantage.startswith("legacy:")
        said = refuse(host, 443)
        assert (said is None) == passes
        assert said is None or "egressPublicNetworkAccess Disabled" in said


def test_public_deployment_is_in_the_internet(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        vantage, refuse = network_of(az.world, _deployment())
        assert vantage == INTERNET
        assert refuse("anything.example.org", 8080) is None
        assert VAULT in az.world.documents


def test_managed_network_reaches_privately_what_its_rules_link(tmp_path: Path) -> None:
    with _managed(tmp_path, {"r": _STORAGE_RULE}) as az:
        vantage, _ = network_of(az.world, _deployment())
        assert private_endpoint_to(az.world, vantage, STORAGE, "blob")
        assert not private_endpoint_to(az.world, vantage, STORAGE, "file")
        assert not private_endpoint_to(az.world, vantage, VAULT, "vault")
        az.world.documents.require(WORKSPACE)["properties"]["managedNetwork"]["outboundRules"].clear()
        assert not private_endpoint_to(az.world, vantage, STORAGE, "blob")


def test_connection_from_a_managed_network_arrives_by_its_own_private_endpoint_or_publicly(
    tmp_path: Path,
) -> None:
    with _managed(tmp_path, {"r": _STORAGE_RULE}) as az:
        az.world.documents.put({"id": GROUP, "name": "rg", "properties": {}})
        vantage, _ = network_of(az.world, _deployment())
        own = find_door(az.world, vantage, "stlegacy.blob.core.windows.net")
        assert own.leads_to(STORAGE, "blob")
        assert find_door(az.world, vantage, "kvlegacy.vault.azure.net").kind == "public"
        assert find_door(az.world, vantage, "management.azure.com").kind == "public"
        assert find_door(az.world, vantage, "absent.vault.azure.net").kind == "unresolved"
        az.world.documents.require(WORKSPACE)["properties"]["managedNetwork"]["outboundRules"].clear()
        assert find_door(az.world, vantage, "stlegacy.blob.core.windows.net").kind == "public"


def test_legacy_deployment_reaches_privately_its_workspaces_storage(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        vantage, _ = network_of(az.world, _deployment(egressPublicNetworkAccess="Disabled"))
        assert private_endpoint_to(az.world, vantage, STORAGE, "blob")
        assert not private_endpoint_to(az.world, vantage, VAULT, "vault")


def _deployment(**properties: str) -> Json:
    return {"id": f"{WORKSPACE}/onlineEndpoints/scoring/deployments/blue", "properties": dict(properties)}


def _managed(folder: Path, rules: Json) -> AbstractContextManager[Online]:
    network = {
        "isolationMode": "AllowOnlyApprovedOutbound",
        "outboundRules": rules,
        "status": {"status": "Active"},
    }
    return online(folder, held=documents({"managedNetwork": network}))
