"""The status and result URLs of the ML service's long-running operations, each family under its own words.

A URL is answered only with the signature that came with it; a client that rebuilds it from the id is refused.
"""

from __future__ import annotations

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml.api_versions import ALL
from vnetferry.sandbox.operations import Family, LongOperation
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Response

_LOCATION = "/subscriptions/{subscriptionId}/providers/Microsoft.MachineLearningServices/locations/{location}"
_RIGHT = "Microsoft.MachineLearningServices/locations"
_SIGNATURE = ("t", "c", "s", "h")


def operations() -> list[Operation]:
    """One row per URL; `workspace` and `registry` use one URL for both, told apart by `type`."""
    return [
        _row("OnlineOperations_Status", "mfe", "mfeOperationsStatus", _status),
        _row("OnlineOperations_Result", "mfe", "mfeOperationResults", _result),
        _row("WorkspaceOperations_Status", "workspace", "workspaceOperationsStatus", _by_type),
        _row("ComputeOperations_Status", "compute", "computeOperationsStatus", _status),
        _row("ComputeOperations_Result", "compute", "computeOperationsResults", _result),
        _row("RegistryOperations_Status", "registry", "registryOperationsStatus", _by_type),
    ]


def _row(name: str, family: Family, word: str, answer: Handler) -> Operation:
    async def handle(call: Call) -> Response:
        _require(call, family)
        return await answer(call)

    path, right = f"{_LOCATION}/{word}/{{operationId}}", f"{_RIGHT}/{word}/read"
    return Operation(name, "GET", path, handle, right, ALL, "recorded")


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
        return Response(
            202, None, {"Location": operation.urls(call.api_version)[1], **call.world.operations.pace()}
        )
    if operation.error:
        # Assumed: no recording reads the result of an operation that failed.
        raise service_error(400, operation.error["code"], operation.error["message"])
    return Response(200, operation.result() if operation.result else None)


def _found(call: Call) -> LongOperation:
    operation = call.world.operations.find(call.params["operationId"])
    if operation is None:
        raise _absent(call)
    return operation


def _require(call: Call, family: Family) -> None:
    """Refuse an id that is unknown, of another family or subscription, or without its signature."""
    operation = call.world.operations.find(call.params["operationId"])
    if operation is None or operation.family != family:
        raise _absent(call)
    if operation.subscription_id.lower() != call.params["subscriptionId"].lower():
        raise _absent(call)
    sent = "&".join(f"{name}={call.request.query.get(name, '')}" for name in _SIGNATURE)
    if sent != operation.signature[_asks_result(call)]:
        raise service_error(
            403, "Forbidden", "The signature of the operation's URL is missing or does not match."
        )


def _absent(call: Call) -> Exception:
    identifier = call.params["operationId"]
    detail = {"code": "OperationNotFound", "message": f"Operation {identifier} was not found."}
    return service_error(404, "NotFound", f"Operation {identifier} was not found.", details=[detail])
