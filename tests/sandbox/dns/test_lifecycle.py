"""From the request that makes a private endpoint to the name that leads there, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.sandbox.dns.dns_world import (
    GUID,
    HUB,
    ML_ZONE,
    PRIVATE_SCORING,
    PROVIDERS,
    SCORING,
    WORKSPACE,
    Client,
)
from vnetferry.sandbox.arm import authorization, site
from vnetferry.sandbox.wire import INTERNET, Principal, Request, Response

ENDPOINT = f"{PROVIDERS}/Microsoft.Network/privateEndpoints/pe-ws"
ZONE = f"{PROVIDERS}/Microsoft.Network/privateDnsZones/{ML_ZONE}"
NOTEBOOKS = ZONE.replace(ML_ZONE, "privatelink.notebooks.azure.net")


def send(client: Client, method: str, path: str, version: str, body: Any = None) -> Response:
    principal = Principal(authorization.CLIENT_OBJECT_ID, "app", client.sandbox.world.identity.tenant_id)
    content = b"" if body is None else json.dumps(body).encode()
    query = f"api-version={version}"
    request = Request(method, "management.azure.com", path, query, {}, content, INTERNET, principal)
    answer = client.sandbox.call(site.dispatch(client.sandbox.world, request))
    assert answer.status < 300, answer.body
    return answer


def wait_gone(client: Client, resource_id: str) -> None:
    deadline = time.monotonic() + 30
    while resource_id in client.sandbox.world.documents:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_private_endpoint_with_zone_group_leads_there_until_it_is_deleted(
    client_of: Callable[..., Client],
) -> None:
    client = client_of()
    subnet = f"{HUB}/subnets/endpoints"
    send(client, "PUT", subnet, "2023-09-01", {"properties": {"addressPrefix": "10.0.1.0/24"}})
    connection = {
        "name": "ws",
        "properties": {"privateLinkServiceId": WORKSPACE, "groupIds": ["amlworkspace"]},
    }
    properties = {"subnet": {"id": subnet}, "privateLinkServiceConnections": [connection]}
    body = {"location": "westeurope", "properties": properties}
    send(client, "PUT", ENDPOINT, "2023-09-01", body)
    assert client.chain(SCORING, "vnet-hub")[0] == PRIVATE_SCORING
    link = {"location": "global", "properties": {"virtualNetwork": {"id": HUB}}}
    for zone in (ZONE, NOTEBOOKS):
        send(client, "PUT", zone, "2020-06-01", {"location": "global"})
        send(client, "PUT", f"{zone}/virtualNetworkLinks/hub", "2020-06-01", link)
    assert client.chain(PRIVATE_SCORING, "vnet-hub") == ["NXDOMAIN"]

    configs = [
        {"name": f"zone-{i}", "properties": {"privateDnsZoneId": zone}}
        for i, zone in enumerate((ZONE, NOTEBOOKS))
    ]
    group = {"properties": {"privateDnsZoneConfigs": configs}}
    send(client, "PUT", f"{ENDPOINT}/privateDnsZoneGroups/default", "2023-09-01", group)
    assert client.chain(SCORING, "vnet-hub") == [PRIVATE_SCORING, "10.0.1.4"]
    for name in (
        f"{GUID}.workspace.westeurope.api.azureml.ms",
        f"{GUID}.workspace.westeurope.cert.api.azureml.ms",
        f"ml-ws-westeurope-{GUID}.westeurope.notebooks.azure.net",
    ):
        assert client.chain(name, "vnet-hub")[-1] == "10.0.1.4"
        assert client.chain(name, "vnet-spoke")[-1] != "10.0.1.4"

    send(client, "DELETE", ENDPOINT, "2023-09-01")
    wait_gone(client, ENDPOINT)
    assert client.chain(SCORING, "vnet-hub") == client.chain(SCORING)
    assert client.chain(PRIVATE_SCORING, "vnet-hub") == ["NXDOMAIN"]
