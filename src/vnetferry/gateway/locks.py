"""Management locks: what stands in the way of a change or a deletion."""

from __future__ import annotations

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_LOCKS = "/providers/Microsoft.Authorization/locks"


def read_locks(azure: Azure, resource: ResourceId) -> list[Json]:
    """Every lock that binds the resource: on itself, below it, on its resource group and its subscription."""
    subscription = f"/subscriptions/{resource.subscription_id}"
    found = list(azure.arm.list(f"{resource}{_LOCKS}", api_versions.LOCKS))
    at_scope = {"$filter": "atScope()"}
    for scope in (str(resource.group_id), subscription):
        found += azure.arm.list(f"{scope}{_LOCKS}", api_versions.LOCKS, at_scope)
    return list({str(lock["id"]).lower(): lock for lock in found if _binds(lock, resource)}.values())


def _binds(lock: Json, resource: ResourceId) -> bool:
    """Whether the lock's scope is the resource, something below it, or something above it."""
    scope = str(lock["id"]).lower().partition("/providers/microsoft.authorization/locks/")[0]
    return f"{scope}/".startswith(f"{resource.key}/") or f"{resource.key}/".startswith(f"{scope}/")
