"""Microsoft.Storage/storageAccounts: accounts, keys, and blob containers as ARM sees them."""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import blob_containers, lifecycle, private_links, storage_services, tracked
from vnetferry.sandbox.arm.bodies import default_choice, require_choice, require_known, require_object
from vnetferry.sandbox.arm.network_rules import complete_acls
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Storage/storageAccounts"
_LIMIT = 250
_VERSIONS = frozenset(
    {
        *("2017-06-01", "2017-10-01", "2018-02-01", "2018-07-01", "2018-11-01", "2019-04-01", "2019-06-01"),
        *(
            "2020-08-01-preview",
            "2021-01-01",
            "2021-02-01",
            "2021-04-01",
            "2021-06-01",
            "2021-08-01",
            "2021-09-01",
        ),
        *(
            "2022-05-01",
            "2022-09-01",
            "2023-01-01",
            "2023-04-01",
            "2023-05-01",
            "2024-01-01",
            "2025-01-01",
            "2025-06-01",
            "2025-08-01",
        ),
    }
)
_KINDS = ("StorageV2", "Storage", "BlobStorage", "FileStorage", "BlockBlobStorage")
_SKUS = (
    *("Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Standard_GZRS", "Standard_RAGZRS"),
    *("Premium_LRS", "Premium_ZRS"),
)
_NAME = re.compile(r"^[a-z0-9]{3,24}$")


def operations() -> list[Operation]:
    """Accounts, keys, containers, settings of services, name check and private endpoint connections."""
    one = f"{ACCOUNT.path}/{{account}}"
    check = "/subscriptions/{subscriptionId}/providers/Microsoft.Storage/checkNameAvailability"
    return [
        *tracked.operations(ACCOUNT),
        Operation(
            "StorageAccounts_ListKeys",
            "POST",
            f"{one}/listKeys",
            _list_keys,
            f"{TYPE}/listKeys/action",
            _VERSIONS,
        ),
        Operation(
            "StorageAccounts_RegenerateKey",
            "POST",
            f"{one}/regenerateKey",
            _regenerate,
            f"{TYPE}/regenerateKey/action",
            _VERSIONS,
        ),
        Operation(
            "StorageAccounts_CheckNameAvailability",
            "POST",
            check,
            _check_name,
            "Microsoft.Storage/checkNameAvailability/read",
            _VERSIONS,
        ),
        *blob_containers.operations(one, _VERSIONS),
        *storage_services.operations(one, _VERSIONS),
        *lifecycle.operations(one, _VERSIONS),
        *private_links.operations(TYPE, "StoragePrivateEndpointConnections", _VERSIONS),
    ]


def adopt(world: World, document: Json) -> None:
    """Register an account of the scenario, with a key that nobody knows yet unless it already has one."""
    private_links.adopt_connections(world, document)
    world.documents.put(document)
    world.secrets.account_keys.setdefault(document["name"], _new_key())


def find_account(world: World, name: str) -> Json | None:
    """The account of that (globally unique) name, or None."""
    return next((a for a in world.documents.below("/", TYPE) if a["name"].lower() == name.lower()), None)


def _name_error(name: str) -> AzureError:
    message = (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 "
        "characters in "
        "length and use numbers and lower-case letters only."
    )
    return AzureError(400, "AccountNameInvalid", message)


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    if before is None and find_account(call.world, draft["name"]):
        message = f"The storage account named {draft['name']} is already taken."
        raise AzureError(409, "StorageAccountAlreadyTaken", message)
    if before is None:
        _require_room(call.world, draft)
    _complete_kind(draft, before)
    _complete_access(draft)
    _keep_namespace(draft["properties"], before)
    _complete_state(call, draft, before)


def _require_room(world: World, draft: Json) -> None:
    """A subscription has so many accounts in a region; a scenario's quota `storageAccounts` sets another limit.

    Source: manage and increase quotas for Azure Machine Learning; code and text are assumed.
    """
    subscription, region = draft["id"].split("/")[2], str(draft["location"])
    limit = world.scenario.quotas.get("storageAccounts", _LIMIT)
    accounts = world.documents.below(f"/subscriptions/{subscription}", TYPE)
    count = sum(1 for each in accounts if _is_in(each, region))
    if count >= limit:
        message = (
            f"Subscription {subscription} already contains {count} storage accounts in location {region} and the "
            f"maximum allowed is {limit}."
        )
        raise AzureError(409, "MaxStorageAccountsCountPerSubscriptionExceeded", message)


def _is_in(account: Json, region: str) -> bool:
    """Snapshots may write a region as people do: `West Europe`."""
    return str(account.get("location")).replace(" ", "").lower() == region.replace(" ", "").lower()


def _complete_access(draft: Json) -> None:
    properties = draft["properties"]
    default_choice(properties, "minimumTlsVersion", ("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"), "TLS1_0")
    access = ("Enabled", "Disabled", "SecuredByPerimeter")
    default_choice(properties, "publicNetworkAccess", access, "Enabled")
    if draft["kind"] not in ("Storage", "FileStorage"):
        default_choice(properties, "accessTier", ("Hot", "Cool", "Premium", "Cold"), "Hot")
    rules = properties.get("networkAcls")
    properties["networkAcls"] = complete_acls(rules, "properties.networkAcls", "AzureServices")
    properties.setdefault("allowBlobPublicAccess", False)
    properties.setdefault("supportsHttpsTrafficOnly", True)


def _keep_namespace(properties: Json, before: Json | None) -> None:
    """Whether an account has a hierarchical namespace is settled when it is made."""
    if before is None:
        return
    held = bool(before["properties"].get("isHnsEnabled"))
    if bool(properties.setdefault("isHnsEnabled", held)) != held:
        message = "The property 'isHnsEnabled' was specified in the input, but it cannot be updated."
        raise AzureError(409, "PropertyImmutable", message)


def _complete_kind(draft: Json, before: Json | None) -> None:
    sku = require_object(draft.get("sku"), "sku")
    require_known(sku, {"name", "tier"}, "Sku", "sku")
    name = require_choice(sku.get("name"), _SKUS, "accountType")
    draft["sku"] = {"name": name, "tier": name.partition("_")[0]}
    draft["kind"] = require_choice(draft.get("kind") or (before or {}).get("kind"), _KINDS, "kind")
    premium = name.startswith("Premium")
    unfit = ("BlobStorage",) if premium else ("FileStorage", "BlockBlobStorage")
    if draft["kind"] in unfit:
        message = f"The storage account sku '{name}' is not supported for kind '{draft['kind']}'."
        raise AzureError(400, "StorageAccountSkuNotSupportedForKind", message)


def _complete_state(call: Call, draft: Json, before: Json | None) -> None:
    properties, name = draft["properties"], draft["name"]
    tracked.carry(draft, before, "creationTime")
    properties.setdefault("creationTime", call.world.clock.stamp())
    asked = properties.get("encryption") or ((before or {}).get("properties") or {}).get("encryption")
    properties["encryption"] = _encryption(asked, properties["creationTime"])
    hosts = ("blob", "dfs", "file", "queue", "table")
    properties.update(
        primaryEndpoints={host: f"https://{name}.{host}.core.windows.net/" for host in hosts},
        primaryLocation=draft["location"],
        statusOfPrimary="available",
        provisioningState="Succeeded",
    )
    if before is None:
        call.world.secrets.account_keys[name] = _new_key()


def _encryption(asked: Json | None, created: str) -> Json:
    found = require_object(asked, "properties.encryption")
    given = require_object(found.get("services"), "properties.encryption.services")
    enabled = {"enabled": True, "keyType": "Account", "lastEnabledTime": created}
    services = {name: {**enabled, **(given.get(name) or {})} for name in ("blob", "file", *given)}
    return {"keySource": "Microsoft.Storage", **found, "services": services}


def _show(world: World, account: Json) -> Json:
    account["properties"]["privateEndpointConnections"] = private_links.connections_of(world, account["id"])
    return account


def _removed(world: World, account: Json) -> None:
    world.secrets.account_keys.pop(account["name"], None)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


async def _list_keys(call: Call) -> Response:
    account = call.world.documents.require(call.path.rpartition("/")[0])
    return Response(200, {"keys": _keys(call.world, account)})


def _keys(world: World, account: Json) -> list[Json]:
    created = account["properties"].get("creationTime", world.clock.stamp())
    second = world.secrets.second_account_keys.setdefault(account["name"], _new_key())
    values = {"key1": world.secrets.account_keys[account["name"]], "key2": second}
    return [
        {"creationTime": created, "keyName": name, "value": value, "permissions": "FULL"}
        for name, value in values.items()
    ]


async def _regenerate(call: Call) -> Response:
    account = call.world.documents.require(call.path.rpartition("/")[0])
    body = call.json()
    require_known(body, {"keyName"}, "StorageAccountRegenerateKeyParameters")
    name = require_choice(
        body.get("keyName"), ("key1", "key2"), "keyName", "InvalidValuesForRequestParameters"
    )
    secrets_ = call.world.secrets
    (secrets_.account_keys if name == "key1" else secrets_.second_account_keys)[account["name"]] = _new_key()
    return Response(200, {"keys": _keys(call.world, account)})


async def _check_name(call: Call) -> Response:
    name = str(call.json().get("name", ""))
    if not _NAME.fullmatch(name):
        return Response(
            200,
            {"nameAvailable": False, "reason": "AccountNameInvalid", "message": _name_error(name).message},
        )
    if find_account(call.world, name):
        message = f"The storage account named {name} is already taken."
        return Response(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})
    return Response(200, {"nameAvailable": True})


ACCOUNT = tracked.TrackedType(
    TYPE,
    "StorageAccounts",
    _VERSIONS,
    fields=frozenset({"sku", "kind", "identity", "extendedLocation"}),
    properties=frozenset(
        {
            *(
                "accessTier",
                "allowBlobPublicAccess",
                "allowCrossTenantReplication",
                "allowSharedKeyAccess",
                "allowedCopyScope",
            ),
            *(
                "azureFilesIdentityBasedAuthentication",
                "customDomain",
                "defaultToOAuthAuthentication",
                "dnsEndpointType",
            ),
            *(
                "encryption",
                "immutableStorageWithVersioning",
                "isHnsEnabled",
                "isLocalUserEnabled",
                "isNfsV3Enabled",
            ),
            *(
                "isSftpEnabled",
                "keyPolicy",
                "largeFileSharesState",
                "minimumTlsVersion",
                "networkAcls",
                "publicNetworkAccess",
            ),
            *("routingPreference", "sasPolicy", "supportsHttpsTrafficOnly", "enableExtendedGroups"),
            *(
                "creationTime",
                "primaryEndpoints",
                "primaryLocation",
                "statusOfPrimary",
                "privateEndpointConnections",
            ),
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
        "encryption": {"keySource": str, "services": {"*": dict}},
    },
    prepare=_prepare,
    show=_show,
    removed=_removed,
    created=200,
    note="Azure may answer 202 and take some seconds; here it is done at once.",
)
