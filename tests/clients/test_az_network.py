"""Azure CLI: virtual networks, private endpoints, and the private DNS that leads to them."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("az-network")

SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
VAULT = f"{SUBSCRIPTION}/resourceGroups/rg-legacy/providers/Microsoft.KeyVault/vaults/kv-ws-legacy-7f3a"
NETWORK = f"{SUBSCRIPTION}/resourceGroups/rg-secure/providers/Microsoft.Network"
ZONE = "privatelink.vaultcore.azure.net"


@pytest.fixture(scope="module")
def subnet(az: Any) -> str:
    az("network vnet create -g rg-secure -n vnet-az --address-prefixes 10.9.0.0/16")
    made = az(
        "network vnet subnet create -g rg-secure --vnet-name vnet-az -n snet-pe --address-prefixes 10.9.1.0/24"
    )
    return str(made["id"])


@pytest.fixture(scope="module")
def endpoint(az: Any, subnet: str) -> Any:
    target = f"--private-connection-resource-id {VAULT} --group-id vault --connection-name kv"
    return az(
        f"network private-endpoint create -g rg-secure -n pe-az --subnet {subnet} -l westeurope {target}"
    )


def test_network_is_listed_and_shown_with_its_subnets(az: Any, subnet: str) -> None:
    assert az("network vnet list -g rg-secure --query [].name") == ["vnet-az"]
    assert az("network vnet show -g rg-secure -n vnet-az --query subnets[].id") == [subnet]
    assert az("network vnet subnet list -g rg-secure --vnet-name vnet-az --query [].name") == ["snet-pe"]
    az(
        "network vnet subnet update -g rg-secure --vnet-name vnet-az -n snet-pe "
        "--private-endpoint-network-policies Enabled"
    )
    assert az.held(subnet)["properties"]["privateEndpointNetworkPolicies"] == "Enabled"


def test_subnet_outside_its_network_is_refused_and_not_made(az: Any, subnet: str) -> None:
    outside = "network vnet subnet create -g rg-secure --vnet-name vnet-az -n snet-bad --address-prefixes 10.20.0.0/24"
    az.refused(outside, "(NetcfgSubnetRangeOutsideVnet)")
    assert az.held(f"{subnet.rpartition('/')[0]}/snet-bad") is None


def test_endpoint_is_approved_at_once_and_shown(az: Any, endpoint: Any) -> None:
    (link,) = endpoint["privateLinkServiceConnections"]
    assert link["privateLinkServiceConnectionState"]["status"] == "Approved"
    assert az("network private-endpoint list -g rg-secure --query [].name") == ["pe-az"]
    names = az("network private-endpoint show -g rg-secure -n pe-az --query customDnsConfigs[].fqdn")
    assert names == ["kv-ws-legacy-7f3a.vault.azure.net"]


def test_zone_group_writes_the_records_that_record_set_lists(az: Any, endpoint: Any) -> None:
    az(f"network private-dns zone create -g rg-secure -n {ZONE}")
    link = az(f"network private-dns link vnet create -g rg-secure -z {ZONE} -n link -v vnet-az -e false")
    assert link["virtualNetworkLinkState"] == "Completed"
    az(
        "network private-endpoint dns-zone-group create -g rg-secure --endpoint-name pe-az -n default "
        f"--private-dns-zone {ZONE} --zone-name vault"
    )
    listed = az(f"network private-dns record-set list -g rg-secure -z {ZONE}")
    assert {(r["name"], r["type"].rpartition("/")[2]) for r in listed} == {
        ("@", "SOA"),
        ("kv-ws-legacy-7f3a", "A"),
    }
    address = f"network private-dns record-set a show -g rg-secure -z {ZONE} -n kv-ws-legacy-7f3a"
    assert az(f"{address} --query aRecords[].ipv4Address") == ["10.9.1.4"]
    assert az(f"network private-dns zone show -g rg-secure -n {ZONE} --query numberOfRecordSets") == 2


def test_record_is_added_and_removed_by_hand(az: Any) -> None:
    record = "-g rg-secure -z corp.example -n app -a 10.9.1.77"
    az("network private-dns zone create -g rg-secure -n corp.example")
    az(f"network private-dns record-set a add-record {record}")
    held = f"{NETWORK}/privateDnsZones/corp.example/A/app"
    assert az.held(held)["properties"]["aRecords"] == [{"ipv4Address": "10.9.1.77"}]
    az(f"network private-dns record-set a remove-record {record}")
    assert az.held(held) is None


def test_endpoint_goes_with_its_records_and_connection(az: Any, endpoint: Any) -> None:
    az("network private-endpoint delete -g rg-secure -n pe-az")
    assert az.held(f"{NETWORK}/privateEndpoints/pe-az") is None
    assert az("network private-endpoint list -g rg-secure") == []
    az.refused("network private-endpoint show -g rg-secure -n pe-az", "(ResourceNotFound)", code=3)
