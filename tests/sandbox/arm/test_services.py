"""Storage accounts, vaults, registries, identities: defaults, refusals, and what stays after deletion."""

from __future__ import annotations

from typing import Any

import pytest

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts"
VAULTS = f"{GROUP}/providers/Microsoft.KeyVault/vaults"
REGISTRIES = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries"
ACCOUNT = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
VAULT = {
    "location": "westeurope",
    "properties": {"tenantId": "t", "sku": {"name": "standard", "family": "A"}, "accessPolicies": []},
}
REGISTRY = {"location": "westeurope", "sku": {"name": "Premium"}}
S, K, R = "2023-01-01", "2023-07-01", "2023-07-01"


def test_put_account_fills_azures_defaults(arm: Any) -> None:
    answer = arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    properties = answer.body["properties"]
    assert answer.status == 200
    assert properties["primaryEndpoints"]["blob"] == "https://stone.blob.core.windows.net/"
    assert properties["networkAcls"] == {
        "bypass": "AzureServices",
        "defaultAction": "Allow",
        "ipRules": [],
        "virtualNetworkRules": [],
    }
    assert answer.body["sku"] == {"name": "Standard_LRS", "tier": "Standard"}


@pytest.mark.parametrize(
    ("name", "change", "status", "code"),
    [
        ("Upper", {}, 400, "AccountNameInvalid"),
        ("stone", {"sku": {"name": "Huge_LRS"}}, 400, "InvalidRequestPropertyValue"),
        ("stone", {"kind": "FileStorage"}, 400, "StorageAccountSkuNotSupportedForKind"),
        ("stone", {"location": None}, 400, "LocationRequired"),
        ("stone", {"location": "atlantis"}, 400, "LocationNotAvailableForResourceType"),
        ("stone", {"colour": "red"}, 400, "InvalidRequestContent"),
        ("stone", {"properties": {"colour": "red"}}, 400, "InvalidRequestContent"),
        (
            "stone",
            {"properties": {"networkAcls": {"defaultAction": "Maybe"}}},
            400,
            "InvalidRequestPropertyValue",
        ),
        ("stone", {"properties": "no object"}, 400, "InvalidRequestContent"),
        ("stone", {"tags": {"a": 1}}, 400, "InvalidRequestContent"),
    ],
)
def test_put_bad_account_is_refused_and_not_made(
    arm: Any, name: str, change: Any, status: int, code: str
) -> None:
    answer = arm.put(f"{STORAGE}/{name}", {**ACCOUNT, **change}, S)
    assert (answer.status, answer.code) == (status, code)
    assert arm.get(f"{STORAGE}/{name}", S).status == 404


def test_put_account_name_is_taken_in_every_group(arm_of: Any) -> None:
    other = GROUP.replace("/rg", "/rg2")
    arm = arm_of({"id": other, "name": "rg2", "location": "westeurope"})
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    answer = arm.put(f"{STORAGE.replace('/rg/', '/rg2/')}/stone", ACCOUNT, S)
    assert (answer.status, answer.code) == (409, "StorageAccountAlreadyTaken")


def test_put_account_beyond_what_a_region_holds_is_refused(arm_of: Any) -> None:
    held = {"id": f"{STORAGE}/sthere", "name": "sthere", "location": "West Europe", "properties": {}}
    elsewhere = {"id": f"{STORAGE}/staway", "name": "staway", "location": "eastus", "properties": {}}
    arm = arm_of(held, elsewhere, quotas={"storageAccounts": 1})
    refused = arm.put(f"{STORAGE}/stmore", ACCOUNT, S)
    assert (refused.status, refused.code) == (409, "MaxStorageAccountsCountPerSubscriptionExceeded")
    assert "already contains 1 storage accounts in location westeurope" in refused.body["error"]["message"]
    assert arm.get(f"{STORAGE}/stmore", S).status == 404
    assert arm.put(f"{STORAGE}/sthere", ACCOUNT, S).status == 200


def test_put_account_in_another_location_is_conflict(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    assert (
        arm.put(f"{STORAGE}/stone", {**ACCOUNT, "location": "northeurope"}, S).code
        == "InvalidResourceLocation"
    )


def test_patch_account_replaces_tags_and_keeps_the_rest(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", {**ACCOUNT, "tags": {"a": "1"}}, S)
    body = {"tags": {"b": "2"}, "properties": {"publicNetworkAccess": "Disabled"}}
    assert arm.send("PATCH", f"{STORAGE}/stone", body, version=S).status == 200
    found = arm.get(f"{STORAGE}/stone", S).body
    assert found["tags"] == {"b": "2"}
    assert found["properties"]["publicNetworkAccess"] == "Disabled"
    assert found["properties"]["networkAcls"]["defaultAction"] == "Allow"


def test_patch_account_cannot_change_what_it_is(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    before = arm.get(f"{STORAGE}/stone", S).body
    arm.send("PATCH", f"{STORAGE}/stone", {"id": "/x", "name": "y", "location": "eastus"}, version=S)
    assert {k: arm.get(f"{STORAGE}/stone", S).body[k] for k in ("id", "name", "location")} == {
        k: before[k] for k in ("id", "name", "location")
    }


def test_patch_account_hns_is_immutable(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    answer = arm.send("PATCH", f"{STORAGE}/stone", {"properties": {"isHnsEnabled": True}}, version=S)
    assert answer.code == "PropertyImmutable"
    assert not arm.get(f"{STORAGE}/stone", S).body["properties"].get("isHnsEnabled")


def test_regenerate_key_changes_that_key_alone(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    before = arm.send("POST", f"{STORAGE}/stone/listKeys", version=S).body["keys"]
    after = arm.send("POST", f"{STORAGE}/stone/regenerateKey", {"keyName": "key1"}, version=S).body["keys"]
    assert [key["keyName"] for key in before] == ["key1", "key2"]
    assert before[0]["value"] != after[0]["value"] == arm.world.secrets.account_keys["stone"]
    assert before[1]["value"] == after[1]["value"]


def test_put_container_makes_it_in_the_blob_service_too(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    path = f"{STORAGE}/stone/blobServices/default/containers/models"
    assert arm.put(path, {}, S).status == 201
    assert arm.put(path, {}, S).status == 200
    assert arm.world.blobs.container("stone", "models") is not None
    assert arm.get(path, S).body["name"] == "models"
    assert arm.put(path.replace("models", "-bad-"), {}, S).code == "ContainerNameInvalid"
    public = {"properties": {"publicAccess": "Blob"}}
    assert arm.put(path, public, S).code == "PublicAccessNotPermitted"


def test_list_containers_shows_what_the_blob_service_holds(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    arm.world.blobs.ensure_container("stone", "uploads")
    path = f"{STORAGE}/stone/blobServices/default/containers"
    assert [container["name"] for container in arm.get(path, S).body["value"]] == ["uploads"]
    assert arm.send("DELETE", f"{path}/uploads", version=S).status == 200
    assert arm.world.blobs.container("stone", "uploads") is None
    assert arm.put(f"{path}/uploads", {}, S).code == "ContainerBeingDeleted"


def test_put_account_again_takes_new_encryption(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    encryption = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyname": "k"}}
    arm.put(f"{STORAGE}/stone", {**ACCOUNT, "properties": {"encryption": encryption}}, S)
    assert (
        arm.get(f"{STORAGE}/stone", S).body["properties"]["encryption"]["keySource"] == "Microsoft.Keyvault"
    )


def test_delete_account_answers_200_then_204(arm: Any) -> None:
    arm.put(f"{STORAGE}/stone", ACCOUNT, S)
    assert [arm.send("DELETE", f"{STORAGE}/stone", version=S).status for _ in range(2)] == [200, 204]
    assert "stone" not in arm.world.secrets.account_keys


def test_unsupported_api_version_names_the_supported_ones(arm: Any) -> None:
    answer = arm.get(f"{STORAGE}/stone", "1999-01-01")
    assert (answer.status, answer.code) == (400, "NoRegisteredProviderFound")
    assert "2023-01-01" in answer.message


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("1vault", {}, "VaultNameNotValid"),
        ("a--b", {}, "VaultNameNotValid"),
        ("kv-one", {"tenantId": None}, "BadRequest"),
        ("kv-one", {"sku": {"name": "golden", "family": "A"}}, "BadRequest"),
        ("kv-one", {"accessPolicies": None}, "BadRequest"),
        ("kv-one", {"softDeleteRetentionInDays": 5}, "BadRequest"),
        ("kv-one", {"enablePurgeProtection": False}, "BadRequest"),
        ("kv-one", {"colour": "red"}, "InvalidRequestContent"),
    ],
)
def test_put_bad_vault_is_refused(arm: Any, name: str, change: Any, code: str) -> None:
    body = {**VAULT, "properties": {**VAULT["properties"], **change}}  # type: ignore[dict-item]
    assert arm.put(f"{VAULTS}/{name}", body, K).code == code
    assert arm.get(f"{VAULTS}/{name}", K).status == 404


def test_deleted_vault_keeps_its_name_until_purged(arm: Any) -> None:
    arm.put(f"{VAULTS}/kv-one", VAULT, K)
    arm.send("DELETE", f"{VAULTS}/kv-one", version=K)
    again = arm.put(f"{VAULTS}/kv-one", VAULT, K)
    assert (again.status, again.code) == (409, "ConflictError")
    subscription = GROUP.rpartition("/resourceGroups")[0]
    deleted = arm.get(f"{subscription}/providers/Microsoft.KeyVault/deletedVaults", K).body["value"]
    assert [vault["name"] for vault in deleted] == ["kv-one"]
    assert arm.send("POST", f"{deleted[0]['id']}/purge", version=K).status == 200
    assert arm.put(f"{VAULTS}/kv-one", VAULT, K).status == 200


def test_deleted_vault_can_be_recovered(arm: Any) -> None:
    arm.put(f"{VAULTS}/kv-one", VAULT, K)
    arm.send("DELETE", f"{VAULTS}/kv-one", version=K)
    body = {**VAULT, "properties": {**VAULT["properties"], "createMode": "recover"}}  # type: ignore[dict-item]
    assert arm.put(f"{VAULTS}/kv-one", body, K).status == 200


def test_purge_of_protected_vault_is_refused(arm: Any) -> None:
    arm.put(
        f"{VAULTS}/kv-one", {**VAULT, "properties": {**VAULT["properties"], "enablePurgeProtection": True}}, K
    )  # type: ignore[dict-item]
    arm.send("DELETE", f"{VAULTS}/kv-one", version=K)
    base = f"{GROUP.rpartition('/resourceGroups')[0]}/providers/Microsoft.KeyVault/locations/westeurope"
    assert (
        arm.send("POST", f"{base}/deletedVaults/kv-one/purge", version=K).code == "DeletedVaultPurgeProtected"
    )


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("cr-1", REGISTRY, "InvalidRegistryName"),
        ("crone", {**REGISTRY, "sku": {"name": "Gold"}}, "UnsupportedSku"),
        (
            "crone",
            {**REGISTRY, "sku": {"name": "Basic"}, "properties": {"publicNetworkAccess": "Disabled"}},
            "SkuNotSupported",
        ),
        (
            "crone",
            {
                **REGISTRY,
                "sku": {"name": "Standard"},
                "properties": {"networkRuleSet": {"defaultAction": "Deny"}},
            },
            "SkuNotSupported",
        ),
        ("crone", {**REGISTRY, "properties": {"colour": "red"}}, "InvalidRequestContent"),
    ],
)
def test_put_bad_registry_is_refused(arm: Any, name: str, body: Any, code: str) -> None:
    assert arm.put(f"{REGISTRIES}/{name}", body, R).code == code


def test_list_credentials_needs_the_admin_user(arm: Any) -> None:
    arm.put(f"{REGISTRIES}/crone", REGISTRY, R)
    assert (
        arm.send("POST", f"{REGISTRIES}/crone/listCredentials", version=R).code
        == "UnAuthorizedForCredentialOperations"
    )
    arm.put(f"{REGISTRIES}/crone", {**REGISTRY, "properties": {"adminUserEnabled": True}}, R)
    found = arm.send("POST", f"{REGISTRIES}/crone/listCredentials", version=R).body
    assert found["username"] == "crone"
    assert len(found["passwords"]) == 2


def test_put_identity_keeps_its_ids_when_put_again(arm: Any) -> None:
    path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one"
    first = arm.put(path, {"location": "westeurope"}, "2023-01-31").body["properties"]
    second = arm.put(path, {"location": "westeurope", "tags": {"a": "b"}}, "2023-01-31").body["properties"]
    assert first == second
    assert first["principalId"] != first["clientId"]
