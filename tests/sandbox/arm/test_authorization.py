"""Rights: role assignments, what they inherit and withhold, and the words of a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Principal

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/e"
ML = "Microsoft.MachineLearningServices/workspaces"
SOMEBODY = Principal("99999999-9999-4999-8999-999999999999", "other", "t")
ROLES = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "Azure AI Enterprise Network Connection Approver": "b556d68e-0be0-4f35-a333-ad7ee1ce17ea",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
}
V = "2022-04-01"


def assignment(role: str, scope: str = GROUP, principal: str = SOMEBODY.object_id) -> dict[str, Any]:
    definition = f"/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{ROLES[role]}",
        "name": ROLES[role],
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {"principalId": principal, "roleDefinitionId": definition, "scope": scope},
    }


@pytest.mark.parametrize(
    ("role", "action", "granted"),
    [
        ("Owner", "Microsoft.Authorization/roleAssignments/write", True),
        ("Contributor", f"{ML}/onlineEndpoints/write", True),
        ("Contributor", "Microsoft.Authorization/roleAssignments/write", False),
        ("Contributor", "Microsoft.Authorization/locks/delete", False),
        ("Reader", f"{ML}/onlineEndpoints/read", True),
        ("Reader", f"{ML}/onlineEndpoints/listKeys/action", False),
        ("AzureML Data Scientist", f"{ML}/onlineEndpoints/deployments/write", True),
        ("AzureML Data Scientist", f"{ML}/delete", False),
        ("AzureML Data Scientist", f"{ML}/computes/write", False),
        ("AzureML Data Scientist", "Microsoft.Storage/storageAccounts/listKeys/action", False),
        (
            "Azure AI Enterprise Network Connection Approver",
            f"{ML}/privateEndpointConnectionsApproval/action",
            True,
        ),
    ],
)
def test_allowed_of_role_follows_its_actions_and_not_actions(
    arm_of: Any, role: str, action: str, granted: bool
) -> None:
    world = arm_of(assignment(role)).world
    assert authorization.allowed(world, SOMEBODY.object_id, action, ENDPOINT) is granted


def test_allowed_above_the_assigned_scope_is_false(arm_of: Any) -> None:
    world = arm_of(assignment("Owner", ENDPOINT)).world
    assert authorization.allowed(
        world, SOMEBODY.object_id, f"{ML}/onlineEndpoints/read", f"{ENDPOINT}/deployments/d"
    )
    assert not authorization.allowed(world, SOMEBODY.object_id, f"{ML}/read", WORKSPACE)


def test_allowed_scope_with_a_common_beginning_is_no_parent(arm_of: Any) -> None:
    world = arm_of(assignment("Owner", WORKSPACE)).world
    assert not authorization.allowed(world, SOMEBODY.object_id, f"{ML}/read", f"{WORKSPACE}-two")


def test_allowed_data_action_is_not_in_owner(arm_of: Any) -> None:
    world = arm_of(assignment("Owner"), assignment("Storage Blob Data Reader", WORKSPACE)).world
    read = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    assert not authorization.allowed(world, SOMEBODY.object_id, read, GROUP, data=True)
    assert authorization.allowed(world, SOMEBODY.object_id, read, WORKSPACE, data=True)


def test_require_without_right_says_who_what_and_where(arm: Any) -> None:
    with pytest.raises(AzureError) as caught:
        authorization.require(arm.world, SOMEBODY, f"{ML}/write", WORKSPACE)
    assert (caught.value.status, caught.value.code) == (403, "AuthorizationFailed")
    assert caught.value.message == (
        f"The client '{SOMEBODY.app_id}' with object id '{SOMEBODY.object_id}' does not have "
        "authorization to perform "
        f"action '{ML}/write' over scope '{WORKSPACE}' or the scope is invalid. If access was recently "
        "granted, please "
        "refresh your credentials."
    )


def test_client_is_owner_until_the_scenario_assigns_it_a_role(arm_of: Any) -> None:
    client = authorization.CLIENT_OBJECT_ID
    assert authorization.allowed(arm_of().world, client, f"{ML}/write", WORKSPACE)
    restricted = arm_of(assignment("Reader", principal=client)).world
    assert not authorization.allowed(restricted, client, f"{ML}/write", WORKSPACE)


def test_custom_role_counts(arm_of: Any) -> None:
    arm = arm_of()
    name = "12121212-1212-4212-8212-121212121212"
    subscription = GROUP.rpartition("/resourceGroups")[0]
    definition = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    permission = {"actions": [f"{ML}/onlineEndpoints/*"], "notActions": [f"{ML}/onlineEndpoints/delete"]}
    properties = {"roleName": "Ferry", "permissions": [permission], "assignableScopes": [subscription]}
    assert arm.put(definition, {"properties": properties}, V).status == 201
    made = {"properties": {"roleDefinitionId": definition, "principalId": SOMEBODY.object_id}}
    path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}"
    assert arm.put(path, made, V).status == 201
    arm.wait(901)
    assert authorization.allowed(arm.world, SOMEBODY.object_id, f"{ML}/onlineEndpoints/write", ENDPOINT)
    assert not authorization.allowed(arm.world, SOMEBODY.object_id, f"{ML}/onlineEndpoints/delete", ENDPOINT)


def put_assignment(arm: Any, name: str, scope: str = GROUP, role: str = ROLES["Reader"], **more: Any) -> Any:
    definition = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": SOMEBODY.object_id, **more}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    return arm.put(path, {"properties": properties}, V)


NAMES = [f"{n}{n}{n}{n}{n}{n}{n}{n}-aaaa-4aaa-8aaa-aaaaaaaaaaaa" for n in "1234"]


def test_put_assignment_twice_with_two_names_is_conflict(arm: Any) -> None:
    assert put_assignment(arm, NAMES[0]).status == 201
    second = put_assignment(arm, NAMES[1])
    assert (second.status, second.code) == (409, "RoleAssignmentExists")


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("not-a-guid", {}, "InvalidRoleAssignmentId"),
        (NAMES[0], {"principalId": "me"}, "InvalidPrincipalId"),
        (NAMES[0], {"role": NAMES[2]}, "RoleDefinitionDoesNotExist"),
        (NAMES[0], {"colour": "red"}, "InvalidRequestContent"),
        (NAMES[0], {"principalType": "Robot"}, "InvalidRequestPropertyValue"),
    ],
)
def test_put_bad_assignment_is_refused(arm: Any, name: str, fields: Any, code: str) -> None:
    assert put_assignment(arm, name, **fields).code == code


def test_list_assignments_filters_by_scope_and_principal(arm_of: Any) -> None:
    arm = arm_of(assignment("Reader"), assignment("Owner", WORKSPACE, "88888888-8888-4888-8888-888888888888"))

    def listed(scope: str, asked: str = "") -> list[str]:
        query = f"&$filter={asked}" if asked else ""
        answer = arm.get(f"{scope}/providers/Microsoft.Authorization/roleAssignments", V, query)
        return [value["name"] for value in answer.body["value"]]

    assert listed(WORKSPACE, "atScope()") == [ROLES["Reader"], ROLES["Owner"]]
    assert listed(GROUP, "atScope()") == [ROLES["Reader"]]
    assert listed(GROUP) == [ROLES["Reader"], ROLES["Owner"]]
    assert listed(WORKSPACE, f"principalId%20eq%20'{SOMEBODY.object_id}'") == [ROLES["Reader"]]
    assert (
        arm.get(f"{GROUP}/providers/Microsoft.Authorization/roleAssignments", V, "&$filter=x").code
        == "UnsupportedQueryFilter"
    )


def test_permissions_of_client_are_owners(arm: Any) -> None:
    found = arm.get(f"{GROUP}/providers/Microsoft.Authorization/permissions", V).body["value"]
    assert [entry["actions"] for entry in found] == [["*"]]


def put_lock(arm: Any, scope: str, level: str) -> Any:
    return arm.put(
        f"{scope}/providers/Microsoft.Authorization/locks/l", {"properties": {"level": level}}, "2016-09-01"
    )


ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
ACCOUNT_BODY = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}


@pytest.mark.parametrize("scope", [GROUP.rpartition("/resourceGroups")[0], GROUP, ACCOUNT])
def test_cannot_delete_lock_stops_deletion_at_and_below_its_scope(arm: Any, scope: str) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01")
    assert put_lock(arm, scope, "CanNotDelete").status == 201
    answer = arm.send("DELETE", ACCOUNT, version="2023-01-01")
    assert (answer.status, answer.code) == (409, "ScopeLocked")
    assert f"following scope(s) are locked: '{scope}'" in answer.message
    assert arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01").status == 200


def test_lock_on_a_resource_stops_deletion_of_its_group(arm: Any) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01")
    put_lock(arm, ACCOUNT, "CanNotDelete")
    assert arm.send("DELETE", GROUP, version="2021-04-01").code == "ScopeLocked"


def test_read_only_lock_stops_writes_and_actions_but_not_reads(arm: Any) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01")
    put_lock(arm, GROUP, "ReadOnly")
    assert arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01").code == "ScopeLocked"
    assert arm.send("POST", f"{ACCOUNT}/listKeys", version="2023-01-01").code == "ScopeLocked"
    assert arm.get(ACCOUNT, "2023-01-01").status == 200


def test_list_locks_holds_those_below_unless_only_the_scopes_own_are_asked_for(arm: Any) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01")
    put_lock(arm, GROUP, "CanNotDelete")
    put_lock(arm, ACCOUNT, "CanNotDelete")

    def listed(query: str = "") -> list[str]:
        path = f"{GROUP}/providers/Microsoft.Authorization/locks"
        return [
            each["id"].rpartition("/providers/")[0]
            for each in arm.get(path, "2016-09-01", query).body["value"]
        ]

    assert listed() == [GROUP, ACCOUNT]
    assert listed("&$filter=atScope()") == [GROUP]


def test_delete_lock_frees_its_scope(arm: Any) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, "2023-01-01")
    put_lock(arm, ACCOUNT, "ReadOnly")
    arm.send("DELETE", f"{ACCOUNT}/providers/Microsoft.Authorization/locks/l", version="2016-09-01")
    assert arm.send("DELETE", ACCOUNT, version="2023-01-01").status == 200


def test_put_lock_of_unknown_level_is_refused(arm: Any) -> None:
    assert put_lock(arm, GROUP, "Shut").code == "InvalidLockLevel"
