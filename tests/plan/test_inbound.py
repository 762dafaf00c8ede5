"""Callers find the target through a private endpoint in each network that has one to the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    LEGACY_CONNECTION,
    PRIVATE_ENDPOINT,
    PRIVATE_ENDPOINT_CONNECTION,
    Document,
    Inventory,
)
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.stale import changes

REQUESTS = {"credit": "ab" * 32}
NET = "/subscriptions/s/resourceGroups/rg-{group}/providers/Microsoft.Network"
ZONE = "/subscriptions/s/resourceGroups/rg-dns/providers/Microsoft.Network/privateDnsZones/privatelink.api.azureml.ms"
Configure = Callable[..., MigrationConfig]


def _endpoint(network: str, to: ResourceId, **properties: Any) -> list[Document]:
    """A private endpoint in a VNet and resource group of its own, with a zone group that is not called `default`."""
    net = NET.format(group=network)
    resource = ResourceId(f"{net}/privateEndpoints/pe-old-{network}")
    connection = {
        "name": "ws",
        "properties": {"privateLinkServiceId": str(to), "groupIds": ["amlworkspace"]},
    }
    body = {
        "location": f"region-of-{network}",
        "tags": {"owner": network},
        "properties": {
            "subnet": {"id": f"{net}/virtualNetworks/vnet-{network}/subnets/snet"},
            "privateLinkServiceConnections": [connection],
            **properties,
        },
    }
    config = {"name": "aml-api", "properties": {"privateDnsZoneId": ZONE, "recordSets": []}}
    group = {"properties": {"privateDnsZoneConfigs": [config]}}
    return [
        Document(id=resource, body=body),
        Document(id=resource.child("privateDnsZoneGroups", f"zones-{network}"), body=group),
    ]


@pytest.fixture(scope="module")
def networks(inventory: Inventory) -> Inventory:
    """The legacy workspace with callers in two networks."""
    found = [each for name in ("hub", "shop") for each in _endpoint(name, inventory.source)]
    return inventory.model_copy(update={"documents": (*inventory.documents, *found)})


def _plan(inventory: Inventory, configure: Configure, **target: Any) -> Plan:
    config = configure(target=target).model_dump(mode="json")
    if "inbound" not in target:
        del config["target"]["inbound"]
    return build(inventory, MigrationConfig.model_validate(config), REQUESTS)


def _texts(plan: Plan) -> str:
    return " ".join(w.text for w in plan.warnings)


def test_plan_without_inbound_makes_one_in_each_network(networks: Inventory, configure: Configure) -> None:
    steps = _plan(networks, configure).of_kind("create_private_endpoint")
    assert [step.spec["vnet"] for step in steps] == ["vnet-hub", "vnet-shop"]
    assert len({step.resource for step in steps}) == 2
    for step in steps:
        name = step.spec["vnet"].removeprefix("vnet-")
        assert step.resource.group_id == ResourceId(NET.format(group=name)).group_id
        assert step.body["location"] == f"region-of-{name}"
        assert step.body["tags"] == {"owner": name}
        assert step.body["properties"]["subnet"]["id"].endswith(f"vnet-{name}/subnets/snet")
        assert step.spec["dns_zone_groups"] == [
            {"name": f"zones-{name}", "zones": [{"name": "aml-api", "id": ZONE}]}
        ]
        (connection,) = step.body["properties"]["privateLinkServiceConnections"]
        assert connection["properties"]["privateLinkServiceId"].endswith("/workspaces/ws-secure")


def test_plan_waits_for_every_network_before_it_scores(networks: Inventory, configure: Configure) -> None:
    plan = _plan(networks, configure)
    ways = {step.id for step in plan.of_kind("create_private_endpoint")}
    assert ways < set(plan.step("smoke_test:credit-v2/blue").depends_on)


def test_plan_with_a_subnet_uses_it_and_serves_the_other_networks_too(
    networks: Inventory, configure: Configure
) -> None:
    subnet = f"{NET.format(group='shop')}/virtualNetworks/vnet-shop/subnets/snet-new"
    steps = _plan(networks, configure, inbound={"subnet_id": subnet}).of_kind("create_private_endpoint")
    assert [step.body["properties"]["subnet"]["id"].rpartition("/")[2] for step in steps] == [
        "snet-new",
        "snet",
    ]
    assert steps[0].resource.name == "pe-ws-secure"
    assert steps[0].spec["dns_zone_groups"][0]["name"] == "zones-shop"


def test_plan_with_one_network_alone_names_who_is_left_without(
    networks: Inventory, configure: Configure
) -> None:
    subnet = f"{NET.format(group='shop')}/virtualNetworks/vnet-shop/subnets/snet"
    plan = _plan(networks, configure, inbound={"subnet_id": subnet, "each_network": False})
    assert [step.spec["vnet"] for step in plan.of_kind("create_private_endpoint")] == ["vnet-shop"]
    assert "Callers in vnet-hub reach the source through pe-old-hub" in _texts(plan)


def test_plan_with_inbound_null_makes_none_and_says_so(networks: Inventory, configure: Configure) -> None:
    plan = _plan(networks, configure, inbound=None)
    assert plan.of_kind("create_private_endpoint") == ()
    assert "Callers in vnet-hub" in _texts(plan)
    assert "the plan makes no private endpoint" in _texts(plan)


def test_config_tells_null_from_not_given_after_it_was_written_down(configure: Configure) -> None:
    for inbound in (None, {"each_network": True}):
        config = configure(target={"inbound": inbound})
        again = MigrationConfig.model_validate_json(config.model_dump_json())
        assert (again.target.inbound is None) == (inbound is None)


def test_plan_takes_no_address_of_its_own_and_says_so(inventory: Inventory, configure: Configure) -> None:
    fixed = [{"name": "ip", "properties": {"privateIPAddress": "10.0.0.9"}}]
    found = _endpoint("hub", inventory.source, ipConfigurations=fixed, customNetworkInterfaceName="nic-old")
    known = inventory.model_copy(update={"documents": (*inventory.documents, *found)})
    plan = _plan(known, configure)
    (step,) = plan.of_kind("create_private_endpoint")
    assert step.body["properties"].keys() == {"subnet", "privateLinkServiceConnections"}
    assert "fixed addresses" in _texts(plan)
    fates = {e.path: e.disposition for e in plan.carry_over if e.source == found[0].id}
    assert fates["properties.ipConfigurations"] == fates["properties.customNetworkInterfaceName"] == "dropped"
    assert fates["tags.owner"] == "carried"
    assert fates["properties.privateLinkServiceConnections"] == "re-created"


def test_plan_makes_one_private_endpoint_in_a_network_that_has_two(
    inventory: Inventory, configure: Configure
) -> None:
    one, two = _endpoint("hub", inventory.source), _endpoint("hub", inventory.source)
    second = Document(id=ResourceId(f"{two[0].id}-2"), body=two[0].body)
    known = inventory.model_copy(update={"documents": (*inventory.documents, *one, second)})
    plan = _plan(known, configure)
    assert len(plan.of_kind("create_private_endpoint")) == 1
    assert "pe-old-hub-2 is a further private endpoint in vnet-hub" in _texts(plan)


def test_plan_names_a_private_endpoint_that_it_cannot_see(inventory: Inventory, configure: Configure) -> None:
    def connection(name: str, description: str) -> Document:
        owner = f"/subscriptions/other/resourceGroups/r/providers/{PRIVATE_ENDPOINT}/{name}"
        state = {"status": "Approved", "description": description}
        body = {"properties": {"privateEndpoint": {"id": owner}, "privateLinkServiceConnectionState": state}}
        kind = PRIVATE_ENDPOINT_CONNECTION.rpartition("/")[2]
        return Document(id=inventory.source.child(kind, name), body=body)

    found = (connection("pe-foreign", "asked for by mail"), connection("pe-egress", LEGACY_CONNECTION))
    known = inventory.model_copy(update={"documents": (*inventory.documents, *found)})
    assert "pe-foreign leads to the source and could not be read" in _texts(_plan(known, configure))
    assert "pe-egress" not in _texts(_plan(known, configure))


def test_plan_is_stale_when_a_callers_private_endpoint_moved(
    networks: Inventory, configure: Configure
) -> None:
    plan = _plan(networks, configure)
    moved = []
    for document in networks.documents:
        body = document.body
        if document.id.name == "pe-old-hub":
            other = body["properties"]["subnet"]["id"] + "-2"
            body = {**body, "properties": {**body["properties"], "subnet": {"id": other}}}
        moved.append(Document(id=document.id, body=body))
    now = networks.model_copy(update={"documents": tuple(moved)})
    assert changes(plan, networks) == []
    assert any("pe-old-hub changed" in line for line in changes(plan, now))


def test_build_in_place_further_network_leaves_the_records_of_the_others_alone(networks: Inventory) -> None:
    """It is the same workspace, of the same names: registered in the same zone, it would overwrite their addresses."""
    subnet = f"{NET.format(group='branch')}/virtualNetworks/vnet-branch/subnets/snet"
    source = networks.source
    config = MigrationConfig.model_validate(
        {
            "mode": "in_place",
            "source": {
                "subscription_id": source.subscription_id,
                "resource_group": source.resource_group,
                "workspace": source.name,
            },
            "target": {"inbound": {"subnet_id": subnet}},
        }
    )

    made = build(networks, config, {})

    (step,) = made.of_kind("create_private_endpoint")
    assert step.spec["dns_zone_groups"] == []
    assert any("registers nowhere" in w.text for w in made.warnings if w.resource == str(step.resource))
