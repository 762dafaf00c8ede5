"""A large scenario: documents as GET returns them, and room for more in every quota."""

from __future__ import annotations

from typing import Any

ENDPOINTS, DEPLOYMENTS, WORKSPACES = 1_000, 2, 4
API = "api-version=2024-10-01"
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-bench"
ML = "Microsoft.MachineLearningServices"


def workspace_id(number: int) -> str:
    """The workspace that an endpoint of that number is in."""
    return f"{GROUP}/providers/{ML}/workspaces/ws-{number % WORKSPACES}"


def endpoint_id(number: int) -> str:
    """An endpoint's id."""
    return f"{workspace_id(number)}/onlineEndpoints/endpoint-{number:04}"


def scenario() -> dict[str, Any]:
    """The whole scenario; its quotas let neither the throttle nor the number of endpoints refuse anything."""
    resources = [workspace(number) for number in range(WORKSPACES)]
    for number in range(ENDPOINTS):
        resources.append(endpoint(number))
        resources.extend(deployment(number, colour) for colour in ("blue", "green")[:DEPLOYMENTS])
    generous = ("armReads", "armWrites", "armDeletes", "onlineEndpoints", "onlineDeployments", "totalCores")
    return {
        "runtime": "echo",
        # A change is done before the same endpoint is changed again.
        "durations_s": {"OnlineEndpoints_CreateOrUpdate": 1},
        "quotas": dict.fromkeys(generous, 1_000_000),
        "endpoint_keys": {
            endpoint_id(n): {"primaryKey": f"primary-{n}", "secondaryKey": f"secondary-{n}"}
            for n in range(ENDPOINTS)
        },
        "resources": resources,
    }


def workspace(number: int) -> dict[str, Any]:
    """A workspace's document."""
    return {
        "id": workspace_id(number),
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "sku": {"name": "Basic", "tier": "Basic"},
        "properties": {
            "workspaceId": f"22222222-2222-4222-8222-{number:012}",
            "friendlyName": f"Bench {number}",
            "publicNetworkAccess": "Enabled",
            "provisioningState": "Succeeded",
        },
    }


def endpoint(number: int) -> dict[str, Any]:
    """An endpoint's document."""
    host = f"https://endpoint-{number:04}.westeurope.inference.ml.azure.com"
    return {
        **_head(endpoint_id(number), "onlineEndpoints", number),
        "identity": {
            "type": "SystemAssigned",
            "principalId": f"33333333-3333-4333-8333-{number:012}",
            "tenantId": "44444444-4444-4444-8444-444444444444",
        },
        "properties": {
            "description": "Answers the shop's questions",
            "authMode": "Key",
            "properties": {
                "azureml.onlineendpointid": endpoint_id(number).lower(),
                "AzureAsyncOperationUri": _operation_uri("oeidp", number),
            },
            "scoringUri": f"{host}/score",
            "swaggerUri": f"{host}/swagger.json",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "traffic": {"blue": 90, "green": 10},
            "mirrorTraffic": {},
            "compute": None,
            "keys": None,
        },
    }


def deployment(number: int, colour: str) -> dict[str, Any]:
    """A deployment's document."""
    probe = {
        "initialDelay": "PT10S",
        "period": "PT10S",
        "timeout": "PT2S",
        "failureThreshold": 30,
        "successThreshold": 1,
    }
    parent = workspace_id(number)
    return {
        **_head(f"{endpoint_id(number)}/deployments/{colour}", "onlineEndpoints/deployments", number),
        "sku": {"name": "Default", "tier": "Standard", "capacity": 1},
        "identity": None,
        "properties": {
            "endpointComputeType": "Managed",
            "description": "The model of the month",
            "instanceType": "Standard_DS3_v2",
            "codeConfiguration": {"codeId": f"{parent}/codes/c/versions/1", "scoringScript": "score.py"},
            "environmentId": f"{parent}/environments/e/versions/1",
            "environmentVariables": {"LEVEL": "info", "REGION": "westeurope"},
            "model": f"{parent}/models/m/versions/1",
            "modelMountPath": None,
            "appInsightsEnabled": False,
            "egressPublicNetworkAccess": "Enabled",
            "provisioningState": "Succeeded",
            "scaleSettings": {"scaleType": "Default"},
            "requestSettings": {
                "maxConcurrentRequestsPerInstance": 1,
                "maxQueueWait": "PT0.5S",
                "requestTimeout": "PT5S",
            },
            "livenessProbe": probe,
            "readinessProbe": probe,
            "properties": {"AzureAsyncOperationUri": _operation_uri("odidp", number)},
        },
    }


def _head(identifier: str, kind: str, number: int) -> dict[str, Any]:
    who = {
        "createdBy": "Ada Lovelace",
        "createdByType": "User",
        "createdAt": "2024-05-06T07:08:09.123456+00:00",
    }
    last = {key.replace("created", "lastModified"): value for key, value in who.items()}
    return {
        "id": identifier,
        "name": identifier.rpartition("/")[2],
        "type": f"{ML}/workspaces/{kind}",
        "location": "westeurope",
        "tags": {"team": f"team-{number % 10}", "cost": str(number)},
        "kind": "Managed",
        "systemData": {**who, **last},
    }


def _operation_uri(prefix: str, number: int) -> str:
    where = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/providers/{ML}/locations/westeurope"
    identifier = f"{prefix}:22222222-2222-4222-8222-222222222222:55555555-5555-4555-8555-{number:012}"
    return f"{where}/mfeOperationsStatus/{identifier}?{API}"
