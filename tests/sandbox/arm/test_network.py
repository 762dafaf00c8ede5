"""Virtual networks, private endpoints, and who reaches what privately."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.sandbox.arm import authorization, network
from vnetferry.sandbox.wire import Principal

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet-callers"
SUBNET = f"{NETWORK}/subnets/endpoints"
ENDPOINT = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
V, S = "2023-09-01", "2023-01-01"


@pytest.fixture
def ready(arm: Any) -> Any:
    """A network with a subnet, and a storage account."""
    arm.put(ACCOUNT, {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}, S)
    subnets = [{"name": "endpoints", "properties": {"addressPrefix": "10.0.1.0/24"}}]
    body = {
        "location": "westeurope",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets},
    }
    assert arm.put(NETWORK, body, V).status == 201
    return arm


def endpoint(manual: bool = False, subnet: str = SUBNET, **fields: Any) -> dict[str, Any]:
    connection = {
        "name": "c",
        "properties": {"privateLinkServiceId": ACCOUNT, "groupIds": ["blob"], **fields},
    }
    kind = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
    return {"location": "westeurope", "properties": {"subnet": {"id": subnet}, kind: [connection]}}


def connections(arm: Any) -> Any:
    return arm.get(ACCOUNT, S).body["properties"]["privateEndpointConnections"]


def test_put_endpoint_by_target_owner_is_approved_and_reaches(ready: Any) -> None:
    answer = ready.put(ENDPOINT, endpoint(), V)
    assert answer.status == 201
    assert (
        "/providers/Microsoft.Network/locations/westeurope/operations/"
        in answer.headers["Azure-AsyncOperation"]
    )
    made = ready.settle(ENDPOINT, V).body["properties"]
    assert made["customDnsConfigs"] == [{"fqdn": "stone.blob.core.windows.net", "ipAddresses": ["10.0.1.4"]}]
    assert connections(ready)[0]["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"
    assert network.reaches_privately(ready.world, "vnet-callers", ACCOUNT, "blob")


def test_reaches_privately_is_false_for_other_subresource_network_or_target(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(), V)
    assert not network.reaches_privately(ready.world, "vnet-callers", ACCOUNT, "file")
    assert not network.reaches_privately(ready.world, "vnet-other", ACCOUNT, "blob")
    assert not network.reaches_privately(ready.world, "vnet-callers", f"{ACCOUNT}two", "blob")


def test_put_manual_endpoint_is_pending_until_approved(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(manual=True), V)
    assert not network.reaches_privately(ready.world, "vnet-callers", ACCOUNT, "blob")
    path = connections(ready)[0]["id"]
    state = {"status": "Approved", "description": "yes"}
    assert ready.put(path, {"properties": {"privateLinkServiceConnectionState": state}}, S).status == 200
    assert network.reaches_privately(ready.world, "vnet-callers", ACCOUNT, "blob")
    shown = ready.get(ENDPOINT, V).body["properties"]["manualPrivateLinkServiceConnections"][0]["properties"]
    assert shown["privateLinkServiceConnectionState"]["status"] == "Approved"


def test_put_endpoint_by_network_contributor_is_pending_and_cannot_be_approved_by_it(ready: Any) -> None:
    somebody = Principal("99999999-9999-4999-8999-999999999999", "other", "t")
    role = "/providers/Microsoft.Authorization/roleDefinitions/4d97b98b-1d4f-4787-a291-c67834d212e7"
    name = "22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    body = {"properties": {"roleDefinitionId": role, "principalId": somebody.object_id}}
    ready.put(f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}", body, "2022-04-01")
    assert ready.put(ENDPOINT, endpoint(), V, principal=somebody).status == 201
    connection = connections(ready)[0]
    assert connection["properties"]["privateLinkServiceConnectionState"]["status"] == "Pending"
    approval = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}
    assert ready.put(connection["id"], approval, S, principal=somebody).code == "AuthorizationFailed"


def test_rejected_or_deleted_connection_reaches_no_more(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(), V)
    path = connections(ready)[0]["id"]
    ready.put(path, {"properties": {"privateLinkServiceConnectionState": {"status": "Rejected"}}}, S)
    assert not network.reaches_privately(ready.world, "vnet-callers", ACCOUNT, "blob")
    assert ready.send("DELETE", path, version=S).status == 200
    shown = ready.get(ENDPOINT, V).body["properties"]["privateLinkServiceConnections"][0]["properties"]
    assert shown["privateLinkServiceConnectionState"]["status"] == "Disconnected"


def test_delete_endpoint_takes_its_connection_away(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(), V)
    ready.settle(ENDPOINT, V)
    assert ready.send("DELETE", ENDPOINT, version=V).status == 202
    assert ready.settle(ENDPOINT, V).status == 404
    assert connections(ready) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (endpoint(subnet=f"{NETWORK}/subnets/absent"), "InvalidResourceReference"),
        (endpoint(privateLinkServiceId=f"{ACCOUNT}x"), "LinkedResourceNotFound"),
        (endpoint(groupIds=["vault"]), "InvalidGroupId"),
        (endpoint(groupIds=[]), "MissingParameterGroupIds"),
        (
            {"location": "westeurope", "properties": {"subnet": {"id": SUBNET}}},
            "PrivateEndpointMustHaveOneConnection",
        ),
        ({**endpoint(), "colour": "red"}, "InvalidRequestContent"),
        ({**endpoint(), "location": "nowhere"}, "LocationNotAvailableForResourceType"),
        ({**endpoint(), "location": "northeurope"}, "InvalidResourceReference"),
    ],
)
def test_put_bad_endpoint_is_refused(ready: Any, body: Any, code: str) -> None:
    assert ready.put(ENDPOINT, body, V).code == code
    assert connections(ready) == []


def test_delete_subnet_with_endpoint_is_refused(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(), V)
    assert ready.send("DELETE", SUBNET, version=V).code == "InUseSubnetCannotBeDeleted"
    assert ready.send("DELETE", NETWORK, version=V).code == "InUseSubnetCannotBeDeleted"


@pytest.mark.parametrize(
    ("prefix", "code"),
    [
        ("10.1.0.0/24", "NetcfgSubnetRangeOutsideVnet"),
        ("10.0.1.128/25", "NetcfgSubnetRangesOverlap"),
        ("ten", "InvalidAddressPrefixFormat"),
    ],
)
def test_put_bad_subnet_is_refused(ready: Any, prefix: str, code: str) -> None:
    body = {"properties": {"addressPrefix": prefix}}
    assert ready.put(f"{NETWORK}/subnets/more", body, V).code == code


def test_zone_group_writes_records_of_the_endpoint(ready: Any) -> None:
    zone = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
    assert ready.put(zone, {"location": "global"}, "2020-06-01").status == 201
    ready.put(ENDPOINT, endpoint(), V)
    config = {"name": "blob", "properties": {"privateDnsZoneId": zone}}
    answer = ready.put(
        f"{ENDPOINT}/privateDnsZoneGroups/default", {"properties": {"privateDnsZoneConfigs": [config]}}, V
    )
    assert answer.status == 201
    record = ready.get(f"{zone}/A/stone", "2020-06-01").body["properties"]
    assert record["aRecords"] == [{"ipv4Address": "10.0.1.4"}]


def test_zone_group_writes_only_what_belongs_into_its_zones_and_takes_it_away(ready: Any) -> None:
    zones = [
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.{name}"
        for name in ("blob.core.windows.net", "vaultcore.azure.net")
    ]
    for zone in zones:
        ready.put(zone, {"location": "global"}, "2020-06-01")
    ready.put(ENDPOINT, endpoint(), V)
    ready.settle(ENDPOINT, V)
    group = f"{ENDPOINT}/privateDnsZoneGroups/default"

    def put(*wanted: str) -> Any:
        configs = [{"name": f"z{i}", "properties": {"privateDnsZoneId": z}} for i, z in enumerate(wanted)]
        return ready.put(group, {"properties": {"privateDnsZoneConfigs": configs}}, V)

    def records() -> list[list[str]]:
        found = [ready.get(f"{zone}/A", "2020-06-01").body["value"] for zone in zones]
        return [[record["name"] for record in held] for held in found]

    assert put(*zones).status == 201
    assert records() == [["stone"], []]
    assert put(zones[1]).status == 200
    assert records() == [[], []]
    put(zones[0])
    assert ready.send("DELETE", group, version=V).status == 200
    assert records() == [[], []]
    put(zones[0])
    assert put(f"{zones[0]}x").code == "InvalidResourceReference"
    assert records() == [["stone"], []]
    ready.send("DELETE", ENDPOINT, version=V)
    assert ready.settle(ENDPOINT, V).status == 404
    assert records() == [[], []]


def link(policy: str | None = None) -> dict[str, Any]:
    properties = {"virtualNetwork": {"id": NETWORK}, **({"resolutionPolicy": policy} if policy else {})}
    return {"location": "global", "properties": properties}


def test_put_link_keeps_the_resolution_policy_from_the_version_that_has_it(ready: Any) -> None:
    zones = f"{GROUP}/providers/Microsoft.Network/privateDnsZones"
    for name in ("privatelink.blob.core.windows.net", "corp.example"):
        ready.put(f"{zones}/{name}", {"location": "global"}, "2020-06-01")
    path = f"{zones}/privatelink.blob.core.windows.net/virtualNetworkLinks/one"
    made = ready.put(path, link("nxdomainredirect"), "2024-06-01")
    assert made.body["properties"]["resolutionPolicy"] == "NxDomainRedirect"
    assert ready.put(path, link(), "2024-06-01").body["properties"]["resolutionPolicy"] == "Default"
    assert "resolutionPolicy" not in ready.put(path, link(), "2020-06-01").body["properties"]
    assert ready.put(path, link("Sometimes"), "2024-06-01").code == "BadRequest"
    corp = f"{zones}/corp.example/virtualNetworkLinks/one"
    assert "not supported" in ready.put(corp, link("NxDomainRedirect"), "2024-06-01").message


def test_put_link_to_a_second_zone_of_the_same_name_is_refused(ready: Any) -> None:
    other = GROUP.replace("/rg", "/rg-other")
    ready.put(other, {"location": "westeurope"}, "2021-04-01")
    links = []
    for group in (GROUP, other):
        zone = f"{group}/providers/Microsoft.Network/privateDnsZones/corp.example"
        assert ready.put(zone, {"location": "global"}, "2020-06-01").status == 201
        links.append(f"{zone}/virtualNetworkLinks/one")
    assert ready.put(links[0], link(), "2020-06-01").status == 201
    assert ready.put(links[0], link(), "2020-06-01").status == 200
    assert "overlapping namespaces" in ready.put(links[1], link(), "2020-06-01").message


def test_adopted_endpoint_connects_whatever_the_order(arm_of: Any) -> None:
    subnet = {"id": SUBNET, "name": "endpoints", "properties": {"addressPrefix": "10.0.1.0/24"}}
    documents = [
        {"id": ENDPOINT, "name": "pe", "type": "Microsoft.Network/privateEndpoints", **endpoint()},
        {"id": ACCOUNT, "name": "stone", "location": "westeurope", "properties": {}},
        {
            "id": NETWORK,
            "name": "vnet-callers",
            "location": "westeurope",
            "properties": {"subnets": [subnet]},
        },
    ]
    for order in (documents, documents[::-1]):
        world = arm_of(*order).world
        assert network.reaches_privately(world, "VNET-callers", ACCOUNT, "blob")


def test_client_may_approve_by_default(ready: Any) -> None:
    action = "Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action"
    assert authorization.allowed(ready.world, authorization.CLIENT_OBJECT_ID, action, ACCOUNT)
