"""Azure's refusals: a status, a code and a text, in the envelope of the service that refuses.

Three envelopes exist. ARM's front door answers `{"error":{"code","message"}}` with `x-ms-failure-cause:
gateway`; the ML service behind it adds `details` and `additionalInfo` and marks its answer
`x-ms-response-type: error`, and from 500 on `x-ms-failure-cause: service` too; that service's older part, which keeps
workspaces and connections, writes its additions beside the error.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any, Literal

Envelope = Literal["arm", "service", "account"]


class SandboxError(Exception):
    """The sandbox cannot run as asked; `str()` is one sentence: what, where, and how to mend it."""


class AzureError(Exception):
    """A refusal; raised by handlers, turned into a response at the edge.

    details: further `{"code","message"}` entries. headers: extra response headers (such as Retry-After).
    members: further members of the error object (such as `target`), for whoever raises it to set.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        envelope: Envelope = "arm",
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.envelope = envelope
        self.details = details or []
        self.headers = headers or {}
        self.members: dict[str, Any] = {}

    def error(self) -> dict[str, Any]:
        """The bare error object, as long-running operations carry it."""
        plain: dict[str, Any] = {"code": self.code, "message": self.message, **self.members}
        return {**plain, "details": self.details} if self.details else plain

    def body(self, region: str = "westeurope", now: datetime | None = None) -> dict[str, Any]:
        """The whole JSON body in this error's envelope."""
        if self.envelope == "arm":
            return {"error": self.error()}
        when = now or datetime.now(timezone.utc)
        if self.envelope == "account":
            return {"error": self._bare(), **_circumstances(region, when)}
        details = [{"details": [], "additionalInfo": [], **detail} for detail in self.details]
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": details,
                "additionalInfo": _additional_info(region, when),
            }
        }

    def _bare(self) -> dict[str, Any]:
        """The error of the envelope `account`, whose members are all there."""
        nothing = dict.fromkeys(
            ("messageFormat", "messageParameters", "referenceCode", "detailsUri", "target")
        )
        return {
            "code": self.code,
            "severity": None,
            "message": self.message,
            **nothing,
            "details": self.details,
            **dict.fromkeys(("innerError", "debugInfo", "additionalInfo")),
        }

    def response_headers(self) -> dict[str, str]:
        """What the envelope's owner adds to the headers."""
        if self.envelope == "arm":
            return {"x-ms-failure-cause": "gateway", **self.headers}
        broken = {"x-ms-failure-cause": "service"} if self.status >= 500 else {}
        return {"x-ms-response-type": "error", **broken, **self.headers}


def service_error(status: int, code: str, message: str, **fields: Any) -> AzureError:
    """A refusal by the ML service (`UserError`, `NotFound`, `BadRequest`, …)."""
    return AzureError(status, code, message, envelope="service", **fields)


def account_error(status: int, code: str, message: str, **fields: Any) -> AzureError:
    """A refusal by the ML service's older part, in the shape recorded of connections.

    A public log of a refused workspace PUT names the same component.
    """
    return AzureError(status, code, message, envelope="account", **fields)


def _circumstances(region: str, now: datetime) -> dict[str, Any]:
    return {
        "correlation": _correlation(),
        "environment": region,
        "location": region,
        "time": now.isoformat(),
        "componentName": "account-rp",
    }


def _correlation() -> dict[str, str]:
    return {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]}


def _additional_info(region: str, now: datetime) -> list[dict[str, Any]]:
    values: list[tuple[str, Any]] = [
        ("ComponentName", "managementfrontend"),
        ("Correlation", _correlation()),
        ("Environment", region),
        ("Location", region),
        ("Time", now.isoformat()),
    ]
    return [{"type": kind, "info": {"value": value}} for kind, value in values]
