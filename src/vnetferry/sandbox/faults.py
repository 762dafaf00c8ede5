"""When a scenario's faults happen: which request, write or long-running operation each of them strikes.

Each fault counts what it matches, in the order of arrival, and throws its own dice, seeded by the scenario: the
same requests in the same order meet the same faults, whatever the other faults do.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from random import Random
from urllib.parse import quote

from vnetferry.sandbox.blob.answers import refusal
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.hosts import Service
from vnetferry.sandbox.operations import Fate
from vnetferry.sandbox.scenario import OPERATION_FAULTS, WRITE_FAULTS, Fault
from vnetferry.sandbox.wire import Request, Response

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
# What the Blob service calls otherwise. Source: common REST API error codes, Blob service error codes.
_BLOB_CODES = {
    403: "AuthorizationFailure",
    404: "ResourceNotFound",
    412: "ConditionNotMet",
    429: "ServerBusy",
    500: "InternalError",
    503: "ServerBusy",
    504: "OperationTimedOut",
}
_ARM = "management.azure.com"


class _Countdown:
    """One fault, what it has matched so far, and how often it has struck."""

    def __init__(self, fault: Fault, dice: Random) -> None:
        self.fault = fault
        self._dice = dice
        self._seen = self._struck = 0

    def strikes(self) -> bool:
        """Count one match, and say whether the fault happens at it."""
        self._seen += 1
        over = self.fault.times and self._struck >= self.fault.times
        if over or self._seen <= self.fault.after or self._dice.random() >= self.fault.probability:
            return False
        self._struck += 1
        return True


class Faults:
    """The scenario's faults and how often each has been met."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        countdowns = [
            # A game's dice, not a secret's: the same seed must give the same throws.
            _Countdown(fault, Random(f"{seed}/{number}"))  # noqa: S311
            for number, fault in enumerate(faults)
        ]
        self._operations = [c for c in countdowns if c.fault.kind in OPERATION_FAULTS]
        self._writes = [c for c in countdowns if c.fault.kind in WRITE_FAULTS]
        self._requests = [c for c in countdowns if c not in self._operations and c not in self._writes]

    def strike(self, request: Request) -> Fault | None:
        """The fault that this request meets, or None. Every fault that it matches counts it."""
        return _first(self._requests, request.method, request.host, request.path)

    def strike_write(self, request: Request) -> Fault | None:
        """The fault of reading that this write brings about, or None; counted as above."""
        return _first(self._writes, request.method, request.host, request.path)

    def fate(self, method: str, resource_id: str, action: str = "") -> Fate:
        """What becomes of a long-running operation that `method` starts on a resource; counted as above.

        action: the last part of a POST's path, such as provisionManagedNetwork; `match` may name it or not.
        """
        paths = (resource_id, f"{resource_id}/{action}") if action else (resource_id,)
        fault = _first(self._operations, method, _ARM, *paths)
        if fault is None:
            return None
        return "stuck" if fault.kind == "lro_stuck" else _failure(fault)


def answer(fault: Fault, service: Service, now: datetime) -> Response:
    """The answer of a fault of the kind `answer`, in its service's envelope and marked as Azure marks its refusals."""
    code = _CODES.get(fault.status, "InternalServerError")
    told = Response(fault.status, {"error": {"code": code, "message": _MESSAGE}})
    if fault.body:
        told = Response(fault.status, fault.body)
    elif service == "blob":
        told = refusal(AzureError(fault.status, _BLOB_CODES.get(fault.status, code), _MESSAGE), now)
    elif service == "entra":
        told.body = {"error": "temporarily_unavailable", "error_description": f"AADSTS90033: {_MESSAGE}"}
    elif service == "settings":
        told.body = {"type": "about:blank", "title": _MESSAGE, "name": code, "status": fault.status}
        told.headers["Content-Type"] = "application/problem+json; charset=utf-8"
    marks = {"x-ms-request-id": str(uuid.uuid4())}
    if service == "arm":
        marks["x-ms-failure-cause"] = "service"
    return Response(fault.status, told.body, {**marks, **told.headers, **fault.headers}, "Fault")


def _first(countdowns: Iterable[_Countdown], method: str, host: str, *paths: str) -> Fault | None:
    """Each of the paths is the request's, in other words."""
    met = [c.fault for c in countdowns if _fits(c.fault, method, host, paths) and c.strikes()]
    return met[0] if met else None


def _failure(fault: Fault) -> AzureError:
    error = fault.body.get("error", fault.body)
    return AzureError(
        200,
        str(error.get("code", "InternalServerError")),
        str(error.get("message", "The scenario's fault ends this operation.")),
        details=list(error.get("details", [])),
    )


def _fits(fault: Fault, method: str, host: str, paths: Iterable[str]) -> bool:
    """Whether "METHOD glob" (or a glob alone) covers a request; paths are compared without regard to case."""
    wanted, _, glob = fault.match.strip().partition(" ")
    if not glob:
        wanted, glob = "*", wanted
    written = quote(glob.strip(), "/*?[]{}:$@!,;=&'()+~%").lower()
    return (
        fnmatchcase(method.upper(), wanted.upper())
        and fnmatchcase(host.lower(), fault.host.lower())
        and any(fnmatchcase(path.lower(), written) for path in paths)
    )
