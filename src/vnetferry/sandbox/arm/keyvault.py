"""Microsoft.KeyVault/vaults: vaults, their soft deletion, and what stays reserved after it."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import private_links, tracked
from vnetferry.sandbox.arm.bodies import default_choice, require_choice, require_known, require_object
from vnetferry.sandbox.arm.network_rules import complete_acls
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.KeyVault/vaults"
_VERSIONS = frozenset(
    {
        *("2016-10-01", "2018-02-14", "2019-09-01", "2021-06-01-preview", "2021-10-01", "2021-11-01-preview"),
        *(
            "2022-07-01",
            "2022-11-01",
            "2023-02-01",
            "2023-07-01",
            "2024-11-01",
            "2024-12-01-preview",
            "2025-05-01",
            "2026-02-01",
        ),
    }
)
_NAME = re.compile(r"^[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]$")
_LOCATION = (
    "/subscriptions/{subscriptionId}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{vault}"
)


def operations() -> list[Operation]:
    """Vaults, deleted vaults, name check and private endpoint connections."""
    provider = "/subscriptions/{subscriptionId}/providers/Microsoft.KeyVault"
    deleted, check = (
        "Microsoft.KeyVault/locations/deletedVaults",
        "Microsoft.KeyVault/checkNameAvailability/read",
    )
    return [
        *tracked.operations(VAULT),
        Operation(
            "Vaults_ListDeleted",
            "GET",
            f"{provider}/deletedVaults",
            _list_deleted,
            "Microsoft.KeyVault/deletedVaults/read",
            _VERSIONS,
        ),
        Operation("Vaults_GetDeleted", "GET", _LOCATION, _get_deleted, f"{deleted}/read", _VERSIONS),
        Operation(
            "Vaults_PurgeDeleted", "POST", f"{_LOCATION}/purge", _purge, f"{deleted}/purge/action", _VERSIONS
        ),
        Operation(
            "Vaults_CheckNameAvailability",
            "POST",
            f"{provider}/checkNameAvailability",
            _check_name,
            check,
            _VERSIONS,
        ),
        *private_links.operations(TYPE, "KeyVaultPrivateEndpointConnections", _VERSIONS),
    ]


def adopt(world: World, document: Json) -> None:
    """Register a vault of the scenario."""
    private_links.adopt_connections(world, document)
    world.documents.put(document)


def _name_error(name: str) -> AzureError:
    message = (
        f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric "
        "characters. The name must "
        "begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow "
        "this link for more "
        "information: https://go.microsoft.com/fwlink/?linkid=2147742"
    )
    return AzureError(400, "VaultNameNotValid", message)


def _named(world: World, name: str, kind: str) -> Json | None:
    return next((v for v in world.documents.below("/", kind) if v["name"].lower() == name.lower()), None)


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    properties = draft["properties"]
    recover = str(properties.pop("createMode", "default")).lower() == "recover"
    if before is None:
        _require_free(call.world, draft["name"], recover=recover)
    _complete_sku(properties)
    _require_policies(properties, recover=recover)
    _complete_protection(properties, before)
    default_choice(properties, "publicNetworkAccess", ("Enabled", "Disabled"), "Enabled")
    if properties.get("networkAcls") is not None:
        properties["networkAcls"] = complete_acls(
            properties["networkAcls"], "properties.networkAcls", "AzureServices"
        )
    else:
        properties.pop("networkAcls", None)
    properties["vaultUri"] = f"https://{draft['name'].lower()}.vault.azure.net/"
    properties["provisioningState"] = "Succeeded"


def _require_free(world: World, name: str, *, recover: bool) -> None:
    if _named(world, name, TYPE):
        message = (
            f"The vault name '{name}' is already in use. Vault names are globally unique so it is possible "
            "that the name is "
            "already taken. If you are sure that the vault name was not taken then it is possible that a "
            "vault with the "
            "same name was recently deleted but not purged after being placed in a recoverable state."
        )
        raise AzureError(409, "VaultAlreadyExists", message)
    deleted = _named(world, name, "Microsoft.KeyVault/locations/deletedVaults")
    if deleted and not recover:
        message = (
            "A vault with the same name already exists in deleted state. You need to either recover or "
            "purge existing key "
            "vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information "
            "on soft delete."
        )
        raise AzureError(409, "ConflictError", message)
    if deleted:
        world.documents.remove(deleted["id"])


def _complete_sku(properties: Json) -> None:
    sku = require_object(properties.get("sku"), "properties.sku")
    require_known(sku, {"name", "family"}, "Sku", "properties.sku")
    name = require_choice(sku.get("name"), ("standard", "premium"), "properties.sku.name", "BadRequest")
    properties["sku"] = {
        "family": require_choice(sku.get("family", "A"), ("A",), "properties.sku.family"),
        "name": name,
    }
    if not properties.get("tenantId"):
        raise AzureError(400, "BadRequest", "The vault's 'properties.tenantId' is required.")


def _require_policies(properties: Json, *, recover: bool) -> None:
    """A vault that is recovered needs none. Source: vault properties (Key Vault's REST reference)."""
    properties.setdefault("enableRbacAuthorization", False)
    policies = properties.get("accessPolicies")
    if policies is None and not (recover or properties["enableRbacAuthorization"]):
        message = (
            "Parameter 'accessPolicies' must be specified for a vault that does not use RBAC authorization."
        )
        raise AzureError(400, "BadRequest", message)
    properties["accessPolicies"] = policies or []


def _complete_protection(properties: Json, before: Json | None) -> None:
    """Soft deletion is always on, and protection from purging can be switched on only."""
    for name in ("enablePurgeProtection", "enableSoftDelete"):
        if properties.get(name) is False:
            raise AzureError(400, "BadRequest", f'The property "{name}" cannot be set to false.')
    held = (before or {}).get("properties") or {}
    if held.get("enablePurgeProtection"):
        properties["enablePurgeProtection"] = True
    days = properties.setdefault("softDeleteRetentionInDays", held.get("softDeleteRetentionInDays", 90))
    if not isinstance(days, int) or not 7 <= days <= 90:
        message = "The property 'softDeleteRetentionInDays' must be a number from 7 to 90."
        raise AzureError(400, "BadRequest", message)
    properties["enableSoftDelete"] = True


def _show(world: World, vault: Json) -> Json:
    connections = private_links.connections_of(world, vault["id"])
    if connections:
        vault["properties"]["privateEndpointConnections"] = connections
    return vault


def _removed(world: World, vault: Json) -> None:
    """A deleted vault's name stays taken until it is purged or its retention ends."""
    subscription = vault["id"].split("/")[2]
    properties, now = vault["properties"], world.clock.now()
    provider = f"/subscriptions/{subscription}/providers/Microsoft.KeyVault"
    base = f"{provider}/locations/{vault['location']}/deletedVaults"
    purge_at = now + timedelta(days=properties.get("softDeleteRetentionInDays", 90))
    protected = {"purgeProtectionEnabled": True} if properties.get("enablePurgeProtection") else {}
    world.documents.put(
        {
            "id": f"{base}/{vault['name']}",
            "name": vault["name"],
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": vault["id"],
                "location": vault["location"],
                "tags": vault.get("tags") or {},
                "deletionDate": now.isoformat(),
                "scheduledPurgeDate": purge_at.isoformat(),
                **protected,
            },
        }
    )


async def _list_deleted(call: Call) -> Response:
    scope = f"/subscriptions/{call.params['subscriptionId']}"
    return tracked.paged(
        call, deepcopy(list(call.world.documents.below(scope, "Microsoft.KeyVault/locations/deletedVaults")))
    )


def _require_deleted(call: Call, path: str) -> Json:
    document = call.world.documents.get(path)
    if document is None:
        message = f"The specified deleted vault '{call.params['vault']}' does not exist."
        raise AzureError(404, "DeletedVaultNotFound", message)
    return document


async def _get_deleted(call: Call) -> Response:
    return Response(200, deepcopy(_require_deleted(call, call.path)))


async def _purge(call: Call) -> Response:
    document = _require_deleted(call, call.path.rpartition("/")[0])
    if document["properties"].get("purgeProtectionEnabled"):
        message = (
            f"Purge protection is enabled for the deleted vault '{document['name']}', so it cannot be purged."
        )
        raise AzureError(400, "DeletedVaultPurgeProtected", message)
    call.world.documents.remove(document["id"])
    for key in [key for key in call.world.secrets.vaults if key.startswith(f"{document['name'].lower()}/")]:
        del call.world.secrets.vaults[key]
    return Response(200)


async def _check_name(call: Call) -> Response:
    name = str(call.json().get("name", ""))
    if not _NAME.fullmatch(name):
        return Response(
            200,
            {"nameAvailable": False, "reason": "AccountNameInvalid", "message": _name_error(name).message},
        )
    taken = _named(call.world, name, TYPE) or _named(
        call.world, name, "Microsoft.KeyVault/locations/deletedVaults"
    )
    if taken:
        return Response(
            200,
            {
                "nameAvailable": False,
                "reason": "AlreadyExists",
                "message": f"The name '{name}' is already in use.",
            },
        )
    return Response(200, {"nameAvailable": True})


VAULT = tracked.TrackedType(
    TYPE,
    "Vaults",
    _VERSIONS,
    properties=frozenset(
        {
            *(
                "tenantId",
                "sku",
                "accessPolicies",
                "vaultUri",
                "enabledForDeployment",
                "enabledForDiskEncryption",
            ),
            *(
                "enabledForTemplateDeployment",
                "enableSoftDelete",
                "softDeleteRetentionInDays",
                "enableRbacAuthorization",
            ),
            *(
                "createMode",
                "enablePurgeProtection",
                "networkAcls",
                "publicNetworkAccess",
                "privateEndpointConnections",
            ),
            "hsmPoolResourceId",
        }
    ),
    name=_NAME.pattern,
    name_error=_name_error,
    shape={
        "networkAcls": {
            "defaultAction": str,
            "bypass": str,
            "ipRules": [{"value": str}],
            "virtualNetworkRules": [{"id": str}],
        },
        "sku": {"family": str, "name": str},
        "accessPolicies": [{"objectId": str, "permissions": {"*": [str]}}],
    },
    prepare=_prepare,
    show=_show,
    removed=_removed,
    created=200,
    system_data=True,
)
