"""Peerings of virtual networks: two halves, their states, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.arm.conftest import GROUP
from vnetferry.sandbox.arm.peerings import are_connected

V = "2023-09-01"
NETWORKS = f"{GROUP}/providers/Microsoft.Network/virtualNetworks"
HUB, SPOKE = f"{NETWORKS}/vnet-hub", f"{NETWORKS}/vnet-spoke"
DOWN, UP = f"{HUB}/virtualNetworkPeerings/to-spoke", f"{SPOKE}/virtualNetworkPeerings/to-hub"


@pytest.fixture
def ready(arm: Any) -> Any:
    """A hub and a spoke."""
    for network, prefix in ((HUB, "10.0.0.0/16"), (SPOKE, "10.1.0.0/16")):
        assert put_network(arm, network, prefix).status == 201
        arm.settle(network, V)
    return arm


def put_network(arm: Any, network: str, prefix: str, **properties: Any) -> Any:
    space = {"addressSpace": {"addressPrefixes": [prefix]}}
    return arm.put(network, {"location": "westeurope", "properties": {**space, **properties}}, V)


def towards(network: str, **flags: bool) -> dict[str, Any]:
    return {"properties": {"remoteVirtualNetwork": {"id": network}, **flags}}


def state(arm: Any, peering: str) -> str:
    return str(arm.get(peering, V).body["properties"]["peeringState"])


def passes(arm: Any) -> tuple[bool, bool]:
    hub, spoke = arm.world.documents.require(HUB), arm.world.documents.require(SPOKE)
    return are_connected(arm.world, hub, spoke), are_connected(arm.world, spoke, hub)


def test_half_is_initiated_until_the_other_network_has_its_own(ready: Any) -> None:
    made = ready.put(DOWN, towards(SPOKE), V)
    assert made.status == 201
    assert made.body["properties"]["peeringState"] == "Initiated"
    assert made.body["properties"]["allowVirtualNetworkAccess"] is True
    assert made.body["properties"]["allowForwardedTraffic"] is False
    assert made.body["properties"]["remoteAddressSpace"] == {"addressPrefixes": ["10.1.0.0/16"]}
    assert passes(ready) == (False, False)
    assert ready.put(UP, towards(HUB), V).body["properties"]["peeringState"] == "Connected"
    assert state(ready, DOWN) == "Connected"
    assert passes(ready) == (True, True)
    assert ready.put(UP, towards(HUB), V).status == 200


def test_peerings_show_in_their_network_and_are_listed(ready: Any) -> None:
    ready.put(DOWN, towards(SPOKE), V)
    shown = ready.get(HUB, V).body["properties"]["virtualNetworkPeerings"]
    assert [peering["id"] for peering in shown] == [DOWN]
    assert ready.get(f"{HUB}/virtualNetworkPeerings", V).body["value"] == shown
    assert ready.get(f"{SPOKE}/virtualNetworkPeerings", V).body["value"] == []


def test_half_that_blocks_access_lets_nothing_pass(ready: Any) -> None:
    ready.put(DOWN, towards(SPOKE), V)
    ready.put(UP, towards(HUB, allowVirtualNetworkAccess=False), V)
    assert state(ready, DOWN) == "Connected"
    assert passes(ready) == (False, False)


def test_half_whose_opposite_goes_is_disconnected_until_it_is_written_again(ready: Any) -> None:
    ready.put(DOWN, towards(SPOKE), V)
    ready.put(UP, towards(HUB), V)
    assert ready.send("DELETE", DOWN, version=V).status == 200
    assert ready.send("DELETE", DOWN, version=V).status == 204
    assert state(ready, UP) == "Disconnected"
    assert passes(ready) == (False, False)
    refused = ready.put(DOWN, towards(SPOKE), V)
    assert (refused.status, refused.code) == (400, "RemotePeeringIsDisconnected")
    assert "Update or re-create the remote peering to get it back to Initiated state." in refused.message
    assert ready.get(DOWN, V).status == 404
    assert ready.put(UP, towards(HUB), V).body["properties"]["peeringState"] == "Initiated"
    assert ready.put(DOWN, towards(SPOKE), V).body["properties"]["peeringState"] == "Connected"
    assert passes(ready) == (True, True)


def test_network_that_is_deleted_leaves_the_other_half_disconnected(ready: Any) -> None:
    ready.put(DOWN, towards(SPOKE), V)
    ready.put(UP, towards(HUB), V)
    assert ready.send("DELETE", HUB, version=V).status == 202
    assert ready.settle(HUB, V).status == 404
    assert state(ready, UP) == "Disconnected"


def test_network_written_with_its_peerings_makes_and_removes_them(ready: Any) -> None:
    ready.put(UP, towards(HUB), V)
    named = {"name": "to-spoke", **towards(SPOKE)}
    assert put_network(ready, HUB, "10.0.0.0/16", virtualNetworkPeerings=[named]).status == 200
    assert state(ready, UP) == "Connected"
    put_network(ready, HUB, "10.0.0.0/16")
    assert state(ready, UP) == "Connected"
    put_network(ready, HUB, "10.0.0.0/16", virtualNetworkPeerings=[])
    assert state(ready, UP) == "Disconnected"
    assert ready.get(DOWN, V).status == 404


def test_network_written_with_a_peering_that_cannot_be_changes_nothing(ready: Any) -> None:
    lost = {"name": "lost", **towards(f"{NETWORKS}/vnet-lost")}
    subnets = [{"name": "late", "properties": {"addressPrefix": "10.0.9.0/24"}}]
    before = ready.get(HUB, V).body
    answer = put_network(ready, HUB, "10.0.0.0/16", virtualNetworkPeerings=[lost], subnets=subnets)
    assert answer.code == "InvalidResourceReference"
    assert ready.get(HUB, V).body == before
    assert ready.get(f"{HUB}/subnets/late", V).status == 404


def test_second_peering_with_the_same_network_is_refused(ready: Any) -> None:
    ready.put(DOWN, towards(SPOKE), V)
    answer = ready.put(f"{HUB}/virtualNetworkPeerings/again", towards(SPOKE), V)
    assert (answer.status, answer.code) == (400, "AnotherPeeringAlreadyReferencesRemoteVnet")
    assert len(ready.get(f"{HUB}/virtualNetworkPeerings", V).body["value"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"properties": {}}, "InvalidResourceReference"),
        (towards(f"{NETWORKS}/vnet-lost"), "InvalidResourceReference"),
        (towards(HUB), "InvalidRequestFormat"),
        ({"properties": {"remoteVirtualNetwork": {"id": SPOKE}, "allowAll": True}}, "InvalidRequestContent"),
        ({"properties": {"remoteVirtualNetwork": {"id": SPOKE}, "useRemoteGateways": "yes"}}, None),
    ],
    ids=["no network", "no such network", "itself", "unknown member", "not a boolean"],
)
def test_peering_that_cannot_be_is_refused(ready: Any, body: dict[str, Any], code: str | None) -> None:
    answer = ready.put(DOWN, body, V)
    assert answer.status == 400
    assert code is None or answer.code == code
    assert ready.get(DOWN, V).status == 404


def test_peering_of_networks_that_overlap_is_refused(ready: Any) -> None:
    other = f"{NETWORKS}/vnet-other"
    put_network(ready, other, "10.0.128.0/20")
    answer = ready.put(DOWN, towards(other), V)
    assert (answer.status, answer.code) == (400, "VnetAddressSpacesOverlap")
    assert "Overlapping address prefixes: 10.0.0.0/16" in answer.message
    assert ready.get(DOWN, V).status == 404


def test_peering_with_a_network_whose_peer_overlaps_is_refused(ready: Any) -> None:
    twin = f"{NETWORKS}/vnet-twin"
    put_network(ready, twin, "10.0.0.0/16")
    ready.put(UP, towards(HUB), V)
    answer = ready.put(f"{twin}/virtualNetworkPeerings/p", towards(SPOKE), V)
    assert (answer.status, answer.code) == (400, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet")


def test_peerings_of_a_scenario_are_served(arm_of: Any) -> None:
    half = {"remoteVirtualNetwork": {"id": SPOKE}, "peeringState": "Connected"}
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    peerings = [{"name": "to-spoke", "properties": half}]
    hub = {"id": HUB, "location": "westeurope", "properties": {**space, "virtualNetworkPeerings": peerings}}
    arm = arm_of({**hub, "name": "vnet-hub"})
    assert state(arm, DOWN) == "Connected"
