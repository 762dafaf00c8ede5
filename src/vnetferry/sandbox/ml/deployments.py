"""Online deployments: code, model and machines behind an endpoint.

Creating one takes Azure's time and the time that its server really needs to come up; it ends `Succeeded`
only if the server answered. Until then the document lacks what the service fills in, as recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml import deployment_rules as rules
from vnetferry.sandbox.ml import legacy_egress, registry_use
from vnetferry.sandbox.ml import online_operations as lro
from vnetferry.sandbox.ml.deployment_defaults import begun, complete
from vnetferry.sandbox.ml.deployment_startup import add_instances, start_up
from vnetferry.sandbox.ml.endpoint_rules import check_created, check_name, check_not_legacy
from vnetferry.sandbox.ml.endpoints import check_location, deployments_of
from vnetferry.sandbox.ml.image_builds import BUILD_S, image_to_build
from vnetferry.sandbox.ml.instances import instances_of
from vnetferry.sandbox.ml.online_fields import DEPLOYMENT, DEPLOYMENT_PATCH, LOGS_REQUEST
from vnetferry.sandbox.ml.online_quotas import check_cores, check_deployment_quota, limit_of
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, created, page, require_workspace, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.egress import is_private
from vnetferry.sandbox.wire import Json, Response, copied

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
_PATH = f"{WORKSPACE}/onlineEndpoints/{{endpoint}}/deployments"
_RIGHT = "workspaces/onlineEndpoints/deployments"
_CREATE_OR_UPDATE = "OnlineDeployments_CreateOrUpdate"
_PAGE_SIZE = 30
# Azure seconds, as recorded: creation 7 to 9 minutes, a change of scale 5 min 20 s. Deletion is assumed.
_CREATE_S, _SCALE_S, _DELETE_S = 480.0, 320.0, 120.0
_STAGES = ("SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart")

# What COVERAGE.md says of an operation beside its evidence.
_NOTES = {
    "CreateOrUpdate": "Kubernetes deployments can only be read; a PUT of one is refused; every deployment runs in "
    "the scoring runtime, whatever its environment says: code of its own, or an MLflow model of the scikit-learn "
    "flavor; others answer with `runtime: echo` only; in a managed network that egressPublicNetworkAccess is "
    "refused is reported, that Enabled is refused too is assumed; assumed too: the moment and most texts of "
    "failures of images, identities and networks, that the service's own image builder needs no outbound rules "
    "(an image build compute needs those for conda's hosts; pip's index is not checked), and how MLflow models "
    "without their packages, and public outbound in a workspace without public access, fail; a legacy deployment's "
    "private endpoints are Pending where neither the caller nor the workspace's identity may approve them, and whose "
    "each is of those that a snapshot shows is not told: one Approved is enough (both assumed); that one is refused "
    "in a workspace without a private endpoint of its own is documented, its text and moment are assumed; secrets that "
    "environment variables refer to are fetched when a deployment starts, the texts of SecretsInjectionError are "
    "assumed; keys of a container registry that are out of date at the workspace are not simulated",
    "Update": "tags replace; new instances need the endpoint's roles as the first ones did",
    "GetLogs": "the model data collector writes nothing",
    "ListSkus": "that the default is the deployment's own capacity is assumed",
}


def operations() -> list[Operation]:
    """The rows of the table for online deployments."""
    one = f"{_PATH}/{{deployment}}"
    rows = (
        ("List", "GET", _PATH, _list, "read", "recorded"),
        ("Get", "GET", one, _get, "read", "recorded"),
        ("CreateOrUpdate", "PUT", one, _put, "write", "recorded"),
        ("Update", "PATCH", one, _patch, "write", "specified"),
        ("Delete", "DELETE", one, _delete, "delete", "recorded"),
        ("GetLogs", "POST", f"{one}/getLogs", _get_logs, "getLogs/action", "recorded"),
        ("ListSkus", "GET", f"{one}/skus", _list_skus, "skus/read", "recorded"),
    )
    return [
        row(
            f"OnlineDeployments_{name}",
            method,
            path,
            handle,
            f"{_RIGHT}/{right}",
            evidence=evidence,
            note=_NOTES.get(name, ""),
        )
        for name, method, path, handle, right, evidence in rows
    ]


def adopt(world: World, document: Json) -> None:
    """Register a deployment of the scenario; its server starts with its first request."""
    document.setdefault("properties", {}).setdefault("provisioningState", "Succeeded")
    if not document.get("location"):
        document["location"] = world.documents.require(document["id"].rsplit("/", 2)[0])["location"]
    world.documents.put(document)


async def _list(call: Call) -> Response:
    endpoint = _endpoint(call)
    return page(call, deployments_of(call.world, endpoint["id"]), _PAGE_SIZE)


async def _get(call: Call) -> Response:
    return Response(200, copied(_deployment(call)))


async def _put(call: Call) -> Response:
    workspace, endpoint = require_workspace(call), _parent(call)
    body = DEPLOYMENT.read(call.json())
    before = call.world.documents.get(_id(call))
    check_location(endpoint, body)
    check_not_legacy(workspace)
    rules.check_endpoint_idle(endpoint, "update" if before else "create")
    check_created(endpoint)
    rules.check_network(call.world, workspace, body)
    rules.check_references(call.world, workspace, body["properties"])
    registry_use.check(call, workspace, body)
    rules.check_sku(body.get("sku"))
    rules.check_machine(body["properties"])
    rules.check_probes(body["properties"])
    if before is None:
        return _counted(call, _create(call, workspace, endpoint, body))
    return _counted(call, _update(call, workspace, before, body))


def _counted(call: Call, response: Response) -> Response:
    """With the counter that a deployment's PUT has besides Resource Manager's own."""
    throttle, subscription = call.world.throttle, call.params["subscriptionId"]
    response.headers |= throttle.count_resource_request(subscription, call.request.principal)
    return response


def _create(call: Call, workspace: Json, endpoint: Json, body: Json) -> Response:
    world, name = call.world, call.params["deployment"]
    check_name(name, "Deployment")
    rules.check_private_link(world, workspace, body)
    check_deployment_quota(world, workspace, len(deployments_of(world, endpoint["id"])))
    check_cores(world, workspace, body, None)
    wanted = _new_document(call, endpoint["location"], body)
    final = complete(world, wanted)
    document = world.documents.put(begun(wanted))
    if is_private(document):
        legacy_egress.connect_deployment(world, document, call.request.principal)
    booting = _boot(world, final)

    async def finish() -> None:
        _require_present(world, document)
        start_up(world, final)
        await booting
        await world.fleet.promote(document["id"])
        document["properties"] = {**final["properties"], "provisioningState": "Succeeded"}

    default_s = _start_s(world, final)
    operation = lro.start(call, document, lro.Work(_CREATE_OR_UPDATE, "odidp", default_s, finish))
    uri = lro.async_uri(operation, call.api_version)
    for each in (document, final):
        each["properties"]["properties"]["AzureAsyncOperationUri"] = uri
    return lro.created(call, operation, copied(document))


def _new_document(call: Call, location: str, body: Json) -> Json:
    properties = dict(body["properties"])
    properties["properties"] = dict(properties.get("properties") or {})
    return {
        "id": _id(call),
        "name": call.params["deployment"],
        "type": TYPE,
        "location": location,
        "tags": body.get("tags") or {},
        "kind": "Managed",
        "identity": None,
        "sku": _sku(body.get("sku")),
        "systemData": created(call.world, call.request.principal),
        "properties": {
            **properties,
            "provisioningState": "Creating",
        },
    }


def _update(call: Call, workspace: Json, document: Json, body: Json) -> Response:
    """Change a deployment in place: its old server answers until the new one does.

    The 201 says `Creating`, has the new sku and no instance type; afterwards `AzureAsyncOperationUri` and
    `lastModifiedAt` are again those of the creation (recorded).
    """
    rules.check_deployment_idle(document, "update")
    rules.check_recoverable(document)
    rules.check_immutable(document, body)
    check_cores(call.world, workspace, body, document)
    wanted = _new_document(call, document["location"], body)
    notes = document["properties"].get("properties") or {}
    if "AzureAsyncOperationUri" in notes:
        wanted["properties"]["properties"]["AzureAsyncOperationUri"] = notes["AzureAsyncOperationUri"]
    final = complete(call.world, wanted)
    if is_private(document):
        legacy_egress.connect_deployment(call.world, wanted, call.request.principal)
    booting = _boot(call.world, final) if _needs_restart(document, final) else None
    former = _rescale(document, wanted["sku"])

    async def finish() -> None:
        _require_present(call.world, document)
        if booting:
            start_up(call.world, final)
            await booting
        elif instances_of(document) > instances_of({"sku": former}):
            add_instances(call.world, document)
        await call.world.fleet.promote(document["id"])
        legacy_egress.disconnect_deployment(call.world, document, kept=final)
        document["properties"] = {**final["properties"], "provisioningState": "Succeeded"}
        document["tags"] = final["tags"]

    default_s = _start_s(call.world, final) if booting else _SCALE_S
    undo = _back_to(document, former)
    work = lro.Work(_CREATE_OR_UPDATE, "odidp", default_s, finish, "Updating", undo=undo)
    operation = lro.start(call, document, work)
    answer = begun(wanted)
    answer["properties"]["instanceType"] = None
    answer["systemData"] = {"lastModifiedAt": answer["systemData"]["lastModifiedAt"]}
    return lro.created(call, operation, answer)


async def _patch(call: Call) -> Response:
    document = _deployment(call)
    body = DEPLOYMENT_PATCH.read(call.json())
    check_not_legacy(require_workspace(call))
    rules.check_endpoint_idle(_endpoint(call), "update")
    rules.check_deployment_idle(document, "update")
    rules.check_recoverable(document)
    rules.check_sku(body.get("sku"))
    sku = _sku({**(document.get("sku") or {}), **(body.get("sku") or {})})
    check_cores(call.world, require_workspace(call), {**document, "sku": sku}, document)
    former = _rescale(document, sku)

    async def finish() -> None:
        _require_present(call.world, document)
        if instances_of(document) > instances_of({"sku": former}):
            add_instances(call.world, document)
        call.world.fleet.forget_failure(document["id"])
        document["properties"]["provisioningState"] = "Succeeded"
        if body.get("tags") is not None:
            document["tags"] = body["tags"]

    result, undo = partial(copied, document), _back_to(document, former)
    work = lro.Work("OnlineDeployments_Update", "odidp", _SCALE_S, finish, "Updating", result, undo)
    return lro.accepted(call, lro.start(call, document, work))


async def _delete(call: Call) -> Response:
    document = call.world.documents.get(_id(call))
    if document is None:
        return Response(204)
    endpoint, world = _endpoint(call), call.world
    rules.check_endpoint_idle(endpoint, "delete")
    rules.check_deployment_idle(document, "delete")
    rules.check_without_traffic(endpoint, document)

    async def finish() -> None:
        await world.fleet.stop(document["id"])
        legacy_egress.disconnect_deployment(world, document)
        world.documents.remove(document["id"])
        for shares in (endpoint["properties"].get("traffic"), endpoint["properties"].get("mirrorTraffic")):
            (shares or {}).pop(document["name"].lower(), None)

    work = lro.Work("OnlineDeployments_Delete", "odidp", _DELETE_S, finish, "Deleting")
    return lro.deleting(call, lro.start(call, document, work))


async def _get_logs(call: Call) -> Response:
    document = _deployment(call)
    body = LOGS_REQUEST.read(call.json() if call.request.body else {})
    lines = call.world.fleet.logs(document["id"], body.get("containerType") or "InferenceServer").splitlines()
    tail = body.get("tail")
    shown = "\n".join(lines[-tail:] if tail else lines)
    return Response(200, {"content": f"{_status(document, call.world)}\nContainer logs:\n{shown}\n"})


async def _list_skus(call: Call) -> Response:
    """Recorded, the odd name of the type included. That the default (3 then) is the deployment's own is assumed."""
    own = (_deployment(call).get("sku") or {}).get("capacity", 1)
    most = limit_of(call.world, "instancesPerDeployment")
    capacity = {"minimum": 1, "maximum": most, "default": own, "scaleType": "Automatic"}
    sku = {"name": "default", "tier": "Standard"}
    kind = "Microsoft.MachineLearning.Services/endpoints/deployments"
    return Response(200, {"value": [{"resourceType": kind, "sku": sku, "capacity": capacity}]})


def _status(document: Json, world: World) -> str:
    """The head of the logs: how far the instance came, in the service's layout."""
    lines = [f"{stage}: {state}" for stage, state in _stages(document, world)]
    pulling = "Message: Start pulling container image"
    event = f"Kind: Pod, Name: Pulling, Type: Normal, Time: {world.clock.stamp()}, {pulling}"
    return "\n".join(["Instance status:", *lines, "", "Container events:", event, ""])


def _stages(document: Json, world: World) -> list[tuple[str, str]]:
    """What comes after a stage that failed is still to be done, and waits."""
    state = document["properties"]["provisioningState"]
    if state in ("Succeeded", "Updating"):
        return [(stage, "Succeeded") for stage in _STAGES]
    reached = world.fleet.failed_stage(document["id"]) or _STAGES[-1]
    here, ended = _STAGES.index(reached), "Failed" if state == "Failed" else "InProgress"
    states = ["Succeeded"] * here + [ended] + ["Pending"] * (len(_STAGES) - here - 1)
    return list(zip(_STAGES, states, strict=True))


def _boot(world: World, final: Json) -> asyncio.Task[None]:
    """Start the server while Azure's time passes; a failure is raised where the task is awaited."""
    task = asyncio.get_running_loop().create_task(world.fleet.prepare(final["id"], final))
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task


def _start_s(world: World, final: Json) -> float:
    """How long a start takes, in Azure seconds: longer when the image is not there yet."""
    return _CREATE_S + (BUILD_S if image_to_build(world, final) else 0.0)


def _rescale(document: Json, sku: Json) -> Json:
    """Count the new instances from now on, so that what comes beside them finds them; return the former sku."""
    former: Json = document.get("sku") or {}
    document["sku"] = sku
    return former


def _back_to(document: Json, sku: Json) -> Callable[[], None]:
    def undo() -> None:
        document["sku"] = sku

    return undo


def _require_present(world: World, document: Json) -> None:
    """AzureError `OperationCanceled` when the deployment went, with its endpoint, while it was worked on."""
    if world.documents.get(document["id"]) is not document:
        message = "The operation was canceled by another operation that has a higher priority: a deletion."
        raise AzureError(409, "OperationCanceled", message)


def _needs_restart(before: Json, final: Json) -> bool:
    """Only what the container is made of needs a new one; a new scale, tag or description does not."""
    made_of = ("codeConfiguration", "model", "environmentId", "environmentVariables", "modelMountPath")
    return any(before["properties"].get(name) != final["properties"].get(name) for name in made_of)


def _sku(sku: Json | None) -> Json:
    wanted = sku or {}
    capacity = 1 if wanted.get("capacity") is None else wanted["capacity"]
    return {
        "name": "Default",
        "tier": wanted.get("tier") or "Standard",
        "capacity": capacity,
    }


def _parent(call: Call) -> Json:
    """The endpoint that the deployment is to be made in; the front door refuses when it is absent."""
    endpoint = call.world.documents.get(child_id(call, "onlineEndpoints", call.params["endpoint"]))
    if endpoint is None:
        name = f"{call.params['workspace']}/{call.params['endpoint']}"
        message = (
            f"Can not perform requested operation on nested resource. Parent resource '{name}' not found."
        )
        raise AzureError(404, "ParentResourceNotFound", message)
    return endpoint


def _endpoint(call: Call) -> Json:
    return call.world.documents.require(child_id(call, "onlineEndpoints", call.params["endpoint"]))


def _deployment(call: Call) -> Json:
    endpoint = _endpoint(call)
    document = call.world.documents.get(_id(call))
    if document is None and call.world.lagging == call.path.lower():
        raise _unheard_of(endpoint, call)
    return document or call.world.documents.require(_id(call))


def _unheard_of(endpoint: Json, call: Call) -> AzureError:
    """404 of a front end that has not heard of a deployment which Resource Manager knows (Azure/azure-dev#4037)."""
    where = f"endpoint {endpoint['name']}, workspace {call.params['workspace']}"
    message = f"Deployment {call.params['deployment']} not found in {where}"
    return service_error(404, "UserError", message)


def _id(call: Call) -> str:
    endpoint = call.world.documents.get(child_id(call, "onlineEndpoints", call.params["endpoint"]))
    parent = endpoint["id"] if endpoint else child_id(call, "onlineEndpoints", call.params["endpoint"])
    return f"{parent}/deployments/{call.params['deployment']}"
