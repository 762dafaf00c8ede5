"""Role assignments that are not known everywhere yet, custom roles, and what clients without rights are shown."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.arm.grants import PROPAGATION
from vnetferry.sandbox.wire import Principal

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
OTHER = f"{SUBSCRIPTION}/resourceGroups/other"
AUTHORIZATION = "providers/Microsoft.Authorization"
SOMEBODY = Principal("99999999-9999-4999-8999-999999999999", "88888888-8888-4888-8888-888888888888", "t")
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
FERRY = "12121212-1212-4212-8212-121212121212"
NAMES = [f"{n * 8}-aaaa-4aaa-8aaa-aaaaaaaaaaaa" for n in "123456"]
ML = "Microsoft.MachineLearningServices/workspaces"
V = "2022-04-01"


def definition(role: str) -> str:
    return f"{SUBSCRIPTION}/{AUTHORIZATION}/roleDefinitions/{role}"


def assignment(role: str, scope: str = GROUP, name: str = NAMES[5]) -> dict[str, Any]:
    """What a scenario holds for SOMEBODY."""
    properties = {"principalId": SOMEBODY.object_id, "roleDefinitionId": definition(role), "scope": scope}
    kind = "Microsoft.Authorization/roleAssignments"
    return {"id": f"{scope}/{AUTHORIZATION}/roleAssignments/{name}", "type": kind, "properties": properties}


def give(arm: Any, role: str, scope: str = GROUP, name: str = NAMES[0], **more: Any) -> Any:
    properties = {"roleDefinitionId": definition(role), "principalId": SOMEBODY.object_id}
    path = f"{scope}/{AUTHORIZATION}/roleAssignments/{name}"
    return arm.put(path, {"properties": properties}, V, **more)


def put_role(arm: Any, *permissions: dict[str, Any], scopes: tuple[str, ...] = (GROUP,)) -> Any:
    properties = {"roleName": "Ferry", "permissions": list(permissions), "assignableScopes": list(scopes)}
    return arm.put(definition(FERRY), {"properties": properties}, V)


def may(arm: Any, action: str, scope: str = GROUP) -> bool:
    return authorization.allowed(arm.world, SOMEBODY.object_id, action, scope)


def ask(arm: Any, path: str, version: str = "2021-04-01") -> Any:
    return arm.send("GET", path, version=version, principal=SOMEBODY)


def account(name: str, group: str = GROUP) -> dict[str, Any]:
    identifier = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    sku = {"name": "Standard_LRS"}
    return {"id": identifier, "name": name, "location": "westeurope", "sku": sku, "properties": {}}


def test_assignment_put_shows_at_once_and_counts_after_the_delay(arm_of: Any) -> None:
    arm = arm_of(durations_s={PROPAGATION: 2000})
    assert give(arm, READER).status == 201
    path = f"{GROUP}/{AUTHORIZATION}/roleAssignments/{NAMES[0]}"
    assert arm.get(path, V).body["properties"]["principalId"] == SOMEBODY.object_id
    refused = ask(arm, GROUP)
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")
    arm.wait(2001)
    assert ask(arm, GROUP).status == 200


def test_assignment_without_a_set_delay_counts_after_a_quarter_of_an_hour(arm_of: Any) -> None:
    arm = arm_of()
    give(arm, READER)
    arm.wait(800)
    assert ask(arm, GROUP).code == "AuthorizationFailed"
    arm.wait(120)
    assert ask(arm, GROUP).status == 200


def test_assignment_deleted_is_gone_at_once_and_counts_until_the_delay_is_over(arm_of: Any) -> None:
    held = assignment(READER)
    arm = arm_of(held, durations_s={PROPAGATION: 2000})
    assert arm.send("DELETE", held["id"], version=V).status == 200
    assert arm.get(held["id"], V).code == "RoleAssignmentNotFound"
    assert ask(arm, GROUP).status == 200
    arm.wait(2001)
    assert ask(arm, GROUP).code == "AuthorizationFailed"


def test_assignment_deleted_before_it_counted_never_counts(arm_of: Any) -> None:
    arm = arm_of(durations_s={PROPAGATION: 2000})
    give(arm, READER)
    arm.send("DELETE", f"{GROUP}/{AUTHORIZATION}/roleAssignments/{NAMES[0]}", version=V)
    arm.wait(2001)
    assert not may(arm, f"{ML}/read")


def test_custom_role_keeps_what_one_permission_withholds_from_itself_alone(arm_of: Any) -> None:
    arm = arm_of(durations_s={PROPAGATION: 0})
    first = {"actions": [f"{ML}/*"], "notActions": [f"{ML}/*/DELETE", f"{ML}/write"]}
    second = {"actions": ["*/onlineEndpoints/delete"]}
    assert put_role(arm, first, second).status == 201
    give(arm, FERRY)
    assert may(arm, f"{ML}/onlineEndpoints/write")
    assert may(arm, f"{ML}/onlineEndpoints/delete")
    assert not may(arm, f"{ML}/computes/delete")
    assert not may(arm, f"{ML}/write")


def test_not_actions_of_one_role_leave_another_assignment_alone(arm_of: Any) -> None:
    arm = arm_of(assignment(CONTRIBUTOR), assignment(ACCESS_ADMINISTRATOR, name=NAMES[4]))
    assert may(arm, "Microsoft.Authorization/roleAssignments/write")


@pytest.mark.parametrize(("role", "status"), [(CONTRIBUTOR, 403), (ACCESS_ADMINISTRATOR, 201), (OWNER, 201)])
def test_assignment_is_written_only_by_who_may(arm_of: Any, role: str, status: int) -> None:
    arm = arm_of(assignment(role))
    answer = give(arm, READER, principal=SOMEBODY)
    assert answer.status == status
    path = f"{GROUP}/{AUTHORIZATION}/roleAssignments/{NAMES[0]}"
    if status == 403:
        assert answer.message == (
            f"The client '{SOMEBODY.app_id}' with object id '{SOMEBODY.object_id}' does not have authorization to "
            f"perform action 'Microsoft.Authorization/roleAssignments/write' over scope '{path}' or the scope is "
            "invalid. If access was recently granted, please refresh your credentials."
        )
    assert (path in arm.world.documents) is (status == 201)


def test_custom_role_outside_its_scopes_is_not_assigned(arm: Any) -> None:
    put_role(arm, {"actions": ["*/read"]})
    answer = give(arm, FERRY, SUBSCRIPTION)
    assert (answer.status, answer.code) == (400, "RoleDefinitionNotAssignableAtScope")
    assert not may(arm, f"{ML}/read")
    assert f"{SUBSCRIPTION}/{AUTHORIZATION}/roleAssignments/{NAMES[0]}" not in arm.world.documents


def test_custom_role_that_is_assigned_stays(arm: Any) -> None:
    put_role(arm, {"actions": ["*/read"]}, scopes=(SUBSCRIPTION,))
    give(arm, FERRY)
    answer = arm.send("DELETE", definition(FERRY), version=V)
    assert (answer.status, answer.code) == (400, "RoleDefinitionHasAssignments")
    assert arm.get(definition(FERRY), V).status == 200
    narrowed = put_role(arm, {"actions": ["*/read"]}, scopes=(OTHER,))
    assert (narrowed.status, narrowed.code) == (400, "RoleScopeBeingRemovedContainsAssignments")
    assert arm.get(definition(FERRY), V).body["properties"]["assignableScopes"] == [SUBSCRIPTION]
    arm.send("DELETE", f"{GROUP}/{AUTHORIZATION}/roleAssignments/{NAMES[0]}", version=V)
    assert arm.send("DELETE", definition(FERRY), version=V).status == 200
    assert arm.get(definition(FERRY), V).code == "RoleDefinitionDoesNotExist"


def test_assignment_beyond_the_quota_is_refused(arm_of: Any) -> None:
    arm = arm_of(assignment(READER), quotas={"roleAssignments": 1})
    answer = give(arm, CONTRIBUTOR)
    assert (answer.status, answer.code) == (400, "RoleAssignmentLimitExceeded")
    assert f"{GROUP}/{AUTHORIZATION}/roleAssignments/{NAMES[0]}" not in arm.world.documents


def test_custom_role_for_the_whole_tenant_is_refused(arm: Any) -> None:
    assert put_role(arm, {"actions": ["*"]}, scopes=("/",)).code == "InvalidAssignableScope"
    assert definition(FERRY) not in arm.world.documents


def test_built_in_role_is_not_deleted(arm: Any) -> None:
    assert arm.send("DELETE", definition(READER), version=V).code == "CannotDeleteBuiltInRole"
    assert arm.get(definition(READER), V).status == 200


def test_lists_show_only_what_the_caller_may_read(arm_of: Any) -> None:
    group = {"id": OTHER, "name": "other", "location": "westeurope"}
    arm = arm_of(group, account("stone"), account("sttwo", OTHER), assignment(READER, OTHER))

    def names(path: str, version: str = "2021-04-01") -> list[str]:
        return [each["name"] for each in ask(arm, path, version).body["value"]]

    everywhere = f"{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts"
    assert names(f"{SUBSCRIPTION}/resourceGroups") == ["other"]
    assert names(f"{SUBSCRIPTION}/resources") == ["sttwo"]
    assert names(everywhere, "2023-01-01") == ["sttwo"]
    assert len(ask(arm, "/subscriptions").body["value"]) == 1
    assert ask(arm, account("stone")["id"], "2023-01-01").code == "AuthorizationFailed"
    assert [each["name"] for each in arm.get(everywhere, "2023-01-01").body["value"]] == ["stone", "sttwo"]


def test_client_without_any_right_sees_no_subscription_and_no_list(arm: Any) -> None:
    assert ask(arm, "/subscriptions").body["value"] == []
    refused = ask(arm, f"{SUBSCRIPTION}/resourceGroups")
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")


def test_subscription_that_is_absent_is_not_found_whoever_asks(arm: Any) -> None:
    answer = ask(arm, "/subscriptions/00000000-0000-4000-8000-00000000dead/resourceGroups")
    assert (answer.status, answer.code) == (404, "SubscriptionNotFound")


def test_register_needs_the_namespaces_own_action(arm_of: Any) -> None:
    role = {"roleName": "Registrar", "assignableScopes": [SUBSCRIPTION]}
    permissions = [{"actions": ["Microsoft.Network/register/action"]}]
    kind = "Microsoft.Authorization/roleDefinitions"
    document = {"id": definition(FERRY), "type": kind, "properties": {**role, "permissions": permissions}}
    arm = arm_of(document, assignment(FERRY, SUBSCRIPTION))

    def register(namespace: str) -> Any:
        path = f"{SUBSCRIPTION}/providers/{namespace}/register"
        return arm.send("POST", path, version="2021-04-01", principal=SOMEBODY)

    assert register("Microsoft.Network").status == 200
    assert register("Microsoft.Storage").code == "AuthorizationFailed"


def test_private_endpoint_in_a_subnet_that_the_caller_may_not_join_is_refused(arm_of: Any) -> None:
    network = f"{OTHER}/providers/Microsoft.Network/virtualNetworks/vnet"
    subnet = f"{network}/subnets/default"
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    subnets = [{"id": subnet, "name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}]
    document = {"id": network, "name": "vnet", "location": "westeurope"}
    arm = arm_of(
        {**document, "properties": {**space, "subnets": subnets}},
        account("stone"),
        assignment(NETWORK_CONTRIBUTOR),
    )
    path = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe"
    target = {"privateLinkServiceId": account("stone")["id"], "groupIds": ["blob"]}
    properties = {
        "subnet": {"id": subnet},
        "privateLinkServiceConnections": [{"name": "c", "properties": target}],
    }
    body = {"location": "westeurope", "properties": properties}
    answer = arm.put(path, body, "2023-09-01", principal=SOMEBODY)
    assert (answer.status, answer.code) == (403, "LinkedAuthorizationFailed")
    assert "Microsoft.Network/virtualNetworks/subnets/join/action" in answer.message
    assert f"linked scope(s) '{subnet}'" in answer.message
    assert path not in arm.world.documents
    assert arm.world.documents.collection(f"{account('stone')['id']}/privateEndpointConnections") == []
