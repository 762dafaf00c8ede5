"""Azure's refusals: a status, a code and a text, in the envelope of the service that refuses.

Two envelopes exist. ARM's front door answers `{"error":{"code","message"}}` with `x-ms-failure-cause:
gateway`; the ML service behind it adds `details` and `additionalInfo` and marks its answer
`x-ms-response-type: error`.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any, Literal

Envelope = Literal["arm", "service"]


class SandboxError(Exception):
    """The sandbox cannot run as asked; `str()` is one sentence: what, where, and how to mend it."""


class AzureError(Exception):
    """A refusal; raised by handlers, turned into a response at the edge.

    details: further `{"code","message"}` entries. headers: extra response headers (such as Retry-After).
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

    def error(self) -> dict[str, Any]:
        """The bare error object, as long-running operations carry it."""
        plain: dict[str, Any] = {"code": self.code, "message": self.message}
        return {**plain, "details": self.details} if self.details else plain

    def body(self, region: str = "westeurope", now: datetime | None = None) -> dict[str, Any]:
        """The whole JSON body in this error's envelope."""
        if self.envelope == "arm":
            return {"error": self.error()}
        details = [{"details": [], "additionalInfo": [], **detail} for detail in self.details]
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": details,
                "additionalInfo": _additional_info(region, now or datetime.now(timezone.utc)),
            }
        }

    def response_headers(self) -> dict[str, str]:
        """What the envelope's owner adds to the headers."""
        mark = (
            {"x-ms-failure-cause": "gateway"} if self.envelope == "arm" else {"x-ms-response-type": "error"}
        )
        return {**mark, **self.headers}


def service_error(status: int, code: str, message: str, **fields: Any) -> AzureError:
    """A refusal by the ML service (`UserError`, `NotFound`, `BadRequest`, …)."""
    return AzureError(status, code, message, envelope="service", **fields)


def _additional_info(region: str, now: datetime) -> list[dict[str, Any]]:
    correlation = {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]}
    values: list[tuple[str, Any]] = [
        ("ComponentName", "managementfrontend"),
        ("Correlation", correlation),
        ("Environment", region),
        ("Location", region),
        ("Time", now.isoformat()),
    ]
    return [{"type": kind, "info": {"value": value}} for kind, value in values]
