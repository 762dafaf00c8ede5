"""Keys of an App Configuration store, under a label or none.

Every write names the state that it was decided from (ETag), so what another hand wrote meanwhile is not overwritten.
Source: Azure App Configuration REST reference, key-values, api-version 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from vnetferry.errors import NotFound
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.data_plane import send
from vnetferry.models.base import Json

_SCOPE = "https://azconfig.io/.default"


class Setting(NamedTuple):
    """One key's value, and what is kept with it."""

    value: str
    etag: str
    content_type: str
    tags: Mapping[str, str]


def find_setting(azure: Azure, store: str, key: str, label: str | None) -> Setting | None:
    """The value under a key; None when there is none. Raises: PermissionDenied."""
    try:
        answer = send(azure, "GET", _url(store, key), scope=_SCOPE, query=_query(label))
    except NotFound as err:
        if err.code == "StoreNotFound":
            raise
        return None
    return _setting(answer.body)


def set_setting(azure: Azure, store: str, key: str, label: str | None, wanted: Setting) -> Setting:
    """Write a value. Effects: one PUT.

    In:     wanted.etag: of the state that is replaced; "" when there was none.
    Raises: Conflict (worth deciding anew) when another hand wrote since; Conflict when the key is locked.
    """
    body = {"value": wanted.value, "content_type": wanted.content_type, "tags": dict(wanted.tags)}
    condition = {"If-Match": f'"{wanted.etag}"'} if wanted.etag else {"If-None-Match": "*"}
    headers = {"Content-Type": "application/vnd.microsoft.appconfig.kv+json", **condition}
    answer = send(
        azure, "PUT", _url(store, key), scope=_SCOPE, query=_query(label), body=body, headers=headers
    )
    return _setting(answer.body)


def _url(store: str, key: str) -> str:
    return f"https://{store}.azconfig.io/kv/{quote(key, safe='')}"


def _query(label: str | None) -> dict[str, str]:
    return {"api-version": "1.0", **({"label": label} if label else {})}


def _setting(body: Json) -> Setting:
    return Setting(
        str(body.get("value") or ""),
        str(body["etag"]),
        str(body.get("content_type") or ""),
        body.get("tags") or {},
    )
