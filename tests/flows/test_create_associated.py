"""With `associated_resources: create` a migration runs to its end unattended, on resources made after the source's.

The source's storage refuses the public and is reached by a private endpoint alone, its registry is pulled from by an
identity that a user assigned, its vault has been given tags by people, and its services keep what is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.steps import TASKS
from tests.flows.legacy_world import SOURCE, TARGET, World
from tests.flows.preflight_bench import (
    CALLER,
    CALLERS,
    NETWORK,
    PRINCIPAL,
    REGISTRY,
    STORAGE,
    VAULT,
    Bench,
    bench,
)
from tests.flows.test_least_rights import SUBSCRIPTION, granted, refused, shipped
from vnetferry.errors import UndoStuck
from vnetferry.gateway import network
from vnetferry.gateway.api_versions import KEY_VAULT, PRIVATE_DNS
from vnetferry.gateway.api_versions import STORAGE as STORAGE_VERSION
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.plan.stale import changes

pytestmark = pytest.mark.xdist_group("create-associated")
Json = dict[str, Any]
BLOB_ZONE = f"{NETWORK}/privateDnsZones/privatelink.blob.core.windows.net"
WAY_IN = ResourceId(f"{NETWORK}/privateEndpoints/pe-storage")
KEPT = {
    "deleteRetentionPolicy": {"enabled": True, "days": 14},
    "isVersioningEnabled": True,
    "changeFeed": {"enabled": True, "retentionInDays": 30},
    "cors": {
        "corsRules": [
            {
                "allowedOrigins": ["https://ml.azure.com"],
                "allowedMethods": ["GET", "HEAD"],
                "maxAgeInSeconds": 1800,
                "exposedHeaders": ["*"],
                "allowedHeaders": ["*"],
            }
        ]
    },
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("create") / "folder") as made:
        close_storage(made)
        keep_deleted(made)
        lessen_rights(made)
        made.configure("target", associated_resources="create")
        yield made


def close_storage(bench: Bench) -> None:
    """Let the callers' network alone reach the source's storage, by a private endpoint with its records."""
    zone = {"location": "global", "properties": {}}
    link = {"virtualNetwork": {"id": CALLERS}, "registrationEnabled": False}
    bench.send("PUT", BLOB_ZONE, PRIVATE_DNS, zone)
    bench.send(
        "PUT",
        f"{BLOB_ZONE}/virtualNetworkLinks/callers",
        PRIVATE_DNS,
        {"location": "global", "properties": link},
    )
    leads = {"privateLinkServiceId": STORAGE, "groupIds": ["blob"]}
    properties = {
        "subnet": {"id": f"{CALLERS}/subnets/snet-endpoints"},
        "privateLinkServiceConnections": [{"name": "pe-storage", "properties": leads}],
    }
    azure = connect()
    network.create_private_endpoint(azure, WAY_IN, {"location": "westeurope", "properties": properties})
    network.approve_connection(azure, ResourceId(STORAGE), WAY_IN)
    network.register_dns(azure, WAY_IN, {"name": "default", "zones": [{"name": "blob", "id": BLOB_ZONE}]})
    shut = {
        "publicNetworkAccess": "Disabled",
        "networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"},
    }
    bench.send("PATCH", STORAGE, STORAGE_VERSION, {"properties": shut})
    bench.send(
        "PATCH", VAULT, KEY_VAULT, {"tags": {"team": "risk"}, "properties": {"softDeleteRetentionInDays": 7}}
    )


def keep_deleted(bench: Bench) -> None:
    """Keep deleted blobs and versions on the source's storage, and delete old logs of its workspace by a rule."""
    bench.send("PUT", f"{STORAGE}/blobServices/default", STORAGE_VERSION, {"properties": KEPT})
    bench.send("PUT", f"{STORAGE}/managementPolicies/default", STORAGE_VERSION, log_rules(guid_of(bench)))


def log_rules(guid: str) -> Json:
    logs = {"blobTypes": ["appendBlob"], "prefixMatch": [f"azureml-blobstore-{guid}/logs", "shared/"]}
    ends = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}}
    rule = {
        "name": "logs",
        "enabled": True,
        "type": "Lifecycle",
        "definition": {"filters": logs, "actions": ends},
    }
    return {"properties": {"policy": {"rules": [rule]}}}


def guid_of(bench: Bench) -> str:
    return str(bench.properties(str(SOURCE))["workspaceId"])


def lessen_rights(bench: Bench) -> None:
    """Give the caller the role that comes with vnetferry, and the one that gives roles, instead of Owner."""
    role = shipped("azure-role.json")
    actions = [*role["Actions"], "Microsoft.Authorization/roleAssignments/*"]
    (definition, _) = granted({**role, "Actions": actions}, SUBSCRIPTION, 9)
    bench.add(definition)
    bench.properties(CALLER["id"])["roleDefinitionId"] = definition["id"]


def test_associated_resources_are_made_taken_back_recovered_and_purged(closed: Bench) -> None:
    """Azure keeps a deleted vault and its name; the same plan takes it back, and a purge leaves nothing."""
    world, before = closed.plan(), ids(closed)
    assert {o.status for o in world.carry_out("create_associated")} == {"done"}
    assert {o.status for o in world.carry_out("create_associated")} == {"already_done"}
    left = take_back(world, purge=False)
    assert "applying again recovers it" in left[vault_of(world).name]
    assert {o.status for o in world.carry_out("create_associated")} == {"done"}
    assert world.get(vault_of(world))["tags"]["team"] == "risk"
    take_back(world, purge=True)
    assert ids(closed) == before


def test_associated_resource_that_a_workspace_stands_on_stays(closed: Bench) -> None:
    with closed.kept():
        world = closed.plan()
        world.carry_out("create_associated")
        account = next(
            s.resource for s in world.plan.of_kind("create_associated") if s.resource.type in STORAGE
        )
        closed.properties(str(SOURCE))["storageAccount"] = str(account)
        with pytest.raises(UndoStuck, match="workspace ws-legacy stands on it"):
            take_back(world, purge=False)
        assert world.get(account)


def take_back(world: World, *, purge: bool) -> dict[str, str]:
    """Name -> what is said of it."""
    steps = [s for s in build_reversal(world.plan, Reversal(purge=purge)) if s.kind == "remove_associated"]
    outcomes = [TASKS[step.kind].fn(step, world.run) for step in steps]
    assert {outcome.status for outcome in outcomes} == {"undone"}
    return {step.resource.name: outcome.message for step, outcome in zip(steps, outcomes, strict=True)}


def vault_of(world: World) -> ResourceId:
    return ResourceId(world.plan.of_kind("create_workspace")[0].spec["associated"]["key_vault"])


def ids(bench: Bench) -> set[str]:
    return {document["id"].lower() for document in bench.world.sandbox.world.documents.below("/")}


@pytest.fixture(scope="module")
def moved(closed: Bench) -> World:
    """The world after a preflight that finds nothing, a whole migration, and its plan applied again."""
    assert closed.findings() == []
    world = closed.plan()
    assert {outcome.status for outcome in world.carry_out()} == {"done"}
    seen = len(world.requests())
    assert {outcome.status for outcome in world.carry_out()} == {"already_done"}
    assert world.changes(since=seen) == []
    assert refused(world) == []
    return world


def test_target_stands_on_what_the_plan_made_after_the_sources(moved: World) -> None:
    held, source = (moved.get(each)["properties"] for each in (TARGET, SOURCE))
    for name in ("storageAccount", "keyVault", "containerRegistry", "applicationInsights"):
        new, old = (moved.get(ResourceId(properties[name])) for properties in (held, source))
        assert new["id"].startswith(str(TARGET.group_id))
        assert old["tags"].items() <= new["tags"].items()
        assert (new.get("sku") or new["properties"].get("sku")) == (
            old.get("sku") or old["properties"].get("sku")
        )
    account, vault = (
        moved.get(ResourceId(held[name]))["properties"] for name in ("storageAccount", "keyVault")
    )
    assert (account["publicNetworkAccess"], account["networkAcls"]["defaultAction"]) == ("Disabled", "Deny")
    assert vault["softDeleteRetentionInDays"] == 7
    assert (vault["networkAcls"]["defaultAction"], vault["networkAcls"]["bypass"]) == (
        "Deny",
        "AzureServices",
    )


def test_services_of_the_new_account_hold_what_is_set_on_the_sources(closed: Bench, moved: World) -> None:
    held = moved.get(TARGET)["properties"]
    account = ResourceId(held["storageAccount"])
    blobs = moved.get(account.child("blobServices", "default"))["properties"]
    assert {name: blobs[name] for name in KEPT if name != "cors"} == {
        name: value for name, value in KEPT.items() if name != "cors"
    }
    origins = [rule["allowedOrigins"] for rule in blobs["cors"]["corsRules"]]
    assert ["https://ml.azure.com"] in origins
    assert moved.plan.of_kind("set_storage_service")[0].resource.parent == account


def test_lifecycle_rules_name_the_containers_of_the_new_workspace(closed: Bench, moved: World) -> None:
    """Azure names these after the workspace's GUID, which only the workspace that is made has."""
    held = moved.get(TARGET)["properties"]
    assert held["workspaceId"] != guid_of(closed)
    rules = moved.get(ResourceId(held["storageAccount"]).child("managementPolicies", "default"))["properties"]
    assert rules["policy"] == log_rules(held["workspaceId"])["properties"]["policy"]


def test_plan_tells_senders_of_telemetry_of_the_new_key_and_holds_neither(moved: World) -> None:
    told = [e for e in moved.plan.carry_over if "goes on sending there" in e.reason]
    assert [(e.path, e.disposition, e.before, e.after) for e in told] == [
        ("properties.ConnectionString", "re-created", "", ""),
        ("properties.InstrumentationKey", "re-created", "", ""),
    ]


def test_service_with_nothing_set_needs_no_step(moved: World) -> None:
    """The plan says what becomes of it all the same."""
    assert {step.resource.type.rpartition("/")[2] for step in moved.plan.of_kind("set_storage_service")} == {
        "blobServices",
        "managementPolicies",
    }
    told = {entry.source.type.rpartition("/")[2] for entry in moved.plan.carry_over}
    assert {"fileServices", "queueServices", "tableServices"} <= told


def test_content_came_through_the_new_private_endpoint(moved: World) -> None:
    """The account refuses everybody else, and the copies are there."""
    (step,) = (s for s in moved.plan.of_kind("create_private_endpoint") if s.source == WAY_IN)
    assert step.body["properties"]["subnet"]["id"] == f"{CALLERS}/subnets/snet-endpoints"
    copies = [s for s in moved.plan.steps if s.kind in ("copy_code", "copy_model")]
    assert copies
    assert all(step.id in copy.depends_on for copy in copies)


def test_identity_of_ones_own_gets_its_roles_on_what_is_new(moved: World) -> None:
    held = moved.get(TARGET)["properties"]
    kind = "Microsoft.Authorization/roleAssignments"
    found = [d["properties"] for d in moved.sandbox.world.documents.below("/", kind)]
    given = {
        (p["scope"], p["roleDefinitionId"].rpartition("/")[2]) for p in found if p["principalId"] == PRINCIPAL
    }
    roles = dict(given)
    assert roles[held["containerRegistry"]] == roles[REGISTRY]
    assert roles[held["storageAccount"]] == roles[STORAGE]


def test_plan_is_not_stale_by_what_it_made(moved: World) -> None:
    """Or an apply that was cut off could not go on."""
    assert changes(moved.plan, read_inventory(connect(), moved.plan.source, figures=False)) == []


def test_all_that_was_made_goes_when_the_migration_is_taken_back(closed: Bench, moved: World) -> None:
    made = [step.resource.key for step in moved.plan.steps if step.undo == "delete"]
    for step in build_reversal(moved.plan, Reversal(callers="drop", purge=True)):
        TASKS[step.kind].fn(step, moved.run)
    assert ids(closed).isdisjoint(made)
    assert [each for each in ids(closed) if "deletedvaults" in each] == []
    assert refused(moved) == []
