"""Who may not join a network or a zone cannot refer to it, whatever rights there are on what refers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.arm.conftest import GROUP
from vnetferry.sandbox.wire import Principal

SOMEBODY = Principal("99999999-9999-4999-8999-999999999999", "other", "t")
OWNER = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
OTHERS = GROUP.replace("/rg", "/rg-others")
ZONE_NAME = "privatelink.blob.core.windows.net"
V, D, S = "2023-09-01", "2020-06-01", "2023-01-01"


def network(group: str, name: str) -> str:
    return f"{group}/providers/Microsoft.Network/virtualNetworks/{name}"


def zone(group: str) -> str:
    return f"{group}/providers/Microsoft.Network/privateDnsZones/{ZONE_NAME}"


@pytest.fixture
def ready(arm: Any) -> Any:
    """Somebody owns one group and may only read another; networks, zones and a private endpoint lie in them."""
    arm.put(OTHERS, {"location": "westeurope"}, "2021-04-01")
    for number, (group, role) in enumerate(((GROUP, OWNER), (OTHERS, READER))):
        body = {"properties": {"roleDefinitionId": role, "principalId": SOMEBODY.object_id}}
        name = f"22222222-aaaa-4aaa-8aaa-aaaaaaaaaaa{number}"
        assignment = f"{group}/providers/Microsoft.Authorization/roleAssignments/{name}"
        assert arm.put(assignment, body, "2022-04-01").status == 201
        space = {"addressSpace": {"addressPrefixes": [f"10.{number}.0.0/16"]}}
        subnets = [{"name": "s", "properties": {"addressPrefix": f"10.{number}.1.0/24"}}]
        vnet = {"location": "westeurope", "properties": {**space, "subnets": subnets}}
        assert arm.put(network(group, f"vnet-{number}"), vnet, V).status == 201
        assert arm.put(zone(group), {"location": "global"}, D).status == 201
        assert arm.put(_logs(group), {"location": "westeurope"}, "2022-10-01").status == 201
    arm.wait(901)  # until the assignments count
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
    arm.put(account, {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}, S)
    target = {"privateLinkServiceId": account, "groupIds": ["blob"]}
    subnet = {"id": f"{network(GROUP, 'vnet-0')}/subnets/s"}
    connections = [{"name": "c", "properties": target}]
    endpoint = {"subnet": subnet, "privateLinkServiceConnections": connections}
    arm.put(_endpoint(), {"location": "westeurope", "properties": endpoint}, V)
    return arm


def _endpoint() -> str:
    return f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe"


def _peering(group: str, name: str) -> tuple[str, str, Any]:
    path = f"{network(GROUP, 'vnet-0')}/virtualNetworkPeerings/p"
    return path, V, {"properties": {"remoteVirtualNetwork": {"id": network(group, name)}}}


def _link(group: str, name: str) -> tuple[str, str, Any]:
    body = {"location": "global", "properties": {"virtualNetwork": {"id": network(group, name)}}}
    return f"{zone(GROUP)}/virtualNetworkLinks/l", D, body


def _group(group: str) -> tuple[str, str, Any]:
    configs = [{"name": "z", "properties": {"privateDnsZoneId": zone(group)}}]
    return (
        f"{_endpoint()}/privateDnsZoneGroups/default",
        V,
        {"properties": {"privateDnsZoneConfigs": configs}},
    )


def _setting(group: str) -> tuple[str, str, Any]:
    """One that sends what happens to an account to a log workspace in a group."""
    logs = {"workspaceId": _logs(group), "logs": [{"category": "StorageRead", "enabled": True}]}
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
    return (
        f"{account}/providers/Microsoft.Insights/diagnosticSettings/s",
        "2021-05-01-preview",
        {"properties": logs},
    )


def _logs(group: str) -> str:
    return f"{group}/providers/Microsoft.OperationalInsights/workspaces/log-all"


@pytest.mark.parametrize(
    ("request_", "action"),
    [
        (_peering(OTHERS, "vnet-1"), "Microsoft.Network/virtualNetworks/peer/action"),
        (_link(OTHERS, "vnet-1"), "Microsoft.Network/virtualNetworks/join/action"),
        (_group(OTHERS), "Microsoft.Network/privateDnsZones/join/action"),
        (_setting(OTHERS), "Microsoft.OperationalInsights/workspaces/sharedKeys/action"),
    ],
    ids=["peering", "link", "zone group", "diagnostic setting"],
)
def test_reference_to_what_the_caller_may_not_join_is_refused(
    ready: Any, request_: tuple[str, str, Any], action: str
) -> None:
    path, version, body = request_
    refused = ready.put(path, body, version, principal=SOMEBODY)
    assert (refused.status, refused.code) == (403, "LinkedAuthorizationFailed")
    assert (
        f"does not have permission to perform action(s) '{action}' on the linked scope(s)" in refused.message
    )
    assert ready.get(path, version).status == 404
    assert ready.put(path, body, version).status in (200, 201)  # the subscription's owner may


@pytest.mark.parametrize(
    "request_",
    [_link(GROUP, "vnet-0"), _group(GROUP), _setting(GROUP)],
    ids=["link", "zone group", "diagnostic setting"],
)
def test_reference_to_what_the_caller_owns_is_made(ready: Any, request_: tuple[str, str, Any]) -> None:
    path, version, body = request_
    assert ready.put(path, body, version, principal=SOMEBODY).status in (200, 201)
