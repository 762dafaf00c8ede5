"""An inventory holds all that hangs on a workspace, however much it has gathered, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.legacy_world import SOURCE, World, inside, legacy_scenario, state_of
from tests.flows.satellite_world import BLUE, CHURN, CREDIT, GROUP, READER, SUBSCRIPTION, assignment
from tests.gateway.inventory_world import (
    CALLERS,
    CUSTOM_ROLE,
    FUTURE,
    IDENTITY,
    IDENTITY_PRINCIPAL,
    K8S,
    OTHER,
    READERS,
    REGISTRY,
    REGISTRY_CONTAINERS,
    REGISTRY_STORAGE,
    ZONE,
    child,
    full_scenario,
    job,
    version,
)
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    CODE,
    DATASTORE,
    DNS_RECORD,
    JOB,
    MODEL,
    ROLE_ASSIGNMENT,
    Inventory,
    has_legacy_isolation,
    is_kubernetes,
)
from vnetferry.plan.snapshot import build_scenario
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import Sandbox, running

pytestmark = pytest.mark.xdist_group("inventory")
_ROLES = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
# What is there, as people would look for it -> where it is found.
KINDS = {
    "a managed endpoint": str(CREDIT),
    "a managed deployment": str(BLUE),
    "a Kubernetes endpoint": str(K8S),
    "a Kubernetes deployment": f"{K8S}/deployments/main",
    "a model": f"{SOURCE}/models/credit-default/versions/1",
    "an archived model": f"{SOURCE}/models/put-away/versions/1",
    "an environment": f"{SOURCE}/environments/churn-env/versions/4",
    "a curated environment": f"{SOURCE}/environments/AzureML-sklearn-1.5/versions/1",
    "code": f"{SOURCE}/codes/7438fa51-f8cb-5c39-bf17-2fed1694a769/versions/1",
    "a data asset": f"{SOURCE}/data/customers/versions/1",
    "a component": f"{SOURCE}/components/prepare/versions/1",
    "a registry": REGISTRY,
    "a registry's asset in use": f"{REGISTRY}/models/fraud/versions/3",
    "a registry's storage": REGISTRY_STORAGE,
    "a registry's container registry": REGISTRY_CONTAINERS,
    "a datastore": f"{SOURCE}/datastores/training",
    "a connection": f"{SOURCE}/connections/feature-api",
    "a cluster": f"{SOURCE}/computes/cpu-cluster",
    "a compute instance": f"{SOURCE}/computes/ci-anna",
    "a Kubernetes compute": f"{SOURCE}/computes/aks",
    "a running job": f"{SOURCE}/jobs/train",
    "a disabled schedule": f"{SOURCE}/schedules/weekly",
    "a batch endpoint": f"{SOURCE}/batchEndpoints/nightly",
    "a batch deployment": f"{SOURCE}/batchEndpoints/nightly/deployments/main",
    "storage": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stwslegacy7f3a",
    "a key vault": f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-ws-legacy-7f3a",
    "a container registry": f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crwslegacy7f3a",
    "Application Insights": f"{GROUP}/providers/Microsoft.Insights/components/appi-ws-legacy",
    "a log workspace": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-ws-legacy",
    "an identity that people made": IDENTITY,
    "a role on the endpoint": f"{CREDIT}/{_ASSIGNMENTS}/55555555-0000-4000-8000-000000000001",
    "a role on the workspace": f"{SOURCE}/{_ASSIGNMENTS}/66666666-0000-4000-8000-000000000001",
    "a role of its identity elsewhere": f"{SUBSCRIPTION}/resourceGroups/rg-network/{_ASSIGNMENTS}/"
    "44444444-0000-4000-8000-000000000001",
    "a role of a worn identity in another subscription": f"{OTHER}/resourceGroups/rg-apps/{_ASSIGNMENTS}/"
    "88888888-0000-4000-8000-000000000001",
    "a custom role": f"{_ROLES}/{CUSTOM_ROLE}",
    "an autoscale setting": f"{SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Insights/"
    "autoscaleSettings/scale-credit",
    "a metric alert": f"{GROUP}/providers/Microsoft.Insights/metricAlerts/slow credit",
    "a log alert": f"{SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Insights/"
    "scheduledQueryRules/failures",
    "a diagnostic setting": f"{CREDIT}/providers/Microsoft.Insights/diagnosticSettings/to-logs",
    "a private endpoint": f"{SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Network/"
    "privateEndpoints/pe-ws-legacy",
    "a private endpoint in another subscription": f"{CALLERS}/privateEndpoints/pe-apps",
    "a caller's network": f"{CALLERS}/virtualNetworks/vnet-apps",
    "a zone group": f"{SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Network/privateEndpoints/"
    "pe-ws-legacy/privateDnsZoneGroups/default",
    "a private DNS zone": ZONE,
    "a link of it": f"{ZONE}/virtualNetworkLinks/link-apps",
    "a lock on the group": f"{GROUP}/providers/Microsoft.Authorization/locks/keep",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    log = tmp_path_factory.mktemp("inventory") / "requests.jsonl"
    with running(full_scenario(), time_scale=60.0, request_log=log) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def full(sandbox: Sandbox) -> Inventory:
    with inside(sandbox):
        return read_inventory(connect(), SOURCE)


def _read(scenario: Scenario) -> Inventory:
    with running(scenario, time_scale=60.0) as sandbox, inside(sandbox):
        return read_inventory(connect(), SOURCE)


@pytest.mark.parametrize("resource", KINDS.values(), ids=KINDS.keys())
def test_read_inventory_of_everything_finds(full: Inventory, resource: str) -> None:
    assert ResourceId(resource) in full


def test_read_inventory_by_an_owner_leaves_nothing_unread(full: Inventory) -> None:
    assert full.unread == ()
    assert full.documents[0].id == SOURCE
    assert len({document.id for document in full.documents}) == len(full.documents)


def test_read_inventory_marks_legacy_isolation_and_kubernetes(full: Inventory) -> None:
    assert has_legacy_isolation(full.find(BLUE))
    assert [e.name for e in full.endpoints if is_kubernetes(e)] == ["on-k8s"]
    on = {c.id.parent.name for c in full.legacy_connections}
    assert on == {"ws-legacy", "stwslegacy7f3a", "crwslegacy7f3a"}


def test_read_inventory_keeps_members_that_no_api_version_knows(full: Inventory) -> None:
    for resource in (CREDIT, BLUE, SOURCE.child("models", "credit-default").child("versions", "1")):
        properties = full.find(resource).properties
        assert {name: properties[name] for name in FUTURE} == FUTURE


def test_read_inventory_tells_what_runs_and_how_much_is_used(full: Inventory) -> None:
    assert [j.name for j in full.of_type(JOB)] == ["train"]
    assert full.jobs_ended == 3  # two of these, and one of the example
    assert full.nodes.keys() == {SOURCE.child("computes", "cpu-cluster").key}
    assert full.requests[CREDIT.key] == pytest.approx(2.0 * 60 * 24 * 30, rel=0.01)
    assert full.requests[CHURN.key] == 0
    assert full.usages
    assert full.quotas


def test_read_inventory_tells_costs_by_resource_and_deployment(full: Inventory) -> None:
    months = sorted({cost.month for cost in full.costs})
    assert len(months) == 3
    last = [cost for cost in full.costs if cost.month == months[1]]
    by_resource = {c.resource: c.amount for c in last if c.resource}
    by_deployment = {(c.endpoint, c.deployment): c.amount for c in last if c.endpoint}
    assert by_deployment == {("credit", "blue"): 310.0}
    assert by_resource[SOURCE.key] == 341.0
    assert sum(by_resource.values()) == 403.0


def test_read_inventory_reads_the_records_that_lead_to_callers_endpoints(full: Inventory) -> None:
    assert len(full.of_type(DNS_RECORD)) >= 3


def test_read_inventory_only_looks_and_leaves_all_as_it_was(sandbox: Sandbox, full: Inventory) -> None:
    world = World(sandbox, Path(), None)  # type: ignore[arg-type]
    assert full.documents
    before, seen = state_of(world), len(world.requests())
    with inside(sandbox):
        read_inventory(connect(), SOURCE)
    assert state_of(world) == before
    sent = {(r["method"], r["operation"]) for r in world.requests()[seen:] if r["method"] != "GET"}
    assert sent == {("POST", "Compute_ListNodes"), ("POST", "Query_Usage"), ("POST", "Entra_Token")}


def test_read_inventory_without_figures_holds_every_document_that_steps_rely_on(
    sandbox: Sandbox, full: Inventory
) -> None:
    world = World(sandbox, Path(), None)  # type: ignore[arg-type]
    seen = len(world.requests())
    with inside(sandbox):
        lean = read_inventory(connect(), SOURCE, figures=False)
    assert lean.documents == tuple(d for d in full.documents if d.type != JOB)
    asked = {str(r["operation"]) for r in world.requests()[seen:]}
    assert asked.isdisjoint({"Query_Usage", "Jobs_List", "Compute_ListNodes", "Metrics_List", "Usages_List"})


def _read_as(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, reader: str) -> Inventory:
    with inside(sandbox):
        monkeypatch.setenv("AZURE_CLIENT_ID", READERS[reader].app_id)
        monkeypatch.setenv("AZURE_CLIENT_SECRET", READERS[reader].secret)
        return read_inventory(connect(), SOURCE)


def test_read_inventory_by_a_reader_is_complete_but_for_what_it_names(
    sandbox: Sandbox, full: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _read_as(sandbox, monkeypatch, "subscription")
    network = f"{CALLERS}/virtualNetworks/vnet-apps"
    assert [line.partition(":")[0] for line in found.unread] == [
        f"{CALLERS}/privateEndpoints/pe-apps",
        network,
        f"nodes of {SOURCE.child('computes', 'cpu-cluster')}",
    ]
    assert {str(d.id) for d in full.documents} - {str(d.id) for d in found.documents} == {
        f"{CALLERS}/privateEndpoints/pe-apps",
        network,
        KINDS["a role of a worn identity in another subscription"],
    }
    assert (found.costs, found.requests, found.usages) == (full.costs, full.requests, full.usages)


def test_read_inventory_by_a_reader_of_the_group_alone_holds_what_is_in_it(
    sandbox: Sandbox, full: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _read_as(sandbox, monkeypatch, "group")
    lacking = {d.id for d in full.documents} - {d.id for d in found.documents}
    assert not [each for each in lacking if each.is_under(SOURCE.group_id)]
    unread = "\n".join(found.unread)
    for what in ("/locations/westeurope/usages", "/pe-ws-legacy", "/id-scoring", "registry shared"):
        assert what in unread


def test_read_inventory_follows_every_page() -> None:
    added = [
        *(version("models", f"m{n:03}", {"modelUri": "azureml://m"}) for n in range(230)),
        *(version("models", "many", {"modelUri": "azureml://m"}, str(n)) for n in range(1, 231)),
        *(child("datastores", f"d{n:03}", {"datastoreType": "AzureFile"}) for n in range(95)),
        *(job(f"running-{n:03}", "Running") for n in range(130)),
        *(job(f"ended-{n:03}", "Completed") for n in range(130)),
        *(
            assignment(f"{n:08x}", f"{SUBSCRIPTION}/resourceGroups/rg-{n % 7}", READER, IDENTITY_PRINCIPAL)
            for n in range(1100)
        ),
    ]
    plain, many = _read(full_scenario()), _read(full_scenario(*added))
    gained = {
        kind: len(many.of_type(kind)) - len(plain.of_type(kind))
        for kind in (MODEL, DATASTORE, JOB, ROLE_ASSIGNMENT)
    }
    assert gained == {MODEL: 460, DATASTORE: 95, JOB: 130, ROLE_ASSIGNMENT: 1100}
    assert many.jobs_ended == plain.jobs_ended + 130


def test_read_inventory_reads_only_the_code_that_deployments_run() -> None:
    example = legacy_scenario()
    left_by_jobs = [
        {**document, "id": str(document["id"]).replace("/codes/", f"/codes/job-{number}-")}
        for number in range(5)
        for document in example.resources
        if "/codes/" in document["id"] and "/versions/" in document["id"]
    ]
    scenario = example.model_copy(update={"resources": (*example.resources, *left_by_jobs)})
    read = {document.id for document in _read(scenario).of_type(CODE)}
    assert len(left_by_jobs) > 5
    assert len(read) == 3
    assert not any("/job-" in code.key for code in read)


def test_snapshot_of_everything_is_a_scenario_that_gives_the_same_inventory(full: Inventory) -> None:
    copied = Scenario.model_validate(json.loads(json.dumps(build_scenario(full, [], {})))).model_copy(
        update={"runtime": "echo"}
    )
    again = _read(copied)
    assert {d.id for d in again.documents} == {d.id for d in full.documents}
    assert again.unread == ()
    assert again.costs == full.costs
