"""Subscriptions, tenants and the registration of resource providers.

A scenario says that a provider is not registered with the document that Azure answers for it: `{id:
/subscriptions/…/providers/Microsoft.Network, namespace: Microsoft.Network, registrationState:
NotRegistered}`. Those it does not mention are registered. A document's `resourceTypes` ({resourceType, locations})
says which regions have a type; without it, all have it. Writing a resource of an unregistered one is 409
`MissingSubscriptionRegistration`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.api_versions import SUBSCRIPTIONS
from vnetferry.sandbox.arm.provider_types import api_versions
from vnetferry.sandbox.arm.regions import DISPLAY_NAMES, unavailable
from vnetferry.sandbox.arm.visibility import sees_subscription
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_REGISTERING_S = 60.0
_ALWAYS_REGISTERED = frozenset({"microsoft.resources", "microsoft.authorization"})
NAMESPACES = {
    "Microsoft.AlertsManagement": ("actionRules",),
    "Microsoft.AppConfiguration": ("configurationStores",),
    "Microsoft.Authorization": (
        *("roleAssignments", "roleDefinitions", "locks", "permissions"),
        *("policyAssignments", "policyDefinitions", "policyExemptions", "policySetDefinitions"),
    ),
    "Microsoft.ContainerRegistry": ("registries",),
    "Microsoft.Insights": (
        "components",
        "diagnosticSettings",
        "autoscalesettings",
        "metricAlerts",
        "activityLogAlerts",
        "metrics",
    ),
    "Microsoft.KeyVault": ("vaults", "deletedVaults"),
    "Microsoft.MachineLearningServices": (
        *(
            "workspaces",
            "workspaces/onlineEndpoints",
            "workspaces/onlineEndpoints/deployments",
            "workspaces/computes",
        ),
        *("registries", "locations", "operations"),
    ),
    "Microsoft.ManagedIdentity": ("userAssignedIdentities",),
    "Microsoft.Network": (
        "virtualNetworks",
        "virtualNetworks/subnets",
        "privateEndpoints",
        "privateDnsZones",
    ),
    "Microsoft.OperationalInsights": ("workspaces",),
    "Microsoft.PolicyInsights": (),
    "Microsoft.Resources": ("subscriptions", "resourceGroups", "deployments", "tenants"),
    "Microsoft.Storage": (
        "storageAccounts",
        *(f"storageAccounts/{kind}Services" for kind in ("blob", "file", "queue", "table")),
        "storageAccounts/managementPolicies",
    ),
}


def operations() -> list[Operation]:
    """Subscriptions, locations, tenants and providers."""
    one = "/subscriptions/{subscriptionId}"
    right = "Microsoft.Resources/subscriptions"
    rows = [
        Operation("Tenants_List", "GET", "/tenants", _tenants),
        Operation("Subscriptions_List", "GET", "/subscriptions", _subscriptions),
        Operation("Subscriptions_Get", "GET", one, _subscription, f"{right}/read"),
        Operation(
            "Subscriptions_ListLocations", "GET", f"{one}/locations", _locations, f"{right}/locations/read"
        ),
        Operation("Providers_List", "GET", f"{one}/providers", _providers, f"{right}/providers/read"),
        Operation(
            "Providers_Get", "GET", f"{one}/providers/{{namespace}}", _provider, f"{right}/providers/read"
        ),
        Operation(
            "Providers_Register",
            "POST",
            f"{one}/providers/{{namespace}}/register",
            _register,
            "*/register/action",
        ),
    ]
    return [replace(row, api_versions=SUBSCRIPTIONS) for row in rows]


def require_registered(world: World, resource_id: str) -> None:
    """AzureError 409 `MissingSubscriptionRegistration` unless the provider is registered."""
    parts = resource_id.strip("/").split("/")
    namespace = resource_type(resource_id).partition("/")[0]
    if namespace.lower() in _ALWAYS_REGISTERED or len(parts) < 2:
        return
    if _state(world, parts[1], namespace) != "Registered":
        message = (
            f"The subscription is not registered to use namespace '{namespace}'. See "
            "https://aka.ms/rps-not-found for how to register subscriptions."
        )
        raise AzureError(
            409, "MissingSubscriptionRegistration", message, details=[_detail(namespace, message)]
        )


def _detail(namespace: str, message: str) -> Json:
    return {"code": "MissingSubscriptionRegistration", "target": namespace, "message": message}


def _state(world: World, subscription_id: str, namespace: str) -> str:
    document = world.documents.get(f"/subscriptions/{subscription_id}/providers/{namespace}")
    return str((document or {}).get("registrationState", "Registered"))


def _document(world: World, subscription_id: str, namespace: str) -> Json:
    versions = api_versions(namespace)
    kinds = dict.fromkeys([*NAMESPACES[namespace], *versions])
    return {
        "id": f"/subscriptions/{subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            {
                "resourceType": kind,
                "locations": _regions(world, subscription_id, namespace, kind),
                "apiVersions": versions.get(kind, []),
            }
            for kind in kinds
        ],
        "registrationState": _state(world, subscription_id, namespace),
    }


def _regions(world: World, subscription_id: str, namespace: str, kind: str) -> list[str]:
    """The display names of the regions that have a type: all, unless the scenario's provider document says which."""
    document = world.documents.get(f"/subscriptions/{subscription_id}/providers/{namespace}") or {}
    told = (
        each for each in document.get("resourceTypes") or () if each["resourceType"].lower() == kind.lower()
    )
    return next((list(each["locations"]) for each in told), list(DISPLAY_NAMES.values()))


def require_offered(world: World, resource_id: str, location: str) -> None:
    """AzureError 400 `LocationNotAvailableForResourceType` unless the region has the type of this resource."""
    namespace, _, kind = resource_type(resource_id).partition("/")
    offered = _regions(world, resource_id.strip("/").split("/")[1], namespace, kind)
    short = tuple(name.replace(" ", "").lower() for name in offered)
    if location not in short:
        raise unavailable(location, f"{namespace}/{kind}", short)


def _require_namespace(name: str) -> str:
    for namespace in NAMESPACES:
        if namespace.lower() == name.lower():
            return namespace
    message = f"The resource namespace '{name}' is invalid."
    raise AzureError(404, "InvalidResourceNamespace", message)


async def _providers(call: Call) -> Response:
    subscription = call.params["subscriptionId"]
    return Response(200, {"value": [_document(call.world, subscription, name) for name in NAMESPACES]})


async def _provider(call: Call) -> Response:
    namespace = _require_namespace(call.params["namespace"])
    return Response(200, _document(call.world, call.params["subscriptionId"], namespace))


async def _register(call: Call) -> Response:
    """200 with `Registering`; `Registered` a minute of Azure's time later."""
    namespace, subscription = _require_namespace(call.params["namespace"]), call.params["subscriptionId"]
    if _state(call.world, subscription, namespace) != "Registered":
        identifier = f"/subscriptions/{subscription}/providers/{namespace}"
        document = call.world.documents.put(
            {
                **(call.world.documents.get(identifier) or {}),
                "id": identifier,
                "namespace": namespace,
                "registrationState": "Registering",
            }
        )
        call.world.operations.spawn(_finish_registering(call, document))
    return Response(200, _document(call.world, subscription, namespace))


async def _finish_registering(call: Call, document: Json) -> None:
    await call.world.clock.sleep(call.world.scenario.durations_s.get("Providers_Register", _REGISTERING_S))
    document["registrationState"] = "Registered"


async def _tenants(call: Call) -> Response:
    tenant = _tenant(call)
    value = {
        "id": f"/tenants/{tenant}",
        "tenantId": tenant,
        "tenantCategory": "Home",
        "displayName": "Sandbox",
    }
    return Response(200, {"value": [value]})


async def _subscriptions(call: Call) -> Response:
    value = [
        subscription_document(call, identifier)
        for identifier in call.world.scenario.subscriptions
        if sees_subscription(call, identifier)
    ]
    return Response(200, {"value": value, "count": {"type": "Total", "value": len(value)}})


async def _subscription(call: Call) -> Response:
    return Response(200, subscription_document(call, call.params["subscriptionId"]))


def subscription_document(call: Call, identifier: str) -> Json:
    """What GET answers for a subscription of the scenario."""
    return {
        "id": f"/subscriptions/{identifier}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "tags": {},
        "subscriptionId": identifier,
        "tenantId": _tenant(call),
        "displayName": "Sandbox",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


async def _locations(call: Call) -> Response:
    base = f"/subscriptions/{call.params['subscriptionId']}/locations"
    value = [
        {
            "id": f"{base}/{name}",
            "name": name,
            "type": "Region",
            "displayName": title,
            "regionalDisplayName": title,
        }
        for name, title in DISPLAY_NAMES.items()
    ]
    return Response(200, {"value": value})


def _tenant(call: Call) -> str:
    return call.request.principal.tenant_id if call.request.principal else ""
