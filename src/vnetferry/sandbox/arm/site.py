"""Resource Manager's front door: finds a request's operation, admits it, and heads every answer as ARM does.

In this order, as ARM does: token (401), budget of requests (429), path (404), method (405), api-version (400),
rights (403), then what `front_door` checks, then the operation itself.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from vnetferry.sandbox import entra, settings
from vnetferry.sandbox.arm import (
    activity,
    alert_rules,
    authorization,
    clouds,
    containerregistry,
    costs,
    deployments,
    front_door,
    groups,
    heads,
    identity,
    insights,
    keyvault,
    locks,
    log_alerts,
    network,
    policies,
    private_endpoints,
    providers,
    role_assignments,
    storage,
    virtual_networks,
    visibility,
)
from vnetferry.sandbox.arm.regions import DISPLAY_NAMES
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import (
    assets,
    batch_work,
    codes,
    components,
    computes,
    connections,
    data,
    datastores,
    endpoints,
    environments,
    managed_network,
    models,
    network_settings,
    operation_status,
    outbound_rules,
    registries,
    registry_assets,
    usages,
    workspace_actions,
    workspaces,
)
from vnetferry.sandbox.ml import deployments as online_deployments
from vnetferry.sandbox.routes import Call, Operation, Routes
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

AUDIENCES = ("https://management.core.windows.net/", "https://management.azure.com/")

# Every service module; each has `operations()`. Add yours here.
SERVICES: tuple[ModuleType, ...] = (
    clouds,
    groups,
    providers,
    storage,
    network,
    locks,
    policies,
    keyvault,
    settings,
    containerregistry,
    insights,
    activity,
    alert_rules,
    log_alerts,
    costs,
    identity,
    role_assignments,
    deployments,
    workspaces,
    managed_network,
    network_settings,
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
    components,
    data,
    batch_work,
    registries,
    registry_assets,
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
    "microsoft.machinelearningservices/registries": registries.adopt,
    **dict.fromkeys(
        (
            f"microsoft.authorization/policy{kind}"
            for kind in ("definitions", "setdefinitions", "assignments", "exemptions")
        ),
        policies.adopt,
    ),
    **{
        f"microsoft.machinelearningservices/{home}/{plural}{below}": assets.adopt
        for home in ("workspaces", "registries")
        for plural in registry_assets.KINDS
        for below in ("", "/versions")
    },
}

# What no name of a resource may hold: separators of paths, control characters, and what was no UTF-8.
_UNSOUND = re.compile(r"[/\\\x00-\x1f\x7f\ufffd]")

_log = logging.getLogger(__name__)


@cache
def routes() -> Routes:
    """The whole table of ARM operations."""
    return Routes(operation for service in SERVICES for operation in service.operations())


async def handle(world: World, request: Request) -> Response:
    """Answer one request to `management.azure.com`; never raises AzureError."""
    budget: dict[str, str] = {}
    principal: Principal | None = None
    started = time.perf_counter()
    try:
        if not clouds.is_asked(request):
            principal = entra.authenticate(world, request, AUDIENCES)
            budget = world.throttle.spend(request, principal)
        response = await dispatch(world, replace(request, principal=principal))
    except AzureError as err:
        response = _refusal(world, request, err)
    except Exception as err:  # noqa: BLE001 - a defect must not cut the connection: Azure answers 500
        _log.exception("The sandbox failed at %s %s", request.method, request.path)
        response = _refusal(
            world, request, AzureError(500, "InternalServerError", f"Sandbox defect: {err!r}")
        )
    response.operation = response.operation or name_of(request)
    own = heads.service_head(world, request, response, time.perf_counter() - started)
    response.headers = {**heads.head(world, request, principal), **budget, **own, **response.headers}
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


def find(world: World, request: Request, table: Routes | None = None) -> Call:
    """The operation of a request and the api-version it asks for; AzureError 404, 405 or 400.

    In: table: of another host that has Resource Manager's paths; None for its own.
    """
    _require_sound_path(request)
    matching = (table or routes()).matching(request.segments)
    if not matching:
        raise _unknown_path(request)
    fitting = [row for row in matching if row[0].method == request.method]
    if not fitting:
        allowed = ", ".join(sorted({operation.method for operation, _ in matching}))
        message = f"The requested resource does not support http method '{request.method}'."
        raise AzureError(405, "MethodNotAllowed", message, headers={"Allow": allowed})
    operation, params = _closest(fitting)
    return Call(request, world, operation, params, _api_version(operation, request))


def _require_sound_path(request: Request) -> None:
    """No segment is a step up, and none hides a separator or a control character: its name would lead elsewhere.

    That Azure's own front door refuses them is documented for names (naming rules for Azure resources); the code
    and the text are assumed.
    """
    for segment in request.segments:
        if segment in (".", "..") or _UNSOUND.search(segment):
            message = "The request URI is invalid: its path has segments or characters that are not allowed."
            raise AzureError(400, "InvalidRequestUri", message)


def _closest(rows: list[tuple[Operation, dict[str, str]]]) -> tuple[Operation, dict[str, str]]:
    """A literal segment wins over a name: `/resources` is not a group's child called "resources"."""
    return min(rows, key=lambda row: row[0].path.count("{"))


async def _answer(call: Call) -> Response:
    front_door.require_known_subscription(call)
    sifted = _admit(call)
    front_door.admit(call)
    with call.world.stale.around(call) as seen:
        response = await call.operation.handle(seen)
    if call.request.method not in ("GET", "HEAD") and response.status < 300 and right_of(call):
        activity.record(call, response, scope_of(call.path), right_of(call))
    return visibility.sift(call, response) if sifted else response


def _admit(call: Call) -> bool:
    """Let in whoever has the right; True: whoever has it on some of a list's members alone, and sees only those."""
    action, scope = right_of(call), scope_of(call.path)
    if not action:
        return False
    principal = call.request.principal
    if principal and visibility.is_sifted(call, scope):
        return not authorization.allowed(call.world, principal.object_id, action, scope)
    authorization.require(call.world, principal, action, scope)
    return False


def right_of(call: Call) -> str:
    """The action that a request needs; one row of the table serves every namespace's own."""
    return call.operation.action.replace("*", call.params.get("namespace", "*"))


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
    """The refusal names every version that there is, the newest first, and every region, as ARM's does."""
    supported = ", ".join(sorted(operation.api_versions, reverse=True))
    parts = [part for part in operation.path.split("/") if part and not part.startswith("{")]
    if "providers" not in parts:
        message = f"The api-version '{version}' is invalid. The supported versions are '{supported}'."
        return AzureError(400, "InvalidApiVersionParameter", message)
    kind = "/".join(parts[parts.index("providers") + 2 :])
    message = (
        f"No registered resource provider found for location '' and API version '{version}' for type "
        f"'{kind}'. The supported api-versions are '{supported}'. The supported locations are "
        f"'{', '.join(DISPLAY_NAMES)}'."
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


def _refusal(world: World, request: Request, error: AzureError) -> Response:
    body = error.body(heads.region_of(world, request), world.clock.now())
    return Response(error.status, body, error.response_headers())
