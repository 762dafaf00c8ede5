"""Secrets of a key vault: their newest version, and a new version beside the old ones.

Source: Azure Key Vault REST reference, secrets. Old versions are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vnetferry.errors import NotFound
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.data_plane import send
from vnetferry.models.base import Json

_SCOPE = "https://vault.azure.net/.default"
_VERSION = {"api-version": "7.4"}


@dataclass(frozen=True)
class Secret:
    """One version of a secret; its value is not shown by repr."""

    value: str = field(repr=False)
    version: str
    tags: Mapping[str, str]


def find_secret(azure: Azure, vault: str, name: str, version: str = "") -> Secret | None:
    """The newest version of a secret, or the one named; None when there is none.

    Raises: PermissionDenied; NotFound for a vault that is not there.
    """
    try:
        answer = send(azure, "GET", _url(vault, name, version), scope=_SCOPE, query=_VERSION)
    except NotFound as err:
        if err.code == "SecretNotFound":
            return None
        raise
    return _secret(answer.body)


def set_secret(azure: Azure, vault: str, name: str, value: str, tags: Mapping[str, str]) -> Secret:
    """Write a new version. Effects: one PUT; the versions before it stay.

    Raises: Conflict while a deleted secret of that name is kept.
    """
    body = {"value": value, "contentType": _content_type(value), "tags": dict(tags)}
    answer = send(azure, "PUT", _url(vault, name, ""), scope=_SCOPE, query=_VERSION, body=body)
    return _secret(answer.body)


def _content_type(value: str) -> str:
    return "application/json" if value.startswith("{") else "text/plain"


def _url(vault: str, name: str, version: str) -> str:
    return f"https://{vault}.vault.azure.net/secrets/{name}" + (f"/{version}" if version else "")


def _secret(body: Json) -> Secret:
    return Secret(str(body["value"]), str(body["id"]).rpartition("/")[2], body.get("tags") or {})
