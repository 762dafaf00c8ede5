"""What a client's own DNS answers decides through which door it comes in, and whether it comes in at all.

Requests carry no credentials, so that 401 means that the network has let them through.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.identity import EnvironmentCredential

from tests.sandbox.dns.dns_world import (
    ACCOUNT,
    GUID,
    HUB,
    ML_ZONE,
    PRIVATE_ADDRESS,
    PROVIDERS,
    REGISTRY,
    SCORING,
    SCORING_RECORD,
    SPOKE,
    VAULT,
    WORKSPACE,
    Json,
    azure,
    peerings,
    private_endpoint,
    resource,
    zone,
)
from vnetferry.sandbox.arm.private_links import find_connection
from vnetferry.sandbox.server import Sandbox

AZURE = "168.63.129.16"
SECOND = f"{PROVIDERS}/Microsoft.MachineLearningServices/workspaces/ws-second"
SECOND_GUID = GUID.replace("b6f0", "c7a1")
FRAUD = "fraud.westeurope.inference.ml.azure.com"
API = f"{GUID}.workspace.westeurope.api.azureml.ms"
ENDPOINT = private_endpoint("pe-ws", WORKSPACE, "amlworkspace", PRIVATE_ADDRESS)
RECORDS = {SCORING_RECORD: PRIVATE_ADDRESS, f"{GUID}.workspace.westeurope": "10.0.1.4"}
CLOSED = {"publicNetworkAccess": "Disabled"}


@dataclass(frozen=True)
class Caller:
    """Somebody who asks a sandbox's hosts from one of its vantages."""

    sandbox: Sandbox
    session: requests.Session

    def ask(self, host: str, vantage: str = "vnet-hub", path: str = "/score") -> requests.Response:
        return self.session.get(
            f"https://{host}{path}",
            proxies={"https": self.sandbox.vantages[vantage]},
            verify=str(self.sandbox.world.ca_file),
            timeout=30,
        )

    def outcome(self, host: str, vantage: str = "vnet-hub", path: str = "/score") -> int:
        """The answer's status; of a connection that was not made, the proxy's."""
        try:
            return self.ask(host, vantage, path).status_code
        except requests.exceptions.ProxyError as err:
            return int(re.findall(r"Tunnel connection failed: (\d{3}) ", str(err))[0])


@pytest.fixture
def caller_in(sandbox_factory: Callable[..., Sandbox]) -> Callable[..., Caller]:
    """Somebody in a sandbox of `azure(…)` whose endpoint credit is closed to the public, and fraud is not."""

    def make(*more: Json, **fields: Any) -> Caller:
        scenario = azure(*_second_workspace(), *more, **fields)
        _close(scenario, f"{WORKSPACE}/onlineEndpoints/credit")
        return Caller(sandbox_factory(scenario), requests.Session())

    return make


CallerIn = Callable[..., Caller]


def _close(scenario: Json, *identifiers: str) -> None:
    for document in scenario["resources"]:
        if document["id"] in identifiers:
            document["properties"] = {**document["properties"], **CLOSED}


def _second_workspace() -> list[Json]:
    scoring = {"authMode": "Key", "provisioningState": "Succeeded", "scoringUri": f"https://{FRAUD}/score"}
    return [
        resource(SECOND, properties={"workspaceId": SECOND_GUID}),
        resource(f"{SECOND}/onlineEndpoints/fraud", properties=scoring),
    ]


# --- Scoring


def test_private_endpoint_whose_zone_is_linked_lets_in_its_own_network_alone(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB))
    assert caller.outcome(SCORING) == 401
    for outside in ("internet", "vnet-spoke"):
        answer = caller.ask(SCORING, outside)
        assert answer.status_code == 403
        assert "Public network access is disabled" in answer.json()["error"]["message"]


def test_private_endpoint_whose_zone_is_not_linked_is_not_used(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS))
    assert caller.outcome(SCORING) == 403


def test_private_endpoint_without_any_zone_is_not_used(caller_in: CallerIn) -> None:
    assert caller_in(ENDPOINT).outcome(SCORING) == 403


def test_zone_without_the_record_leaves_clients_without_an_address(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, {}, HUB))
    with pytest.raises(requests.exceptions.ProxyError, match=r"502 .*NXDOMAIN.*private DNS zone"):
        caller.ask(SCORING)
    assert caller.outcome(SCORING, "internet") == 403


def test_zone_that_falls_back_leads_to_the_public_door(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, {}, HUB, resolutionPolicy="NxDomainRedirect"))
    assert caller.outcome(SCORING) == 403


def test_zone_of_one_workspace_hides_another_that_has_a_private_endpoint_elsewhere(
    caller_in: CallerIn,
) -> None:
    elsewhere = private_endpoint("pe-second", SECOND, "amlworkspace", "10.1.1.6", SPOKE)
    caller = caller_in(ENDPOINT, elsewhere, *zone(ML_ZONE, RECORDS, HUB))
    assert caller.outcome(FRAUD) == 502
    assert caller.outcome(FRAUD, "vnet-spoke") == 401
    assert caller.outcome(FRAUD, "internet") == 401


def test_zone_of_one_workspace_leaves_another_without_private_endpoint_alone(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB))
    assert caller.outcome(FRAUD) == 401


@pytest.mark.parametrize(
    ("spoke", "outcome"),
    [
        ({}, 504),
        ({"virtualNetworkPeerings": peerings(HUB)}, 401),
        ({"virtualNetworkPeerings": peerings(HUB, state="Initiated")}, 504),
    ],
    ids=["apart", "peered", "half peered"],
)
def test_private_endpoint_in_another_network_is_reached_by_peering(
    caller_in: CallerIn, spoke: Json, outcome: int
) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB, SPOKE), spoke=spoke)
    assert caller.outcome(SCORING, "vnet-spoke") == outcome


@pytest.mark.parametrize("status", ["Pending", "Rejected", "Disconnected"])
def test_private_endpoint_that_is_not_approved_answers_nobody(caller_in: CallerIn, status: str) -> None:
    pending = private_endpoint("pe-ws", WORKSPACE, "amlworkspace", PRIVATE_ADDRESS, status=status)
    override = {"10.0.0.4": {"network": "vnet-hub", "records": {SCORING: PRIVATE_ADDRESS}}}
    caller = caller_in(pending, spoke=_own_dns(), dns_servers=override)
    assert caller.outcome(SCORING, "vnet-spoke") == 504
    assert caller.outcome(SCORING, "internet") == 403


def test_dns_server_that_sends_a_region_to_one_workspace_cuts_off_the_other(caller_in: CallerIn) -> None:
    records = {"*.westeurope.inference.ml.azure.com": PRIVATE_ADDRESS}
    server = {"10.0.0.4": {"network": "vnet-hub", "records": records, "forwarders": {".": AZURE}}}
    caller = caller_in(ENDPOINT, spoke=_own_dns(), dns_servers=server)
    assert caller.outcome(SCORING, "vnet-spoke") == 401
    answer = caller.ask(FRAUD, "vnet-spoke")
    assert answer.status_code == 403
    assert "private endpoint of workspace 'ws'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("forwarders", "outcome"), [({"api.azureml.ms": AZURE}, 401), ({}, 403)])
def test_dns_server_leads_privately_with_a_forwarder_alone(
    caller_in: CallerIn, forwarders: Json, outcome: int
) -> None:
    server = {"10.0.0.4": {"network": "vnet-hub", "forwarders": forwarders}}
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB), spoke=_own_dns(), dns_servers=server)
    assert caller.outcome(SCORING, "vnet-spoke") == outcome


def test_dns_server_of_a_scenario_that_describes_none_sees_every_linked_zone(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB), spoke=_own_dns())
    assert caller.outcome(SCORING, "vnet-spoke") == 401


def test_connection_falls_with_the_approval_of_its_private_endpoint(caller_in: CallerIn) -> None:
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB))
    assert caller.outcome(SCORING) == 401
    connection = find_connection(caller.sandbox.world, WORKSPACE, ENDPOINT["id"])
    assert connection is not None
    connection["properties"]["privateLinkServiceConnectionState"]["status"] = "Rejected"
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.ask(SCORING)
    assert caller.outcome(SCORING) == 403


def test_connection_stays_where_it_was_made_when_dns_changes(caller_in: CallerIn) -> None:
    """As in Azure: only a new connection is resolved anew."""
    caller = caller_in(ENDPOINT, *zone(ML_ZONE, RECORDS, HUB))
    assert caller.outcome(SCORING) == 401
    caller.sandbox.world.documents.remove(f"{PROVIDERS}/Microsoft.Network/privateDnsZones/{ML_ZONE}")
    assert caller.outcome(SCORING) == 401
    fresh = Caller(caller.sandbox, requests.Session())
    assert fresh.outcome(SCORING) == 403


# --- Names without an address


@pytest.mark.parametrize(
    "host",
    [
        "absent.westeurope.inference.ml.azure.com",
        "absent.blob.core.windows.net",
        "absent.vault.azure.net",
        "absent.azurecr.io",
    ],
)
def test_host_that_does_not_exist_is_never_connected_to(caller_in: CallerIn, host: str) -> None:
    assert caller_in().outcome(host, "internet") == 502


def test_proxy_says_in_the_standard_words_why_there_is_no_way(caller_in: CallerIn) -> None:
    port = urlsplit(caller_in().sandbox.vantages["internet"]).port
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"CONNECT absent.blob.core.windows.net:443 HTTP/1.1\r\n\r\n")
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 502 absent.blob.core.windows.net cannot be resolved from 'internet'")
    assert '\r\nproxy-status: vnetferry; error=dns_error; rcode="NXDOMAIN"\r\n' in answer


def test_network_whose_dns_server_is_not_there_reaches_nothing(caller_in: CallerIn) -> None:
    caller = caller_in(spoke={"dhcpOptions": {"dnsServers": ["10.9.9.9"]}}, dns_servers={"10.0.0.4": {}})
    assert caller.outcome("management.azure.com", "vnet-spoke", "/") == 502
    assert caller.outcome("management.azure.com", "vnet-hub", "/") == 401


def test_network_whose_document_cannot_be_read_reaches_nothing(caller_in: CallerIn, caplog: Any) -> None:
    caller = caller_in()
    caller.sandbox.world.documents.require(SPOKE)["properties"]["dhcpOptions"] = "not what it should be"
    assert caller.outcome("management.azure.com", "vnet-spoke", "/") == 502
    assert "cannot tell where management.azure.com leads from vnet-spoke" in caplog.text


# --- Storage, vaults and what is not served


@pytest.mark.parametrize(
    ("target", "group_id", "zone_name", "record", "host"),
    [
        (ACCOUNT, "blob", "privatelink.blob.core.windows.net", "stone", "stone.blob.core.windows.net"),
        (REGISTRY, "registry", "privatelink.azurecr.io", "crone", "crone.azurecr.io"),
        (WORKSPACE, "amlworkspace", ML_ZONE, f"{GUID}.workspace.westeurope", API),
    ],
    ids=["storage", "registry", "workspace"],
)
def test_resource_that_is_closed_to_the_public_is_reached_by_its_zone(
    sandbox_factory: Callable[..., Sandbox],
    target: str,
    group_id: str,
    zone_name: str,
    record: str,
    host: str,
) -> None:
    endpoint = private_endpoint("pe", target, group_id, "10.0.1.7")
    scenario = azure(endpoint, *zone(zone_name, {record: "10.0.1.7"}, HUB))
    _close(scenario, target)
    caller = Caller(sandbox_factory(scenario), requests.Session())
    assert caller.outcome(host, "internet", "/?comp=list") == 403
    assert caller.outcome(host, "vnet-spoke", "/?comp=list") == 403
    assert caller.outcome(host, "vnet-hub", "/?comp=list") in (409, 501)


@pytest.mark.parametrize(("vantage", "status"), [("internet", 403), ("vnet-spoke", 403), ("vnet-hub", 200)])
def test_vault_that_is_closed_is_reached_by_its_zone(
    sandbox_factory: Callable[..., Sandbox],
    enter_sandbox: Callable[..., Sandbox],
    vantage: str,
    status: int,
) -> None:
    records = zone("privatelink.vaultcore.azure.net", {"kv-one": "10.0.1.8"}, HUB)
    scenario = azure(private_endpoint("pe", VAULT, "vault", "10.0.1.8"), *records)
    _close(scenario, VAULT)
    enter_sandbox(sandbox_factory(scenario), vantage)
    with EnvironmentCredential() as credential:
        token = credential.get_token("https://vault.azure.net/.default").token
    url = "https://kv-one.vault.azure.net/secrets?api-version=7.4"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["innererror"]["code"] == "ForbiddenByConnection"


def test_storage_account_is_not_reached_through_the_private_endpoint_of_another(
    sandbox_factory: Callable[..., Sandbox],
) -> None:
    other = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/stother"
    endpoints = (
        private_endpoint("pe-one", ACCOUNT, "blob", "10.0.1.7"),
        private_endpoint("pe-other", other, "blob", "10.0.1.8"),
    )
    records = zone("privatelink.blob.core.windows.net", {"stone": "10.0.1.7", "stother": "10.0.1.7"}, HUB)
    caller = Caller(sandbox_factory(azure(resource(other), *endpoints, *records)), requests.Session())
    assert caller.outcome("stone.blob.core.windows.net", path="/?comp=list") == 409
    answer = caller.ask("stother.blob.core.windows.net", path="/?comp=list")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthorizationFailure")
    assert caller.outcome("stother.blob.core.windows.net", "internet", "/?comp=list") == 409


def test_private_endpoint_for_another_subresource_does_not_lead_to_blobs(
    sandbox_factory: Callable[..., Sandbox],
) -> None:
    endpoints = (
        private_endpoint("pe-file", ACCOUNT, "file", "10.0.1.7"),
        private_endpoint("pe-blob", ACCOUNT, "blob", "10.1.1.7", SPOKE),
    )
    records = zone("privatelink.blob.core.windows.net", {"stone": "10.0.1.7"}, HUB)
    caller = Caller(sandbox_factory(azure(*endpoints, *records)), requests.Session())
    assert caller.outcome("stone.blob.core.windows.net", path="/?comp=list") == 403


def _own_dns() -> Json:
    return {"dhcpOptions": {"dnsServers": ["10.0.0.4"]}, "virtualNetworkPeerings": peerings(HUB)}
