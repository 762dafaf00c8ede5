"""Resource Manager's front door: finds a request's operation, admits it, and heads every answer as ARM does.

In this order, as ARM does: token (401), budget of requests (429), path (404), method (405), api-version (400),
rights (403), then what `front_door` checks, then the operation itself.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import format_datetime
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from vnetferry.sandbox import entra
from vnetferry.sandbox.arm import (
    authorization,
    containerregistry,
    deployments,
    front_door,
    groups,
    identity,
    insights,
    keyvault,
    locks,
    network,
    private_endpoints,
    providers,
    role_assignments,
    storage,
    virtual_networks,
)
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import (
    assets,
    codes,
    computes,
    connections,
    data,
    datastores,
    endpoints,
    environments,
    managed_network,
    models,
    operation_status,
    outbound_rules,
    usages,
    workspace_actions,
    workspaces,
)
from vnetferry.sandbox.ml import deployments as online_deployments
from vnetferry.sandbox.routes import Call, Operation, Routes
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

AUDIENCES = ("https://management.core.windows.net/", "https://management.azure.com/")

# Every service module; each has `operations()`. Add yours here.
SERVICES: tuple[ModuleType, ...] = (
    groups,
    providers,
    storage,
    network,
    locks,
    keyvault,
    containerregistry,
    insights,
    identity,
    role_assignments,
    deployments,
    workspaces,
    managed_network,
    outbound_rules,
    endpoints,
    online_deployments,
    operation_status,
    workspace_actions,
    computes,
    datastores,
    connections,
    codes,
    models,
    environments,
    data,
    usages,
)

# What registers a scenario's document of a type (lower case); a type without a row is kept as it is. Add
# yours here.
ADOPT: Mapping[str, Callable[[World, Json], None]] = {
    "microsoft.resources/resourcegroups": groups.adopt,
    "microsoft.storage/storageaccounts": storage.adopt,
    "microsoft.keyvault/vaults": keyvault.adopt,
    "microsoft.containerregistry/registries": containerregistry.adopt,
    "microsoft.managedidentity/userassignedidentities": identity.adopt,
    "microsoft.network/virtualnetworks": virtual_networks.adopt,
    "microsoft.network/privateendpoints": private_endpoints.adopt,
    "microsoft.machinelearningservices/workspaces": workspaces.adopt,
    "microsoft.machinelearningservices/workspaces/onlineendpoints": endpoints.adopt,
    "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments": online_deployments.adopt,
    "microsoft.machinelearningservices/workspaces/datastores": datastores.adopt,
    "microsoft.machinelearningservices/workspaces/connections": connections.adopt,
    "microsoft.machinelearningservices/workspaces/outboundrules": outbound_rules.adopt,
    "microsoft.machinelearningservices/workspaces/codes": assets.adopt,
    "microsoft.machinelearningservices/workspaces/models": assets.adopt,
    "microsoft.machinelearningservices/workspaces/environments": assets.adopt,
    "microsoft.machinelearningservices/workspaces/data": assets.adopt,
    "microsoft.machinelearningservices/workspaces/codes/versions": assets.adopt,
    "microsoft.machinelearningservices/workspaces/models/versions": assets.adopt,
    "microsoft.machinelearningservices/workspaces/environments/versions": assets.adopt,
    "microsoft.machinelearningservices/workspaces/data/versions": assets.adopt,
}

_log = logging.getLogger(__name__)


@cache
def routes() -> Routes:
    """The whole table of ARM operations."""
    return Routes(operation for service in SERVICES for operation in service.operations())


async def handle(world: World, request: Request) -> Response:
    """Answer one request to `management.azure.com`; never raises AzureError."""
    budget: dict[str, str] = {}
    try:
        principal = entra.authenticate(world, request, AUDIENCES)
        budget = world.throttle.spend(request, principal)
        call = find(world, replace(request, principal=principal))
        response = await _answer(call)
    except AzureError as err:
        response = _refusal(world, err)
    except Exception as err:  # noqa: BLE001 - a defect must not cut the connection: Azure answers 500
        _log.exception("The sandbox failed at %s %s", request.method, request.path)
        response = _refusal(world, AzureError(500, "InternalServerError", f"Sandbox defect: {err!r}"))
    response.operation = response.operation or name_of(request)
    response.headers = {**_headers(world, request), **budget, **response.headers}
    return response


def name_of(request: Request) -> str:
    """The operation that a request asks for, be it admitted or not; `Unknown` when there is none such."""
    fitting = [row for row in routes().matching(request.segments) if row[0].method == request.method]
    return _closest(fitting)[0].name if fitting else "Unknown"


async def dispatch(world: World, request: Request) -> Response:
    """Answer a request whose principal is known, by the same rules; AzureError when it is refused.

    Template deployments make their resources through this.
    """
    call = find(world, request)
    response = await _answer(call)
    response.operation = response.operation or call.operation.name
    return response


def find(world: World, request: Request) -> Call:
    """The operation of a request and the api-version it asks for; AzureError 404, 405 or 400."""
    matching = routes().matching(request.segments)
    if not matching:
        raise _unknown_path(request)
    fitting = [row for row in matching if row[0].method == request.method]
    if not fitting:
        allowed = ", ".join(sorted({operation.method for operation, _ in matching}))
        message = f"The requested resource does not support http method '{request.method}'."
        raise AzureError(405, "MethodNotAllowed", message, headers={"Allow": allowed})
    operation, params = _closest(fitting)
    return Call(request, world, operation, params, _api_version(operation, request))


def _closest(rows: list[tuple[Operation, dict[str, str]]]) -> tuple[Operation, dict[str, str]]:
    """A literal segment wins over a name: `/resources` is not a group's child called "resources"."""
    return min(rows, key=lambda row: row[0].path.count("{"))


async def _answer(call: Call) -> Response:
    if call.operation.action:
        authorization.require(call.world, call.request.principal, call.operation.action, scope_of(call.path))
    front_door.admit(call)
    with call.world.stale.around(call) as seen:
        return await call.operation.handle(seen)


def scope_of(path: str) -> str:
    """The resource that a path is about: without the collection or the action that it may end with."""
    parts = path.strip("/").split("/")
    lower = [part.lower() for part in parts]
    start = len(lower) - lower[::-1].index("providers") if "providers" in lower else 0
    below = len(parts) - start
    if start and below <= 2:  # …/providers/{namespace}/{collection}
        return "/" + "/".join(parts[: start - 1])
    is_whole = below % 2 == (1 if start else 0)
    return "/" + "/".join(parts if is_whole else parts[:-1])


def _api_version(operation: Operation, request: Request) -> str:
    version = request.query.get("api-version", "")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise AzureError(400, "MissingApiVersionParameter", message)
    if operation.api_versions and version.lower() not in operation.api_versions:
        raise _unknown_version(operation, version)
    return version


def _unknown_version(operation: Operation, version: str) -> AzureError:
    supported = ", ".join(sorted(operation.api_versions))
    parts = [part for part in operation.path.split("/") if part and not part.startswith("{")]
    if "providers" not in parts:
        message = f"The api-version '{version}' is invalid. The supported versions are '{supported}'."
        return AzureError(400, "InvalidApiVersionParameter", message)
    kind = "/".join(parts[parts.index("providers") + 2 :])
    message = (
        f"No registered resource provider found for location '' and API version '{version}' for type "
        f"'{kind}'. The supported api-versions are '{supported}'."
    )
    return AzureError(400, "NoRegisteredProviderFound", message)


def _unknown_path(request: Request) -> AzureError:
    """ARM's words for a type that no provider has, and whether it is Azure or the sandbox that lacks it."""
    parts = list(request.segments)
    lower = [part.lower() for part in parts]
    note = "The vnetferry sandbox does not implement it; COVERAGE.md lists what it does."
    if "providers" not in lower or lower.index("providers") + 2 >= len(parts):
        message = f"No route matches '{request.method} {request.path}'. {note}"
        return AzureError(404, "NotFound", message)
    start = len(lower) - 1 - lower[::-1].index("providers")
    kind = "/".join(parts[start + 2 :: 2])
    version = request.query.get("api-version", "")
    message = (
        f"The resource type '{kind}' could not be found in the namespace '{parts[start + 1]}' for api "
        f"version '{version}'. {note}"
    )
    return AzureError(404, "InvalidResourceType", message)


def _refusal(world: World, error: AzureError) -> Response:
    return Response(error.status, error.body(now=world.clock.now()), error.response_headers())


def _headers(world: World, request: Request) -> dict[str, str]:
    """What ARM adds to every answer; the date is Azure's."""
    identifier, now = str(uuid.uuid4()), world.clock.now()
    echo = request.headers.get("x-ms-client-request-id")
    asked = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
    return {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Expires": "-1",
        "Date": format_datetime(now, usegmt=True),
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "x-ms-request-id": identifier,
        "x-ms-correlation-request-id": identifier,
        "x-ms-routing-request-id": f"WESTEUROPE:{now:%Y%m%dT%H%M%SZ}:{identifier}",
        **({"x-ms-client-request-id": echo} if echo and asked else {}),
    }
