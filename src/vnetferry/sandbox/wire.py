"""A request as a handler sees it, and the response that it gives back.

Paths keep their case (Azure echoes it) and are compared without it; query names and header names are lower case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from vnetferry.sandbox.errors import AzureError

Json = dict[str, Any]
INTERNET = "internet"


@dataclass(frozen=True)
class Principal:
    """Who sends a request, as its token says. Ids are GUIDs; `audience` is the token's `aud`."""

    object_id: str
    app_id: str
    tenant_id: str
    audience: str = ""


@dataclass(frozen=True)
class Request:
    """One HTTP request. `path` is still percent-encoded; `segments` are decoded."""

    method: str
    host: str
    path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    vantage: str = INTERNET
    principal: Principal | None = None

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, decoded."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    @property
    def query(self) -> dict[str, str]:
        """Decoded query; names in lower case, the last of equal names wins."""
        return {k.lower(): v for k, v in parse_qsl(self.raw_query, keep_blank_values=True)}

    def json(self) -> Json:
        """The body as a JSON object; AzureError 400 `InvalidRequestContent` when it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as err:
            raise _bad_content(str(err)) from err
        if not isinstance(value, dict):
            raise _bad_content(f"expected a JSON object, found {type(value).__name__}")
        return value


@dataclass
class Response:
    """One HTTP response. A dict or list body is sent as JSON; bytes as they are; None as no body.

    operation: the name of the operation that answered, for the request log.
    """

    status: int = 200
    body: Json | list[Any] | bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    operation: str = ""

    def encoded(self) -> bytes:
        """The body's bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, separators=(",", ":")).encode()


def _bad_content(why: str) -> AzureError:
    message = f"The request content was invalid and could not be deserialized: '{why}'."
    return AzureError(400, "InvalidRequestContent", message)
