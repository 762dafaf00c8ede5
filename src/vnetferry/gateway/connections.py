"""Workspace connections, with their secrets: read from the source and sent to the target, never returned."""

from __future__ import annotations

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, ensure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_WITHOUT_CREDENTIALS = {"none", "aad", "useridentity"}  # authTypes, in lower case


def copy_connection(azure: Azure, source: ResourceId, target: ResourceId, body: Json) -> Written:
    """Make the target's connection what `body` says, with the source's credentials, in at most one PUT."""
    secrets = None
    if str((body.get("properties") or {}).get("authType") or "None").lower() not in _WITHOUT_CREDENTIALS:
        secrets = {"credentials": _read_credentials(azure, source)}
    return ensure(azure, target, body, kind="document", secrets=secrets)


def _read_credentials(azure: Azure, connection: ResourceId) -> Json:
    body = azure.arm.post(f"{connection}/listsecrets", api_versions.ML).body
    return dict(body["properties"].get("credentials") or {})
