"""Reading what the preflight checks look at. Nothing is written; what may not be read is noted, not fatal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from vnetferry.checks.facts import Facts
from vnetferry.errors import NotFound, PermissionDenied, Rejected
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.locks import read_locks
from vnetferry.gateway.rbac import missing_actions
from vnetferry.gateway.scoring import vantages
from vnetferry.models.base import Json
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.plan.scope import Scope, scope_of
from vnetferry.plan.workspace import associated_resources

T = TypeVar("T")
_WORKSPACES = f"{ML}/workspaces"
# What carrying out a plan calls in the target's resource group and in the source workspace.
TARGET_ACTIONS = (
    f"{_WORKSPACES}/read",
    f"{_WORKSPACES}/write",
    f"{_WORKSPACES}/onlineEndpoints/write",
    f"{_WORKSPACES}/onlineEndpoints/deployments/write",
    f"{_WORKSPACES}/datastores/write",
    f"{_WORKSPACES}/models/versions/write",
    f"{_WORKSPACES}/environments/versions/write",
    f"{_WORKSPACES}/codes/versions/write",
    "Microsoft.Resources/deployments/write",
)
SOURCE_ACTIONS = (
    f"{_WORKSPACES}/read",
    f"{_WORKSPACES}/datastores/listSecrets/action",
    f"{_WORKSPACES}/onlineEndpoints/listKeys/action",
    f"{_WORKSPACES}/onlineEndpoints/token/action",
)
SUBNET_ACTIONS = ("Microsoft.Network/virtualNetworks/subnets/join/action",)
GROUP_ACTIONS = ("Microsoft.Network/privateEndpoints/write",)


def read_facts(azure: Azure, inventory: Inventory, config: MigrationConfig) -> Facts:
    """Everything that the checks want to know of `inventory`'s migration under `config`.

    Raises: ConfigError when the configuration cannot work at all.
    """
    scope = scope_of(inventory, config, {})
    reader = _Reader(azure)
    group = reader.try_(lambda: azure.arm.find(scope.target.group_id, api_versions.RESOURCES))
    endpoints = _regional_endpoints(reader, scope)
    return Facts(
        inventory=inventory,
        config=config,
        group_exists=group is not None,
        associated=_associated(reader, scope),
        target=reader.try_(lambda: azure.arm.find(scope.target, api_versions.ML)) if group else None,
        regional_endpoints=tuple(endpoint.name for endpoint in endpoints),
        regional_deployments=sum(len(_names(reader, f"{e}/deployments")) for e in endpoints),
        registrations=_registrations(reader, scope),
        missing_actions=_missing(reader, scope) if group else {},
        locks=tuple(reader.try_(lambda: read_locks(azure, scope.target.group_id)) or ()) if group else (),
        usages=_usages(reader, scope),
        vantages=tuple(vantages()),
        unread=tuple(reader.unread),
    )


class _Reader:
    """Reads, and keeps a line for each reading that Azure refuses."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.unread: list[str] = []

    def try_(self, read: Callable[[], T]) -> T | None:
        """What was read; None, and a line of `unread`, when it may not be."""
        try:
            return read()
        except (PermissionDenied, Rejected) as err:
            self.unread.append(f"{err.resource or 'a resource'}: {err.what}")
        except NotFound:
            pass
        return None

    def items(self, path: str, api_version: str, query: dict[str, str] | None = None) -> list[Json]:
        """The items of a collection; none when it may not be read."""
        return self.try_(lambda: list(self.azure.arm.list(path, api_version, query))) or []


def _associated(reader: _Reader, scope: Scope) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for name, text in associated_resources(scope).items():
        document = _document(reader, scope.inventory, ResourceId(text)) if text else None
        if document:
            found[name] = document
    return found


def _document(reader: _Reader, inventory: Inventory, resource: ResourceId) -> Document | None:
    if resource in inventory:
        return inventory.find(resource)
    version = api_versions.api_version(resource.type)
    body = reader.try_(lambda: reader.azure.arm.get(resource, version))
    return Document(id=resource, body=body) if body is not None else None


def _names(reader: _Reader, path: str) -> list[str]:
    return [str(item["name"]) for item in reader.items(path, api_versions.ML)]


def _regional_endpoints(reader: _Reader, scope: Scope) -> list[ResourceId]:
    """The online endpoints of all the subscription's workspaces in the target's region."""
    subscription = f"/subscriptions/{scope.target.subscription_id}"
    workspaces = reader.items(f"{subscription}/providers/{_WORKSPACES}", api_versions.ML)
    here = [ResourceId(str(w["id"])) for w in workspaces if _same(str(w.get("location")), scope.location)]
    return [w.child("onlineEndpoints", name) for w in here for name in _names(reader, f"{w}/onlineEndpoints")]


def _same(a: str, b: str) -> bool:
    return a.lower().replace(" ", "") == b.lower().replace(" ", "")


def _registrations(reader: _Reader, scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (ML, "Microsoft.Network"):
        path = f"/subscriptions/{scope.target.subscription_id}/providers/{name}"
        body = reader.try_(partial(reader.azure.arm.find, path, api_versions.RESOURCES))
        if body:
            found[name.lower()] = str(body.get("registrationState", "unknown"))
    return found


def _usages(reader: _Reader, scope: Scope) -> tuple[Json, ...]:
    if _same(scope.location, scope.inventory.location):
        return scope.inventory.usages
    path = f"/subscriptions/{scope.target.subscription_id}/providers/{ML}/locations/{scope.location}/usages"
    return tuple(reader.items(path, api_versions.ML))


def _missing(reader: _Reader, scope: Scope) -> dict[str, tuple[str, ...]]:
    wanted = {scope.target.group_id: TARGET_ACTIONS, scope.inventory.source: SOURCE_ACTIONS}
    inbound = scope.config.target.inbound
    if inbound:
        wanted[inbound.subnet_id] = SUBNET_ACTIONS
        group = inbound.subnet_id.group_id
        wanted[group] = (*wanted.get(group, ()), *GROUP_ACTIONS)
    found: dict[str, tuple[str, ...]] = {}
    for where, actions in wanted.items():
        lacking = reader.try_(partial(missing_actions, reader.azure, where, actions))
        if lacking:
            found[str(where)] = tuple(lacking)
    return found
