"""What a workspace, and private endpoints out of its managed network, are refused; nothing changes then."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from tests.sandbox.ml.workspace_world import (
    GROUP,
    STORAGE,
    SUBSCRIPTION,
    VERSION,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)

OPEN = {"isolationMode": "AllowInternetOutbound"}
APPROVED = {"isolationMode": "AllowOnlyApprovedOutbound"}
RULES = f"{WORKSPACE}/outboundRules"
FAR_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/far"
FAR = f"{FAR_GROUP}/providers/Microsoft.Storage/storageAccounts/stfar"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai"
IDENTITY_OBJECT = "66666666-6666-4666-8666-666666666666"
OTHER_APP, OTHER_OBJECT = "44444444-4444-4444-8444-444444444444", "55555555-5555-4555-8555-555555555555"
OWNER, READER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
APPROVER = "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"
FAR_RULE = {
    "type": "PrivateEndpoint",
    "category": "UserDefined",
    "destination": {"serviceResourceId": FAR, "subresourceTarget": "blob"},
}


def test_workspace_beyond_what_a_group_holds_is_refused(start: Start) -> None:
    start(associated(), quotas={"workspacesPerGroup": 1})
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    status, code, message = arm.refused("PUT", f"{WORKSPACE}more", workspace_body())
    assert (status, code) == (409, "ResourceQuotaExceeded")
    assert "would exceed the quota of '1' resources" in message
    assert arm.send("GET", f"{WORKSPACE}more").status_code == 404
    arm.done("PUT", WORKSPACE, workspace_body())


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        (
            {"sku": {"name": "Premium_LRS"}, "kind": "BlockBlobStorage"},
            "Cannot use storage with SKU Premium_LRS",
        ),
        ({"kind": "BlobStorage"}, "Cannot use storage of kind BlobStorage"),
        ({"properties": {"isHnsEnabled": True}}, "Cannot use storage with HNS enabled."),
    ],
)
def test_workspace_on_storage_that_does_not_serve_is_refused(
    start: Start, storage: dict[str, Any], says: str
) -> None:
    sandbox = start(associated(**storage))
    status, code, message = Arm().refused("PUT", WORKSPACE, workspace_body())
    assert (status, code) == (400, "BadRequest")
    assert message.startswith(says)
    assert WORKSPACE not in sandbox.world.documents


@pytest.mark.parametrize(
    "values", [["203.0.113"], ["10.0.0.0/33"], ["2001:db8::1"], [f"10.0.0.{last}" for last in range(201)]]
)
def test_workspace_ip_rules_unfit_are_refused(made: Arm, values: list[str]) -> None:
    before = made.get(WORKSPACE)
    rules = [{"value": value} for value in values]
    body = {"properties": {"networkAcls": {"defaultAction": "Deny", "ipRules": rules}}}
    status, code, message = made.refused("PATCH", WORKSPACE, body)
    assert (status, code) == (400, "BadRequest")
    assert "IP rule" in message
    assert made.get(WORKSPACE) == before


def test_workspace_ip_rules_up_to_200_are_taken_after_creation(made: Arm) -> None:
    rules = [{"value": f"203.0.113.{last}"} for last in range(199)] + [{"value": "198.51.100.0/24"}]
    body = {"properties": {"networkAcls": {"defaultAction": "Deny", "ipRules": rules}}}
    made.done("PATCH", WORKSPACE, body)
    assert made.get(WORKSPACE)["properties"]["networkAcls"]["ipRules"] == rules


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("network", "says"),
    [
        ({"isolationMode": "Disabled"}, "Managed network cannot be disabled once enabled."),
        (OPEN, "cannot be changed from AllowOnlyApprovedOutbound to AllowInternetOutbound"),
        (
            {**APPROVED, "outboundRules": {"vaults": {**FAR_RULE, "category": "Required"}}},
            "only UserDefined",
        ),
        (
            {**APPROVED, "outboundRules": {"vaults": {**FAR_RULE, "category": "Recommended"}}},
            "only UserDefined",
        ),
    ],
)
def test_managed_network_settings_unfit_are_refused_by_put_and_patch(
    arm: Arm, method: str, network: dict[str, Any], says: str
) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED))
    before = arm.get(WORKSPACE)
    body = workspace_body(managedNetwork=network)
    if method == "PATCH":
        body = {"properties": {"managedNetwork": network}}
    status, code, message = arm.refused(method, WORKSPACE, body)
    assert (status, code) == (400, "ValidationError")
    assert says in message
    assert arm.get(WORKSPACE) == before


def test_managed_network_required_rules_sent_back_are_refused(arm: Arm) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED))
    before = arm.get(WORKSPACE)
    network = before["properties"]["managedNetwork"]
    for name, rule in network["outboundRules"].items():
        body = {"properties": {"managedNetwork": {**APPROVED, "outboundRules": {name: rule}}}}
        assert arm.refused("PATCH", WORKSPACE, body)[:2] == (400, "ValidationError")
    assert arm.get(WORKSPACE) == before


def test_managed_network_with_a_compute_in_another_region_is_refused(arm: Arm) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=OPEN))
    cluster = {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}
    body = {
        "location": "northeurope",
        "properties": {**cluster, "computeLocation": "northeurope"},
    }
    status, code, message = arm.refused("PUT", f"{WORKSPACE}/computes/cpu", body)
    assert (status, code) == (400, "UserError")
    assert "'northeurope'" in message
    assert arm.send("GET", f"{WORKSPACE}/computes/cpu").status_code == 404


def assigned(principal: str, role: str, scope: str) -> dict[str, Any]:
    name = f"{principal[:-4]}{role[:4]}"
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"principalId": principal, "roleDefinitionId": definition, "scope": scope}
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "properties": properties,
    }


def far_world(start: Start, *assignments: dict[str, Any]) -> ARMPipelineClient:
    """A workspace that acts as `uai`, with a rule to an account of another group; and another owner of its group.

    The answer is the other owner's client.
    """
    account = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    uai = {"principalId": IDENTITY_OBJECT, "clientId": OTHER_APP}
    principal = {"app_id": OTHER_APP, "object_id": OTHER_OBJECT, "secret": "of-the-other"}
    resources = [
        *associated(),
        {"id": FAR_GROUP, "location": "westeurope", "properties": {}},
        {"id": FAR, "location": "westeurope", **account},
        {"id": IDENTITY, "location": "westeurope", "properties": uai},
        assigned(OTHER_OBJECT, OWNER, GROUP),
        *assignments,
    ]
    sandbox = start(resources, principals=[principal])
    body = workspace_body(
        managedNetwork={**OPEN, "outboundRules": {"far": FAR_RULE}}, primaryUserAssignedIdentity=IDENTITY
    )
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    Arm().done("PUT", WORKSPACE, body)
    credential = ClientSecretCredential(sandbox.world.identity.tenant_id, OTHER_APP, "of-the-other")
    policy = ARMChallengeAuthenticationPolicy(credential, "https://management.azure.com/.default")
    return ARMPipelineClient("https://management.azure.com", policies=[policy])


def provision(client: ARMPipelineClient) -> dict[str, Any]:
    """How provisioning by that client ends."""
    request = HttpRequest(
        "POST",
        f"https://management.azure.com{WORKSPACE}/provisionManagedNetwork",
        json={"includeSpark": False},
        params={"api-version": VERSION},
    )
    return Arm().finish(client.send_request(request))


@pytest.mark.parametrize(
    ("assignments", "who", "right"),
    [
        ([], IDENTITY_OBJECT, "privateEndpointConnections/read"),
        (
            [assigned(IDENTITY_OBJECT, READER, FAR)],
            IDENTITY_OBJECT,
            "privateEndpointConnectionsApproval/action",
        ),
        ([assigned(IDENTITY_OBJECT, APPROVER, FAR)], OTHER_OBJECT, "privateEndpointConnections/read"),
    ],
)
def test_private_endpoint_rule_that_identity_or_caller_may_not_approve_fails(
    start: Start, assignments: list[dict[str, Any]], who: str, right: str
) -> None:
    other, arm = far_world(start, *assignments), Arm()
    error = provision(other)["error"]
    assert error["code"] == "AuthorizationFailed"
    assert f"object id '{who}'" in error["message"]
    assert f"'Microsoft.Storage/storageAccounts/{right}' over scope '{FAR}'" in error["message"]
    rule = arm.get(f"{RULES}/far")["properties"]
    assert (rule["status"], rule["errorInformation"]) == ("Failed", error["message"])
    assert arm.get(WORKSPACE)["properties"]["managedNetwork"]["status"]["status"] == "Inactive"
    assert arm.get(f"{FAR}/privateEndpointConnections", version="2023-01-01")["value"] == []


def test_private_endpoint_rule_that_failed_is_mended_by_one_who_may_approve(start: Start) -> None:
    other, arm = far_world(start, assigned(IDENTITY_OBJECT, APPROVER, FAR)), Arm()
    assert provision(other)["status"] == "Failed"
    arm.done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    rule = arm.get(f"{RULES}/far")["properties"]
    assert (rule["status"], "errorInformation" in rule) == ("Active", False)
    assert len(arm.get(f"{FAR}/privateEndpointConnections", version="2023-01-01")["value"]) == 1


def test_private_endpoint_rule_to_the_workspaces_own_storage_needs_no_approver(start: Start) -> None:
    other, arm = (
        far_world(start, assigned(IDENTITY_OBJECT, APPROVER, FAR), assigned(OTHER_OBJECT, APPROVER, FAR)),
        Arm(),
    )
    destination = {"serviceResourceId": STORAGE, "subresourceTarget": "queue"}
    arm.done("PUT", f"{RULES}/queues", {"properties": {**FAR_RULE, "destination": destination}})
    assert provision(other)["status"] == "Succeeded"
    statuses = {rule["properties"]["status"] for rule in arm.get(RULES)["value"]}
    assert statuses == {"Active"}
