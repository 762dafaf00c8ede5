"""The hosts of registries' data plane: discovery, the management front end, and the asset store's operations.

    {region}.api.azureml.ms              /registrymanagement/v1.0/registries/{r}/discovery
                                         /assetstore/v1.0/operations/{id}, /environment/v1.0/operations/{id}
    cert-{region}.experiments.azureml.net  /mferp/managementfrontend/subscriptions/…
    {guid}.registry.{region}[.privatelink].api.azureml.ms  the same, and for a registry without public access alone

Whatever else Azure serves on these hosts answers 501. Discovery, paths and shapes are recorded; that all of it
lies on a registry's own host too, and the words of refusals, are assumed.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from vnetferry.sandbox import data_plane, doors, entra
from vnetferry.sandbox.absent import not_served
from vnetferry.sandbox.arm import authorization, front_door
from vnetferry.sandbox.arm import site as arm
from vnetferry.sandbox.arm.host_names import host_names
from vnetferry.sandbox.arm.regions import DISPLAY_NAMES
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml import registry_assets, registry_import
from vnetferry.sandbox.ml.registry_documents import find_registry, guid_of, regions_of
from vnetferry.sandbox.ml.scope import PROVIDER, REGISTRY_TYPE
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Operation, Routes
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_AUDIENCES = (*arm.AUDIENCES, "https://ml.azure.com")
_FRONT_END = "/mferp/managementfrontend"
_DISCOVERY = re.compile(r"/registrymanagement/v1\.0/registries/([^/]+)/discovery/?", re.IGNORECASE)
_OPERATION = re.compile(r"/(?:assetstore|environment)/v1\.0/operations/([^/]+)/?", re.IGNORECASE)
_OWN_HOST = re.compile(r"([0-9a-f-]{36})\.registry\.([a-z0-9]+)(?:\.privatelink)?\.api\.azureml\.ms")
_log = logging.getLogger(__name__)


@cache
def routes() -> Routes:
    """The data plane's own table, in Resource Manager's paths."""
    return Routes([*registry_assets.data_operations(), *registry_import.operations()])


def operations() -> tuple[tuple[str, str, str], ...]:
    """(name, method, path) of everything that is served, for people."""
    rows = ((row.name, row.method, f"{_FRONT_END}{_short(row)}") for row in routes().operations)
    return (
        ("Registries_Discovery", "GET", "/registrymanagement/v1.0/registries/{registry}/discovery"),
        ("AssetStoreOperations_Get", "GET", "/assetstore/v1.0/operations/{id}"),
        ("EnvironmentOperations_Get", "GET", "/environment/v1.0/operations/{id}"),
        *rows,
    )


def _short(row: Operation) -> str:
    return "/…/registries" + row.path.rpartition("/registries")[2]


async def handle(world: World, request: Request) -> Response:
    """Answer one request; never raises AzureError."""
    try:
        principal = entra.authenticate(world, request, _AUDIENCES)
        response = await _answer(world, replace(request, principal=principal))
    except AzureError as err:
        response = _refusal(world, err)
    except Exception as err:  # noqa: BLE001 - a defect must not cut the connection: Azure answers 500
        _log.exception("The sandbox failed at %s %s", request.method, request.path)
        response = _refusal(world, AzureError(500, "InternalServerError", f"Sandbox defect: {err!r}"))
    response.headers = {**_HEADERS, "x-ms-request-id": str(uuid.uuid4()), **response.headers}
    return response


_HEADERS = {
    "Strict-Transport-Security": "max-age=15724800; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "x-ms-response-type": "standard",
}


async def _answer(world: World, request: Request) -> Response:
    _require_host(world, request.host)
    if found := _DISCOVERY.fullmatch(request.path):
        return _named("Registries_Discovery", request, partial(_discover, world, request, found[1]))
    if found := _OPERATION.fullmatch(request.path):
        return _named("AssetStoreOperations_Get", request, partial(_operation, world, found[1]))
    if request.path.lower().startswith(f"{_FRONT_END}/subscriptions/"):
        return await _front_end(world, request)
    raise not_served(f"{request.host}{request.path}")


def _named(name: str, request: Request, answer: Callable[[], Response]) -> Response:
    if request.method != "GET":
        message = f"The requested resource does not support http method '{request.method}'."
        raise AzureError(405, "MethodNotAllowed", message, headers={"Allow": "GET"})
    response = answer()
    response.operation = name
    return response


def _require_host(world: World, host: str) -> None:
    """A host of a region that there is not, or of a registry that there is not, has nobody behind it."""
    own = _OWN_HOST.fullmatch(host.lower())
    known = any(guid_of(each) == own[1] for each in world.resources_of(REGISTRY_TYPE)) if own else True
    region = own[2] if own else host.lower().partition(".")[0].removeprefix("cert-")
    if not known or region not in DISPLAY_NAMES:
        raise not_served(host)


def _discover(world: World, request: Request, name: str) -> Response:
    """Where a registry is. 403 for one that is not there, or that the caller may not read."""
    registry = find_registry(world, name)
    right = f"{PROVIDER}/registries/read"
    principal = request.principal
    if registry is None or principal is None:
        raise _forbidden(name)
    if not authorization.allowed(world, principal.object_id, right, registry["id"]):
        raise _forbidden(name)
    return Response(200, _discovery(world, registry))


def _forbidden(name: str) -> AzureError:
    message = f"The registry '{name}' does not exist, or the caller has no access to it."
    return service_error(403, "UserError", message)


def _discovery(world: World, registry: Json) -> Json:
    parts, regions, guid = registry["id"].split("/"), regions_of(registry), guid_of(registry)
    return {
        "registryId": guid,
        "registryName": registry["name"],
        "tenantId": world.identity.tenant_id,
        "primaryRegion": regions[0],
        "regions": sorted(regions),
        "subscriptionId": parts[2],
        "resourceGroup": parts[4],
        "workspaceName": None,
        "primaryRegionResourceProviderUri": f"https://cert-{regions[0]}.experiments.azureml.net/",
        "registryFqdns": {
            region: {"uri": f"https://{guid}.registry.{region}.privatelink.api.azureml.ms"}
            for region in sorted(regions)
        },
    }


def _operation(world: World, identifier: str) -> Response:
    operation = world.operations.find(identifier)
    if operation is None or operation.family != "assets":
        raise service_error(404, "UserError", f"Operation {identifier} was not found.")
    if operation.status == "running":
        return Response(202, None, world.operations.pace())
    return _ended(operation)


def _ended(operation: LongOperation) -> Response:
    if operation.error:
        error = operation.error
        raise service_error(400, error["code"], error["message"], details=error.get("details"))
    if operation.result is not None:
        return Response(200, operation.result())
    return Response(200 if operation.name.startswith("Registry") else 204)


async def _front_end(world: World, request: Request) -> Response:
    """A request in Resource Manager's path, admitted by the same rules."""
    inner = replace(request, path=request.path[len(_FRONT_END) :])
    call = arm.find(world, inner, routes())
    authorization.require(world, inner.principal, call.operation.action, arm.scope_of(call.path))
    front_door.admit(call)
    _require_network(world, inner)
    response = await call.operation.handle(call)
    response.operation = call.operation.name
    _mend_link(response, request)
    return response


def _require_network(world: World, request: Request) -> None:
    """A registry without public access answers only where its own name leads to a private endpoint of it.

    The front end's name is nobody's own: how it knows where a caller stands is not documented, so this is assumed.
    """
    registry = world.documents.get("/" + "/".join(request.segments[:8]))
    if registry is None or data_plane.is_reachable(world, request, registry, "amlregistry"):
        return
    own = host_names(registry, "amlregistry")[0]
    if doors.find_door(world, request.vantage, own).leads_to(registry["id"], "amlregistry"):
        return
    message = (
        f"Public network access of the registry '{registry['name']}' is disabled. Use a private endpoint."
    )
    raise service_error(403, "Forbidden", message)


def _mend_link(response: Response, request: Request) -> None:
    """The link to a list's next page leads through the front end again."""
    if isinstance(response.body, dict) and (link := response.body.get("nextLink")):
        base = f"https://{request.host}"
        response.body["nextLink"] = base + _FRONT_END + link.removeprefix(base)


def _refusal(world: World, error: AzureError) -> Response:
    """Every refusal is the service's: Resource Manager's front door does not stand before these hosts."""
    if error.status != 501:
        error.envelope = "service"
    headers = {k: v for k, v in error.response_headers().items() if k != "x-ms-failure-cause"}
    return Response(
        error.status, error.body(now=world.clock.now()), {"x-ms-response-type": "error", **headers}
    )
