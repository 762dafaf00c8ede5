"""Resource groups, subscriptions and provider registration."""

from __future__ import annotations

from typing import Any

import pytest

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
ACCOUNT_BODY = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
V, S = "2021-04-01", "2023-01-01"


def test_put_group_new_and_again(arm: Any) -> None:
    path = f"{SUBSCRIPTION}/resourcegroups/rg-new"
    assert arm.put(path, {"location": "West Europe"}, V).status == 201
    again = arm.put(path, {"location": "westeurope", "tags": {"a": "b"}}, V)
    assert (again.status, again.body["tags"]) == (200, {"a": "b"})
    assert again.body["id"] == f"{SUBSCRIPTION}/resourceGroups/rg-new"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("ends.", {"location": "westeurope"}, "InvalidResourceGroupName"),
        ("rg", {"location": "northeurope"}, "InvalidResourceGroupLocation"),
        ("fresh", {}, "LocationRequired"),
        ("fresh", {"location": "westeurope", "colour": "red"}, "InvalidRequestContent"),
    ],
)
def test_put_bad_group_is_refused(arm: Any, name: str, body: Any, code: str) -> None:
    assert arm.put(f"{SUBSCRIPTION}/resourceGroups/{name}", body, V).code == code


def test_put_resource_in_absent_group_is_refused(arm: Any) -> None:
    answer = arm.put(ACCOUNT.replace("/rg/", "/absent/"), ACCOUNT_BODY, S)
    assert (answer.status, answer.code) == (404, "ResourceGroupNotFound")


def test_get_in_unknown_subscription_is_refused(arm_of: Any) -> None:
    arm = arm_of()
    answer = arm.get(GROUP.replace("0001", "0002"), V)
    assert (answer.status, answer.code) == (404, "SubscriptionNotFound")


def test_delete_group_takes_its_contents(arm_of: Any) -> None:
    arm = arm_of(durations_s={"ResourceGroups_Delete": 5000})
    arm.put(ACCOUNT, ACCOUNT_BODY, S)
    answer = arm.send("DELETE", GROUP, version=V)
    result = answer.headers["Location"].removeprefix("https://management.azure.com").partition("?")[0]
    assert answer.status == 202
    assert arm.get(result, V).status == 202
    assert arm.put(GROUP, {"location": "westeurope"}, V).code == "ResourceGroupBeingDeleted"
    arm.wait(5500)
    assert arm.get(result, V).status == 200
    assert arm.get(GROUP, V).code == "ResourceGroupNotFound"
    assert ACCOUNT not in arm.world.documents


def vault(arm: Any, **properties: Any) -> str:
    own = {"tenantId": "t", "sku": {"name": "standard", "family": "A"}, "accessPolicies": [], **properties}
    path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-one"
    assert arm.put(path, {"location": "westeurope", "properties": own}, "2023-07-01").status == 200
    return path


def test_delete_group_soft_deletes_its_vaults(arm: Any) -> None:
    vault(arm)
    arm.send("DELETE", GROUP, version=V)
    arm.wait(90)
    deleted = arm.get(f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/deletedVaults", "2023-07-01").body[
        "value"
    ]
    assert [found["name"] for found in deleted] == ["kv-one"]


def test_delete_group_deletes_users_before_what_they_use(arm_of: Any) -> None:
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet"
    subnet = {"id": f"{network}/subnets/s", "name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
    connection = {"name": "c", "properties": {"privateLinkServiceId": ACCOUNT, "groupIds": ["blob"]}}
    arm = arm_of(
        {
            "id": f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe",
            "name": "pe",
            "location": "westeurope",
            "properties": {"subnet": {"id": subnet["id"]}, "privateLinkServiceConnections": [connection]},
        },
        {"id": network, "name": "vnet", "location": "westeurope", "properties": {"subnets": [subnet]}},
    )
    arm.send("DELETE", GROUP, version=V)
    arm.wait(600)
    assert arm.get(GROUP, V).code == "ResourceGroupNotFound"


def test_delete_group_that_cannot_be_emptied_comes_back_and_says_why(arm: Any) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, S)
    location = arm.send("DELETE", GROUP, version=V).headers["Location"]
    lock = {
        "id": f"{ACCOUNT}/providers/Microsoft.Authorization/locks/l",
        "properties": {"level": "CanNotDelete"},
    }
    arm.world.documents.put({**lock, "name": "l"})
    arm.wait(120)
    result = arm.get(location.removeprefix("https://management.azure.com").partition("?")[0], V)
    assert (result.status, result.code) == (409, "ResourceGroupDeletionBlocked")
    assert ACCOUNT in result.message
    assert arm.get(GROUP, V).body["properties"] == {"provisioningState": "Succeeded"}


def test_put_into_group_that_is_being_deleted_is_refused(arm_of: Any) -> None:
    arm = arm_of(durations_s={"ResourceGroups_Delete": 5000})
    arm.send("DELETE", GROUP, version=V)
    assert arm.put(ACCOUNT, ACCOUNT_BODY, S).code == "ResourceGroupBeingDeleted"


def test_list_resources_can_be_filtered(arm: Any) -> None:
    arm.put(ACCOUNT, ACCOUNT_BODY, S)
    arm.put(
        f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one",
        {"location": "westeurope"},
        "2023-01-31",
    )

    def names(query: str = "") -> list[str]:
        return [value["name"] for value in arm.get(f"{GROUP}/resources", V, query).body["value"]]

    assert names() == ["stone", "id-one"]
    assert names("&$filter=resourceType%20eq%20'Microsoft.Storage/storageAccounts'") == ["stone"]
    assert arm.get(f"{GROUP}/resources", V, "&$filter=shape%20eq%20'x'").code == "InvalidFilterInQueryString"


def test_list_pages_link_to_the_next(arm: Any) -> None:
    for index in range(3):
        arm.put(f"{SUBSCRIPTION}/resourceGroups/more{index}", {"location": "westeurope"}, V)
    found = arm.get(f"{SUBSCRIPTION}/resourceGroups", V, "&$top=2").body["value"]
    assert [group["name"] for group in found] == ["rg", "more0"]
    rest = arm.get(f"{SUBSCRIPTION}/resourceGroups", V, "&$skiptoken=2").body["value"]
    assert [group["name"] for group in rest] == ["more1", "more2"]
    assert arm.get(f"{SUBSCRIPTION}/resourceGroups", V, "&$top=x").code == "InvalidQueryParameterValue"


def test_register_provider_takes_time_and_opens_writes(arm_of: Any) -> None:
    provider = f"{SUBSCRIPTION}/providers/Microsoft.Storage"
    arm = arm_of({"id": provider, "namespace": "Microsoft.Storage", "registrationState": "NotRegistered"})
    assert arm.get(provider, V).body["registrationState"] == "NotRegistered"
    assert arm.put(ACCOUNT, ACCOUNT_BODY, S).code == "MissingSubscriptionRegistration"
    assert arm.send("POST", f"{provider}/register", version=V).body["registrationState"] == "Registering"
    arm.wait(90)
    assert arm.get(provider, V).body["registrationState"] == "Registered"
    assert arm.put(ACCOUNT, ACCOUNT_BODY, S).status == 200


def test_provider_that_does_not_exist_is_refused(arm: Any) -> None:
    assert arm.get(f"{SUBSCRIPTION}/providers/Microsoft.Nonsense", V).code == "InvalidResourceNamespace"


def test_adopt_implied_makes_groups_of_scenario_resources(arm_of: Any) -> None:
    arm = arm_of(
        {
            "id": ACCOUNT.replace("/rg/", "/rg-legacy/"),
            "name": "stone",
            "location": "northeurope",
            "properties": {},
        }
    )
    assert arm.get(f"{SUBSCRIPTION}/resourceGroups/rg-legacy", V).body["location"] == "northeurope"


def test_subscriptions_are_the_scenarios(arm: Any) -> None:
    found = arm.get("/subscriptions", "2022-12-01").body["value"]
    assert [value["id"] for value in found] == [SUBSCRIPTION]
    assert arm.get("/tenants", "2022-12-01").body["value"][0]["tenantId"] == found[0]["tenantId"]


def _listed(arm: Any, query: str, path: str = SUBSCRIPTION) -> list[Any]:
    answer = arm.get(f"{path}/resources", V, f"&{query}" if query else "")
    assert answer.status == 200, answer.body
    return list(answer.body["value"])


@pytest.fixture
def two_accounts(arm: Any) -> Any:
    arm.put(f"{SUBSCRIPTION}/resourceGroups/rg-two", {"location": "westeurope"}, V)
    for path, tags in (
        (ACCOUNT, {"Owner": "me"}),
        (ACCOUNT.replace("/rg/", "/rg-two/") + "2", {"Owner": "you"}),
    ):
        assert arm.put(path, {**ACCOUNT_BODY, "tags": tags}, S).status < 300
        arm.settle(path, S)
    return arm


def test_resources_of_a_subscription_are_no_groups(two_accounts: Any) -> None:
    assert {r["type"] for r in _listed(two_accounts, "")} == {"Microsoft.Storage/storageAccounts"}


def test_resources_are_listed_by_group_and_name(two_accounts: Any) -> None:
    found = _listed(two_accounts, "$filter=resourceGroup eq 'RG' and name eq 'stone'")
    assert [r["id"] for r in found] == [ACCOUNT]
    assert _listed(two_accounts, "$filter=resourceGroup eq 'rg-two' and name eq 'stone'") == []


def test_resources_of_an_absent_group_are_not_found(two_accounts: Any) -> None:
    answer = two_accounts.get(f"{SUBSCRIPTION}/resources", V, "&$filter=resourceGroup eq 'absent'")
    assert (answer.status, answer.code) == (404, "ResourceGroupNotFound")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("tagName eq 'owner'", ["stone", "stone2"]),
        ("tagName eq 'owner' and tagValue eq 'me'", ["stone"]),
        ("tagName eq 'owner' and tagValue eq 'ME'", []),
    ],
)
def test_resources_filtered_by_tag_come_without_their_tags(
    two_accounts: Any, query: str, names: list[str]
) -> None:
    found = _listed(two_accounts, f"$filter={query}")
    assert [r["name"] for r in found] == names
    assert not [r for r in found if "tags" in r]


@pytest.mark.parametrize("query", ["tagValue eq 'me'", "tagName eq 'owner' and name eq 'stone'", "size gt 1"])
def test_filter_that_azure_does_not_take_is_refused(two_accounts: Any, query: str) -> None:
    answer = two_accounts.get(f"{SUBSCRIPTION}/resources", V, f"&$filter={query}")
    assert (answer.status, answer.code) == (400, "InvalidFilterInQueryString")


def test_resources_tell_their_state_when_asked_to(two_accounts: Any) -> None:
    plain, expanded = (_listed(two_accounts, query)[0] for query in ("", "$expand=provisioningState"))
    assert ("provisioningState" in plain, expanded["provisioningState"]) == (False, "Succeeded")


def test_provider_lists_api_versions_that_it_answers_to_newest_first(arm: Any) -> None:
    provider = arm.get(f"{SUBSCRIPTION}/providers/microsoft.storage", V).body
    kinds = {each["resourceType"]: each["apiVersions"] for each in provider["resourceTypes"]}
    versions = kinds["storageAccounts"]
    assert versions == sorted(versions, reverse=True)
    assert arm.put(ACCOUNT, ACCOUNT_BODY, versions[0]).status < 300
    assert kinds["storageAccounts/blobServices/containers"]
