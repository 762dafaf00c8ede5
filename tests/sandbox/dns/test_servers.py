"""Networks with DNS servers of their own, with and without a way to Azure's resolver."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.dns.dns_world import (
    HUB,
    ML_ZONE,
    PRIVATE_ADDRESS,
    PRIVATE_SCORING,
    SCORING,
    SCORING_RECORD,
    SPOKE,
    WORKSPACE,
    Client,
    azure,
    connection,
    peerings,
    zone,
)
from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.scenario import Scenario

AZURE = "168.63.129.16"
LINKED = [connection(WORKSPACE, "amlworkspace"), *zone(ML_ZONE, {SCORING_RECORD: PRIVATE_ADDRESS}, HUB)]
OWN = {"dhcpOptions": {"dnsServers": ["10.0.0.4"]}, "virtualNetworkPeerings": peerings(HUB)}
ClientOf = Callable[..., Client]


def hub_server(**fields: Any) -> dict[str, Any]:
    return {"10.0.0.4": {"network": "vnet-hub", **fields}}


def test_own_server_without_forwarder_resolves_publicly(client_of: ClientOf) -> None:
    client = client_of(*LINKED, spoke=OWN, dns_servers=hub_server())
    alias, address = client.chain(SCORING, "vnet-spoke")
    assert alias == PRIVATE_SCORING
    assert ip_address(address).is_global


@pytest.mark.parametrize("forwarded", ["api.azureml.ms", "privatelink.api.azureml.ms", "AzureML.ms.", "."])
def test_own_server_with_forwarder_for_the_alias_resolves_privately(
    client_of: ClientOf, forwarded: str
) -> None:
    client = client_of(*LINKED, spoke=OWN, dns_servers=hub_server(forwarders={forwarded: AZURE}))
    assert client.chain(SCORING, "vnet-spoke") == [PRIVATE_SCORING, PRIVATE_ADDRESS]


def test_own_server_with_forwarder_for_the_public_name_alone_resolves_publicly(client_of: ClientOf) -> None:
    client = client_of(
        *LINKED, spoke=OWN, dns_servers=hub_server(forwarders={"inference.ml.azure.com": AZURE})
    )
    assert ip_address(client.chain(SCORING, "vnet-spoke")[-1]).is_global


def test_own_server_forwards_from_the_network_in_which_it_stands(client_of: ClientOf) -> None:
    spoke_zone = zone(ML_ZONE, {SCORING_RECORD: PRIVATE_ADDRESS}, SPOKE)
    client = client_of(LINKED[0], *spoke_zone, spoke=OWN, dns_servers=hub_server(forwarders={".": AZURE}))
    assert ip_address(client.chain(SCORING, "vnet-spoke")[-1]).is_global


def test_own_server_overriding_a_whole_region_hides_every_other_endpoint(client_of: ClientOf) -> None:
    records = {"*.westeurope.inference.ml.azure.com": "10.0.1.9"}
    client = client_of(*LINKED, spoke=OWN, dns_servers=hub_server(records=records, forwarders={".": AZURE}))
    assert client.chain(SCORING, "vnet-spoke") == ["10.0.1.9"]
    assert client.chain("other.westeurope.inference.ml.azure.com", "vnet-spoke") == ["10.0.1.9"]


def test_server_outside_azure_reaches_azures_resolver_through_one_in_a_network(client_of: ClientOf) -> None:
    spoke = {"dhcpOptions": {"dnsServers": ["192.168.0.53"]}}
    direct = {"192.168.0.53": {"forwarders": {"api.azureml.ms": AZURE}}}
    reply = client_of(*LINKED, spoke=spoke, dns_servers=direct).ask(SCORING, vantage="vnet-spoke", use_edns=0)
    assert not reply.answer
    assert reply.rcode().name == "SERVFAIL"
    assert "answers in virtual networks alone" in reply.options[0].to_text()
    through = {
        "192.168.0.53": {"forwarders": {"api.azureml.ms": "10.0.0.4"}},
        **hub_server(forwarders={"api.azureml.ms": AZURE}),
    }
    client = client_of(*LINKED, spoke=spoke, dns_servers=through)
    assert client.chain(SCORING, "vnet-spoke") == [PRIVATE_SCORING, PRIVATE_ADDRESS]


@pytest.mark.parametrize(
    "spoke",
    [
        {"dhcpOptions": {"dnsServers": ["10.9.9.9"]}},
        {"dhcpOptions": {"dnsServers": ["10.0.0.4"]}},
        {**OWN, "virtualNetworkPeerings": peerings(HUB, state="Disconnected")},
        {"dhcpOptions": {"dnsServers": ["nonsense"]}},
    ],
    ids=["nobody there", "not peered", "peering cut", "no address"],
)
def test_server_that_cannot_be_reached_fails(client_of: ClientOf, spoke: dict[str, Any]) -> None:
    client = client_of(*LINKED, spoke=spoke, dns_servers=hub_server(forwarders={".": AZURE}))
    assert client.chain(SCORING, "vnet-spoke") == ["SERVFAIL"]


def test_second_server_is_asked_when_the_first_does_not_answer(client_of: ClientOf) -> None:
    spoke = {"dhcpOptions": {"dnsServers": ["10.9.9.9", AZURE]}}
    client = client_of(LINKED[0], *zone(ML_ZONE, {SCORING_RECORD: PRIVATE_ADDRESS}, SPOKE), spoke=spoke)
    assert client.chain(SCORING, "vnet-spoke")[-1] == PRIVATE_ADDRESS


def test_second_server_answers_the_whole_query_when_the_first_fails_on_the_way(client_of: ClientOf) -> None:
    spoke = {**OWN, "dhcpOptions": {"dnsServers": ["192.168.0.53", "10.0.0.4"]}}
    servers = {
        "192.168.0.53": {"forwarders": {"api.azureml.ms": AZURE}},
        **hub_server(records={SCORING: "10.0.1.9"}),
    }
    client = client_of(*LINKED, spoke=spoke, dns_servers=servers)
    assert client.chain(SCORING, "vnet-spoke") == ["10.0.1.9"]


def test_public_server_knows_no_private_zone(client_of: ClientOf) -> None:
    spoke = {"dhcpOptions": {"dnsServers": ["9.9.9.9"]}}
    client = client_of(LINKED[0], *zone(ML_ZONE, {SCORING_RECORD: PRIVATE_ADDRESS}, SPOKE), spoke=spoke)
    assert ip_address(client.chain(SCORING, "vnet-spoke")[-1]).is_global


def test_forwarders_in_a_circle_fail(client_of: ClientOf) -> None:
    servers = {
        **hub_server(forwarders={".": "192.168.0.53"}),
        "192.168.0.53": {"forwarders": {".": "10.0.0.4"}},
    }
    assert client_of(spoke=OWN, dns_servers=servers).chain(SCORING, "vnet-spoke") == ["SERVFAIL"]


def test_server_in_a_network_that_is_not_there_is_refused_at_the_start(client_of: ClientOf) -> None:
    with pytest.raises(SandboxError, match=r"10\.0\.0\.4 stands in the virtual network 'vnet-lost'"):
        client_of(dns_servers={"10.0.0.4": {"network": "vnet-lost"}})


@pytest.mark.parametrize(
    "servers",
    [
        {"ten": {}},
        {"10.0.0.4": {"forwarders": {"azureml.ms": "azure"}}},
        {"10.0.0.4": {"records": {"a.example": "somewhere"}}},
        {"10.0.0.4": {"forwarder": {}}},
    ],
)
def test_scenario_with_unsound_servers_is_refused(servers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="dns_servers"):
        Scenario.model_validate(azure(dns_servers=servers))


def test_example_in_the_design_page_is_sound() -> None:
    page = (Path(__file__).parents[3] / "docs" / "design.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\ndns_servers:")[2].partition("```")[0]
    (server,) = Scenario.model_validate(yaml.safe_load(f"dns_servers:{example}")).dns_servers.values()
    assert server.network == "vnet-hub"
    assert {str(address) for address in server.forwarders.values()} == {AZURE}
