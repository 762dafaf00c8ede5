"""The plan says what it means to share, to create or to be given what a workspace stands on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.errors import ConfigError
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.stale import changes

REQUESTS = {"credit": "ab" * 32}
Configure = Callable[..., MigrationConfig]
Edit = Callable[..., Inventory]
Json = dict[str, Any]
# What Azure takes as names. Source: naming rules and restrictions for Azure resources.
NAMES = {
    "storageAccounts": r"[a-z0-9]{3,24}",
    "vaults": r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]",
    "registries": r"[A-Za-z0-9]{5,50}",
    "components": r"[A-Za-z0-9-]{1,260}",
    "workspaces": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
}


def _texts(inventory: Inventory, configure: Configure, associated: Any) -> str:
    plan = build(inventory, configure(target={"associated_resources": associated}), REQUESTS)
    return " ".join(w.text for w in plan.warnings)


def test_plan_that_shares_says_what_must_stay(inventory: Inventory, configure: Configure) -> None:
    text = _texts(inventory, configure, "share")
    assert "shares stlegacy, kv-legacy, crlegacy, ai-legacy with ws-legacy, with data isolation" in text
    assert "az acr create" not in text


def test_plan_that_creates_says_what_it_makes(inventory: Inventory, configure: Configure) -> None:
    text = _texts(inventory, configure, "create")
    assert "ws-secure gets storage account stwssecure" in text
    assert "made after the source's: with the same firewall, protection, tags and settings" in text
    assert "az acr create --sku Premium" not in text
    assert "must stay when the source is retired" not in text


def test_plan_with_resources_of_ones_own_says_nothing_of_them(
    inventory: Inventory, configure: Configure
) -> None:
    group = f"{inventory.source.group_id}/providers"
    own = {
        "storage_account": f"{group}/Microsoft.Storage/storageAccounts/stnew",
        "container_registry": f"{group}/Microsoft.ContainerRegistry/registries/crnew",
    }
    text = _texts(inventory, configure, own)
    assert "stwssecure" not in text
    assert "az acr create" not in text


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("{sub}/resourceGroups/r/providers/Microsoft.KeyVault/vaults/kv", "is a Microsoft.KeyVault/vaults"),
        (
            "/subscriptions/other/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/st",
            "subscription",
        ),
    ],
)
def test_plan_refuses_a_storage_account_that_cannot_be_the_targets(
    inventory: Inventory, configure: Configure, identifier: str, words: str
) -> None:
    account = identifier.format(sub=f"/subscriptions/{inventory.source.subscription_id}")
    with pytest.raises(ConfigError, match=words):
        _texts(inventory, configure, {"storage_account": account})


def _creating(inventory: Inventory, configure: Configure, **target: str) -> Plan:
    return build(inventory, configure(target={"associated_resources": "create", **target}), REQUESTS)


def _bodies(plan: Plan) -> dict[str, Json]:
    """Type, without its provider, -> the body that makes it."""
    return {step.resource.type.rpartition("/")[2]: step.body for step in plan.of_kind("create_associated")}


@pytest.mark.parametrize("name", ["a__", "0-0", "W" * 32, "ws_secure-"])
def test_names_of_what_is_made_are_azures_kind_and_the_targets_own(
    inventory: Inventory, configure: Configure, name: str
) -> None:
    one, other = (
        {
            step.resource
            for step in _creating(inventory, configure, workspace=name, resource_group=group).steps
            if step.kind == "create_associated"
        }
        for group in ("rg-one", "rg-other")
    )
    for resource in one | other:
        assert re.fullmatch(NAMES[resource.type.rpartition("/")[2]], resource.name), resource
    assert {each.name for each in one}.isdisjoint(each.name for each in other)


def test_tier_of_a_made_registry_is_azures_to_tell(inventory: Inventory, configure: Configure) -> None:
    plan = _creating(inventory, configure)
    (entry,) = (e for e in plan.carry_over if e.source.name == "crlegacy" and e.path == "sku.tier")
    assert (entry.disposition, entry.reason) == ("re-created", "Azure tells it from sku.name")


def test_what_is_made_tells_of_members_that_nobody_knows(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    policy = {"objectId": "0a0a0a0a-0000-4000-8000-00000000a0a0", "later": 1}

    def registry(body: Json) -> None:
        body["sku"]["later"] = 1

    for ending, how in (
        (
            "/stlegacy",
            lambda body: body["properties"].update(networkAcls={"later": 1}, keyPolicy={"later": 1}),
        ),
        ("/kv-legacy", lambda body: body["properties"].update(accessPolicies=[policy])),
        ("/crlegacy", registry),
    ):
        inventory = edit(inventory, ending, how)
    plan = _creating(inventory, configure)
    told = {
        w.text.partition(" is not known to vnetferry and is ")[::2]
        for w in plan.warnings
        if "later" in w.text
    }
    assert told == {
        ("properties.networkAcls.later", "carried as it is; check it."),
        ("properties.keyPolicy.later", "carried as it is; check it."),
        ("properties.accessPolicies[].later", "carried as it is; check it."),
        ("sku.later", "left out; check it."),
    }
    made = _bodies(plan)
    assert made["storageAccounts"]["properties"]["networkAcls"] == {"later": 1}
    assert made["vaults"]["properties"]["accessPolicies"] == [policy]
    assert made["registries"]["sku"] == {"name": "Premium"}


def test_what_is_made_is_fit_for_a_workspace_where_the_sources_is_not(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    key = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyname": "k"}}

    def account(body: Json) -> None:
        body.update(kind="BlockBlobStorage", sku={"name": "Premium_LRS", "tier": "Premium"})
        body["properties"].update(isHnsEnabled=True, encryption=key)

    def vault(body: Json) -> None:
        body["properties"].update(
            enableSoftDelete=False, networkAcls={"bypass": "None", "defaultAction": "Deny"}
        )

    for ending, how in (("/stlegacy", account), ("/kv-legacy", vault)):
        inventory = edit(inventory, ending, how)
    inventory = edit(inventory, "/crlegacy", lambda body: body.update(sku={"name": "Basic"}))
    plan = _creating(inventory, configure)
    made = _bodies(plan)
    storage, rules = made["storageAccounts"], made["vaults"]["properties"]["networkAcls"]
    assert (storage["kind"], storage["sku"]["name"]) == ("StorageV2", "Standard_LRS")
    assert "isHnsEnabled" not in storage["properties"]
    assert storage["properties"]["encryption"] == {"keySource": "Microsoft.Storage"}
    assert made["vaults"]["properties"]["enableSoftDelete"] is True
    assert (rules["bypass"], rules["defaultAction"]) == ("AzureServices", "Deny")
    assert made["registries"]["sku"] == {"name": "Premium"}
    dropped = {e.path: e.reason for e in plan.carry_over if e.disposition == "dropped"}
    assert "a key of your own" in dropped["properties.encryption.keyvaultproperties"]
    assert "is encrypted with Microsoft's key" in " ".join(w.text for w in plan.warnings)


def test_plan_refuses_to_make_what_it_could_not_read(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    unread = edit(inventory, "/kv-legacy", lambda _: False)
    with pytest.raises(
        ConfigError, match="new key vault is to be like the source's, which could not be read"
    ):
        _creating(unread, configure)


def test_change_of_what_new_resources_are_made_after_makes_a_plan_stale(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    opened = edit(
        inventory, "/stlegacy", lambda body: body["properties"].update(publicNetworkAccess="Enabled!")
    )
    (line,) = changes(_creating(inventory, configure), opened)
    assert "storageaccount stlegacy changed: properties.publicNetworkAccess was" in line
