"""Azure CLI: account, resource groups, resources of any type, locks, providers, and requests of one's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("az-resources")

SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
LEGACY = f"{SUBSCRIPTION}/resourceGroups/rg-legacy"
WORKSPACE = f"{LEGACY}/providers/Microsoft.MachineLearningServices/workspaces/ws-legacy"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-az"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-az"


def test_account_is_the_sandboxes_subscription(az: Any) -> None:
    account = az("account show")
    assert (account["id"], account["state"]) == (SUBSCRIPTION.rpartition("/")[2], "Enabled")
    token = az("account get-access-token --resource https://management.azure.com")
    assert token["tenant"] == az.sandbox.world.identity.tenant_id


def test_group_is_created_shown_listed_and_deleted(az: Any) -> None:
    made = az("group create --name rg-passing --location westeurope --tags owner=me")
    assert (made["properties"]["provisioningState"], made["tags"]) == ("Succeeded", {"owner": "me"})
    assert az("group show -n rg-passing --query location") == "westeurope"
    assert "rg-passing" in az("group list --query [].name")
    assert az("group exists -n rg-passing") is True
    az("group delete -n rg-passing --yes")
    assert az.held(f"{SUBSCRIPTION}/resourceGroups/rg-passing") is None
    assert az("group exists -n rg-passing") is False
    az.refused("group show -n rg-passing", "(ResourceGroupNotFound)", code=3)


def test_resources_are_listed_and_shown_by_type_and_id(az: Any) -> None:
    listed = az("resource list -g rg-legacy --resource-type Microsoft.KeyVault/vaults --query [].name")
    assert listed == ["kv-ws-legacy-7f3a"]
    assert az("resource list --tag costCenter=4711 --query length(@)") > 0
    by_type = "-g rg-legacy -n ws-legacy --resource-type Microsoft.MachineLearningServices/workspaces"
    assert az(f"resource show {by_type} --query id") == WORKSPACE
    assert az(f"resource show --ids {WORKSPACE}/onlineEndpoints/credit --query name") == "credit"
    az.refused("resource list -g rg-absent", "(ResourceGroupNotFound)", code=3)


def test_resource_is_created_tagged_and_deleted(az: Any) -> None:
    az("rest --method put --url /subscriptions/{subscriptionId}/resourceGroups/rg-az?api-version=2021-04-01 "
       """--body '{"location": "westeurope"}'""")  # fmt: skip
    kind = "--resource-type Microsoft.ManagedIdentity/userAssignedIdentities"
    made = az(f"resource create -g rg-az -n id-az {kind} --location westeurope --properties {{}}")
    assert made["properties"]["principalId"] == az.held(IDENTITY)["properties"]["principalId"]
    az(f"resource tag --ids {IDENTITY} --tags stage=test")
    assert az.held(IDENTITY)["tags"] == {"stage": "test"}
    az(f"resource delete --ids {IDENTITY}")
    assert az.held(IDENTITY) is None


def test_locked_group_is_not_deleted_until_the_remedy_is_typed(az: Any) -> None:
    az("lock create -g rg-secure --name keep --lock-type CanNotDelete")
    az.refused("group delete -n rg-secure --yes", "(ScopeLocked)")
    az(
        f"lock delete --ids {SUBSCRIPTION}/resourceGroups/rg-secure/providers/Microsoft.Authorization/locks/keep"
    )
    assert az("lock list -g rg-secure") == []


def test_provider_is_registered(az: Any) -> None:
    az("provider register --namespace Microsoft.Storage --wait")
    assert az("provider show -n Microsoft.Storage --query registrationState") == "Registered"


def test_rest_gets_and_posts_with_a_body(az: Any) -> None:
    groups = az(f"rest --url {SUBSCRIPTION}/resourceGroups?api-version=2021-04-01 --query value[].name")
    assert "rg-legacy" in groups
    body = json.dumps({"name": "stwslegacy7f3a", "type": "Microsoft.Storage/storageAccounts"})
    check = f"{SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability?api-version=2023-01-01"
    assert az(f"rest --method post --url {check} --body '{body}'")["reason"] == "AlreadyExists"
    az.refused(f"rest --url {SUBSCRIPTION}/resourceGroups/rg-legacy?api-version=1999-01-01", "api-version")
