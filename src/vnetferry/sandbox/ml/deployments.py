"""Online deployments: code, model and machines behind an endpoint.

Creating one takes Azure's time and the time that its server really needs to come up; it ends `Succeeded`
only if the server answered. Until then the document lacks what the service fills in, as recorded.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import api_versions, legacy_egress
from vnetferry.sandbox.ml import deployment_rules as rules
from vnetferry.sandbox.ml import online_operations as lro
from vnetferry.sandbox.ml.deployment_defaults import complete
from vnetferry.sandbox.ml.endpoint_rules import check_created, check_name
from vnetferry.sandbox.ml.endpoints import check_location, deployments_of
from vnetferry.sandbox.ml.online_fields import DEPLOYMENT, DEPLOYMENT_PATCH, LOGS_REQUEST
from vnetferry.sandbox.ml.online_quotas import check_cores, check_deployment_quota, limit_of
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, created, page, require_workspace, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.egress import is_private
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
_PATH = f"{WORKSPACE}/onlineEndpoints/{{endpoint}}/deployments"
_RIGHT = "workspaces/onlineEndpoints/deployments"
_CREATE_OR_UPDATE = "OnlineDeployments_CreateOrUpdate"
_PAGE_SIZE = 30
# Azure seconds, as recorded: creation 7 to 9 minutes, a change of scale 5 min 20 s. Deletion is assumed.
_CREATE_S, _SCALE_S, _DELETE_S = 480.0, 320.0, 120.0

# What COVERAGE.md says of an operation beside its evidence.
_NOTES = {
    "CreateOrUpdate": "Kubernetes deployments can only be read; every deployment runs in the scoring runtime, "
    "whatever its environment says; only those with code of their own can run",
    "Update": "tags replace",
    "GetLogs": "the model data collector writes nothing",
}


def operations() -> list[Operation]:
    """The rows of the table for online deployments."""
    one, versions = f"{_PATH}/{{deployment}}", api_versions.ALL
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
            api_versions=versions,
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
    return Response(200, deepcopy(_deployment(call)))


async def _put(call: Call) -> Response:
    workspace, endpoint = require_workspace(call), _parent(call)
    body = DEPLOYMENT.read(call.json())
    before = call.world.documents.get(_id(call))
    check_location(endpoint, body)
    rules.check_endpoint_ready(endpoint)
    check_created(endpoint)
    rules.check_network(call.world, workspace, body)
    rules.check_references(call.world, workspace, body["properties"])
    rules.check_machine(body["properties"])
    if before is None:
        return _create(call, workspace, endpoint, body)
    return _update(call, workspace, before, body)


def _create(call: Call, workspace: Json, endpoint: Json, body: Json) -> Response:
    world, name = call.world, call.params["deployment"]
    check_name(name, "Deployment")
    check_deployment_quota(world, workspace, len(deployments_of(world, endpoint["id"])))
    check_cores(world, workspace, body, None)
    document = world.documents.put(_new_document(call, endpoint["location"], body))
    if is_private(document):
        legacy_egress.connect_deployment(world, document)
    final = complete(world, document)
    booting = _boot(world, final)

    async def finish() -> None:
        await booting
        await world.fleet.promote(document["id"])
        document["properties"] = {**final["properties"], "provisioningState": "Succeeded"}

    operation = lro.start(call, document, lro.Work(_CREATE_OR_UPDATE, "odidp", _CREATE_S, finish))
    uri = lro.async_uri(operation, call.api_version)
    for each in (document, final):
        each["properties"]["properties"]["AzureAsyncOperationUri"] = uri
    return lro.created(call, operation, deepcopy(document))


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
            "livenessProbe": properties.get("livenessProbe"),
            "readinessProbe": properties.get("readinessProbe"),
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
    booting = _boot(call.world, final) if _needs_restart(document, final) else None

    async def finish() -> None:
        if booting:
            await booting
            await call.world.fleet.promote(document["id"])
        document["properties"] = {**final["properties"], "provisioningState": "Succeeded"}
        document.update(sku=final["sku"], tags=final["tags"])

    default_s = _CREATE_S if booting else _SCALE_S
    operation = lro.start(call, document, lro.Work(_CREATE_OR_UPDATE, "odidp", default_s, finish, "Updating"))
    answer = deepcopy(wanted)
    answer["properties"]["instanceType"] = None
    answer["systemData"] = {"lastModifiedAt": answer["systemData"]["lastModifiedAt"]}
    return lro.created(call, operation, answer)


async def _patch(call: Call) -> Response:
    document = _deployment(call)
    body = DEPLOYMENT_PATCH.read(call.json())
    rules.check_deployment_idle(document, "update")
    rules.check_recoverable(document)
    sku = _sku({**document.get("sku", {}), **(body.get("sku") or {})})
    check_cores(call.world, require_workspace(call), {**document, "sku": sku}, document)

    async def finish() -> None:
        document["properties"]["provisioningState"] = "Succeeded"
        document["sku"] = sku
        if body.get("tags") is not None:
            document["tags"] = body["tags"]

    work = lro.Work("OnlineDeployments_Update", "odidp", _SCALE_S, finish, "Updating")
    return lro.accepted(call, lro.start(call, document, work))


async def _delete(call: Call) -> Response:
    document = call.world.documents.get(_id(call))
    if document is None:
        return Response(204)
    endpoint, world = _endpoint(call), call.world
    rules.check_deployment_idle(document, "delete")
    rules.check_without_traffic(endpoint, document)

    async def finish() -> None:
        await world.fleet.stop(document["id"])
        legacy_egress.disconnect_deployment(world, document)
        world.documents.remove(document["id"])
        for shares in (endpoint["properties"].get("traffic"), endpoint["properties"].get("mirrorTraffic")):
            (shares or {}).pop(document["name"].lower(), None)

    work = lro.Work("OnlineDeployments_Delete", "odidp", _DELETE_S, finish, "Deleting")
    return lro.accepted(call, lro.start(call, document, work))


async def _get_logs(call: Call) -> Response:
    document = _deployment(call)
    body = LOGS_REQUEST.read(call.json() if call.request.body else {})
    lines = call.world.fleet.logs(document["id"], body.get("containerType") or "InferenceServer").splitlines()
    tail = body.get("tail")
    shown = "\n".join(lines[-tail:] if tail else lines)
    return Response(200, {"content": f"{_status(document, call.world)}\nContainer logs:\n{shown}\n"})


async def _list_skus(call: Call) -> Response:
    """Recorded, the odd name of the type included."""
    _deployment(call)
    most = limit_of(call.world, "instancesPerDeployment")
    capacity = {"minimum": 1, "maximum": most, "default": 1, "scaleType": "Automatic"}
    sku = {"name": "default", "tier": "Standard"}
    kind = "Microsoft.MachineLearning.Services/endpoints/deployments"
    return Response(200, {"value": [{"resourceType": kind, "sku": sku, "capacity": capacity}]})


def _status(document: Json, world: World) -> str:
    """The head of the logs: how far the instance came, in the service's layout."""
    states = {"Succeeded": "Succeeded", "Updating": "Succeeded", "Failed": "Failed"}
    server = states.get(document["properties"]["provisioningState"], "InProgress")
    fetched = "Failed" if server == "Failed" and not world.fleet.logs(document["id"]) else "Succeeded"
    lines = [
        "Instance status:",
        "SystemSetup: Succeeded",
        "UserContainerImagePull: Succeeded",
        f"ModelDownload: {fetched}",
        f"UserContainerStart: {server}",
        "",
    ]
    pulling = "Message: Start pulling container image"
    event = f"Kind: Pod, Name: Pulling, Type: Normal, Time: {world.clock.stamp()}, {pulling}"
    return "\n".join([*lines, "Container events:", event, ""])


def _boot(world: World, final: Json) -> asyncio.Task[None]:
    """Start the server while Azure's time passes; a failure is raised where the task is awaited."""
    task = asyncio.get_running_loop().create_task(world.fleet.prepare(final["id"], final))
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task


def _needs_restart(before: Json, final: Json) -> bool:
    """Only what the container is made of needs a new one; a new scale, tag or description does not."""
    made_of = ("codeConfiguration", "model", "environmentId", "environmentVariables", "modelMountPath")
    return any(before["properties"].get(name) != final["properties"].get(name) for name in made_of)


def _sku(sku: Json | None) -> Json:
    wanted = sku or {}
    capacity = 1 if wanted.get("capacity") is None else wanted["capacity"]
    return {
        "name": wanted.get("name") or "Default",
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
    _endpoint(call)
    return call.world.documents.require(_id(call))


def _id(call: Call) -> str:
    endpoint = call.world.documents.get(child_id(call, "onlineEndpoints", call.params["endpoint"]))
    parent = endpoint["id"] if endpoint else child_id(call, "onlineEndpoints", call.params["endpoint"])
    return f"{parent}/deployments/{call.params['deployment']}"
