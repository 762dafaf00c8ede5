"""`{endpoint}.{region}.inference.ml.azure.com`: from a caller's request to one deployment's answer.

In this order: the network lets the caller through, the caller proves who it is, a deployment is chosen, and
it answers. Source: troubleshooting online endpoints (HTTP status codes); the headers are recorded. The
bodies of the front door's own refusals are not known and assumed.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.arm.network import reaches_privately
from vnetferry.sandbox.entra import authenticate
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import endpoint_keys
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import INTERNET, Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_SCORE_ACTION = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"
_AUDIENCE = "https://ml.azure.com"
_ROUTES = ("/score", "/swagger.json")
_DEPLOYMENT_HEADER = "azureml-model-deployment"


async def handle(world: World, request: Request) -> Response:
    """The answer to a scoring request, with the service's headers; AzureError when the front door refuses."""
    endpoint = _find_endpoint(world, request.host)
    _check_network(world, endpoint, request)
    _check_caller(world, endpoint, request)
    if request.path not in _ROUTES:
        raise _refusal(404, f"The path {request.path} is not served: {' and '.join(_ROUTES)} are.")
    request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
    request = replace(request, headers={**request.headers, "x-request-id": request_id})
    world.fleet.meter.count(endpoint["id"], world.clock.now())
    deployment = _choose(world, endpoint, request)
    _mirror(world, endpoint, request)
    answer = await world.fleet.score(deployment["id"], request)
    own = {_DEPLOYMENT_HEADER: deployment["name"], "server": "azureml-frontdoor", "x-request-id": request_id}
    return replace(answer, headers={**answer.headers, **own}, operation="OnlineEndpoints_Score")


def _find_endpoint(world: World, host: str) -> Json:
    name, region = host.lower().split(".")[:2]
    owner = world.endpoint_names.owner(region, name)
    endpoint = world.documents.get(owner) if owner else None
    if endpoint is None or not endpoint["properties"].get("scoringUri"):
        raise _refusal(404, f"There is no online endpoint '{name}' in {region}.")
    return endpoint


def _check_network(world: World, endpoint: Json, request: Request) -> None:
    """Without public access, a private endpoint of the workspace or its own managed network leads in."""
    if str(endpoint["properties"].get("publicNetworkAccess")).lower() != "disabled":
        return
    workspace_id = workspace_id_of(endpoint["id"])
    linked = reaches_privately(world, request.vantage, workspace_id, "amlworkspace")
    if request.vantage == INTERNET or not linked:
        raise _refusal(
            403,
            f"Public network access is disabled for endpoint {endpoint['name']}. Connect through a private "
            "endpoint of its workspace.",
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
