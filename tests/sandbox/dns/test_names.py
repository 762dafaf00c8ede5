"""What names resolve to from the internet and from networks that use Azure's own resolver."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from tests.sandbox.dns.dns_world import (
    ACCOUNT,
    GUID,
    HUB,
    ML_ZONE,
    PRIVATE_ADDRESS,
    PRIVATE_SCORING,
    REGISTRY,
    SCORING,
    SCORING_RECORD,
    SPOKE,
    WORKSPACE,
    Client,
    connection,
    zone,
)

ClientOf = Callable[..., Client]
ALIASES = [
    (SCORING, PRIVATE_SCORING, PRIVATE_ADDRESS),
    (
        f"{GUID}.workspace.westeurope.api.azureml.ms",
        f"{GUID}.workspace.westeurope.privatelink.api.azureml.ms",
        "10.0.1.4",
    ),
    ("stone.blob.core.windows.net", "stone.privatelink.blob.core.windows.net", "10.0.1.7"),
    ("kv-one.vault.azure.net", "kv-one.privatelink.vaultcore.azure.net", "10.0.1.8"),
    ("crone.azurecr.io", "crone.privatelink.azurecr.io", "10.0.1.9"),
    ("crone.westeurope.data.azurecr.io", "crone.westeurope.data.privatelink.azurecr.io", "10.0.1.10"),
]


@pytest.mark.parametrize(("name", "alias", "address"), ALIASES)
def test_resolve_in_linked_network_leads_to_the_private_endpoint(
    linked: Client, name: str, alias: str, address: str
) -> None:
    assert linked.chain(name, "vnet-hub") == [alias, address]
    assert linked.chain(alias, "vnet-hub") == [address]


@pytest.mark.parametrize(("name", "alias", "address"), ALIASES)
@pytest.mark.parametrize("vantage", ["internet", "vnet-spoke"])
def test_resolve_elsewhere_leads_through_the_alias_to_a_public_address(
    linked: Client, vantage: str, name: str, alias: str, address: str
) -> None:
    first, last = linked.chain(name, vantage)
    assert first == alias
    assert ip_address(last).is_global
    assert linked.chain(alias, vantage) == [last]


def test_resolve_without_private_endpoint_has_no_alias(client_of: ClientOf) -> None:
    client = client_of(*zone(ML_ZONE, {SCORING_RECORD: PRIVATE_ADDRESS}, HUB))
    for name in (SCORING, "stone.blob.core.windows.net", "kv-one.vault.azure.net", "crone.azurecr.io"):
        (address,) = client.chain(name, "vnet-hub")
        assert ip_address(address).is_global
    assert client.chain(PRIVATE_SCORING) == ["NXDOMAIN"]
    assert client.chain("crone.westeurope.data.azurecr.io") == ["NXDOMAIN"]


def test_resolve_with_pending_connection_has_no_alias(client_of: ClientOf) -> None:
    client = client_of(
        connection(ACCOUNT, "blob", "Pending"), connection(WORKSPACE, "amlworkspace", "Rejected")
    )
    assert len(client.chain("stone.blob.core.windows.net")) == 1
    assert len(client.chain(SCORING)) == 1


def test_resolve_storage_service_without_endpoint_of_its_own_has_no_alias(linked: Client) -> None:
    assert len(linked.chain("stone.file.core.windows.net", "vnet-hub")) == 1


def test_resolve_in_linked_network_without_record_is_nxdomain(client_of: ClientOf) -> None:
    client = client_of(connection(WORKSPACE, "amlworkspace"), *zone(ML_ZONE, {}, HUB))
    reply = client.ask(SCORING, vantage="vnet-hub")
    assert [str(reply.answer[0][0]), reply.rcode().name] == [f"{PRIVATE_SCORING}.", "NXDOMAIN"]
    assert reply.authority[0].name.to_text() == f"{ML_ZONE}."
    assert ip_address(client.chain(SCORING, "vnet-spoke")[-1]).is_global


def test_resolve_with_fallback_policy_goes_on_to_public_dns(client_of: ClientOf) -> None:
    client = client_of(
        connection(WORKSPACE, "amlworkspace"), *zone(ML_ZONE, {}, HUB, resolutionPolicy="NxDomainRedirect")
    )
    assert ip_address(client.chain(SCORING, "vnet-hub")[-1]).is_global


def test_resolve_prefers_the_most_specific_zone_and_record(client_of: ClientOf) -> None:
    client = client_of(
        connection(WORKSPACE, "amlworkspace"),
        *zone(ML_ZONE, {SCORING_RECORD: "10.0.0.1"}, HUB),
        *zone(f"{GUID}.inference.westeurope.{ML_ZONE}", {"*": "10.0.0.2", "fraud": "10.0.0.3"}, HUB),
    )
    assert client.chain(SCORING, "vnet-hub")[-1] == "10.0.0.2"
    assert client.chain(PRIVATE_SCORING.replace("credit", "fraud"), "vnet-hub") == ["10.0.0.3"]


def test_resolve_wildcard_stops_at_a_name_that_exists(client_of: ClientOf) -> None:
    client = client_of(*zone("corp.example", {"*": "10.0.0.1", "a.b": "10.0.0.2", "@": "10.0.0.3"}, SPOKE))
    answers = {
        name: client.chain(name, "vnet-spoke")
        for name in (
            "x.corp.example",
            "x.y.corp.example",
            "b.corp.example",
            "x.b.corp.example",
            "corp.example",
        )
    }
    assert answers == {
        "x.corp.example": ["10.0.0.1"],
        "x.y.corp.example": ["10.0.0.1"],
        "b.corp.example": ["NOERROR"],
        "x.b.corp.example": ["NXDOMAIN"],
        "corp.example": ["10.0.0.3"],
    }
    assert client.chain("x.corp.example", "vnet-hub") == ["REFUSED"]


def test_resolve_zone_whose_link_is_not_complete_is_not_asked(client_of: ClientOf) -> None:
    client = client_of(*zone("corp.example", {"a": "10.0.0.1"}, SPOKE, virtualNetworkLinkState="InProgress"))
    assert client.chain("a.corp.example", "vnet-spoke") == ["REFUSED"]


def test_resolve_private_alias_and_ipv6_records(client_of: ClientOf) -> None:
    corp = zone("corp.example", {"a": "10.0.0.1"}, SPOKE)
    aaaa = {
        "id": f"{corp[0]['id']}/AAAA/a",
        "properties": {"ttl": 5, "aaaaRecords": [{"ipv6Address": "fd00::1"}]},
    }
    alias = {
        "id": f"{corp[0]['id']}/CNAME/b",
        "properties": {"ttl": 5, "cnameRecord": {"cname": "a.corp.example."}},
    }
    client = client_of(*corp, aaaa, alias)
    assert client.chain("b.corp.example", "vnet-spoke") == ["a.corp.example", "10.0.0.1"]
    assert client.chain("b.corp.example", "vnet-spoke", "AAAA") == ["a.corp.example", "fd00::1"]


def test_resolve_circle_of_aliases_fails(client_of: ClientOf) -> None:
    corp = zone("corp.example", {}, SPOKE)
    pair = [
        {
            "id": f"{corp[0]['id']}/CNAME/{one}",
            "properties": {"cnameRecord": {"cname": f"{other}.corp.example"}},
        }
        for one, other in (("a", "b"), ("b", "a"))
    ]
    assert client_of(*corp, *pair).chain("a.corp.example", "vnet-spoke") == ["SERVFAIL"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fraud.westeurope.inference.ml.azure.com", "NXDOMAIN"),
        ("credit.northeurope.inference.ml.azure.com", "NXDOMAIN"),
        ("absent.blob.core.windows.net", "NXDOMAIN"),
        (f"{'0' * 8}-0000-4000-8000-{'0' * 12}.workspace.westeurope.api.azureml.ms", "NXDOMAIN"),
        (PRIVATE_SCORING.replace(GUID, GUID.replace("b", "c")), "NXDOMAIN"),
        ("blob.core.windows.net", "NOERROR"),
        ("github.com", "REFUSED"),
        ("azure.com.example.org", "REFUSED"),
        ("7.1.0.10.in-addr.arpa", "REFUSED"),
        (".", "REFUSED"),
    ],
)
def test_resolve_what_does_not_exist_says_so(linked: Client, name: str, code: str) -> None:
    assert linked.chain(name) == [code]


@pytest.mark.parametrize(
    "name",
    ["management.azure.com", "login.microsoftonline.com", "mcr.microsoft.com", "westeurope.api.azureml.ms"],
)
def test_resolve_hosts_that_everybody_has(linked: Client, name: str) -> None:
    (address,) = linked.chain(name)
    assert ip_address(address).is_global


def test_resolve_follows_what_changes(client_of: ClientOf) -> None:
    client = client_of()
    assert len(client.chain("stone.blob.core.windows.net")) == 1
    documents = client.sandbox.world.documents
    documents.put(connection(ACCOUNT, "blob"))
    assert len(client.chain("stone.blob.core.windows.net")) == 2
    documents.remove(REGISTRY)
    assert client.chain("crone.azurecr.io") == ["NXDOMAIN"]


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed")
def test_dig_shows_the_private_address_and_why_a_name_is_refused(linked: Client) -> None:
    port = linked.sandbox.dns["vnet-hub"].rpartition(":")[2]

    def dig(*arguments: str) -> str:
        command = ["dig", "@127.0.0.1", "-p", port, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout

    assert dig("+short", SCORING).split() == [f"{PRIVATE_SCORING}.", PRIVATE_ADDRESS]
    assert dig("+tcp", "+short", SCORING.upper()).split() == [f"{PRIVATE_SCORING}.", PRIVATE_ADDRESS]
    unregistered = dig(PRIVATE_SCORING.replace(GUID, GUID.replace("b6f0", "c7a1")))
    assert "status: NXDOMAIN" in unregistered
    assert "privatelink.api.azureml.ms. 10\tIN\tSOA\tazureprivatedns.net." in unregistered
    refused = dig("github.com")
    assert "status: REFUSED" in refused
    assert "sandbox refuses 'github.com'" in refused
    assert "status: NXDOMAIN" in dig("absent.blob.core.windows.net", "AAAA")
