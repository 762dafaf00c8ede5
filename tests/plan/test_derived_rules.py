"""Outbound rules that follow from what the source's deployments use and could reach, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import CONNECTION, REGISTRY, Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build

REQUESTS = {"credit": "ab" * 32}
GROUP = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-shared/providers"
Json = dict[str, Any]
Configure = Callable[..., MigrationConfig]
Edit = Callable[..., Inventory]
Plans = Callable[..., Plan]


@pytest.fixture
def plans(inventory: Inventory, configure: Configure, edit: Edit) -> Plans:
    """A plan of the legacy workspace, with further documents and with changes to `churn/main`."""

    def make(*more: Document, main: Json | None = None, **target: Any) -> Plan:
        def change(body: Json) -> None:
            body["properties"] |= main or {}

        known = edit(inventory, "churn/deployments/main", change)
        known = known.model_copy(update={"documents": (*known.documents, *more)})
        return build(known, configure(target={"outbound_rules": [], **target}), REQUESTS)

    return make


def _rules(plan: Plan) -> dict[str, Json]:
    rules: dict[str, Json] = plan.step("create_workspace:ws-secure").spec["outbound_rules"]
    return rules


def _private(plan: Plan) -> set[tuple[str, str]]:
    where = [rule["destination"] for rule in _rules(plan).values() if rule["type"] == "PrivateEndpoint"]
    return {(ResourceId(w["serviceResourceId"]).name, w["subresourceTarget"]) for w in where}


def _hosts(plan: Plan) -> set[str]:
    return {rule["destination"] for rule in _rules(plan).values() if rule["type"] == "FQDN"}


def _texts(plan: Plan) -> str:
    return " ".join(w.text for w in plan.warnings)


def _registry(**properties: Any) -> Document:
    def account(kind: str, provider: str, name: str) -> Json:
        identifier = f"{GROUP}/{provider}/{name}"
        return {
            f"userCreated{kind}": None,
            f"systemCreated{kind}": {"armResourceId": {"resourceId": identifier}},
        }

    def region(location: str, end: str) -> Json:
        storage = account("StorageAccount", "Microsoft.Storage/storageAccounts", f"stteam{end}")
        registry = account("AcrAccount", "Microsoft.ContainerRegistry/registries", "crteam")
        return {"location": location, "storageAccountDetails": [storage], "acrDetails": [registry]}

    details = [region("westeurope", "we"), region("eastus", "eu")]
    body = {"name": "Team", "location": "eastus", "properties": {"regionDetails": details, **properties}}
    return Document(id=ResourceId(f"{GROUP}/{REGISTRY}/Team"), body=body)


FROM_REGISTRY = {"model": "azureml://registries/team/models/churn/versions/1"}
WITH_INTERNET = {"egressPublicNetworkAccess": "Enabled"}


def test_rules_lead_to_a_registry_and_what_it_keeps_assets_in(plans: Plans) -> None:
    plan = plans(_registry(), main=FROM_REGISTRY)
    assert {("Team", "amlregistry"), ("stteamwe", "blob"), ("crteam", "registry")} <= _private(plan)
    assert ("stteameu", "blob") not in _private(plan)
    assert "churn/main take assets from registry Team" in _texts(plan)


def test_rules_lead_to_no_registry_that_the_public_reaches_where_the_internet_is_allowed(
    plans: Plans,
) -> None:
    mode = "allow_internet_outbound"
    opened = plans(_registry(publicNetworkAccess="Enabled"), main=FROM_REGISTRY, isolation_mode=mode)
    closed = plans(_registry(publicNetworkAccess="Disabled"), main=FROM_REGISTRY, isolation_mode=mode)
    assert ("Team", "amlregistry") not in _private(opened)
    assert {("Team", "amlregistry"), ("stteamwe", "blob"), ("crteam", "registry")} <= _private(closed)


def test_plan_asks_for_rules_to_a_registry_that_it_cannot_read(plans: Plans) -> None:
    plan = plans(main=FROM_REGISTRY)
    assert "registry team, which could not be read" in _texts(plan)


def test_rules_to_azures_own_registries_are_not_made(plans: Plans) -> None:
    plan = plans()  # churn/main has its environment from registry azureml
    assert "amlregistry" not in {part for _, part in _private(plan)}


def test_rules_that_a_person_wrote_take_the_place_of_derived_ones(plans: Plans) -> None:
    registry = _registry()
    own = {
        "name": "mine",
        "type": "private_endpoint",
        "destination": {"service_resource_id": str(registry.id), "subresource_target": "amlregistry"},
    }
    rules = _rules(plans(registry, main=FROM_REGISTRY, outbound_rules=[own]))
    reaching = [n for n, r in rules.items() if str(registry.id) in json.dumps(r)]
    assert reaching == ["mine"]


def test_rules_lead_to_a_vault_whose_secrets_are_injected(plans: Plans) -> None:
    vault = Document(
        id=ResourceId(f"{GROUP}/Microsoft.KeyVault/vaults/kv-team"), body={"location": "westeurope"}
    )
    variables = {"environmentVariables": {"KEY": "${{keyvault:https://kv-team.vault.azure.net/secrets/a/1}}"}}
    assert ("kv-team", "vault") in _private(plans(vault, main=variables))


def test_rules_lead_to_nothing_that_a_deployment_without_egress_only_names(plans: Plans) -> None:
    variables = {"environmentVariables": {"UPSTREAM": "https://prices.example.org/v1"}}
    plan = plans(main=variables)
    assert "prices.example.org" not in _hosts(plan)
    assert "prices.example.org (variable UPSTREAM of churn/main)" in _texts(plan)


def test_rules_lead_to_hosts_that_a_deployment_with_internet_names(plans: Plans) -> None:
    search = Document(
        id=ResourceId(f"{GROUP}/Microsoft.Search/searchServices/find-team"), body={"location": "westeurope"}
    )
    variables = {
        "PRICES": "https://user:s3cr3t@prices.example.org/v1",
        "SEARCH": "https://find-team.search.windows.net",
        "DATABASE": "Server=tcp:orders.database.windows.net,1433;Initial Catalog=a",
        "LAKE": "https://elsewhere.blob.core.windows.net/x",
        "LOGIN": "https://login.microsoftonline.com/common",
    }
    plan = plans(search, main={**WITH_INTERNET, "environmentVariables": variables})
    assert "prices.example.org" in _hosts(plan)
    assert ("find-team", "searchService") in _private(plan)
    (tag,) = [rule for rule in _rules(plan).values() if rule["type"] == "ServiceTag"]
    assert tag["destination"]["serviceTag"] == "Sql"
    assert "login.microsoftonline.com" not in _hosts(plan)
    assert "elsewhere.blob.core.windows.net, which was not found" in _texts(plan)
    assert "variable PRICES of churn/main names prices.example.org" in _texts(plan)
    assert "churn/main could reach the whole internet" in _texts(plan)
    assert "s3cr3t" not in plan.model_dump_json()


def test_rules_by_host_have_no_place_where_the_internet_is_allowed(plans: Plans) -> None:
    variables = {"environmentVariables": {"PRICES": "https://prices.example.org/v1"}, **WITH_INTERNET}
    rules = _rules(plans(main=variables, isolation_mode="allow_internet_outbound"))
    assert {rule["type"] for rule in rules.values()} == {"PrivateEndpoint"}


def test_rules_lead_to_what_connections_name_by_id_or_host(plans: Plans, inventory: Inventory) -> None:
    account = f"{GROUP}/Microsoft.CognitiveServices/accounts/gpt-team"

    def connection(name: str, **properties: Any) -> Document:
        resource = inventory.source.child(CONNECTION.rpartition("/")[2], name)
        return Document(id=resource, body={"properties": {"authType": "None", **properties}})

    found = (
        connection("gpt", target="https://other-name.openai.azure.com/", metadata={"ResourceId": account}),
        connection("api", target="https://api.example.net"),
    )
    plan = plans(*found, main=WITH_INTERNET)
    assert ("gpt-team", "account") in _private(plan)
    assert "api.example.net" in _hosts(plan)
    assert "api.example.net" not in _hosts(plans(*found))


@pytest.mark.parametrize(
    ("conda", "wanted", "unwanted"),
    [
        ({"dependencies": ["python=3.11"]}, {"*.anaconda.org"}, {"pytorch.org"}),
        ({"dependencies": [{"pip": ["numpy"]}]}, {"*.anaconda.org"}, {"pytorch.org"}),
        ({"dependencies": [{"pip": ["torch==2.4"]}]}, {"pytorch.org"}, set()),
        (
            {"dependencies": [{"pip": ["--index-url https://feed.example.org/simple", "numpy"]}]},
            {"feed.example.org"},
            {"pytorch.org"},
        ),
        ({"channels": ["https://conda.example.org/main"], "dependencies": []}, {"conda.example.org"}, set()),
    ],
)
def test_rules_lead_to_the_hosts_that_a_build_loads_from(
    inventory: Inventory,
    configure: Configure,
    edit: Edit,
    conda: Json,
    wanted: set[str],
    unwanted: set[str],
) -> None:
    def change(body: Json) -> None:
        body["properties"]["condaFile"] = json.dumps(conda)

    known = edit(inventory, "environments/sklearn/versions/3", change)
    hosts = _hosts(build(known, configure(target={"outbound_rules": []}), REQUESTS))
    assert wanted <= hosts
    assert not unwanted & hosts


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"condaFile": json.dumps({"dependencies": [{"pip": ["numpy"]}]})}, True),
        ({"condaFile": "", "build": {"contextUri": "https://st.blob.core.windows.net/c/context"}}, True),
        ({"condaFile": json.dumps({"dependencies": ["python=3.11"]})}, False),
        (
            {"condaFile": json.dumps({"dependencies": [{"pip": ["--index-url https://feed.example.org"]}]})},
            False,
        ),
    ],
)
def test_plan_asks_for_rules_to_the_index_that_pip_loads_from(
    inventory: Inventory, configure: Configure, edit: Edit, environment: Json, told: bool
) -> None:
    known = edit(
        inventory, "environments/sklearn/versions/3", lambda body: body["properties"].update(environment)
    )
    plan = build(known, configure(target={"outbound_rules": []}), REQUESTS)
    assert ("Building sklearn/3 loads Python packages" in _texts(plan)) is told
    open_to_all = {"outbound_rules": [], "isolation_mode": "allow_internet_outbound"}
    unasked = build(known, configure(target=open_to_all), REQUESTS)
    assert "loads Python packages" not in _texts(unasked)


def test_rules_lead_to_the_hosts_that_an_mlflow_model_without_code_loads_from(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    known = edit(
        inventory, "churn/deployments/main", lambda body: body["properties"].pop("codeConfiguration") and None
    )
    known = edit(
        known, "environments/sklearn/versions/3", lambda body: body["properties"].update(condaFile=None)
    )
    packaged = build(known, configure(target={"outbound_rules": []}), REQUESTS)
    known = edit(
        known, "models/churn/versions/1", lambda body: body["properties"].update(modelType="mlflow_model")
    )
    plan = build(known, configure(target={"outbound_rules": []}), REQUESTS)
    assert "building the image of model churn/1 loads from there" in _texts(plan)
    assert "churn/1 loads Python packages from pip's own index" in _texts(plan)
    assert "*.anaconda.org" in _hosts(plan)
    assert "the image of model" not in _texts(packaged)


def test_rules_for_builds_are_not_made_for_a_finished_image(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    known = edit(
        inventory,
        "environments/sklearn/versions/3",
        lambda body: body["properties"].pop("condaFile") and None,
    )
    plan = build(known, configure(target={"outbound_rules": []}), REQUESTS)
    assert _hosts(plan) == set()
    assert "Azure Firewall" not in _texts(plan)


def test_plan_says_what_the_firewall_is_there_for(plans: Plans) -> None:
    assert "Only rules that were added (vf-anaconda-com" in _texts(plans())


def test_rules_are_not_derived_when_they_are_not_wanted(plans: Plans) -> None:
    plan = plans(_registry(), main=FROM_REGISTRY, derive_outbound_rules=False)
    assert _rules(plan) == {}
    assert "target.derive_outbound_rules is false, so no rule is made for:" in _texts(plan)
    assert "amlregistry of Team" in _texts(plan)


def test_rules_have_names_that_azure_takes(plans: Plans) -> None:
    host = "a-very-long-host-name-of-a-service.of-a-very-long-domain.example.org"
    variables = {
        "environmentVariables": {"ONE": f"https://{host}", "TWO": f"https://b.{host}"},
        **WITH_INTERNET,
    }
    names = list(_rules(plans(_registry(), main={**variables, **FROM_REGISTRY})))
    assert all(3 <= len(name) <= 33 for name in names)
    assert len(names) == len({name.lower() for name in names})


def test_rules_reach_no_host_twice(plans: Plans) -> None:
    variables = {"environmentVariables": {"A": "https://x.example.org"}, **WITH_INTERNET}
    own = {"name": "all", "type": "fqdn", "destination": "*.example.org"}
    assert "x.example.org" not in _hosts(plans(main=variables, outbound_rules=[own]))


def test_telemetry_is_spoken_of_where_it_may_not_arrive(plans: Plans, inventory: Inventory) -> None:
    own = ResourceId(str(inventory.workspace.get("applicationInsights")))

    def said(access: str, *rules: Json) -> str:
        insights = Document(id=own, body={"name": own.name, "properties": {_INGESTION: access}})
        return _texts(plans(insights, main={"appInsightsEnabled": True}, outbound_rules=list(rules)))

    where = {
        "service_resource_id": f"{GROUP}/Microsoft.Insights/privateLinkScopes/a",
        "subresource_target": "azuremonitor",
    }
    rule = {"name": "telemetry", "type": "private_endpoint", "destination": where}
    assert f"churn/main log to Application Insights, and {own.name} takes private ingestion alone" in said(
        "Disabled"
    )
    assert "log to Application Insights" not in said("Enabled")
    assert "log to Application Insights" not in said("Disabled", rule)
    assert "If it takes private ingestion alone" in _texts(plans(main={"appInsightsEnabled": True}))


_INGESTION = "publicNetworkAccessForIngestion"
