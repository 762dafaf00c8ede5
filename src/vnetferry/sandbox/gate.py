"""What stands before every service: the request log, and the scenario's faults.

The log never holds a secret: it has no header and no body, and signatures and tokens in a query are masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO
from urllib.parse import quote

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.scenario import Fault
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
    return f"{name}=***" if equals and name.lower() in _SECRET_NAMES else pair


@dataclass
class _Countdown:
    fault: Fault
    seen: int = 0

    def strikes(self) -> bool:
        """Count one match, and say whether the fault happens at it."""
        self.seen += 1
        nth = self.seen - self.fault.after
        return nth > 0 and (self.fault.times == 0 or nth <= self.fault.times)


class Faults:
    """The scenario's faults and how often each has been met."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        countdowns = [_Countdown(fault) for fault in faults]
        self._requests = [c for c in countdowns if c.fault.kind != "lro_failure"]
        self._operations = [c for c in countdowns if c.fault.kind == "lro_failure"]

    def strike(self, request: Request) -> Fault | None:
        """The fault that this request meets, or None. Every fault that it matches counts it."""
        met = [
            c.fault
            for c in self._requests
            if _fits(c.fault.match, request.method, request.path) and c.strikes()
        ]
        return met[0] if met else None

    def fail(self, operation: LongOperation, method: str) -> AzureError | None:
        """The error that a long-running operation, started by `method`, ends with; or None."""
        for countdown in self._operations:
            if _fits(countdown.fault.match, method, operation.resource_id) and countdown.strikes():
                return _failure(countdown.fault)
        return None


def answer(fault: Fault) -> Response:
    """The answer of a fault of the kind `answer`, marked as ARM marks its own refusals."""
    body = fault.body or {
        "error": {"code": _CODES.get(fault.status, "InternalServerError"), "message": _MESSAGE}
    }
    return Response(fault.status, body, {"x-ms-failure-cause": "service", **fault.headers}, "Fault")


_MESSAGE = "The scenario's fault answers this request."
_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "AuthorizationFailed",
    404: "NotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


def _failure(fault: Fault) -> AzureError:
    error = fault.body.get("error", fault.body)
    return AzureError(
        200,
        str(error.get("code", "InternalServerError")),
        str(error.get("message", "The scenario's fault ends this operation.")),
        details=list(error.get("details", [])),
    )


def _fits(match: str, method: str, path: str) -> bool:
    """Whether "METHOD glob" (or a glob alone) covers a request; paths are compared without regard to case."""
    wanted, _, glob = match.strip().partition(" ")
    if not glob:
        wanted, glob = "*", wanted
    return fnmatchcase(method.upper(), wanted.upper()) and fnmatchcase(
        path.lower(), quote(glob.strip(), "/*?[]{}:$@!,;=&'()+~%").lower()
    )
