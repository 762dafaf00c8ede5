"""A workspace as the target of private endpoints."""

from __future__ import annotations

from typing import Any

from tests.sandbox.ml.workspace_world import GROUP, STORAGE, WORKSPACE, Arm, Start, associated

_NETWORK = f"{GROUP}/providers/Microsoft.Network"
SUBNET = f"{_NETWORK}/virtualNetworks/vnet-callers/subnets/snet"
ENDPOINT = f"{_NETWORK}/privateEndpoints/pe-ws"
NETWORK_VERSION = "2023-09-01"


def reachable(start: Start, *, manual: bool = False) -> Arm:
    """A workspace with a private endpoint in the callers' network."""
    workspace = {
        "id": WORKSPACE,
        "location": "westeurope",
        "properties": {"storageAccount": STORAGE, "publicNetworkAccess": "Disabled"},
    }
    network = {
        "id": SUBNET.rpartition("/subnets/")[0],
        "location": "westeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "snet", "id": SUBNET, "properties": {"addressPrefix": "10.0.0.0/24"}}],
        },
    }
    start([*associated(), workspace, network])
    arm = Arm()
    connection = {
        "name": "link",
        "properties": {"privateLinkServiceId": WORKSPACE, "groupIds": ["amlworkspace"]},
    }
    kind = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
    body: dict[str, Any] = {
        "location": "westeurope",
        "properties": {"subnet": {"id": SUBNET}, kind: [connection]},
    }
    arm.done("PUT", ENDPOINT, body, version=NETWORK_VERSION)
    return arm


def test_workspace_with_private_endpoint_shows_its_approved_connection(start: Start) -> None:
    arm = reachable(start)
    properties = arm.get(WORKSPACE)["properties"]
    assert properties["privateLinkCount"] == 1
    shown = properties["privateEndpointConnections"][0]["properties"]
    assert shown["privateLinkServiceConnectionState"]["status"] == "Approved"
    assert shown["privateEndpoint"]["id"] == ENDPOINT


def test_workspace_connection_made_by_hand_waits_for_approval(start: Start) -> None:
    arm = reachable(start, manual=True)
    connection = arm.get(f"{WORKSPACE}/privateEndpointConnections")["value"][0]
    assert connection["properties"]["privateLinkServiceConnectionState"]["status"] == "Pending"
    state = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved", "description": "ok"}}}
    assert arm.send("PUT", connection["id"], state).status_code == 200
    approved = arm.get(connection["id"])["properties"]
    assert approved["privateLinkServiceConnectionState"]["status"] == "Approved"


def test_workspace_connection_deleted_is_gone_from_the_workspace(start: Start) -> None:
    arm = reachable(start)
    connection = arm.get(f"{WORKSPACE}/privateEndpointConnections")["value"][0]
    assert arm.send("DELETE", connection["id"]).status_code in (200, 202)
    assert "privateEndpointConnections" not in arm.get(WORKSPACE)["properties"]


def test_workspace_offers_amlworkspace_to_private_endpoints(start: Start) -> None:
    resources = reachable(start).get(f"{WORKSPACE}/privateLinkResources")["value"]
    assert [each["properties"]["groupId"] for each in resources] == ["amlworkspace"]
