"""Whether the private endpoints that the migration goes by are approved on what they lead to."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding, Fix
from vnetferry.models.inventory import Document, is_legacy_connection

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints"


def check_connections(facts: Facts) -> list[Finding]:
    """A connection that waits for approval carries nothing. Those of strangers are left alone."""
    return [
        _pending(connection) if _status(connection) == "pending" else _broken(connection)
        for connection in facts.connections
        if _status(connection) != "approved" and _is_ours(facts, connection)
    ]


def _pending(connection: Document) -> Finding:
    return Finding(
        check="connections",
        severity="warns",
        resource=resource(connection),
        evidence=f"the private endpoint {_endpoint(connection).rpartition('/')[2]} waits for approval",
        remedy=f"az network private-endpoint-connection approve --id {connection.id} --description vnetferry",
        source=_SOURCE,
        fix=Fix(kind="approve_connection", resource=resource(connection)),
    )


def _broken(connection: Document) -> Finding:
    name = _endpoint(connection).rpartition("/")[2]
    return Finding(
        check="connections",
        severity="warns",
        resource=resource(connection),
        evidence=f"the connection of private endpoint {name} is {_status(connection)}, which cannot be taken back",
        remedy=f"az network private-endpoint-connection delete --id {connection.id} --yes, then make {name} anew",
        source=_SOURCE,
    )


def _status(connection: Document) -> str:
    return str(connection.get("privateLinkServiceConnectionState", {}).get("status", "Approved")).lower()


def _endpoint(connection: Document) -> str:
    return str(connection.get("privateEndpoint", {}).get("id", ""))


def _is_ours(facts: Facts, connection: Document) -> bool:
    """Whether it is a legacy deployment's, that of a caller of the source, or the target's own."""
    known = {document.id.key for document in facts.inventory.documents}
    return (
        is_legacy_connection(connection)
        or _endpoint(connection).lower() in known
        or connection.id.is_under(facts.scope.target)
    )
