"""`{endpoint}.{region}.inference.ml.azure.com`: from a caller's request to one deployment's answer.

In this order: the network lets the caller through, the caller proves who it is, a deployment is chosen, and
it answers. Source: troubleshooting online endpoints (HTTP status codes); the headers are recorded. The
bodies of the front door's own refusals are not known and assumed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from vnetferry.sandbox import doors
from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.doors import Door
from vnetferry.sandbox.entra import authenticate
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import endpoint_keys
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_SCORE_ACTION = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"
_AUDIENCE = "https://ml.azure.com"
_ROUTES = ("/score", "/swagger.json")
_DEPLOYMENT_HEADER = "azureml-model-deployment"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_TRACED, _CLIENT_ID_LENGTH = re.compile(r"[^A-Za-z0-9_-]"), 40


async def handle(world: World, request: Request) -> Response:
    """The answer to a scoring request, with the service's headers; AzureError when the front door refuses."""
    endpoint = _find_endpoint(world, request.host)
    _check_network(world, endpoint, request)
    _check_caller(world, endpoint, request)
    request = replace(request, headers={**request.headers, **traced(request.headers)})
    world.fleet.meter.count(endpoint["id"], world.clock.now())
    deployment = _choose(world, endpoint, request)
    _mirror(world, endpoint, request)
    request = _routed(world, deployment, request)
    answer = await world.fleet.score(deployment["id"], request)
    own = {_DEPLOYMENT_HEADER: deployment["name"], "server": "azureml-frontdoor", **traced(request.headers)}
    return replace(answer, headers={**answer.headers, **own}, operation="OnlineEndpoints_Score")


def traced(headers: Mapping[str, str]) -> dict[str, str]:
    """The two headers that a request is traced by: the service's own GUID, and the client's word, if it has one.

    Source: troubleshoot online endpoints (request tracing).
    """
    given = headers.get("x-request-id", "")
    own = {"x-request-id": given.lower() if _GUID.fullmatch(given) else str(uuid.uuid4())}
    client = _NOT_TRACED.sub("", headers.get("x-ms-client-request-id", ""))[:_CLIENT_ID_LENGTH]
    return {**own, "x-ms-client-request-id": client} if client else own


def _routed(world: World, deployment: Json, request: Request) -> Request:
    """The request on a path that the deployment's container serves; AzureError 404 when it serves no such path.

    Those of Azure's inference server are fixed. A container of another kind has those of its environment's
    inferenceConfig; it is asked at its scoring route when the endpoint is scored.
    """
    environment = world.documents.get(deployment["properties"].get("environmentId") or "") or {}
    routes = (environment.get("properties") or {}).get("inferenceConfig") or {}
    paths = {name: str(route["path"]) for name, route in routes.items() if route}
    served = (*_ROUTES, *paths.values())
    if request.path not in served:
        raise _refusal(404, f"The path {request.path} is not served: {' and '.join(served)} are.")
    return replace(request, path=paths.get("scoringRoute", "/score")) if request.path == "/score" else request


def _find_endpoint(world: World, host: str) -> Json:
    name, region = host.lower().split(".")[:2]
    owner = world.endpoint_names.owner(region, name)
    endpoint = world.documents.get(owner) if owner else None
    if endpoint is None or not endpoint["properties"].get("scoringUri"):
        raise _refusal(404, f"There is no online endpoint '{name}' in {region}.")
    return endpoint


def _check_network(world: World, endpoint: Json, request: Request) -> None:
    """A private door leads to its own workspace's endpoints; the public one to those with public access."""
    door = doors.door_of(world, request)
    if door.leads_to(workspace_id_of(endpoint["id"]), "amlworkspace"):
        return
    if door.kind == "private":
        raise _refusal(403, _astray(endpoint, door))
    if str(endpoint["properties"].get("publicNetworkAccess")).lower() == "disabled":
        raise _refusal(
            403,
            f"Public network access is disabled for endpoint {endpoint['name']}. Connect through a private "
            "endpoint of its workspace.",
        )


def _astray(endpoint: Json, door: Door) -> str:
    """What the front door of one workspace says to who asks for another's endpoint (assumed)."""
    return (
        f"The request for endpoint {endpoint['name']} came through a private endpoint of workspace "
        f"'{door.target_id.rpartition('/')[2]}', which the endpoint does not belong to. Have its host name "
        "resolve to a private endpoint of its own workspace."
    )


def _check_caller(world: World, endpoint: Json, request: Request) -> None:
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not presented:
        raise _refusal(401, "The request has no key or token: send it as 'Authorization: Bearer …'.")
    mode = endpoint["properties"]["authMode"]
    if mode == "AADToken":
        _check_principal(world, endpoint, request)
        return
    check = endpoint_keys.is_token if mode == "AMLToken" else endpoint_keys.is_key
    if not check(world, endpoint["id"], presented.strip()):
        raise _refusal(
            401, f"The {'token' if mode == 'AMLToken' else 'key'} is not valid for this endpoint, or expired."
        )


def _check_principal(world: World, endpoint: Json, request: Request) -> None:
    principal = authenticate(world, request, (_AUDIENCE,))
    if not authorization.allowed(world, principal.object_id, _SCORE_ACTION, endpoint["id"]):
        raise authorization.denied(principal, _SCORE_ACTION, endpoint["id"])


def _choose(world: World, endpoint: Json, request: Request) -> Json:
    """By header, whatever its traffic; else by traffic. 404 when there is none that could answer."""
    named = request.headers.get(_DEPLOYMENT_HEADER)
    chosen = named or world.fleet.splitter(endpoint["id"]).choose(_serving(world, endpoint, "traffic"))
    if chosen is None:
        raise _refusal(404, f"Endpoint {endpoint['name']} has no deployment with traffic.")
    deployment = world.documents.get(f"{endpoint['id']}/deployments/{chosen}")
    if deployment is None or not _serves(deployment):
        raise _refusal(
            404, f"Deployment {chosen} not found in endpoint {endpoint['name']}, or it cannot be scored."
        )
    return deployment


def _mirror(world: World, endpoint: Json, request: Request) -> None:
    """Send copies whose answers nobody sees; a request that names its deployment is not copied."""
    if _DEPLOYMENT_HEADER in request.headers or request.path != "/score":
        return
    for name in world.fleet.splitter(endpoint["id"]).mirrored(_serving(world, endpoint, "mirrorTraffic")):
        world.fleet.in_background(world.fleet.score(f"{endpoint['id']}/deployments/{name}", request))


def _serving(world: World, endpoint: Json, kind: str) -> dict[str, int]:
    """The shares of the deployments that exist and were once ready."""
    shares = endpoint["properties"].get(kind) or {}
    known = {name: world.documents.get(f"{endpoint['id']}/deployments/{name}") for name in shares}
    return {name: share for name, share in shares.items() if (found := known[name]) and _serves(found)}


def _serves(deployment: Json) -> bool:
    """Ready, or being changed while its old server answers (only what once succeeded has its probes)."""
    properties = deployment["properties"]
    state = properties["provisioningState"]
    return state in ("Succeeded", "Updating") or (state == "Failed" and bool(properties.get("livenessProbe")))


def _refusal(status: int, message: str) -> AzureError:
    return AzureError(status, {401: "Unauthorized", 403: "Forbidden"}.get(status, "NotFound"), message)
