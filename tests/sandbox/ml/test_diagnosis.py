"""What the diagnosis of a workspace finds, as the real SDK reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient

from tests.sandbox.ml.workspace_world import (
    GROUP,
    REGISTRY,
    STORAGE,
    SUBSCRIPTION,
    VAULT,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)

NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet-callers"
ENDPOINT = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-workspace"
APPROVED = {"isolationMode": "AllowOnlyApprovedOutbound"}
BLOB_ROLES = ("b24988ac-6180-42a0-ab88-20f7382dd24c", "ba92f5b4-2d11-453d-a403-e96b0029c9fe")


def findings(client: Callable[[], MLClient]) -> dict[str, list[tuple[str, str]]]:
    """(code, level) by group, without the groups in which nothing was found."""
    found = vars(client().workspaces.begin_diagnose("wsone").result())
    return {group: [(each.code, each.level) for each in kept] for group, kept in found.items() if kept}


def changed(identifier: str, **members: Any) -> list[dict[str, Any]]:
    """The associated resources, one of them otherwise."""
    return [{**each, **members} if each["id"] == identifier else each for each in associated()]


def test_diagnosis_of_a_sound_workspace_finds_nothing(made: Arm, client: Callable[[], MLClient]) -> None:
    assert findings(client) == {}


def test_diagnosis_changes_nothing(made: Arm, client: Callable[[], MLClient]) -> None:
    before = made.get(WORKSPACE)
    findings(client)
    assert made.get(WORKSPACE) == before


@pytest.mark.parametrize("scope", [f"/subscriptions/{SUBSCRIPTION}", GROUP, WORKSPACE])
def test_diagnosis_finds_a_lock_on_the_workspace_or_above(
    made: Arm, client: Callable[[], MLClient], scope: str
) -> None:
    lock = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    made.send("PUT", lock, {"properties": {"level": "CanNotDelete"}}, version="2016-09-01")
    assert findings(client) == {"resource_lock_results": [("ResourceLockDetected", "Error")]}


@pytest.mark.parametrize(
    ("resource", "group"),
    [(STORAGE, "storage_account_results"), (VAULT, "key_vault_results")],
)
def test_diagnosis_finds_a_firewall_that_keeps_the_service_out(
    start: Start, client: Callable[[], MLClient], resource: str, group: str
) -> None:
    rules = {"defaultAction": "Deny", "bypass": "None"}
    start(changed(resource, properties={"networkAcls": rules}))
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED))
    assert findings(client) == {group: [("NetworkAccessDenied", "Error")]}
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    assert findings(client) == {}


def test_diagnosis_passes_a_firewall_that_lets_trusted_services_in(
    start: Start, client: Callable[[], MLClient]
) -> None:
    rules = {"defaultAction": "Deny", "bypass": "AzureServices"}
    start(changed(VAULT, properties={"networkAcls": rules}))
    Arm().done("PUT", WORKSPACE, workspace_body())
    assert findings(client) == {}


def test_diagnosis_finds_a_registry_without_private_endpoints(
    start: Start, client: Callable[[], MLClient]
) -> None:
    start(changed(REGISTRY, sku={"name": "Basic"}))
    Arm().done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED, provisionNetworkNow=True))
    assert findings(client) == {
        "container_registry_results": [("ContainerRegistryNotPremium", "Error")],
        "other_results": [("OutboundRuleFailed", "Error")],
    }


def test_diagnosis_finds_that_the_identity_lacks_its_roles_on_blobs(
    made: Arm, client: Callable[[], MLClient]
) -> None:
    path = f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments"
    for each in made.get(path, version="2022-04-01")["value"]:
        if each["properties"]["roleDefinitionId"].rpartition("/")[2] in BLOB_ROLES:
            made.send("DELETE", each["id"], version="2022-04-01")
    while not (found := findings(client)):  # until the assignments cease to count
        pass
    assert found == {"storage_account_results": [("StorageAccountPermissionMissing", "Error")]}


@pytest.mark.parametrize(
    ("manual", "servers", "found"),
    [
        (False, [], {}),
        (False, ["10.0.0.53"], {"dns_resolution_results": [("CustomDnsInUse", "Warning")]}),
        (True, [], {"other_results": [("PrivateEndpointConnectionNotApproved", "Warning")]}),
    ],
)
def test_diagnosis_finds_what_is_amiss_with_the_workspaces_private_endpoints(
    start: Start,
    client: Callable[[], MLClient],
    manual: bool,
    servers: list[str],
    found: dict[str, list[tuple[str, str]]],
) -> None:
    subnet = f"{NETWORK}/subnets/default"
    properties = {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"id": subnet, "name": "default", "properties": {"addressPrefix": "10.0.1.0/24"}}],
        "dhcpOptions": {"dnsServers": servers},
    }
    start([*associated(), {"id": NETWORK, "location": "westeurope", "properties": properties}])
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    kind = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
    connection = {"privateLinkServiceId": WORKSPACE, "groupIds": ["amlworkspace"]}
    wanted = {"subnet": {"id": subnet}, kind: [{"name": "one", "properties": connection}]}
    body = {"location": "westeurope", "properties": wanted}
    arm.done("PUT", ENDPOINT, body, version="2023-09-01")
    assert findings(client) == found
    if servers:
        message = client().workspaces.begin_diagnose("wsone").result().dns_resolution_results[0].message
        assert message.startswith(f"It is detected VNet '{NETWORK}' of private endpoint '{ENDPOINT}' is not")


def test_diagnosis_finds_the_legacy_mode(arm: Arm, client: Callable[[], MLClient]) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(v1LegacyMode=True))
    assert findings(client) == {"other_results": [("V1LegacyModeEnabled", "Warning")]}
