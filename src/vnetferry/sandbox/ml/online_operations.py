"""Long-running operations of endpoints and deployments.

How they start, what they answer, and how a failure is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.scope import require_workspace
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, Response

# Recorded: `null` until February 2025, nothing in November 2025. That the api-version decides is assumed.
_NO_BODY_SINCE = "2024"


@dataclass(frozen=True)
class Work:
    """One operation to start.

    prefix:    `oeidp` for endpoints, `odidp` for deployments: how the operation's id begins.
    default_s: Azure seconds, unless the scenario says otherwise.
    state:     the provisioningState while it runs; empty leaves it alone.
    result:    what `Location` answers once it succeeded; None answers an empty 200.
    undo:      takes back, when it fails, what was changed at once.
    """

    name: str
    prefix: str
    default_s: float
    finish: Callable[[], Awaitable[None]]
    state: str = ""
    result: Callable[[], Json | None] | None = None
    undo: Callable[[], None] | None = None


def start(call: Call, document: Json, work: Work) -> LongOperation:
    """Begin the operation on a live document; a failure leaves the document `Failed`."""
    workspace = require_workspace(call)

    def fail(_err: AzureError) -> None:
        document["properties"]["provisioningState"] = "Failed"
        if work.undo:
            work.undo()
        call.world.fleet.in_background(call.world.fleet.drop_prepared(document["id"]))

    if work.state:
        document["properties"]["provisioningState"] = work.state
    return call.world.operations.start(
        "mfe",
        work.name,
        document["id"],
        workspace["location"],
        default_s=work.default_s,
        finish=work.finish,
        fail=fail,
        result=work.result,
        prefix=f"{work.prefix}:{workspace['properties'].get('workspaceId', '')}:",
    )


def accepted(call: Call, operation: LongOperation) -> Response:
    """202 without a body, as PATCH and POST answer."""
    return call.world.operations.accepted(operation, call.api_version)


def deleting(call: Call, operation: LongOperation) -> Response:
    """202 with the body `null`, as recorded of deletions in the older api-versions; without a body since."""
    response = accepted(call, operation)
    return replace(response, body=b"null") if call.api_version < _NO_BODY_SINCE else response


def created(call: Call, operation: LongOperation, body: Json) -> Response:
    """201 with the resource's own address as Location: what a PUT answers, be it new or not (recorded)."""
    location = f"https://{call.request.host}{call.request.path}?api-version={call.api_version}"
    headers = call.world.operations.headers(operation, call.api_version, location=location)
    return Response(201, body, {**headers, "x-ms-async-operation-timeout": "PT30M"})


def async_uri(operation: LongOperation, api_version: str) -> str:
    """The operation's status address without its signature, as the service notes it in the resource."""
    return operation.urls(api_version)[0].partition("&t=")[0]
