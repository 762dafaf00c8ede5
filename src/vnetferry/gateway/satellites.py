"""What hangs on a workspace without being its child: resources it uses, networks, rights, monitoring, locks."""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.gateway.callers import read_callers, read_connections
from vnetferry.gateway.locks import read_binding_locks
from vnetferry.gateway.monitoring import read_monitoring
from vnetferry.gateway.readings import Readings
from vnetferry.gateway.rights import read_role_assignments, worn_identities
from vnetferry.gateway.storage_services import read_storage_services
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    APPLICATION_INSIGHTS,
    BATCH_ENDPOINT,
    COMPUTE,
    DEPLOYMENT,
    ENDPOINT,
    LOG_WORKSPACE,
    PRIVATE_ENDPOINT_CONNECTION,
    STORAGE_ACCOUNT,
    Document,
)

_ASSOCIATED = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
# Ingestion secrets that Application Insights answers in clear text.
_SECRET_PROPERTIES = ("InstrumentationKey", "ConnectionString")


def read_used(readings: Readings, workspace: Document, children: Iterable[Document]) -> list[Document]:
    """The associated resources, the log workspace and the key vault of its encryption, and identities that are worn."""
    encryption = (workspace.get("encryption") or {}).get("keyVaultProperties") or {}
    named = [*(workspace.get(name) for name in _ASSOCIATED), encryption.get("keyVaultArmId")]
    wanted = {ResourceId(name) for name in named if name} | set(worn_identities([workspace, *children]))
    found = readings.documents(sorted(wanted))
    logs = {str(d.get("WorkspaceResourceId")) for d in found if d.get("WorkspaceResourceId")}
    log_stores = readings.documents(ResourceId(log) for log in sorted(logs))
    return [_without_secrets(document) for document in (*found, *log_stores)]


def read_satellites(
    readings: Readings, workspace: Document, children: list[Document], used: list[Document]
) -> list[Document]:
    """All satellites of a workspace and of what is in it, beside what it uses."""
    endpoints, deployments = _of(children, ENDPOINT), _of(children, DEPLOYMENT)
    connections = read_connections(readings, used)
    inbound = [*_of(children, PRIVATE_ENDPOINT_CONNECTION), *connections]
    wearers = [workspace, *endpoints, *deployments, *_of(children, BATCH_ENDPOINT), *_of(children, COMPUTE)]
    sinks = [*_of(used, LOG_WORKSPACE), *_of(used, APPLICATION_INSIGHTS)]
    return [
        *connections,
        *read_storage_services(readings, (account.id for account in _of(used, STORAGE_ACCOUNT))),
        *read_callers(readings, workspace, used, inbound),
        *read_role_assignments(readings, workspace.id, [e.id for e in endpoints], wearers),
        *read_monitoring(readings, workspace.id, [workspace, *endpoints, *deployments], sinks),
        *read_binding_locks(readings, [workspace.id, *(document.id for document in used)]),
    ]


def _of(documents: Iterable[Document], kind: str) -> list[Document]:
    return [document for document in documents if document.type.lower() == kind.lower()]


def _without_secrets(document: Document) -> Document:
    if document.type.lower() != APPLICATION_INSIGHTS.lower():
        return document
    kept = {key: value for key, value in document.properties.items() if key not in _SECRET_PROPERTIES}
    return Document(id=document.id, body={**document.body, "properties": kept})
