"""What is written down of every request.

The log never holds a secret: it has no header and no body, and signatures and tokens in a query are masked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from vnetferry.sandbox.wire import Request, Response

_SECRET_NAMES = frozenset(
    {"sig", "token", "access_token", "client_secret", "code", "key", "password", "secret"}
)


@dataclass
class RequestLog:
    """JSON lines: t, vantage, method, host, path, query, status, operation, ms. Both times are real."""

    file: Path | None = None
    count: int = 0
    _stream: IO[str] | None = field(default=None, repr=False)

    def open(self) -> None:
        """Begin an empty file; OSError when it cannot be written."""
        if self.file is not None:
            self._stream = self.file.open("w", encoding="utf-8", buffering=1)

    def write(self, t: float, request: Request, response: Response, ms: float) -> None:
        """Add one line; status 0 means that no answer was sent."""
        self.count += 1
        if self._stream is None:
            return
        line = {
            "t": round(t, 4),
            "vantage": request.vantage,
            "method": request.method,
            "host": request.host,
            "path": request.path,
            "query": masked(request.raw_query),
            "status": response.status,
            "operation": response.operation,
            "ms": round(ms, 2),
        }
        self._stream.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def masked(raw_query: str) -> str:
    """The query with the values of secrets replaced."""
    return "&".join(_masked_pair(pair) for pair in raw_query.split("&")) if raw_query else ""


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}=***" if equals and unquote(name).lower() in _SECRET_NAMES else pair
