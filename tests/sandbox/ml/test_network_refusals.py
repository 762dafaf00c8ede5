"""What keeps a managed network from being enabled or provisioned, and other clients from each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from tests.sandbox.ml.workspace_world import (
    GROUP,
    REGISTRY,
    STORAGE,
    SUBSCRIPTION,
    VERSION,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)
from vnetferry.sandbox.server import Sandbox

OTHER_APP = "44444444-4444-4444-8444-444444444444"
OTHER_OBJECT = "55555555-5555-4555-8555-555555555555"
SECRET = "of-the-other-client"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OPEN = {"isolationMode": "AllowInternetOutbound"}
PROVISION = f"{WORKSPACE}/provisionManagedNetwork"
NETWORK = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network"
LOCK = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"


def registration(state: str) -> dict[str, Any]:
    return {"id": NETWORK, "namespace": "Microsoft.Network", "registrationState": state}


def test_managed_network_without_the_network_provider_is_refused(start: Start) -> None:
    sandbox = start([*associated(), registration("NotRegistered")])
    arm = Arm()
    refused = arm.refused("PUT", WORKSPACE, workspace_body(managedNetwork=OPEN))
    assert refused[:2] == (409, "MissingSubscriptionRegistration")
    assert "'Microsoft.Network'" in refused[2]
    assert WORKSPACE not in sandbox.world.documents
    arm.done("PUT", WORKSPACE, workspace_body())
    before = arm.get(WORKSPACE)
    patch = {"properties": {"managedNetwork": OPEN}}
    assert arm.refused("PATCH", WORKSPACE, patch)[:2] == (409, "MissingSubscriptionRegistration")
    assert arm.get(WORKSPACE) == before


@pytest.mark.parametrize("level", ["CanNotDelete", "ReadOnly"])
def test_managed_network_under_a_lock_is_not_provisioned(start: Start, level: str) -> None:
    start(associated())
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=OPEN))
    arm.send("PUT", LOCK, {"properties": {"level": level}}, version="2016-09-01")
    before = arm.get(WORKSPACE)
    answer = arm.send("POST", PROVISION, {"includeSpark": False})
    if level == "ReadOnly":
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ScopeLocked")
    else:
        status = arm.finish(answer)
        assert (status["status"], status["error"]["code"]) == ("Failed", "ScopeLocked")
        assert f"'{GROUP}'" in status["error"]["message"]
    assert arm.get(WORKSPACE) == before
    arm.send("DELETE", LOCK, version="2016-09-01")
    arm.done("POST", PROVISION, {"includeSpark": False})
    assert arm.get(WORKSPACE)["properties"]["managedNetwork"]["status"]["status"] == "Active"


def test_managed_network_of_the_second_kind_stays_so(arm: Arm) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork={**OPEN, "managedNetworkKind": "V1"}))
    arm.done("PATCH", WORKSPACE, {"properties": {"managedNetwork": {"managedNetworkKind": "V2"}}})
    before = arm.get(WORKSPACE)
    back = {"properties": {"managedNetwork": {"managedNetworkKind": "V1"}}}
    assert arm.refused("PATCH", WORKSPACE, back)[:2] == (400, "ValidationError")
    assert arm.get(WORKSPACE) == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"isolationMode": "Disabled"}, "Managed network cannot be disabled once enabled."),
        ({"firewallSku": "Premium"}, "Standard, Basic"),
        (
            {"outboundRules": {"rule": {"type": "FQDN", "destination": "a.com", "category": "UserDefined"}}},
            'outbound rules are supported when managed network isolation mode is "AllowInternetOutbound".',
        ),
        (
            {
                "outboundRules": {
                    "rule": {
                        "type": "PrivateEndpoint",
                        "category": "Recommended",
                        "destination": {"serviceResourceId": REGISTRY, "subresourceTarget": "registry"},
                    }
                }
            },
            "only UserDefined",
        ),
    ],
)
def test_managed_network_unfit_patch_is_refused_and_changes_nothing(
    arm: Arm, body: dict[str, Any], says: str
) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=OPEN))
    before = arm.get(WORKSPACE)
    status, _, message = arm.refused("PATCH", WORKSPACE, {"properties": {"managedNetwork": body}})
    assert status == 400
    assert says in message
    assert arm.get(WORKSPACE) == before


def test_workspace_legacy_mode_changes_when_it_takes_effect(start: Start) -> None:
    sandbox = start(associated())
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(v1LegacyMode=True))
    before_s = sandbox.world.clock.elapsed_s()
    arm.done("PATCH", WORKSPACE, {"properties": {"v1LegacyMode": False}})
    while arm.get(WORKSPACE)["properties"]["v1LegacyMode"]:
        pass
    assert sandbox.world.clock.elapsed_s() - before_s >= 1800


def test_workspace_put_new_with_ip_rules_is_refused(start: Start) -> None:
    sandbox = start(associated())
    arm, rules = Arm(), {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]}
    assert arm.refused("PUT", WORKSPACE, workspace_body(networkAcls=rules))[:2] == (400, "BadRequest")
    assert WORKSPACE not in sandbox.world.documents
    arm.done("PUT", WORKSPACE, workspace_body())
    arm.done("PATCH", WORKSPACE, {"properties": {"networkAcls": rules}})
    assert arm.get(WORKSPACE)["properties"]["networkAcls"]["ipRules"] == rules["ipRules"]


def test_workspace_of_a_deleted_name_is_refused_to_the_sdk_until_its_days_are_over(start: Start) -> None:
    sandbox = start(associated())
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    arm.done("DELETE", WORKSPACE)
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.MachineLearningServices/workspaces",
                "apiVersion": VERSION,
                "name": "wsone",
                **workspace_body(),
            }
        ],
    }
    body = {"properties": {"mode": "Incremental", "parameters": {}, "template": template}}
    deployment = f"{GROUP}/providers/Microsoft.Resources/deployments/wsone-1"
    status = arm.finish(arm.send("PUT", deployment, body, version="2020-06-01"))
    assert status["status"] == "Failed"
    assert "Soft-deleted workspace exists. Please purge or recover it." in str(status["error"])
    assert WORKSPACE not in sandbox.world.documents
    graves = [each for each in sandbox.world.documents.below("/") if "purgeAt" in each]
    assert [
        datetime.fromisoformat(each["purgeAt"]) - datetime.fromisoformat(each["deletedAt"]) for each in graves
    ] == [timedelta(days=14)]
    graves[0]["purgeAt"] = sandbox.world.clock.stamp()
    arm.done("PUT", WORKSPACE, workspace_body())


def test_workspace_of_user_assigned_identity_alone_leaves_no_name_behind(start: Start) -> None:
    identity = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai"
    named = {"principalId": "66666666-6666-4666-8666-666666666666", "clientId": OTHER_APP}
    start([*associated(), {"id": identity, "location": "westeurope", "properties": named}])
    arm = Arm()
    body = workspace_body(primaryUserAssignedIdentity=identity)
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    arm.done("PUT", WORKSPACE, body)
    arm.done("DELETE", WORKSPACE)
    arm.done("PUT", WORKSPACE, body)


def other_client(secret: str = SECRET, tenant: str = "") -> ARMPipelineClient:
    credential = ClientSecretCredential(tenant, OTHER_APP, secret)
    policy = ARMChallengeAuthenticationPolicy(credential, "https://management.azure.com/.default")
    return ARMPipelineClient("https://management.azure.com", policies=[policy])


def shared(start: Start, *documents: dict[str, Any]) -> Sandbox:
    """A sandbox with a second service principal."""
    principal = {"app_id": OTHER_APP, "object_id": OTHER_OBJECT, "secret": SECRET}
    return start([*associated(), *documents], principals=[principal])


def status_and_code(client: ARMPipelineClient, path: str, version: str) -> tuple[int, str]:
    asked = HttpRequest("GET", f"https://management.azure.com{path}", params={"api-version": version})
    answer = client.send_request(asked)
    return answer.status_code, (answer.json().get("error") or {}).get("code", "")


def test_other_client_may_do_what_the_scenario_assigns_to_it(start: Start) -> None:
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    definition = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    assigned = {
        "id": f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments/{OTHER_OBJECT}",
        "properties": {"principalId": OTHER_OBJECT, "roleDefinitionId": definition, "scope": STORAGE},
    }
    client = other_client(tenant=shared(start, assigned).world.identity.tenant_id)
    assert status_and_code(client, STORAGE, "2023-01-01") == (200, "")
    assert status_and_code(client, REGISTRY, "2023-07-01") == (403, "AuthorizationFailed")
    Arm().get(REGISTRY, version="2023-07-01")


def test_other_client_with_a_wrong_secret_is_refused(start: Start) -> None:
    client = other_client("wrong", shared(start).world.identity.tenant_id)
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        status_and_code(client, STORAGE, "2023-01-01")
