"""What is set on the services of the source's storage account is set on those of one that is made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import STORAGE_ACCOUNT, Document, Inventory
from vnetferry.models.plan import Plan, Step
from vnetferry.plan.build import build
from vnetferry.plan.stale import changes

REQUESTS = {"credit": "ab" * 32}
Configure = Callable[..., MigrationConfig]
Json = dict[str, Any]
KEPT = {"enabled": True, "days": 7}
CORS = {
    "allowedOrigins": ["https://ml.azure.com"],
    "allowedMethods": ["GET"],
    "maxAgeInSeconds": 1,
    "exposedHeaders": ["*"],
    "allowedHeaders": ["*"],
}
AS_AZURE_MAKES_THEM = [
    ("blobServices", {"cors": {"corsRules": []}, "deleteRetentionPolicy": {"enabled": False}}),
    ("blobServices", {"lastAccessTimeTrackingPolicy": {"enable": False, "name": "AccessTimeTracking"}}),
    ("fileServices", {"protocolSettings": {"smb": {}}, "shareDeleteRetentionPolicy": KEPT}),
    ("fileServices", {"protocolSettings": {"smb": {"multichannel": {"enabled": True}}}}),
    ("queueServices", {"cors": {}}),
    ("tableServices", {}),
]
AS_PEOPLE_SET_THEM = [
    ("blobServices", {"deleteRetentionPolicy": {"enabled": True, "days": 30}}),
    ("blobServices", {"isVersioningEnabled": True}),
    ("blobServices", {"cors": {"corsRules": [CORS]}}),
    ("blobServices", {"defaultServiceVersion": "2020-06-12"}),
    ("fileServices", {"shareDeleteRetentionPolicy": {"enabled": False}}),
    ("fileServices", {"shareDeleteRetentionPolicy": {"enabled": True, "days": 14}}),
    ("fileServices", {"protocolSettings": {"smb": {"versions": "SMB3.1.1;"}}}),
    ("queueServices", {"cors": {"corsRules": [CORS]}}),
    ("tableServices", {"cors": {"corsRules": [CORS]}}),
]


def rule(*prefixes: str) -> Json:
    definition = {
        "filters": {"blobTypes": ["blockBlob"], "prefixMatch": list(prefixes)},
        "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 90}}},
    }
    return {"name": "old", "enabled": True, "type": "Lifecycle", "definition": definition}


def lifecycle(*prefixes: str) -> tuple[str, Json]:
    return "managementPolicies", {"policy": {"rules": [rule(*prefixes)]}, "lastModifiedTime": "2026-01-01"}


def with_services(inventory: Inventory, *services: tuple[str, Json]) -> Inventory:
    """The inventory with these settings on its storage account."""
    (account,) = inventory.of_type(STORAGE_ACCOUNT)
    more = [Document(id=account.id.child(k, "default"), body={"properties": p}) for k, p in services]
    return inventory.model_copy(update={"documents": (*inventory.documents, *more)})


def planned(
    inventory: Inventory, configure: Configure, *services: tuple[str, Json], how: Any = "create"
) -> Plan:
    known = with_services(inventory, *services)
    return build(known, configure(target={"associated_resources": how}), REQUESTS)


def steps_of(plan: Plan) -> tuple[Step, ...]:
    return plan.of_kind("set_storage_service")


@pytest.mark.parametrize("service", AS_AZURE_MAKES_THEM)
def test_service_as_azure_makes_it_needs_no_step_and_is_accounted_for(
    inventory: Inventory, configure: Configure, service: tuple[str, Json]
) -> None:
    plan = planned(inventory, configure, service)
    assert steps_of(plan) == ()
    told = {entry.disposition for entry in plan.carry_over if f"/{service[0]}/" in str(entry.source)}
    assert told <= {"carried", "dropped"}


@pytest.mark.parametrize("service", AS_PEOPLE_SET_THEM)
def test_service_that_people_set_is_set_before_the_workspace_is_made(
    inventory: Inventory, configure: Configure, service: tuple[str, Json]
) -> None:
    plan = planned(inventory, configure, service)
    (step,) = steps_of(plan)
    (account,) = (s for s in plan.of_kind("create_associated") if s.resource.type == STORAGE_ACCOUNT)
    assert step.resource == account.resource.child(service[0], "default")
    assert step.body == {"properties": service[1]}
    assert step.depends_on == (account.id,)
    (workspace,) = plan.of_kind("create_workspace")
    assert step.id in workspace.depends_on
    assert {e.disposition for e in plan.carry_over if e.target == step.resource} == {"carried"}


@pytest.mark.parametrize("how", ["share", "own"])
def test_services_of_an_account_that_is_not_made_are_left_alone(
    inventory: Inventory, configure: Configure, how: str
) -> None:
    account = f"{inventory.source.group_id}/providers/{STORAGE_ACCOUNT}/stnew"
    plan = planned(
        inventory,
        configure,
        *AS_PEOPLE_SET_THEM[:1],
        how={"storage_account": account} if how == "own" else how,
    )
    assert steps_of(plan) == ()
    (entry,) = (e for e in plan.carry_over if "/blobServices/" in str(e.source))
    assert (
        entry.reason
        == {
            "share": "used in place: source and target share it",
            "own": "stays with the source; nothing that moves uses it",
        }[how]
    )


def test_lifecycle_rules_wait_for_what_tracks_the_last_access(
    inventory: Inventory, configure: Configure
) -> None:
    plan = planned(inventory, configure, *AS_PEOPLE_SET_THEM[:1], lifecycle("logs/"))
    blobs, rules = steps_of(plan)
    assert rules.depends_on == (*blobs.depends_on, blobs.id)
    assert rules.body == {"properties": {"policy": {"rules": [rule("logs/")]}}}
    assert rules.spec == {"guid": "", "workspace": ""}
    (workspace,) = plan.of_kind("create_workspace")
    assert rules.id not in workspace.depends_on


def test_lifecycle_rules_that_name_the_workspaces_containers_wait_for_the_workspace(
    inventory: Inventory, configure: Configure
) -> None:
    guid = inventory.workspace.get("workspaceId")
    plan = planned(inventory, configure, lifecycle(f"azureml-blobstore-{guid}/LocalUpload"))
    (step,) = steps_of(plan)
    (workspace,) = plan.of_kind("create_workspace")
    assert workspace.id in step.depends_on
    assert step.spec == {"guid": guid, "workspace": str(plan.target)}
    (entry,) = (e for e in plan.carry_over if e.target == step.resource and e.path.endswith(".rules"))
    assert (entry.disposition, "GUID" in entry.reason) == ("re-created", True)


def test_member_of_a_service_that_nobody_knows_is_carried_and_told_of(
    inventory: Inventory, configure: Configure
) -> None:
    later = {**rule("a/"), "later": 1}
    plan = planned(
        inventory,
        configure,
        ("blobServices", {"later": {"enabled": True}}),
        ("managementPolicies", {"policy": {"rules": [later]}}),
    )
    assert [step.body["properties"] for step in steps_of(plan)] == [
        {"later": {"enabled": True}},
        {"policy": {"rules": [later]}},
    ]
    told = [w.text.partition(" is not known")[0] for w in plan.warnings if "later" in w.text]
    assert told == ["properties.later.enabled", "properties.policy.rules[].later"]


def test_change_of_what_is_set_makes_a_plan_stale(inventory: Inventory, configure: Configure) -> None:
    plan = planned(inventory, configure, *AS_PEOPLE_SET_THEM[:1])
    now = with_services(inventory, ("blobServices", {"deleteRetentionPolicy": {"enabled": True, "days": 9}}))
    (line,) = changes(plan, now)
    told = "Blob service of stlegacy changed: properties.deleteRetentionPolicy.days was 30, is 9"
    assert told.lower() in line.lower()
    assert changes(plan, with_services(inventory, *AS_PEOPLE_SET_THEM[:1])) == []
