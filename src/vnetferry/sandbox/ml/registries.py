"""Registries: made, read, changed and deleted. Their assets are in registry_assets.

Making and deleting one answers 202 without a body, and `registryOperationsStatus` tells how far it is (recorded).
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.bodies import require_tags
from vnetferry.sandbox.arm.private_links import adopt_connections
from vnetferry.sandbox.arm.private_links import operations as private_link_operations
from vnetferry.sandbox.arm.regions import require_region
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml import registry_resources
from vnetferry.sandbox.ml.api_versions import REGISTRIES as VERSIONS
from vnetferry.sandbox.ml.identity import require_assignable, resolve_identity
from vnetferry.sandbox.ml.registry_documents import find_registry, regions_of, shown
from vnetferry.sandbox.ml.registry_fields import CREATE, UPDATE
from vnetferry.sandbox.ml.scope import (
    REGISTRIES,
    REGISTRY,
    REGISTRY_TYPE,
    page,
    require_idle,
    require_registry,
    row,
    workspace_id,
)
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# As recorded: creation 47 s, deletion 30 s. A change is assumed to take as long as a creation.
_CREATE_S, _DELETE_S = 45.0, 30.0
_PAGE = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")


def operations() -> list[Operation]:
    """Registries and their private endpoint connections."""
    everywhere = f"/subscriptions/{{subscriptionId}}/providers/{REGISTRY_TYPE}"
    right = "registries"
    put = "a name that is taken and a missing primary region are refused in assumed words"
    common = {"api_versions": VERSIONS}
    return [
        row("Registries_Get", "GET", REGISTRY, _get, f"{right}/read", evidence="recorded", **common),
        row(
            "Registries_CreateOrUpdate",
            "PUT",
            REGISTRY,
            _put,
            f"{right}/write",
            evidence="recorded",
            note=put,
            **common,
        ),
        row("Registries_Update", "PATCH", REGISTRY, _patch, f"{right}/write", **common),
        row(
            "Registries_Delete",
            "DELETE",
            REGISTRY,
            _delete,
            f"{right}/delete",
            evidence="recorded",
            note="the managed resource group goes with it",
            **common,
        ),
        row("Registries_List", "GET", REGISTRIES, _list, f"{right}/read", **common),
        row("Registries_ListBySubscription", "GET", everywhere, _list_everywhere, f"{right}/read", **common),
        *private_link_operations(REGISTRY_TYPE, "RegistryPrivateEndpointConnections", VERSIONS),
    ]


def adopt(world: World, document: Json) -> None:
    """Take a registry as GET returned it; accounts that it names and the scenario lacks are there as well."""
    registry = deepcopy(document)
    properties = registry.setdefault("properties", {})
    carried = properties.pop("registryPrivateEndpointConnections", None) or []
    properties["privateEndpointConnections"] = [_plain(each) for each in carried]
    adopt_connections(world, registry)
    properties.setdefault("publicNetworkAccess", "Enabled")
    group = registry_resources.group_id(registry["id"])
    properties.setdefault("managedResourceGroup", {"resourceId": group})
    properties["regionDetails"] = properties.get("regionDetails") or []
    world.documents.put(registry)
    if not properties["regionDetails"]:
        registry_resources.furnish(world, registry, [])
    registry_resources.keep_resources(world, registry)


async def _get(call: Call) -> Response:
    return Response(200, shown(call.world, require_registry(call)))


async def _list(call: Call) -> Response:
    found = call.world.documents.collection("/".join(call.request.segments))
    return page(call, [shown(call.world, each) for each in found], _PAGE)


async def _list_everywhere(call: Call) -> Response:
    found = call.world.documents.below(f"/subscriptions/{call.params['subscriptionId']}", REGISTRY_TYPE)
    return page(call, [shown(call.world, each) for each in found], _PAGE)


async def _put(call: Call) -> Response:
    world, body = call.world, CREATE.read(call.json())
    identifier = workspace_id(call)
    before = world.documents.get(identifier)
    tags, location = require_tags(body.get("tags")), require_region(body["location"], REGISTRY_TYPE)
    asked = _require_regions(body["properties"].get("regionDetails") or [], location)
    registry_resources.require_own_resources(world, asked)
    require_assignable(call, body.get("identity"))
    if before is None:
        _require_name(world, call.params["registry"])
    else:
        require_idle(world, before["id"])
        _require_same_place(before, location)
    registry = before or world.documents.put(_new(call, body, location))
    tenant = call.request.principal.tenant_id if call.request.principal else ""
    wanted = body.get("identity") or {"type": "SystemAssigned"}
    identity = resolve_identity(world, wanted, registry.get("identity"), tenant)
    changes = {k: v for k, v in body["properties"].items() if v is not None and k != "regionDetails"}

    async def finish() -> None:
        registry["identity"], registry["tags"] = identity, tags
        registry["properties"].update(changes)
        registry_resources.furnish(world, registry, asked)

    def fail(_error: AzureError) -> None:
        if before is None:
            world.documents.remove(registry["id"])

    operation = world.operations.start(
        "registry",
        call.operation.name,
        registry["id"],
        registry["location"],
        default_s=_CREATE_S,
        finish=finish,
        fail=fail,
        result=lambda: shown(world, registry),
    )
    return world.operations.accepted(operation, call.api_version)


async def _patch(call: Call) -> Response:
    registry, body = require_registry(call), UPDATE.read(call.json())
    require_idle(call.world, registry["id"])
    require_assignable(call, body.get("identity"))
    tenant = call.request.principal.tenant_id if call.request.principal else ""
    identity = resolve_identity(call.world, body.get("identity"), registry.get("identity"), tenant)
    if body.get("tags") is not None:
        registry["tags"] = require_tags(body["tags"])
    registry["identity"] = identity
    return Response(200, shown(call.world, registry))


async def _delete(call: Call) -> Response:
    world, registry = call.world, call.world.documents.get(workspace_id(call))
    if registry is None:
        return Response(204)
    require_idle(world, registry["id"])
    group = registry["properties"]["managedResourceGroup"]["resourceId"]

    async def finish() -> None:
        world.documents.remove(registry["id"])
        world.documents.remove(group)

    operation: LongOperation = world.operations.start(
        "registry",
        call.operation.name,
        registry["id"],
        registry["location"],
        default_s=_DELETE_S,
        finish=finish,
    )
    return world.operations.accepted(operation, call.api_version)


def _new(call: Call, body: Json, location: str) -> Json:
    """The document of a registry that is being made; `systemData` is null, as recorded."""
    identifier, name = workspace_id(call), call.params["registry"]
    api = f"{location}.api.azureml.ms"
    properties = body["properties"]
    return {
        "tags": {},
        "location": location,
        "identity": None,
        "id": identifier,
        "name": name,
        "type": REGISTRY_TYPE,
        "properties": {
            "regionDetails": [],
            "intellectualPropertyPublisher": properties.get("intellectualPropertyPublisher"),
            "publicNetworkAccess": properties.get("publicNetworkAccess") or "Enabled",
            "discoveryUrl": f"https://{api}/registrymanagement/v1.0/registries/{name}/discovery",
            "managedResourceGroup": {"resourceId": registry_resources.group_id(identifier)},
            "mlFlowRegistryUri": f"azureml://{api}/mlflow/v1.0{identifier}",
        },
        "systemData": None,
    }


def _require_name(world: World, name: str) -> None:
    if not _NAME.fullmatch(name):
        message = (
            f"Registry name '{name}' is invalid. It must be 3 to 33 characters long, begin with a letter or "
            "a digit and hold only letters, digits, hyphens and underscores."
        )
        raise service_error(400, "BadRequest", message)
    if find_registry(world, name) is not None:
        raise service_error(409, "Conflict", f"A registry with the name '{name}' exists already.")


def _require_regions(asked: list[Json], location: str) -> list[Json]:
    """Each region once, and the primary one among them; nothing stands for the primary one."""
    found = [require_region(each["location"], REGISTRY_TYPE) for each in asked]
    if len(set(found)) != len(found):
        raise service_error(400, "BadRequest", "A region can be named only once in regionDetails.")
    if found and location not in found:
        message = f"The registry's location '{location}' must be one of the regions in regionDetails."
        raise service_error(400, "BadRequest", message)
    return [{**each, "location": region} for each, region in zip(asked, found, strict=True)]


def _require_same_place(registry: Json, location: str) -> None:
    if normal_region(registry["location"]) != location:
        where = ", ".join(regions_of(registry))
        message = f"The location of registry '{registry['name']}' ({where}) cannot be changed."
        raise service_error(400, "BadRequest", message)


def _plain(connection: Json) -> Json:
    """A connection as other resources carry them."""
    properties = dict(connection.get("properties") or {})
    state = properties.pop("registryPrivateLinkServiceConnectionState", None)
    if state is not None:
        properties["privateLinkServiceConnectionState"] = state
    return {**connection, "properties": properties}
