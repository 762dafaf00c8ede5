"""What Azure makes together with a registry: a managed resource group with storage and container registries.

Names are as recorded: `azureml-rg-<registry>_<guid>`, and for accounts the beginning of the registry's name with
hexadecimal digits. One container registry serves all regions; each region has storage of its own. Assumed:
they are closed to the public where the registry is made so.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import containerregistry, groups, storage
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml.registry_documents import (
    CONTAINERS,
    STORAGE,
    all_resources,
)
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_SYSTEM = {STORAGE: "systemCreatedStorageAccount", CONTAINERS: "systemCreatedAcrAccount"}
_USER = {STORAGE: "userCreatedStorageAccount", CONTAINERS: "userCreatedAcrAccount"}
_TYPES = {STORAGE: storage.TYPE, CONTAINERS: containerregistry.TYPE}


def group_id(registry_id: str) -> str:
    """The id of a new managed resource group."""
    parts = registry_id.split("/")
    return f"/subscriptions/{parts[2]}/resourceGroups/azureml-rg-{parts[-1]}_{uuid.uuid4()}"


def require_own_resources(world: World, regions: list[Json]) -> None:
    """AzureError 400 unless every account that the caller brings is one and is there."""
    for details in regions:
        for kind, several in ((STORAGE, "storageAccountDetails"), (CONTAINERS, "acrDetails")):
            for each in details.get(several) or []:
                _require_own(world, kind, each)


def _require_own(world: World, kind: str, account: Json) -> None:
    own = account.get(_USER[kind])
    if own is None:
        return
    identifier = str((own.get("armResourceId") or {}).get("resourceId") or "")
    found = world.documents.get(identifier)
    if found is None or resource_type(identifier).lower() != _TYPES[kind].lower():
        message = f"The resource '{identifier}' is not a {_TYPES[kind]} that exists."
        raise service_error(400, "BadRequest", message)


def furnish(world: World, registry: Json, asked: list[Json]) -> None:
    """Make what the regions that were asked for lack, and write down what there is; repeatable."""
    details = registry["properties"]["regionDetails"]
    known = {normal_region(each["location"]) for each in details}
    for wanted in asked or [{"location": registry["location"]}]:
        region = normal_region(wanted["location"])
        if region not in known:
            details.append(_region(world, registry, wanted, region))


def keep_resources(world: World, registry: Json) -> None:
    """Let accounts that a registry's document names be there, where the scenario leaves them out."""
    closed = registry["properties"].get("publicNetworkAccess") == "Disabled"
    for identifier in all_resources(registry):
        if identifier not in world.documents:
            _keep(world, identifier, registry["location"], closed=closed)


def _region(world: World, registry: Json, wanted: Json, region: str) -> Json:
    storages = wanted.get("storageAccountDetails") or [{_SYSTEM[STORAGE]: {}}]
    containers = wanted.get("acrDetails") or [{_SYSTEM[CONTAINERS]: {}}]
    return {
        "location": region,
        "storageAccountDetails": [_storage(world, registry, each, region) for each in storages],
        "acrDetails": [_container_registry(world, registry, each) for each in containers],
    }


def _storage(world: World, registry: Json, wanted: Json, region: str) -> Json:
    if wanted.get(_USER[STORAGE]):
        return {_USER[STORAGE]: wanted[_USER[STORAGE]], _SYSTEM[STORAGE]: None}
    asked = wanted.get(_SYSTEM[STORAGE]) or {}
    sku = asked.get("storageAccountType") or "standard_lrs"
    identifier = _made(world, registry, STORAGE, region)
    made = {
        "storageAccountName": identifier.rpartition("/")[2],
        "storageAccountType": sku,
        "storageAccountHnsEnabled": bool(asked.get("storageAccountHnsEnabled")),
        "armResourceId": {"resourceId": identifier},
    }
    return {_USER[STORAGE]: None, _SYSTEM[STORAGE]: made}


def _container_registry(world: World, registry: Json, wanted: Json) -> Json:
    """The one that is in the managed group already, or a new one."""
    if wanted.get(_USER[CONTAINERS]):
        return {_USER[CONTAINERS]: wanted[_USER[CONTAINERS]], _SYSTEM[CONTAINERS]: None}
    held = world.documents.collection(f"{_group(registry)}/providers/{containerregistry.TYPE}")
    identifier = held[0]["id"] if held else _made(world, registry, CONTAINERS, registry["location"])
    made = {
        "acrAccountName": identifier.rpartition("/")[2],
        "acrAccountSku": "Premium",
        "armResourceId": {"resourceId": identifier},
    }
    return {_USER[CONTAINERS]: None, _SYSTEM[CONTAINERS]: made}


def _group(registry: Json) -> str:
    return str(registry["properties"]["managedResourceGroup"]["resourceId"])


def _made(world: World, registry: Json, kind: str, region: str) -> str:
    """Make an account in the managed group, and the group if there is none; its id."""
    group = _group(registry)
    if group not in world.documents:
        tags = registry["properties"].get("managedResourceGroupTags") or {}
        own = {"managedBy": registry["id"], "tags": tags, "location": registry["location"]}
        groups.adopt(world, {"id": group, "name": group.rpartition("/")[2], **own})
    start = "".join(c for c in registry["name"].lower() if c.isalnum())[:5]
    name = start + secrets.token_hex(12)[: 24 - len(start)]
    identifier = f"{group}/providers/{_TYPES[kind]}/{name}"
    closed = registry["properties"].get("publicNetworkAccess") == "Disabled"
    _keep(world, identifier, region, closed=closed)
    return identifier


def _keep(world: World, identifier: str, location: str, *, closed: bool) -> None:
    """Register a storage account or container registry, as a scenario's would be."""
    is_storage = resource_type(identifier).lower() == storage.TYPE.lower()
    document: Json = {
        "id": identifier,
        "name": identifier.rpartition("/")[2],
        "type": storage.TYPE if is_storage else containerregistry.TYPE,
        "location": location,
        "tags": {},
        **(_STORAGE_SHAPE if is_storage else _REGISTRY_SHAPE),
        "properties": _access(closed=closed, is_storage=is_storage),
    }
    (storage.adopt if is_storage else containerregistry.adopt)(world, document)


_STORAGE_SHAPE: Json = {"kind": "StorageV2", "sku": {"name": "Standard_LRS", "tier": "Standard"}}
_REGISTRY_SHAPE: Json = {"sku": {"name": "Premium", "tier": "Premium"}}


def _access(*, closed: bool, is_storage: bool) -> Json:
    common: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Disabled" if closed else "Enabled",
    }
    rules = {"defaultAction": "Deny" if closed else "Allow", "bypass": "AzureServices"}
    return {**common, "networkAcls": rules} if is_storage else common
