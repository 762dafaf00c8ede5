"""The legacy world with something of every kind that an inventory holds, and who may read how much of it."""

from __future__ import annotations

from typing import Any

from tests.flows.legacy_world import SOURCE
from tests.flows.satellite_world import (
    BLUE,
    CREDIT,
    ELSEWHERE,
    GROUP,
    LOGS,
    READER,
    SUBSCRIPTION,
    assignment,
    satellite_scenario,
)
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.scenario import Scenario, ServicePrincipal

Json = dict[str, Any]

OTHER = "/subscriptions/9b1d0c77-52f3-4d57-8a43-0c6f5b1a2e01"
IDENTITY = f"{ELSEWHERE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-scoring"
IDENTITY_PRINCIPAL = "77777777-0000-4000-8000-000000000007"
REGISTRY = f"{ELSEWHERE}/providers/Microsoft.MachineLearningServices/registries/shared"
REGISTRY_STORAGE = f"{ELSEWHERE}/providers/Microsoft.Storage/storageAccounts/stshared"
REGISTRY_CONTAINERS = f"{ELSEWHERE}/providers/Microsoft.ContainerRegistry/registries/crshared"
CUSTOM_ROLE = "c0c0c0c0-0000-4000-8000-00000000c0c0"
CALLERS = f"{OTHER}/resourceGroups/rg-apps/providers/Microsoft.Network"
ZONE = f"{ELSEWHERE}/providers/Microsoft.Network/privateDnsZones/privatelink.api.azureml.ms"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stwslegacy7f3a"
K8S = SOURCE.child("onlineEndpoints", "on-k8s")
FUTURE = {"aMemberThatNoVersionKnows": {"deep": [1, None, "x"]}}
# Somebody with the role Reader on the source's subscription, and somebody with it on the source's resource group.
READERS = {
    "subscription": ServicePrincipal(
        app_id="aaaaaaaa-0000-4000-8000-000000000001",
        object_id="aaaaaaaa-0000-4000-8000-00000000000a",
        secret="made-up",
    ),
    "group": ServicePrincipal(
        app_id="bbbbbbbb-0000-4000-8000-000000000001",
        object_id="bbbbbbbb-0000-4000-8000-00000000000b",
        secret="made-up",
    ),
}


def document(identifier: str | ResourceId, properties: Json | None = None, **more: Any) -> Json:
    resource = ResourceId(str(identifier))
    return {
        "id": str(resource),
        "name": resource.name,
        "type": resource.type,
        **more,
        "properties": properties or {},
    }


def child(kind: str, name: str, properties: Json | None = None, **more: Any) -> Json:
    return document(SOURCE.child(kind, name), properties, **more)


def version(kind: str, name: str, properties: Json, number: str = "1") -> Json:
    return document(SOURCE.child(kind, name).child("versions", number), properties)


def job(name: str, status: str) -> Json:
    stamp = {"createdAt": f"2026-01-01T00:00:00.{len(name):06}Z"}
    return child("jobs", name, {"jobType": "Command", "status": status}, systemData=stamp)


def _work() -> list[Json]:
    batch = SOURCE.child("batchEndpoints", "nightly")
    return [
        job("train", "Running"),
        job("done", "Completed"),
        job("broken", "Failed"),
        child("schedules", "weekly", {"isEnabled": False, "trigger": {"triggerType": "Cron"}}),
        document(batch, {"authMode": "AADToken"}, location="westeurope"),
        document(batch.child("deployments", "main"), {"compute": "cpu-cluster"}, location="westeurope"),
        child("computes", "ci-anna", {"computeType": "ComputeInstance", "properties": {"state": "Running"}}),
        child("computes", "aks", {"computeType": "Kubernetes", "properties": {"namespace": "ml"}}),
        document(K8S, {"authMode": "Key", "compute": str(SOURCE.child("computes", "aks"))}),
        document(
            K8S.child("deployments", "main"),
            {"endpointComputeType": "Kubernetes", "instanceType": "defaultinstancetype"},
        ),
    ]


def _assets() -> list[Json]:
    curated = {"environmentType": "Curated", "image": "mcr.microsoft.com/azureml/curated/x:1"}
    return [
        version("data", "customers", {"dataType": "uri_file", "dataUri": "azureml://d"}),
        version("components", "prepare", {"componentSpec": {"name": "prepare"}}),
        version("environments", "AzureML-sklearn-1.5", curated),
        version("models", "put-away", {"modelUri": "azureml://m", "isArchived": True}),
        document(SOURCE.child("models", "put-away"), {"isArchived": True}),
    ]


def _registry() -> list[Json]:
    region = {
        "location": "westeurope",
        "storageAccountDetails": [
            {"userCreatedStorageAccount": {"armResourceId": {"resourceId": REGISTRY_STORAGE}}}
        ],
        "acrDetails": [{"userCreatedAcrAccount": {"armResourceId": {"resourceId": REGISTRY_CONTAINERS}}}],
    }
    return [
        document(REGISTRY, {"regionDetails": [region]}, location="westeurope"),
        document(f"{REGISTRY}/models/fraud/versions/3", {"modelUri": "azureml://r"}),
    ]


def _rights() -> list[Json]:
    definition = {
        "roleName": "Scorer",
        "type": "CustomRole",
        "permissions": [{"actions": ["*/read"]}],
        "assignableScopes": [SUBSCRIPTION],
    }
    return [
        document(
            IDENTITY,
            {"principalId": IDENTITY_PRINCIPAL, "clientId": IDENTITY_PRINCIPAL},
            location="westeurope",
        ),
        document(
            f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM_ROLE}", definition
        ),
        assignment("7", str(CREDIT), CUSTOM_ROLE, IDENTITY_PRINCIPAL),
        assignment("8", f"{OTHER}/resourceGroups/rg-apps", READER, IDENTITY_PRINCIPAL),
        document(f"{GROUP}/providers/Microsoft.Authorization/locks/keep", {"level": "CanNotDelete"}),
    ]


def _callers() -> list[Json]:
    network, link = f"{CALLERS}/virtualNetworks/vnet-apps", {"registrationEnabled": False}
    subnet = f"{network}/subnets/snet"
    connection = {"privateLinkServiceId": str(SOURCE), "groupIds": ["amlworkspace"]}
    return [
        document(
            network,
            {
                "addressSpace": {"addressPrefixes": ["10.50.0.0/16"]},
                "subnets": [{"id": subnet, "name": "snet", "properties": {"addressPrefix": "10.50.0.0/24"}}],
            },
            location="westeurope",
        ),
        document(
            f"{CALLERS}/privateEndpoints/pe-apps",
            {
                "subnet": {"id": subnet},
                "privateLinkServiceConnections": [{"name": "ws", "properties": connection}],
            },
            location="westeurope",
        ),
        document(
            f"{ZONE}/virtualNetworkLinks/link-apps",
            {**link, "virtualNetwork": {"id": network}},
            location="global",
        ),
    ]


def _log_alert() -> Json:
    criterion = {"query": "AmlOnlineEndpointTrafficLog | where ResponseCode >= 500", "threshold": 5}
    properties = {"scopes": [LOGS], "severity": 1, "criteria": {"allOf": [criterion]}}
    return document(
        f"{ELSEWHERE}/providers/Microsoft.Insights/scheduledQueryRules/failures",
        properties,
        location="westeurope",
    )


def full_scenario(*more: Json) -> Scenario:
    """The legacy world with one of everything, and unknown members where a new api-version would have them."""
    scenario = satellite_scenario()
    documents = {ResourceId(d["id"]): d for d in scenario.resources}
    for resource in (SOURCE, CREDIT, BLUE, SOURCE.child("models", "credit-default").child("versions", "1")):
        held = documents[resource]
        documents[resource] = {**held, "properties": {**held["properties"], **FUTURE}}
    worn = {IDENTITY: {"principalId": IDENTITY_PRINCIPAL, "clientId": IDENTITY_PRINCIPAL}}
    churn = SOURCE.child("onlineEndpoints", "churn")
    documents[churn] = {
        **documents[churn],
        "identity": {"type": "UserAssigned", "userAssignedIdentities": worn},
    }
    green = CREDIT.child("deployments", "green")
    used = {**documents[green]["properties"], "model": "azureml://registries/shared/models/fraud/versions/3"}
    documents[green] = {**documents[green], "properties": used}
    added = (*_work(), *_assets(), *_registry(), *_rights(), *_callers(), _log_alert(), *more)
    readers = [
        assignment("9", SUBSCRIPTION, READER, READERS["subscription"].object_id),
        assignment("a", GROUP, READER, READERS["group"].object_id),
    ]
    return scenario.model_copy(
        update={
            "resources": (*documents.values(), *added, *readers),
            "principals": tuple(READERS.values()),
            "metrics": {str(CREDIT): {"RequestsPerMinute": 2.0}},
            "costs": {str(BLUE): 310.0, str(SOURCE): 31.0, STORAGE: 62.0},
        }
    )
