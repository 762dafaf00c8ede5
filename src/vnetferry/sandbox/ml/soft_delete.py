"""Deleted workspaces: their names stay taken for 14 days of Azure's time; they can be recovered or purged.

A workspace's data and metadata are kept; computes and endpoints are deleted for good. A workspace that has
only user-assigned identities is not kept. Source: workspace soft deletion (Azure Machine Learning).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vnetferry.sandbox.ml.managed_network import is_managed, take_down
from vnetferry.sandbox.ml.scope import PROVIDER
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_RETENTION = timedelta(days=14)
_HARD_DELETED = ("computes", "onlineEndpoints", "batchEndpoints", "privateEndpointConnections")


def remove(world: World, workspace: Json, *, purge: bool) -> None:
    """Remove the workspace and all that is in it; unless `purge`, keep what can be recovered."""
    identifier = workspace["id"]
    if is_managed(workspace):
        take_down(world, workspace)
    kept = [] if purge or not _is_kept(workspace) else [workspace, *_recoverable(world, identifier)]
    world.documents.remove(identifier)
    if not kept:
        _forget_secrets(world, identifier)
    else:
        deleted_at = world.clock.now()
        purged_at = deleted_at + _RETENTION
        record = {"documents": kept, "deletedAt": deleted_at.isoformat(), "purgeAt": purged_at.isoformat()}
        world.documents.put({"id": _grave(identifier), **record})


def find_deleted(world: World, workspace_id: str) -> list[Json] | None:
    """The documents of a soft-deleted workspace, itself first; None when there is none any more."""
    record = world.documents.get(_grave(workspace_id))
    if record is None:
        return None
    if datetime.fromisoformat(record["purgeAt"]) <= world.clock.now():
        forget(world, workspace_id)
        return None
    documents: list[Json] = record["documents"]
    return documents


def recover(world: World, workspace_id: str) -> Json:
    """Bring a soft-deleted workspace back and return its document."""
    documents = find_deleted(world, workspace_id) or []
    for document in documents:
        world.documents.put(document)
    world.documents.remove(_grave(workspace_id))
    return documents[0]


def forget(world: World, workspace_id: str) -> None:
    """Purge a soft-deleted workspace; absent is fine."""
    world.documents.remove(_grave(workspace_id))
    _forget_secrets(world, workspace_id)


def _forget_secrets(world: World, workspace_id: str) -> None:
    """Drop the secrets of datastores and connections that are gone for good."""
    prefix = f"{workspace_id.lower()}/"
    for kept in (world.secrets.datastores, world.secrets.connections):
        for identifier in [each for each in kept if each.startswith(prefix)]:
            del kept[identifier]


def _grave(workspace_id: str) -> str:
    """Where a deleted workspace is kept: an id that no request can name, as the table has no such path."""
    subscription, _, rest = workspace_id.strip("/").partition("/")[2].partition("/")
    return f"/subscriptions/{subscription}/providers/{PROVIDER}/softDeleted/{rest.replace('/', '|')}"


def _is_kept(workspace: Json) -> bool:
    return "SystemAssigned" in ((workspace.get("identity") or {}).get("type") or "SystemAssigned")


def _recoverable(world: World, workspace_id: str) -> list[Json]:
    start = len(workspace_id.strip("/").split("/"))
    return [
        document
        for document in world.documents.below(workspace_id)
        if document["id"].strip("/").split("/")[start] not in _HARD_DELETED
    ]
