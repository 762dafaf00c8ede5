"""Every document of the inventory has its line in the carry-over table, also those that no step is made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import LEGACY_CONNECTION, Document, Inventory
from vnetferry.models.plan import CarryOver, Plan
from vnetferry.plan.build import build
from vnetferry.plan.stale import changes

Configure = Callable[..., MigrationConfig]
Edit = Callable[..., Inventory]
REQUESTS = {"credit": "ab" * 32}


def test_build_says_of_every_document_what_becomes_of_it(inventory: Inventory, plan: Plan) -> None:
    assert {d.id for d in inventory.documents} == {entry.source for entry in plan.carry_over}


def test_build_gives_a_reason_for_every_document_that_stays(plan: Plan) -> None:
    whole = [entry for entry in plan.carry_over if entry.path == "*"]
    assert whole
    assert [entry for entry in whole if not entry.reason] == []


@pytest.mark.parametrize(
    ("ending", "disposition", "words"),
    [
        ("/storageAccounts/stlegacy", "carried", "used in place"),
        ("/datastores/workspaceblobstore", "re-created", "comes with its own"),
        ("/computes/cpu-cluster", "dropped", "Make those that are still needed"),
        ("/models/old-scorecard/versions/7", "dropped", "no endpoint that moves uses it"),
    ],
)
def test_build_tells_the_fate_of_a_document_that_stays(
    plan: Plan, ending: str, disposition: str, words: str
) -> None:
    (entry,) = (e for e in plan.carry_over if str(e.source).endswith(ending))
    assert (entry.path, entry.disposition) == ("*", disposition)
    assert words in entry.reason


def test_build_with_resources_of_ones_own_leaves_the_old_ones_with_the_source(
    inventory: Inventory, configure: Configure
) -> None:
    group = f"{inventory.source.group_id}/providers"
    own = {
        "storage_account": f"{group}/Microsoft.Storage/storageAccounts/stnew",
        "key_vault": f"{group}/Microsoft.KeyVault/vaults/kv-new",
    }
    planned = build(inventory, configure(target={"associated_resources": own}), REQUESTS)
    entry = _fate_of(planned, ResourceId(str(inventory.workspace.get("storageAccount"))))
    assert (entry.disposition, entry.reason) == (
        "dropped",
        "stays with the source; nothing that moves uses it",
    )


@pytest.mark.parametrize(
    ("inbound", "disposition", "words"),
    [
        (True, "re-created", "pe-ws-secure leads to the new workspace"),
        (False, "dropped", "set target.inbound"),
    ],
)
def test_build_tells_what_takes_the_place_of_the_callers_private_endpoint(
    inventory: Inventory, configure: Configure, inbound: bool, disposition: str, words: str
) -> None:
    known = _with(inventory, _way_in(inventory.source))
    target = {} if inbound else {"inbound": None}

    entry = _fate_of(build(known, configure(target=target), REQUESTS), _way_in(inventory.source).id)

    assert entry.disposition == disposition
    assert words in entry.reason


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("schedules", "nightly", "Make them again in the new workspace"),
        ("batchEndpoints", "scores", "their jobs run on its computes"),
        ("featuresets", "customers", "vnetferry moves no featuresets"),
    ],
)
def test_build_names_what_it_does_not_move(
    inventory: Inventory, configure: Configure, kind: str, name: str, words: str
) -> None:
    other = Document(id=inventory.source.child(kind, name), body={"properties": {"new": 1}})
    entry = _fate_of(build(_with(inventory, other), configure(), REQUESTS), other.id)
    assert (entry.path, entry.disposition) == ("*", "dropped")
    assert words in entry.reason


def test_build_says_that_an_excluded_endpoint_goes_on_in_the_source(
    inventory: Inventory, configure: Configure
) -> None:
    planned = build(inventory, configure(endpoints={"exclude": ["churn"]}), REQUESTS)
    churn = inventory.source.child("onlineEndpoints", "churn")
    for resource in (churn, churn.child("deployments", "main")):
        assert "left out by endpoints.include and endpoints.exclude" in _fate_of(planned, resource).reason


def test_build_describes_what_holds_versions_as_in_the_source(
    inventory: Inventory, configure: Configure
) -> None:
    def holder(name: str, **properties: Any) -> Document:
        return Document(id=inventory.source.child("models", name), body={"properties": properties})

    by_azure = {"latestVersion": "1", "nextVersion": "2"}
    bare, unused = holder("churn", isArchived=False, **by_azure), holder("old-scorecard", description="gone")
    told = holder("credit-blue", tags={"team": "risk"}, description=str(inventory.source), **by_azure)
    known = _with(inventory, bare, told, unused)
    planned = build(known, configure(), REQUESTS)

    (step,) = planned.of_kind("copy_container")
    assert str(step.resource).endswith("/workspaces/ws-secure/models/credit-blue")
    assert step.depends_on == ("copy_model:credit-blue/1",)
    assert step.body == {"properties": {"tags": {"team": "risk"}, "description": str(planned.target)}}
    assert _fate_of(planned, bare.id).disposition == "re-created"
    assert _fate_of(planned, unused.id).reason == "none of its versions moves"
    changed = _with(inventory, bare, holder("credit-blue", tags={"team": "x"}, description="y"), unused)
    assert any("credit-blue changed" in line for line in changes(planned, changed))


def test_build_uses_a_registrys_assets_in_place(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    registry = ResourceId(
        "/subscriptions/s/resourceGroups/hub/providers/Microsoft.MachineLearningServices/registries/Hub"
    )
    used, other = (registry.child("models", name).child("versions", "1") for name in ("m", "n"))

    def change(body: dict[str, Any]) -> None:
        body["properties"]["model"] = "azureml://registries/hub/models/m/versions/1"

    known = edit(inventory, "churn/deployments/main", change)
    known = _with(known, *(Document(id=each, body={"properties": {}}) for each in (used, other)))
    planned = build(known, configure(), REQUESTS)
    assert _fate_of(planned, used).reason == "used in place: source and target share it"
    assert _fate_of(planned, other).disposition == "dropped"


def _fate_of(plan: Plan, resource: ResourceId) -> CarryOver:
    (entry,) = (e for e in plan.carry_over if e.source == resource)
    return entry


def _with(inventory: Inventory, *documents: Document) -> Inventory:
    return inventory.model_copy(update={"documents": (*inventory.documents, *documents)})


def _way_in(workspace: ResourceId) -> Document:
    resource = ResourceId(
        "/subscriptions/s/resourceGroups/n/providers/Microsoft.Network/privateEndpoints/pe-ws"
    )
    connection: dict[str, Any] = {"name": "ws", "properties": {"privateLinkServiceId": str(workspace)}}
    return Document(id=resource, body={"properties": {"privateLinkServiceConnections": [connection]}})


@pytest.mark.parametrize(
    ("part", "properties", "words"),
    [
        ("jobs/train", {"status": "Running"}, "Let them end"),
        ("components/prepare/versions/1", {}, "Register those"),
        (
            "privateEndpointConnections/blue.1",
            {"privateLinkServiceConnectionState": {"description": LEGACY_CONNECTION}},
            "goes when the source is retired",
        ),
    ],
)
def test_build_tells_what_becomes_of_what_only_the_source_has(
    inventory: Inventory, configure: Configure, part: str, properties: dict[str, Any], words: str
) -> None:
    document = Document(id=ResourceId(f"{inventory.source}/{part}"), body={"properties": properties})
    entry = _fate_of(build(_with(inventory, document), configure(), REQUESTS), document.id)
    assert entry.disposition == "dropped"
    assert words in entry.reason


def test_build_names_jobs_that_have_not_ended(inventory: Inventory, configure: Configure) -> None:
    job = Document(id=inventory.source.child("jobs", "train"), body={"properties": {"status": "Running"}})
    warnings = [w.text for w in build(_with(inventory, job), configure(), REQUESTS).warnings]
    assert any("1 running job (train)" in text for text in warnings)
