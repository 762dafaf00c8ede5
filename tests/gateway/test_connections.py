"""Connections are copied with their credentials, which nobody sees."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.gateway import connections
from vnetferry.gateway.api_versions import ML
from vnetferry.gateway.azure import Azure
from vnetferry.models.ids import ResourceId

SECRET = "not-for-anybodys-eyes-0123456789"


def _body(secret: str | None) -> dict[str, Any]:
    credentials = {"credentials": {"key": secret}} if secret else {}
    properties = {"category": "ApiKey", "authType": "ApiKey", "target": "https://api.example", **credentials}
    return {"properties": properties}


def test_copy_connection_credentials_go_along_unseen(
    azure: Azure, source: ResourceId, target: ResourceId, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = source.child("connections", "weather"), target.child("connections", "weather")
    azure.arm.put(old, ML, _body(SECRET))
    caplog.set_level("DEBUG")

    written = connections.copy_connection(azure, old, new, _body(None))

    assert written.changed
    assert SECRET not in str(written)
    assert SECRET not in caplog.text
    answered = azure.arm.post(f"{new}/listsecrets", ML).body
    assert answered["properties"]["credentials"]["key"] == SECRET
    assert not connections.copy_connection(azure, old, new, _body(None)).changed


def test_copy_connection_of_a_managed_identity_says_which(
    azure: Azure, source: ResourceId, target: ResourceId
) -> None:
    """Azure shows in no GET which identity it is; a connection without it means another one."""
    old, new = source.child("connections", "lake"), target.child("connections", "lake")
    properties = {"category": "ADLSGen2", "authType": "ManagedIdentity", "target": "https://lake.example"}
    identity = {"clientId": "11111111-0000-4000-8000-000000000001", "resourceId": "/subscriptions/s"}
    azure.arm.put(old, ML, {"properties": {**properties, "credentials": identity}})
    connections.copy_connection(azure, old, new, {"properties": properties})
    answered = azure.arm.post(f"{new}/listsecrets", ML).body
    assert answered["properties"]["credentials"] == identity
