"""What hangs on a workspace without being its child: resources it uses, networks, rights, locks.

Each reading that the caller has no right to, or that Azure does not serve, becomes a line of `unread`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from itertools import chain
from typing import TypeVar

from vnetferry.errors import NotFound, PermissionDenied, Rejected
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.locks import read_locks
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

A = TypeVar("A")
B = TypeVar("B")
_ASSOCIATED = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
# Ingestion secrets that Application Insights answers in clear text.
_SECRET_PROPERTIES = ("InstrumentationKey", "ConnectionString")
_BEARABLE = (PermissionDenied, NotFound, Rejected)


class Readings:
    """Reads in parallel, and keeps a line for each reading that Azure refuses."""

    def __init__(self, azure: Azure, pool: Executor) -> None:
        self.azure, self.unread = azure, set[str]()
        self._pool = pool

    def children(
        self, wanted: Iterable[tuple[ResourceId, str]], query: Mapping[str, str] | None = None
    ) -> list[Document]:
        """The documents of several child collections, (parent, collection name) each; a refusal is raised."""
        return list(
            chain.from_iterable(self._pool.map(lambda which: self._children(which, query), list(wanted)))
        )

    def collections(self, wanted: Iterable[tuple[ResourceId, str]]) -> list[Document]:
        """The same, without the collections that Azure refuses."""
        found = self._pool.map(
            lambda which: self._try(lambda w: self._children(w, None), which, "/".join(map(str, which))),
            list(wanted),
        )
        return [document for documents in found for document in documents or ()]

    def _children(self, which: tuple[ResourceId, str], query: Mapping[str, str] | None) -> list[Document]:
        parent, kind = which
        items = self.azure.arm.list(f"{parent}/{kind}", api_versions.api_version(parent.type), query)
        # Some lists answer items without an id, or with one that is not ARM's, so it is made from the name.
        return [Document(id=parent.child(kind, str(item["name"])), body=item) for item in items]

    def documents(self, wanted: Iterable[ResourceId]) -> list[Document]:
        """Several documents, those that are there and may be read."""

        def read(resource: ResourceId) -> Document:
            return Document(
                id=resource, body=self.azure.arm.get(resource, api_versions.api_version(resource.type))
            )

        return self.each(read, list(wanted))

    def items(self, path: str, api_version: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """The items of one collection; none, and a line of `unread`, when Azure refuses."""
        return self._try(lambda _: list(self.azure.arm.list(path, api_version, query)), path, path) or []

    def each(self, read: Callable[[A], B], wanted: Iterable[A], what: str = "") -> list[B]:
        """`read` of each, in parallel, without those that Azure refuses."""
        found = self._pool.map(
            lambda item: self._try(read, item, f"{what} {getattr(item, 'id', item)}".strip()), wanted
        )
        return [result for result in found if result is not None]

    def _try(self, read: Callable[[A], B], item: A, what: str) -> B | None:
        try:
            return read(item)
        except _BEARABLE as err:
            self.unread.add(f"{what}: {err.what}")
            return None


def read_satellites(readings: Readings, workspace: Document, endpoints: Iterable[Document]) -> list[Document]:
    """All satellites of a workspace and its endpoints and deployments."""
    endpoints = list(endpoints)
    used = _used(readings, workspace, endpoints)
    return [
        *used,
        *_private_endpoints(readings, workspace, used),
        *_role_assignments(readings, workspace, endpoints),
        *_locks(readings, workspace, used),
        *_diagnostic_settings(readings, [workspace, *endpoints]),
        *_autoscale(readings, workspace),
    ]


def _used(readings: Readings, workspace: Document, endpoints: list[Document]) -> list[Document]:
    """The associated resources, the identities worn by the workspace and its endpoints, its log workspace."""
    wanted = {ResourceId(workspace.get(name)) for name in _ASSOCIATED if workspace.get(name)}
    wanted |= {ResourceId(name) for document in (workspace, *endpoints) for name in _identities(document)}
    found = readings.documents(sorted(wanted))
    logs = {str(d.get("WorkspaceResourceId")) for d in found if d.get("WorkspaceResourceId")}
    return [
        _without_secrets(d) for d in (*found, *readings.documents(ResourceId(log) for log in sorted(logs)))
    ]


def _identities(document: Document) -> list[str]:
    return list((document.body.get("identity") or {}).get("userAssignedIdentities") or {})


def _without_secrets(document: Document) -> Document:
    if document.type.lower() != "microsoft.insights/components":
        return document
    kept = {key: value for key, value in document.properties.items() if key not in _SECRET_PROPERTIES}
    return Document(id=document.id, body={**document.body, "properties": kept})


def _private_endpoints(readings: Readings, workspace: Document, used: list[Document]) -> list[Document]:
    """The subscription's private endpoints to the workspace or what it uses, and their DNS zone groups."""
    targets = {workspace.id.key, *(document.id.key for document in used)}
    path = f"/subscriptions/{workspace.id.subscription_id}/providers/Microsoft.Network/privateEndpoints"
    items = readings.items(path, api_versions.NETWORK)
    found = [Document(id=ResourceId(item["id"]), body=item) for item in items if _reaches(item) & targets]
    return [*found, *readings.collections((d.id, "privateDnsZoneGroups") for d in found)]


def _reaches(private_endpoint: Json) -> set[str]:
    """What a private endpoint connects to, in lower case."""
    properties = private_endpoint.get("properties") or {}
    kinds = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
    connections = chain.from_iterable(properties.get(kind) or () for kind in kinds)
    return {str((c.get("properties") or {}).get("privateLinkServiceId") or "").lower() for c in connections}


def _role_assignments(readings: Readings, workspace: Document, endpoints: list[Document]) -> list[Document]:
    """Assignments on the workspace and below it, and those to its and its endpoints' identities."""
    provider = "providers/Microsoft.Authorization/roleAssignments"
    subscription = f"/subscriptions/{workspace.id.subscription_id}"
    principals = {
        str(identity["principalId"])
        for document in (workspace, *endpoints)
        if (identity := document.body.get("identity") or {}).get("principalId")
    }

    def to_principal(principal: str) -> list[Json]:
        query = {"$filter": f"principalId eq '{principal}'"}
        return readings.items(f"{subscription}/{provider}", api_versions.AUTHORIZATION, query)

    on_it = readings.items(f"{workspace.id}/{provider}", api_versions.AUTHORIZATION)
    below = [
        item
        for item in on_it
        if _scope(item) == workspace.id.key or _scope(item).startswith(f"{workspace.id.key}/")
    ]
    return _identified([*below, *chain.from_iterable(readings.each(to_principal, sorted(principals)))])


def _scope(assignment: Json) -> str:
    return str((assignment.get("properties") or {}).get("scope") or "").lower()


def _locks(readings: Readings, workspace: Document, used: list[Document]) -> list[Document]:
    found = readings.each(lambda d: read_locks(readings.azure, d.id), [workspace, *used], "locks of")
    return _identified(chain.from_iterable(found))


def _diagnostic_settings(readings: Readings, documents: list[Document]) -> list[Document]:
    def read(document: Document) -> list[Json]:
        path = f"{document.id}/providers/Microsoft.Insights/diagnosticSettings"
        return readings.items(path, api_versions.DIAGNOSTIC_SETTINGS)

    return _identified(chain.from_iterable(readings.each(read, documents)))


def _autoscale(readings: Readings, workspace: Document) -> list[Document]:
    """Autoscale settings of the resource group that act on deployments of the workspace."""
    path = f"{workspace.id.group_id}/providers/Microsoft.Insights/autoscalesettings"
    items = readings.items(path, api_versions.AUTOSCALE)
    prefix = f"{workspace.id.key}/"
    ours = [
        i
        for i in items
        if str((i.get("properties") or {}).get("targetResourceUri")).lower().startswith(prefix)
    ]
    return _identified(ours)


def _identified(items: Iterable[Json]) -> list[Document]:
    return [Document(id=ResourceId(str(item["id"])), body=item) for item in items]
