"""Microsoft.ContainerRegistry/registries: SKUs, network rules and admin credentials."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import private_links, tracked
from vnetferry.sandbox.arm.bodies import default_choice, require_choice, require_known, require_object
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.ContainerRegistry/registries"
_VERSIONS = frozenset(
    {
        *(
            "2017-10-01",
            "2019-05-01",
            "2019-12-01-preview",
            "2020-11-01-preview",
            "2021-06-01-preview",
            "2021-09-01",
        ),
        *(
            "2022-02-01-preview",
            "2022-12-01",
            "2023-01-01-preview",
            "2023-06-01-preview",
            "2023-07-01",
            "2023-08-01-preview",
        ),
        *("2023-11-01-preview", "2025-04-01", "2025-11-01", "2026-09-01-preview"),
    }
)
_NAME = re.compile(r"^[A-Za-z0-9]{5,50}$")
_ADMIN = "adminCredentials"


def operations() -> list[Operation]:
    """Registries, credentials, name check and private endpoint connections."""
    one = f"{REGISTRY.path}/{{registry}}"
    check = "/subscriptions/{subscriptionId}/providers/Microsoft.ContainerRegistry/checkNameAvailability"
    right = "Microsoft.ContainerRegistry/checkNameAvailability/read"
    return [
        *tracked.operations(REGISTRY),
        Operation(
            "Registries_ListCredentials",
            "POST",
            f"{one}/listCredentials",
            _credentials,
            f"{TYPE}/listCredentials/action",
            _VERSIONS,
        ),
        Operation("Registries_CheckNameAvailability", "POST", check, _check_name, right, _VERSIONS),
        *private_links.operations(TYPE, "RegistryPrivateEndpointConnections", _VERSIONS),
    ]


def adopt(world: World, document: Json) -> None:
    """Register a registry of the scenario."""
    private_links.adopt_connections(world, document)
    world.documents.put(document)


def _name_error(_name: str) -> AzureError:
    message = (
        "Registry names may contain alpha numeric characters only and must be between 5 and 50 characters."
    )
    return AzureError(400, "InvalidRegistryName", message)


def _taken(world: World, name: str) -> AzureError | None:
    if not any(r["name"].lower() == name.lower() for r in world.documents.below("/", TYPE)):
        return None
    message = (
        f"The registry DNS name {name.lower()}.azurecr.io is already in use. You can check if the name "
        "is already claimed "
        "using following API: "
        "https://docs.microsoft.com/rest/api/containerregistry/registries/checknameavailability"
    )
    return AzureError(409, "AlreadyInUse", message)


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    if before is None and (taken := _taken(call.world, draft["name"])):
        raise taken
    sku = require_object(draft.get("sku"), "sku")
    require_known(sku, {"name", "tier"}, "Sku", "sku")
    name = require_choice(sku.get("name"), ("Basic", "Standard", "Premium"), "sku.name", "UnsupportedSku")
    draft["sku"] = {"name": name, "tier": name}
    properties = draft["properties"]
    if name != "Premium":
        _require_no_premium(properties)
        _require_no_connections(call.world, draft)
    default_choice(properties, "publicNetworkAccess", ("Enabled", "Disabled"), "Enabled")
    default_choice(properties, "networkRuleBypassOptions", ("AzureServices", "None"), "AzureServices")
    if name == "Premium":
        properties["networkRuleSet"] = _rule_set(properties.get("networkRuleSet"))
        default_choice(properties, "zoneRedundancy", ("Enabled", "Disabled"), "Disabled")
    properties["adminUserEnabled"] = bool(properties.get("adminUserEnabled", False))
    tracked.carry(draft, before, "creationDate")
    properties.setdefault("creationDate", call.world.clock.stamp())
    properties.update(loginServer=f"{draft['name'].lower()}.azurecr.io", provisioningState="Succeeded")


def _require_no_premium(properties: Json) -> None:
    """Network rules and private endpoints are for Premium alone."""
    rules = require_object(properties.get("networkRuleSet"), "properties.networkRuleSet")
    restricted = str(properties.get("publicNetworkAccess", "Enabled")).lower() == "disabled"
    if restricted or str(rules.get("defaultAction", "Allow")).lower() == "deny" or rules.get("ipRules"):
        feature = "publicNetworkAccess" if restricted else "networkRuleSet"
        message = f"The {feature} property is only supported for registries with the Premium SKU."
        raise AzureError(400, "SkuNotSupported", message)


def _require_no_connections(world: World, draft: Json) -> None:
    if private_links.connections_of(world, draft["id"]):
        message = (
            "The SKU cannot be changed: the registry has private endpoint connections, which need the "
            "Premium SKU."
        )
        raise AzureError(409, "SkuNotSupported", message)


def _rule_set(asked: Any) -> Json:
    rules = require_object(asked, "properties.networkRuleSet")
    require_known(
        rules,
        {"defaultAction", "ipRules", "virtualNetworkRules"},
        "NetworkRuleSet",
        "properties.networkRuleSet",
    )
    default_choice(rules, "defaultAction", ("Allow", "Deny"), "Allow", "properties.networkRuleSet")
    return {**rules, "ipRules": rules.get("ipRules") or []}


def _show(world: World, registry: Json) -> Json:
    properties = registry["properties"]
    properties["privateEndpointConnections"] = private_links.connections_of(world, registry["id"])
    return registry


async def _credentials(call: Call) -> Response:
    registry = call.world.documents.require(call.path.rpartition("/")[0])
    if not registry["properties"].get("adminUserEnabled"):
        message = (
            "Either the registry is not admin-enabled, or the admin user is disabled: run 'az acr update "
            "-n NAME --admin-enabled true'."
        )
        raise AzureError(400, "UnAuthorizedForCredentialOperations", message)
    key = f"{registry['id'].lower()}/{_ADMIN}"
    fresh = {"password": secrets.token_urlsafe(32), "password2": secrets.token_urlsafe(32)}
    passwords = call.world.secrets.connections.setdefault(key, fresh)
    value = [{"name": name, "value": secret} for name, secret in passwords.items()]
    return Response(200, {"username": registry["name"], "passwords": value})


async def _check_name(call: Call) -> Response:
    name = str(call.json().get("name", ""))
    refusal = _name_error(name) if not _NAME.fullmatch(name) else _taken(call.world, name)
    if refusal is None:
        return Response(200, {"nameAvailable": True})
    reason = "Invalid" if refusal.status == 400 else "AlreadyExists"
    return Response(200, {"nameAvailable": False, "reason": reason, "message": refusal.message})


REGISTRY = tracked.TrackedType(
    TYPE,
    "Registries",
    _VERSIONS,
    fields=frozenset({"sku", "identity"}),
    properties=frozenset(
        {
            *(
                "adminUserEnabled",
                "anonymousPullEnabled",
                "creationDate",
                "dataEndpointEnabled",
                "dataEndpointHostNames",
            ),
            *(
                "encryption",
                "loginServer",
                "metadataSearch",
                "networkRuleBypassOptions",
                "networkRuleSet",
                "policies",
            ),
            *(
                "privateEndpointConnections",
                "publicNetworkAccess",
                "roleAssignmentMode",
                "status",
                "zoneRedundancy",
            ),
        }
    ),
    name=_NAME.pattern,
    name_error=_name_error,
    shape={"networkRuleSet": {"defaultAction": str, "ipRules": [{"value": str}]}, "policies": dict},
    prepare=_prepare,
    show=_show,
    created=201,
    system_data=True,
    note="Azure may create a registry asynchronously; here it is done at once.",
)
