"""`runtime: echo`: no process; a deployment answers with its own name and what it was sent.

Made for scenarios of thousands of deployments, where what matters is which deployment answered.
"""

from __future__ import annotations

from typing import Any

from vnetferry.sandbox.scoring.specification import name_of
from vnetferry.sandbox.wire import Request, Response, read_json

_LOG = "runtime: echo\nThis deployment has no process: it answers with its own name and the request's body.\n"


def answer(deployment_id: str, request: Request) -> Response:
    """`{"deployment": name, "request": body}`; the body as JSON if it is, else as text."""
    return Response(200, {"deployment": name_of(deployment_id), "request": _content(request.body)})


def logs() -> str:
    """What getLogs shows of an echo deployment."""
    return _LOG


def _content(body: bytes) -> Any:
    try:
        return read_json(body.decode()) if body else None
    except ValueError:
        return body.decode(errors="replace")
