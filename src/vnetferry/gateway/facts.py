"""Reading what the preflight checks look at, beyond the inventory. Nothing is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from vnetferry.checks.facts import Facts
from vnetferry.checks.providers import NEEDED
from vnetferry.errors import NotFound
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.locks import read_locks
from vnetferry.gateway.rbac import missing_actions
from vnetferry.gateway.satellites import Readings
from vnetferry.gateway.scoring import vantages
from vnetferry.gateway.workspaces import find_workspace
from vnetferry.models.base import Json
from vnetferry.models.config import BringYourOwn, MigrationConfig
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.plan.scope import target_workspace

_THREADS = 12
_ASSOCIATED = {
    "storage_account": "storageAccount",
    "key_vault": "keyVault",
    "container_registry": "containerRegistry",
    "application_insights": "applicationInsights",
}
_SOURCE_ACTIONS = (
    f"{ML}/workspaces/read",
    f"{ML}/workspaces/onlineEndpoints/read",
    f"{ML}/workspaces/onlineEndpoints/listKeys/action",
    f"{ML}/workspaces/datastores/listSecrets/action",
)
_TARGET_ACTIONS = (
    f"{ML}/workspaces/write",
    f"{ML}/workspaces/onlineEndpoints/write",
    f"{ML}/workspaces/onlineEndpoints/deployments/write",
    f"{ML}/workspaces/privateEndpointConnections/write",
    "Microsoft.Resources/deployments/write",
)
_SUBNET_ACTIONS = (
    "Microsoft.Network/privateEndpoints/write",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
)


def read_facts(azure: Azure, inventory: Inventory, config: MigrationConfig) -> Facts:
    """Everything that a preflight knows, as far as it may be read; what may not be is named in `unread`.

    Raises: ConfigError when the target's name cannot work; PermissionDenied when nobody is signed in.
    """
    target = target_workspace(inventory.source, config)
    location = config.target.location or inventory.location
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="facts") as pool:
        readings = Readings(azure, pool)
        endpoints = _regional_endpoints(readings, target, location)
        deployments = readings.collections((endpoint.id, "deployments") for endpoint in endpoints)
        return Facts(
            inventory=inventory,
            config=config,
            group_exists=azure.arm.find(target.group_id, api_versions.RESOURCES) is not None,
            associated=_associated(readings, inventory, config),
            target=find_workspace(azure, target),
            regional_endpoints=tuple(endpoint.name for endpoint in endpoints),
            target_endpoints={e.name: e.body for e in endpoints if e.id.parent == target},
            regional_deployments=len(deployments),
            registrations=_registrations(readings, target),
            missing_actions=_missing(readings, inventory.source, target, config),
            locks=_locks(azure, target.group_id),
            usages=tuple(readings.items(_usages_path(target, location), api_versions.ML)),
            vantages=tuple(vantages()),
            unread=tuple(sorted(readings.unread)),
        )


def _associated(readings: Readings, inventory: Inventory, config: MigrationConfig) -> dict[str, Document]:
    wanted = config.target.associated_resources
    if wanted == "create":
        return {}
    own = wanted if isinstance(wanted, BringYourOwn) else None
    ids = {
        name: getattr(own, name) if own else inventory.workspace.get(wire)
        for name, wire in _ASSOCIATED.items()
    }
    documents = {d.id: d for d in readings.documents(ResourceId(str(text)) for text in ids.values() if text)}
    return {
        name: documents[ResourceId(str(text))]
        for name, text in ids.items()
        if text and ResourceId(str(text)) in documents
    }


def _regional_endpoints(readings: Readings, target: ResourceId, location: str) -> list[Document]:
    """Every online endpoint of the subscription in the region: their names cannot be used again."""
    path = f"/subscriptions/{target.subscription_id}/providers/{ML}/workspaces"
    workspaces = readings.items(path, api_versions.ML)
    there = [ResourceId(w["id"]) for w in workspaces if _plain(w.get("location", "")) == _plain(location)]
    return readings.collections((workspace, "onlineEndpoints") for workspace in there)


def _registrations(readings: Readings, target: ResourceId) -> dict[str, str]:
    def read(namespace: str) -> tuple[str, str]:
        path = f"/subscriptions/{target.subscription_id}/providers/{namespace}"
        body = readings.azure.arm.get(path, api_versions.RESOURCES)
        return namespace.lower(), str(body["registrationState"])

    return dict(readings.each(read, NEEDED, "provider registration"))


def _missing(
    readings: Readings, source: ResourceId, target: ResourceId, config: MigrationConfig
) -> dict[str, tuple[str, ...]]:
    wanted = {source: _SOURCE_ACTIONS, target.group_id: _TARGET_ACTIONS}
    if config.target.inbound:
        wanted[config.target.inbound.subnet_id.group_id] = (
            *wanted.get(config.target.inbound.subnet_id.group_id, ()),
            *_SUBNET_ACTIONS,
        )

    def read(scope: ResourceId) -> tuple[str, tuple[str, ...]]:
        return str(scope), tuple(missing_actions(readings.azure, scope, wanted[scope]))

    found = dict(readings.each(read, wanted, "permissions on"))
    return {scope: actions for scope, actions in found.items() if actions}


def _locks(azure: Azure, group: ResourceId) -> tuple[Json, ...]:
    """The locks that bind the target's resource group; none when it does not exist."""
    try:
        return tuple(read_locks(azure, group))
    except NotFound:
        return ()


def _usages_path(target: ResourceId, location: str) -> str:
    return f"/subscriptions/{target.subscription_id}/providers/{ML}/locations/{location}/usages"


def _plain(location: str) -> str:
    return location.lower().replace(" ", "")
