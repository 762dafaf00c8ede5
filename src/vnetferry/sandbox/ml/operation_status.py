"""The status and result URLs of the ML service's long-running operations, each family under its own words.

A URL is answered only with the signature that came with it; a client that rebuilds it from the id is refused.
"""

from __future__ import annotations

from typing import Any

from vnetferry.sandbox.errors import AzureError, account_error, service_error
from vnetferry.sandbox.ml.api_versions import ALL
from vnetferry.sandbox.operations import Family, LongOperation
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Response

_LOCATION = "/subscriptions/{subscriptionId}/providers/Microsoft.MachineLearningServices/locations/{location}"
_RIGHT = "Microsoft.MachineLearningServices/locations"
_NOTES = {
    "mfe": "recorded: its address, and 404 of a lost operation; what it answers of the others is assumed",
    "compute": "no recording has such an address",
}
_SIGNATURE = ("t", "c", "s", "h")


def operations() -> list[Operation]:
    """One row per URL; `workspace` and `registry` use one URL for both, told apart by `type`."""
    return [
        _row("OnlineOperations_Status", "mfe", "mfeOperationsStatus", _status),
        _row("OnlineOperations_Result", "mfe", "mfeOperationResults", _result, _NOTES["mfe"]),
        _row("WorkspaceOperations_Status", "workspace", "workspaceOperationsStatus", _by_type),
        _row("ComputeOperations_Status", "compute", "computeOperationsStatus", _status),
        _row("ComputeOperations_Result", "compute", "computeOperationsResults", _result, _NOTES["compute"]),
        _row("RegistryOperations_Status", "registry", "registryOperationsStatus", _by_type),
    ]


def _row(name: str, family: Family, word: str, answer: Handler, assumed: str = "") -> Operation:
    async def handle(call: Call) -> Response:
        _require(call, family)
        return await answer(call)

    path, right = f"{_LOCATION}/{word}/{{operationId}}", f"{_RIGHT}/{word}/read"
    return Operation(name, "GET", path, handle, right, ALL, "assumed" if assumed else "recorded", assumed)


async def _by_type(call: Call) -> Response:
    return await (_result if _asks_result(call) else _status)(call)


def _asks_result(call: Call) -> bool:
    """Whether this is the operation's `Location`, which is signed apart from its status."""
    return call.operation.name.endswith("_Result") or call.request.query.get("type") == "location"


async def _status(call: Call) -> Response:
    operation = _found(call)
    return Response(200, operation.status_body(), call.world.operations.pace())


async def _result(call: Call) -> Response:
    operation = _found(call)
    if operation.status == "running":
        return _still_running(call, operation)
    if operation.error:
        # Assumed: no recording reads the result of an operation that failed.
        raise _refusal(operation.family, 400, operation.error["code"], operation.error["message"])
    return Response(200, operation.result() if operation.result else None)


def _still_running(call: Call, operation: LongOperation) -> Response:
    """202. Recorded of a diagnosis: its poll has both headers, although its beginning had `Location` alone."""
    headers = call.world.operations.headers(operation, call.api_version)
    if operation.family == "mfe":
        headers.pop("Azure-AsyncOperation")
    return Response(202, None, headers)


def _found(call: Call) -> LongOperation:
    """The operation, which `_require` has found."""
    operation = call.world.operations.find(call.params["operationId"])
    if operation is None:
        raise LookupError(call.params["operationId"])
    return operation


def _require(call: Call, family: Family) -> None:
    """Refuse an id that is unknown, of another family or subscription, or without its signature."""
    operation = call.world.operations.find(call.params["operationId"])
    if operation is None or operation.family != family:
        raise _absent(call, family)
    if operation.subscription_id.lower() != call.params["subscriptionId"].lower():
        raise _absent(call, family)
    sent = "&".join(f"{name}={call.request.query.get(name, '')}" for name in _SIGNATURE)
    if sent != operation.signature[_asks_result(call)]:
        message = "The signature of the operation's URL is missing or does not match."
        raise _refusal(family, 403, "Forbidden", message)


def _absent(call: Call, family: Family) -> AzureError:
    """Recorded: the codes. The outer text is what the service says of whatever it does not find."""
    message = f"There is no operation with id {call.params['operationId']}."
    detail = {"code": "OperationNotFound", "message": message}
    return _refusal(family, 404, "NotFound", "The specified resource was not found.", details=[detail])


def _refusal(family: Family, status: int, code: str, message: str, **fields: Any) -> AzureError:
    """In the envelope of who keeps the operation: of a workspace's that is assumed."""
    refuse = account_error if family == "workspace" else service_error
    return refuse(status, code, message, **fields)
