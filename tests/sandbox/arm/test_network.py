"""Virtual networks, private endpoints, and who reaches what privately."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.sandbox import doors
from vnetferry.sandbox.arm import authorization
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


def reaches(world: Any, vantage: str = "vnet-callers", host: str = "stone.blob.core.windows.net") -> bool:
    """Whether a client there arrives at the account privately, once its own records say so."""
    zone = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
    linked = {"virtualNetwork": {"id": NETWORK}}
    address = {"ttl": 10, "aRecords": [{"ipv4Address": "10.0.1.4"}]}
    world.documents.put({"id": zone, "name": zone.rpartition("/")[2], "properties": {}})
    world.documents.put({"id": f"{zone}/A/stone", "name": "stone", "properties": address})
    world.documents.put({"id": f"{zone}/virtualNetworkLinks/l", "properties": linked})
    return doors.find_door(world, vantage, host).leads_to(ACCOUNT, "blob")


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
    assert reaches(ready.world)


def test_endpoint_is_not_the_way_from_another_network_or_to_another_subresource(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(), V)
    assert reaches(ready.world)
    assert not reaches(ready.world, "vnet-other")
    assert not reaches(ready.world, host="stone.file.core.windows.net")


def test_put_manual_endpoint_is_pending_until_approved(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(manual=True), V)
    assert not reaches(ready.world)
    path = connections(ready)[0]["id"]
    state = {"status": "Approved", "description": "yes"}
    assert ready.put(path, {"properties": {"privateLinkServiceConnectionState": state}}, S).status == 200
    assert reaches(ready.world)
    shown = ready.get(ENDPOINT, V).body["properties"]["manualPrivateLinkServiceConnections"][0]["properties"]
    assert shown["privateLinkServiceConnectionState"]["status"] == "Approved"


def test_put_endpoint_by_network_contributor_is_pending_and_cannot_be_approved_by_it(ready: Any) -> None:
    somebody = Principal("99999999-9999-4999-8999-999999999999", "other", "t")
    role = "/providers/Microsoft.Authorization/roleDefinitions/4d97b98b-1d4f-4787-a291-c67834d212e7"
    name = "22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    body = {"properties": {"roleDefinitionId": role, "principalId": somebody.object_id}}
    ready.put(f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}", body, "2022-04-01")
    ready.wait(901)  # until the assignment counts
    assert ready.put(ENDPOINT, endpoint(), V, principal=somebody).status == 201
    connection = connections(ready)[0]
    assert connection["properties"]["privateLinkServiceConnectionState"]["status"] == "Pending"
    approval = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}
    assert ready.put(connection["id"], approval, S, principal=somebody).code == "AuthorizationFailed"


def test_rejected_or_deleted_connection_reaches_no_more(ready: Any) -> None:
    ready.put(ENDPOINT, endpoint(), V)
    path = connections(ready)[0]["id"]
    ready.put(path, {"properties": {"privateLinkServiceConnectionState": {"status": "Rejected"}}}, S)
    assert not reaches(ready.world)
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


BLOB_ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"


def zone_group(*zones: str) -> dict[str, Any]:
    configs = [{"name": f"z{i}", "properties": {"privateDnsZoneId": zone}} for i, zone in enumerate(zones)]
    return {"properties": {"privateDnsZoneConfigs": configs}}


def addresses(arm: Any, name: str = "stone") -> list[str]:
    record = arm.get(f"{BLOB_ZONE}/A/{name}", "2020-06-01")
    return [r["ipv4Address"] for r in record.body["properties"]["aRecords"]] if record.status == 200 else []


def test_zone_group_hides_the_names_of_its_endpoint_and_counts_in_its_zone(ready: Any) -> None:
    zone = ready.put(BLOB_ZONE, {"location": "global"}, "2020-06-01").body["properties"]
    assert zone["numberOfRecordSets"] == 1
    ready.put(ENDPOINT, endpoint(), V)
    ready.put(f"{ENDPOINT}/privateDnsZoneGroups/default", zone_group(BLOB_ZONE), V)
    assert ready.get(ENDPOINT, V).body["properties"]["customDnsConfigs"] == []
    assert ready.get(BLOB_ZONE, "2020-06-01").body["properties"]["numberOfRecordSets"] == 2
    ready.send("DELETE", f"{ENDPOINT}/privateDnsZoneGroups/default", version=V)
    (shown,) = ready.get(ENDPOINT, V).body["properties"]["customDnsConfigs"]
    assert shown == {"fqdn": "stone.blob.core.windows.net", "ipAddresses": ["10.0.1.4"]}


def test_second_zone_group_of_an_endpoint_is_refused(ready: Any) -> None:
    ready.put(BLOB_ZONE, {"location": "global"}, "2020-06-01")
    ready.put(ENDPOINT, endpoint(), V)
    group = f"{ENDPOINT}/privateDnsZoneGroups"
    assert ready.put(f"{group}/default", zone_group(BLOB_ZONE), V).status == 201
    refused = ready.put(f"{group}/second", zone_group(BLOB_ZONE), V)
    assert refused.status == 400
    assert "Cannot create more than one private dns zone groups in the private endpoint" in refused.message
    assert [each["name"] for each in ready.get(group, V).body["value"]] == ["default"]
    assert addresses(ready) == ["10.0.1.4"]
    assert ready.put(f"{group}/default", zone_group(BLOB_ZONE), V).status == 200


def test_zone_group_with_two_zones_under_one_name_or_too_many_is_refused(ready: Any) -> None:
    ready.put(BLOB_ZONE, {"location": "global"}, "2020-06-01")
    ready.put(ENDPOINT, endpoint(), V)
    twins = zone_group(BLOB_ZONE, BLOB_ZONE)
    twins["properties"]["privateDnsZoneConfigs"][1]["name"] = "z0"
    path = f"{ENDPOINT}/privateDnsZoneGroups/default"
    refused = ready.put(path, twins, V)
    assert (refused.status, refused.code) == (400, "InvalidRequestFormat")
    assert refused.body["error"]["details"][0]["code"] == "DuplicateResourceName"
    assert ready.put(path, zone_group(*[BLOB_ZONE] * 6), V).status == 400
    assert ready.get(path, V).status == 404
    assert addresses(ready) == []


def test_zone_groups_of_two_endpoints_write_one_record_and_the_last_stays(ready: Any) -> None:
    """The trap of one zone for two private endpoints to the same account: the newer takes the older's name."""
    ready.put(BLOB_ZONE, {"location": "global"}, "2020-06-01")
    second = f"{ENDPOINT}-second"
    for path in (ENDPOINT, second):
        ready.put(path, endpoint(), V)
        ready.settle(path, V)
        ready.put(f"{path}/privateDnsZoneGroups/default", zone_group(BLOB_ZONE), V)
    assert addresses(ready) == ["10.0.1.5"]
    ready.send("DELETE", f"{ENDPOINT}/privateDnsZoneGroups/default", version=V)
    assert addresses(ready) == ["10.0.1.5"]
    ready.send("DELETE", second, version=V)
    assert ready.settle(second, V).status == 404
    assert addresses(ready) == []


def test_adopted_zone_group_has_its_records_and_takes_them_away(arm_of: Any) -> None:
    """As a snapshot has it: the group says its records, the endpoint no names, and the zone is there alone."""
    kept = {"recordType": "A", "recordSetName": "stone", "ttl": 10, "ipAddresses": ["10.0.1.9"]}
    configs = [{"name": "z", "properties": {"privateDnsZoneId": BLOB_ZONE, "recordSets": [kept]}}]
    arm = arm_of(
        {"id": ACCOUNT, "name": "stone", "location": "westeurope", "properties": {}},
        {"id": BLOB_ZONE, "name": BLOB_ZONE.rpartition("/")[2], "location": "global", "properties": {}},
        {
            "id": f"{ENDPOINT}/privateDnsZoneGroups/default",
            "name": "default",
            "properties": {"privateDnsZoneConfigs": configs},
        },
        {"id": ENDPOINT, "name": "pe", "type": "Microsoft.Network/privateEndpoints", **endpoint()},
    )
    assert addresses(arm) == ["10.0.1.9"]
    arm.put(f"{ENDPOINT}/privateDnsZoneGroups/default", zone_group(BLOB_ZONE), V)
    assert addresses(arm) == ["10.0.1.9"]
    arm.send("DELETE", f"{ENDPOINT}/privateDnsZoneGroups/default", version=V)
    assert addresses(arm) == []


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
        assert reaches(world, "VNET-callers")


def test_client_may_approve_by_default(ready: Any) -> None:
    action = "Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action"
    assert authorization.allowed(ready.world, authorization.CLIENT_OBJECT_ID, action, ACCOUNT)
