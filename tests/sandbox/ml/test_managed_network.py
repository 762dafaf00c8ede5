"""Managed networks: enabled, tightened, provisioned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.constants._workspace import IsolationMode
from azure.ai.ml.entities import FqdnDestination, ManagedNetwork, Workspace
from azure.core.exceptions import HttpResponseError

from tests.sandbox.ml.workspace_world import (
    GROUP,
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.managed_network import is_managed, require_ready

FQDN = {"type": "FQDN", "category": "UserDefined", "destination": "*.pytorch.org"}
APPROVED = {"isolationMode": "AllowOnlyApprovedOutbound"}
OPEN = {"isolationMode": "AllowInternetOutbound"}


def network(arm: Arm) -> dict[str, Any]:
    """The managed network as GET answers it."""
    return dict(arm.get(WORKSPACE)["properties"]["managedNetwork"])


def make(arm: Arm, settings: dict[str, Any], **properties: Any) -> None:
    """Make the workspace with that managed network."""
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=settings, **properties))


def test_managed_network_new_approved_only_has_the_recorded_required_rules(arm: Arm) -> None:
    make(arm, APPROVED)
    rules = network(arm)["outboundRules"]
    assert {name for name in rules if name.startswith("__SYS_PE_")} == {
        "__SYS_PE_kvone_vault",
        "__SYS_PE_stone_blob",
        "__SYS_PE_stone_file",
        "__SYS_PE_crone_registry",
        "__SYS_PE_wsone_amlworkspace",
    }
    assert len([name for name in rules if name.startswith("__SYS_ST_")]) == 9
    assert {rule["status"] for rule in rules.values()} == {"Inactive"}
    assert {rule["category"] for rule in rules.values()} == {"Required"}
    assert rules["__SYS_ST_AzureMonitor"]["destination"] == {
        "serviceTag": "AzureMonitor",
        "protocol": "*",
        "portRanges": "*",
    }
    assert network(arm)["status"] == {"status": "Inactive", "sparkReady": False}


def test_managed_network_new_open_has_the_vaults_rule_alone(arm: Arm) -> None:
    make(arm, OPEN)
    assert list(network(arm)["outboundRules"]) == ["__SYS_PE_kvone_vault"]
    assert network(arm)["changeableIsolationModes"] == ["AllowOnlyApprovedOutbound"]


def test_managed_network_open_of_private_workspace_reaches_the_workspace(arm: Arm) -> None:
    make(arm, OPEN, publicNetworkAccess="Disabled")
    assert "__SYS_PE_wsone_amlworkspace" in network(arm)["outboundRules"]


def test_managed_network_open_closed_after_provisioning_does_not_reach_the_workspace(arm: Arm) -> None:
    make(arm, OPEN)
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    arm.done("PATCH", WORKSPACE, {"properties": {"publicNetworkAccess": "Disabled"}})
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    assert "__SYS_PE_wsone_amlworkspace" not in network(arm)["outboundRules"]


def test_managed_network_open_closed_before_provisioning_reaches_the_workspace(arm: Arm) -> None:
    make(arm, OPEN)
    arm.done("PATCH", WORKSPACE, {"properties": {"publicNetworkAccess": "Disabled"}})
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    assert network(arm)["outboundRules"]["__SYS_PE_wsone_amlworkspace"]["status"] == "Active"


def test_managed_network_provisioned_is_active_with_all_its_rules(
    arm: Arm, client: Callable[[], MLClient]
) -> None:
    make(arm, {**APPROVED, "outboundRules": {"torch": FQDN}})
    status = client().workspaces.begin_provision_network(workspace_name="wsone").result()
    assert (status.status, status.spark_ready) == ("Active", False)
    rules = network(arm)["outboundRules"]
    assert {rule["status"] for rule in rules.values()} == {"Active"}
    connections = arm.get(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")["value"]
    endpoints = sorted(each["properties"]["privateEndpoint"]["id"].rpartition(".")[2] for each in connections)
    assert endpoints == ["__SYS_PE_stone_blob", "__SYS_PE_stone_file"]


def test_managed_network_provisioned_with_the_workspace_is_active(arm: Arm) -> None:
    make(arm, OPEN, provisionNetworkNow=True)
    assert network(arm)["status"]["status"] == "Active"


def test_managed_network_provisioning_takes_its_time_and_the_firewalls(start: Start) -> None:
    sandbox = start(associated())
    arm = Arm()
    make(arm, {**APPROVED, "outboundRules": {"torch": FQDN}})
    before_s = sandbox.world.clock.elapsed_s()
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    assert sandbox.world.clock.elapsed_s() - before_s >= 2400


def test_managed_network_provision_without_network_is_refused(made: Arm) -> None:
    status, code, _ = made.refused("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    assert (status, code) == (400, "ValidationError")


def test_managed_network_is_not_ready_before_provisioning(start: Start) -> None:
    world = start(associated()).world
    arm = Arm()
    make(arm, OPEN)
    assert is_managed(world.documents.require(WORKSPACE))
    with pytest.raises(AzureError) as refused:
        require_ready(world, WORKSPACE)
    assert (refused.value.status, refused.value.code) == (400, "WorkspaceManagedNetworkNotReady")
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    require_ready(world, WORKSPACE)


def test_managed_network_tightened_by_patch_gains_the_required_rules(arm: Arm) -> None:
    make(arm, OPEN)
    arm.done("PATCH", WORKSPACE, {"properties": {"managedNetwork": {**APPROVED, "outboundRules": {}}}})
    assert network(arm)["isolationMode"] == "AllowOnlyApprovedOutbound"
    assert "__SYS_ST_AzureMonitor" in network(arm)["outboundRules"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (OPEN, "Disabled", "Managed network cannot be disabled once enabled."),
        (APPROVED, "Disabled", "Managed network cannot be disabled once enabled."),
        (APPROVED, "AllowInternetOutbound", "cannot be changed from AllowOnlyApprovedOutbound"),
        (OPEN, "allow_only_approved_outbound", "to one of Disabled, AllowInternetOutbound"),
    ],
)
def test_managed_network_loosened_is_refused(arm: Arm, before: dict[str, Any], after: str, says: str) -> None:
    make(arm, before)
    body = {"properties": {"managedNetwork": {"isolationMode": after}}}
    status, _, message = arm.refused("PATCH", WORKSPACE, body)
    assert status == 400
    assert says in message
    assert network(arm)["isolationMode"] == before["isolationMode"]


def test_managed_network_enabled_beside_a_compute_is_refused(made: Arm) -> None:
    cluster = {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}
    made.done("PUT", f"{WORKSPACE}/computes/cpu", {"location": "westeurope", "properties": cluster})
    _, code, message = made.refused("PATCH", WORKSPACE, {"properties": {"managedNetwork": OPEN}})
    assert code == "ValidationError"
    assert "cpu" in message


def test_managed_network_first_compute_provisions_it(arm: Arm) -> None:
    make(arm, OPEN)
    cluster = {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}
    arm.done("PUT", f"{WORKSPACE}/computes/cpu", {"location": "westeurope", "properties": cluster})
    assert network(arm)["status"]["status"] == "Active"


def test_managed_network_created_by_the_sdk_with_rules(start: Start, client: Callable[[], MLClient]) -> None:
    start([{"id": GROUP, "location": "westeurope", "properties": {}}])
    rules = [FqdnDestination(name="torch", destination="*.pytorch.org")]
    settings = ManagedNetwork(
        isolation_mode=IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND, outbound_rules=rules, firewall_sku="basic"
    )
    asked = Workspace(name="wsone", location="westeurope", managed_network=settings)
    made = client().workspaces.begin_create(asked).result()
    assert made.managed_network.isolation_mode == "AllowOnlyApprovedOutbound"
    assert "torch" in {rule.name for rule in made.managed_network.outbound_rules}


def test_managed_network_snake_case_mode_from_the_sdk_is_refused(
    made: Arm, client: Callable[[], MLClient]
) -> None:
    workspace = client().workspaces.get("wsone")
    with pytest.raises(HttpResponseError) as refused:
        client().workspaces.begin_update(workspace, managed_network="allow_internet_outbound")
    assert refused.value.status_code == 400


def test_managed_network_patch_merges_rules(arm: Arm) -> None:
    make(arm, {**APPROVED, "outboundRules": {"torch": FQDN}})
    other = {"type": "FQDN", "category": "UserDefined", "destination": "example.com"}
    arm.done("PATCH", WORKSPACE, {"properties": {"managedNetwork": {"outboundRules": {"other": other}}}})
    assert {"torch", "other"} <= set(network(arm)["outboundRules"])


def test_managed_network_patch_of_required_rule_is_refused(arm: Arm) -> None:
    make(arm, APPROVED)
    rule = network(arm)["outboundRules"]["__SYS_PE_kvone_vault"]
    body = {"properties": {"managedNetwork": {"outboundRules": {"__SYS_PE_kvone_vault": rule}}}}
    assert arm.refused("PATCH", WORKSPACE, body)[0] == 400


def test_managed_network_rule_in_active_network_becomes_active(arm: Arm) -> None:
    make(arm, APPROVED, provisionNetworkNow=True)
    body = {"properties": {"managedNetwork": {"outboundRules": {"torch": FQDN}}}}
    arm.done("PATCH", WORKSPACE, body)
    assert network(arm)["outboundRules"]["torch"]["status"] == "Active"


def test_managed_network_with_basic_registry_has_a_failed_rule(start: Start) -> None:
    start([each if each["id"] != REGISTRY else {**each, "sku": {"name": "Basic"}} for each in associated()])
    arm = Arm()
    make(arm, APPROVED, provisionNetworkNow=True)
    rule = network(arm)["outboundRules"]["__SYS_PE_crone_registry"]
    assert rule["status"] == "Failed"
    assert "Premium" in rule["errorInformation"]


def test_managed_network_deleted_with_its_workspace_leaves_no_connections(arm: Arm) -> None:
    make(arm, APPROVED, provisionNetworkNow=True)
    assert arm.get(f"{VAULT}/privateEndpointConnections", version="2023-07-01")["value"]
    arm.done("DELETE", WORKSPACE, forceToPurge="true")
    assert arm.get(f"{VAULT}/privateEndpointConnections", version="2023-07-01")["value"] == []


def test_managed_network_whose_connections_a_policy_denies_is_not_provisioned(arm: Arm) -> None:
    kind = "Microsoft.KeyVault/vaults/privateEndpointConnections"
    stranger = {"field": f"{kind}/privateEndpoint.id", "notLike": "[concat(subscription().id, '/*')]"}
    rule = {"if": {"allOf": [{"field": "type", "equals": kind}, stranger]}, "then": {"effect": "deny"}}
    policies = f"{GROUP.partition('/resourceGroups/')[0]}/providers/Microsoft.Authorization"
    definition, assignment = (
        f"{policies}/policyDefinitions/strangers",
        f"{policies}/policyAssignments/strangers",
    )
    body: Any = {"properties": {"mode": "All", "policyRule": rule}}
    assert arm.send("PUT", definition, body, version="2023-04-01").status_code == 201
    body = {"properties": {"policyDefinitionId": definition}}
    assert arm.send("PUT", assignment, body, version="2023-04-01").status_code == 201
    make(arm, APPROVED)
    provision = ("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    assert arm.finish(arm.send(*provision))["error"]["code"] == "RequestDisallowedByPolicy"
    denied = network(arm)["outboundRules"]["__SYS_PE_kvone_vault"]
    assert (denied["status"], "disallowed by policy" in denied["errorInformation"]) == ("Failed", True)
    assert arm.get(f"{VAULT}/privateEndpointConnections", version="2023-07-01")["value"] == []
    assert arm.send("DELETE", assignment, version="2023-04-01").status_code == 200
    arm.done(*provision)
    assert network(arm)["outboundRules"]["__SYS_PE_kvone_vault"]["status"] == "Active"


def test_managed_network_rule_that_nobody_may_approve_fails_provisioning(start: Start) -> None:
    start([*associated(), *_foreign_target()])
    arm = Arm()
    rule = {
        "type": "PrivateEndpoint",
        "category": "UserDefined",
        "destination": {"serviceResourceId": FOREIGN, "subresourceTarget": "blob"},
    }
    make(arm, {**OPEN, "outboundRules": {"far": rule}})
    status = arm.finish(arm.send("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False}))
    assert status["status"] == "Failed"
    assert status["error"]["code"] == "AuthorizationFailed"
    assert network(arm)["outboundRules"]["far"]["status"] == "Failed"
    assert network(arm)["status"]["status"] == "Inactive"


def test_managed_network_provisioned_by_a_second_put(arm: Arm) -> None:
    make(arm, OPEN)
    make(arm, OPEN, provisionNetworkNow=True)
    assert network(arm)["status"]["status"] == "Active"


def test_managed_network_of_recovered_workspace_is_to_be_provisioned_again(arm: Arm) -> None:
    make(arm, APPROVED, provisionNetworkNow=True)
    arm.done("DELETE", WORKSPACE)
    arm.done("PUT", WORKSPACE, workspace_body(allowRecoverSoftDeletedWorkspace=True))
    assert network(arm)["status"]["status"] == "Inactive"
    assert {rule["status"] for rule in network(arm)["outboundRules"].values()} == {"Inactive"}


FOREIGN = GROUP.replace("/rg", "/rg-far") + "/providers/Microsoft.Storage/storageAccounts/stfar"


def _foreign_target() -> list[dict[str, Any]]:
    """A storage account in a group on which the workspace's identity has no rights."""
    account = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    return [{"id": FOREIGN, "location": "westeurope", **account}]
