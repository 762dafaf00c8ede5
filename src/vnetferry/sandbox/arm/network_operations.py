"""Where Microsoft.Network's long-running operations are asked for."""

from __future__ import annotations

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Response

_LOCATION = "/subscriptions/{subscriptionId}/providers/Microsoft.Network/locations/{location}"


def operations() -> list[Operation]:
    """The status and result URLs of the `network` family."""
    right = "Microsoft.Network/locations/operations/read"
    return [
        Operation("Network_OperationStatus", "GET", f"{_LOCATION}/operations/{{id}}", _status, right),
        Operation("Network_OperationResult", "GET", f"{_LOCATION}/operationResults/{{id}}", _result, right),
    ]


async def _status(call: Call) -> Response:
    return Response(200, _find(call).status_body(), call.world.operations.pace())


async def _result(call: Call) -> Response:
    operation = _find(call)
    if operation.status == "running":
        return Response(202, None, call.world.operations.pace())
    return Response(200, operation.result() if operation.result else None)


def _find(call: Call) -> LongOperation:
    operation = call.world.operations.find(call.params["id"])
    if operation is None or operation.family != "network":
        message = (
            f"The operation '{call.params['id']}' was not found in location '{call.params['location']}'."
        )
        raise AzureError(404, "OperationNotFound", message)
    return operation
