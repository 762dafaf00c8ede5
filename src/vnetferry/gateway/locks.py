"""Management locks: what stands in the way of a change or a deletion."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import chain

from vnetferry.errors import NotFound
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.readings import Readings, identified
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

_LOCKS = "/providers/Microsoft.Authorization/locks"


def read_locks(azure: Azure, resource: ResourceId) -> list[Json]:
    """Every lock that binds the resource: on itself, below it, on its resource group and its subscription."""
    subscription = f"/subscriptions/{resource.subscription_id}"
    found = list(azure.arm.list(f"{resource}{_LOCKS}", api_versions.LOCKS))
    at_scope = {"$filter": "atScope()"}
    for scope in (str(resource.group_id), subscription):
        found += azure.arm.list(f"{scope}{_LOCKS}", api_versions.LOCKS, at_scope)
    return list({str(lock["id"]).lower(): lock for lock in found if _binds(lock, resource)}.values())


def read_binding_locks(readings: Readings, resources: Iterable[ResourceId]) -> list[Document]:
    """The locks that bind any of the resources, each scope asked once: who may not read one may read another."""
    wanted = sorted(set(resources))
    groups = sorted({resource.group_id for resource in wanted})
    subscriptions = sorted({f"/subscriptions/{resource.subscription_id.lower()}" for resource in wanted})
    at_scope = {"$filter": "atScope()"}
    scopes = [(str(r), None) for r in wanted] + [(str(s), at_scope) for s in (*groups, *subscriptions)]

    def read(asked: tuple[str, dict[str, str] | None]) -> list[Json]:
        return readings.items(f"{asked[0]}{_LOCKS}", api_versions.LOCKS, asked[1])

    found = identified(chain.from_iterable(readings.each(read, scopes)))
    return [lock for lock in found if any(_binds(lock.body, resource) for resource in wanted)]


def read_locks_of(azure: Azure, workspace: ResourceId, parts: Iterable[ResourceId]) -> list[Json]:
    """Every lock that binds a workspace or any of these parts of it, each once."""
    found = read_locks(azure, workspace)
    for part in parts:
        with suppress(NotFound):  # what is gone holds no lock
            found += azure.arm.list(f"{part}{_LOCKS}", api_versions.LOCKS)
    return list({str(lock["id"]).lower(): lock for lock in found}.values())


def _binds(lock: Json, resource: ResourceId) -> bool:
    """Whether the lock's scope is the resource, something below it, or something above it."""
    scope = str(lock["id"]).lower().partition("/providers/microsoft.authorization/locks/")[0]
    return f"{scope}/".startswith(f"{resource.key}/") or f"{resource.key}/".startswith(f"{scope}/")
