"""Online endpoints: what callers score at, and how their requests are divided among deployments.

Every change is a long-running operation whose effects show when it ends: the 201 of a traffic update still
carries the old traffic, as recorded from the service.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.providers import require_offered
from vnetferry.sandbox.ml import endpoint_keys, legacy_egress
from vnetferry.sandbox.ml.endpoint_roles import adopt_identity, assign_roles, check_secret_stores
from vnetferry.sandbox.ml.endpoint_rules import (
    check_created,
    check_identity_unchanged,
    check_idle,
    check_immutable,
    check_kind,
    check_name,
    check_name_free,
    check_not_legacy,
    check_traffic,
)
from vnetferry.sandbox.ml.identity import require_assignable, resolve_identity
from vnetferry.sandbox.ml.online_errors import refused
from vnetferry.sandbox.ml.online_fields import ENDPOINT, ENDPOINT_PATCH, REGENERATE
from vnetferry.sandbox.ml.online_operations import Work, accepted, async_uri, deleting, start
from vnetferry.sandbox.ml.online_operations import created as answer_created
from vnetferry.sandbox.ml.online_quotas import check_endpoint_quota
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, created, modified, page, require_workspace, row
from vnetferry.sandbox.operations import LongOperation
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.scoring.specification import name_of, workspace_id_of
from vnetferry.sandbox.wire import Json, Response, copied, read_count

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_PATH = f"{WORKSPACE}/onlineEndpoints"
_RIGHT = "workspaces/onlineEndpoints"
_CREATE_OR_UPDATE = "OnlineEndpoints_CreateOrUpdate"
_PAGE_SIZE = 30
# Azure seconds, as recorded: creation about 90 s, a change of traffic 20 s. Deletion is assumed.
_CREATE_S, _UPDATE_S, _DELETE_S, _KEYS_S = 90.0, 20.0, 60.0, 20.0

# The api-version in which regenerateKeys was recorded to answer an address that leads nowhere.
_LOST_IN = "2022-02-01-preview"

# What COVERAGE.md says of an operation beside its evidence.
_NOTES = {
    "CreateOrUpdate": "what is refused is documented or reported; most texts, and how long a deleted name is "
    "held, are assumed; so is that a vault whose public access is disabled lets Azure's own services in unless its "
    "bypass says None; Kubernetes endpoints are refused; altering or dropping an entry of `properties` is not",
    "Update": "tags replace; the identity cannot change",
    "Delete": "whose body is null and whose is none is recorded; that the api-version decides it is assumed",
    "GetToken": "the token's life (24 h) is assumed",
    "RegenerateKeys": "2022-02-01-preview as recorded: Location only, which gives 404; later ones as specified; sets "
    "the keyValue that it is sent, so a client that sends the present key changes nothing",
}


def operations() -> list[Operation]:
    """The rows of the table for online endpoints."""
    one = f"{_PATH}/{{endpoint}}"
    rows = (
        ("List", "GET", _PATH, _list, "read", "recorded"),
        ("Get", "GET", one, _get, "read", "recorded"),
        ("CreateOrUpdate", "PUT", one, _put, "write", "recorded"),
        ("Update", "PATCH", one, _patch, "write", "specified"),
        ("Delete", "DELETE", one, _delete, "delete", "recorded"),
        ("ListKeys", "POST", f"{one}/listKeys", _list_keys, "listKeys/action", "recorded"),
        ("GetToken", "POST", f"{one}/token", _token, "token/action", "recorded"),
        (
            "RegenerateKeys",
            "POST",
            f"{one}/regenerateKeys",
            _regenerate,
            "regenerateKeys/action",
            "specified",
        ),
    )
    return [
        row(
            f"OnlineEndpoints_{name}",
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
    """Register an endpoint of the scenario: its document, its name and its keys.

    What a document written by hand leaves out is filled in as for an endpoint that was created.
    """
    properties = document.setdefault("properties", {})
    if not document.get("location"):
        document["location"] = world.documents.require(workspace_id_of(document["id"]))["location"]
    properties.setdefault("authMode", "Key")
    adopt_identity(world, document)
    if properties.setdefault("provisioningState", "Succeeded") == "Succeeded":
        properties.update({**_addresses(document), **{k: v for k, v in properties.items() if v is not None}})
    world.documents.put(document)
    world.endpoint_names.claim(document["location"], document["name"], document["id"])
    if properties["authMode"] == "Key":
        # Those of the scenario are there before its documents.
        given = world.secrets.endpoint_keys.get(document["id"].lower())
        endpoint_keys.set_keys(world, document["id"], given)


async def discard(world: World, endpoint: Json) -> None:
    """Remove an endpoint with all that it has: servers, deployments, private endpoints, keys and name."""
    await world.fleet.stop_below(endpoint["id"])
    for deployment in deployments_of(world, endpoint["id"]):
        legacy_egress.disconnect_deployment(world, deployment)
    world.documents.remove(endpoint["id"])
    endpoint_keys.forget(world, endpoint["id"])
    world.endpoint_names.release(endpoint["location"], endpoint["name"], world.clock.elapsed_s())


async def discard_all(world: World, workspace_id: str) -> None:
    """Remove every online endpoint of a workspace that is deleted."""
    for endpoint in world.documents.collection(f"{workspace_id}/onlineEndpoints"):
        await discard(world, endpoint)


def deployments_of(world: World, endpoint_id: str) -> list[Json]:
    """The endpoint's deployments, in order of creation."""
    return world.documents.collection(f"{endpoint_id}/deployments")


def require_endpoint(call: Call) -> Json:
    """The endpoint that the path is in (live); AzureError 404 when it, or its workspace, is absent."""
    return call.world.documents.require(_id(call))


async def _list(call: Call) -> Response:
    require_workspace(call)
    query = call.request.query
    found = call.world.documents.collection(child_id(call, "onlineEndpoints"))
    if name := query.get("name"):
        found = [document for document in found if document["name"].lower() == name.lower()]
    if kind := query.get("computetype"):
        found = [
            document for document in found if str(document.get("kind", "Managed")).lower() == kind.lower()
        ]
    return page(call, found, read_count(query.get("count", "")) or _PAGE_SIZE)


async def _get(call: Call) -> Response:
    return Response(200, copied(require_endpoint(call)))


async def _put(call: Call) -> Response:
    workspace = require_workspace(call)
    body = ENDPOINT.read(call.json())
    existing = call.world.documents.get(_id(call))
    check_location(workspace, body)
    check_not_legacy(workspace)
    return _create(call, workspace, body) if existing is None else _update(call, existing, body)


def check_location(parent: Json, body: Json) -> None:
    """What is in a workspace is in its region."""
    if normal_region(body["location"]) != normal_region(parent["location"]):
        raise refused(
            f"The location '{body['location']}' is not that of '{parent['name']}', which is "
            f"{parent['location']}.",
            field="Location",
        )


def _create(call: Call, workspace: Json, body: Json) -> Response:
    world, properties, name = call.world, body["properties"], call.params["endpoint"]
    check_name(name, "Endpoint")
    require_offered(world, _id(call), normal_region(workspace["location"]))
    require_assignable(call, body.get("identity"))
    check_kind(properties)
    _check_keys(properties)
    check_secret_stores(body.get("identity"), properties)
    check_traffic(name, [], properties)
    check_endpoint_quota(world, workspace)
    check_name_free(world, workspace["location"], name)
    document = _new_document(call, workspace, body)
    world.endpoint_names.claim(workspace["location"], name, document["id"])
    if properties["authMode"] == "Key":
        endpoint_keys.set_keys(world, document["id"], properties.get("keys"))
    world.documents.put(document)

    async def finish() -> None:
        _check_vault(world, workspace, properties["authMode"])
        assign_roles(world, workspace, document, call.request.principal)
        document["properties"].update(_addresses(document), provisioningState="Succeeded")

    operation = start(call, document, Work(_CREATE_OR_UPDATE, "oeidp", _CREATE_S, finish))
    notes = {"azureml.onlineendpointid": document["id"].lower()}
    notes["AzureAsyncOperationUri"] = async_uri(operation, call.api_version)
    document["properties"]["properties"].update(notes)
    return answer_created(call, operation, copied(document))


def _new_document(call: Call, workspace: Json, body: Json) -> Json:
    name, tenant = call.params["endpoint"], workspace["properties"].get("tenantId") or ""
    wanted = body.get("identity") or {"type": "SystemAssigned"}
    identity = resolve_identity(call.world, wanted, None, tenant)
    return {
        "id": _id(call),
        "name": name,
        "type": TYPE,
        "location": workspace["location"],
        "tags": body.get("tags") or {},
        "kind": "Managed",
        "identity": identity,
        "systemData": created(call.world, call.request.principal),
        "properties": {
            **_wanted(body["properties"]),
            "compute": None,
            "keys": None,
            "provisioningState": "Creating",
            "scoringUri": None,
            "swaggerUri": None,
        },
    }


def _addresses(endpoint: Json) -> dict[str, str]:
    region = normal_region(endpoint["location"])
    host = f"https://{endpoint['name'].lower()}.{region}.inference.ml.azure.com"
    return {"scoringUri": f"{host}/score", "swaggerUri": f"{host}/swagger.json"}


def _wanted(properties: Json) -> Json:
    """What a body asks for, completed with what the service assumes: a PUT replaces all of it."""
    return {
        "authMode": properties["authMode"],
        "description": properties.get("description"),
        "mirrorTraffic": properties.get("mirrorTraffic") or {},
        "properties": dict(properties.get("properties") or {}),
        "publicNetworkAccess": properties.get("publicNetworkAccess") or "Enabled",
        "traffic": properties.get("traffic") or {},
    }


def _update(call: Call, document: Json, body: Json) -> Response:
    wanted = body["properties"]
    check_idle(document, "update")
    check_created(document)
    check_immutable(document, body)
    check_traffic(document["name"], deployments_of(call.world, document["id"]), wanted)
    notes = {
        key: value
        for key, value in (document["properties"].get("properties") or {}).items()
        if key in ("azureml.onlineendpointid", "AzureAsyncOperationUri")
    }

    async def finish() -> None:
        document["properties"].update(_wanted(wanted), provisioningState="Succeeded")
        document["properties"]["properties"].update(notes)
        document["tags"] = body.get("tags") or {}
        document["systemData"] = modified(call.world, call.request.principal, document.get("systemData"))

    operation = start(call, document, Work(_CREATE_OR_UPDATE, "oeidp", _UPDATE_S, finish, "Updating"))
    return answer_created(call, operation, copied(document))


async def _patch(call: Call) -> Response:
    document = require_endpoint(call)
    body = ENDPOINT_PATCH.read(call.json())
    check_not_legacy(require_workspace(call))
    check_idle(document, "update")
    check_created(document)
    check_identity_unchanged(document, body)

    async def finish() -> None:
        document["properties"]["provisioningState"] = "Succeeded"
        if body.get("tags") is not None:
            document["tags"] = body["tags"]
        document["systemData"] = modified(call.world, call.request.principal, document.get("systemData"))

    result = partial(copied, document)
    work = Work("OnlineEndpoints_Update", "oeidp", _UPDATE_S, finish, "Updating", result)
    return accepted(call, start(call, document, work))


async def _delete(call: Call) -> Response:
    document = call.world.documents.get(_id(call))
    if document is None:
        return Response(204)
    check_idle(document, "delete")
    world = call.world
    for deployment in deployments_of(world, document["id"]):
        deployment["properties"]["provisioningState"] = "Deleting"

    async def finish() -> None:
        await discard(world, document)

    work = Work("OnlineEndpoints_Delete", "oeidp", _DELETE_S, finish, "Deleting")
    return deleting(call, start(call, document, work))


async def _list_keys(call: Call) -> Response:
    """An endpoint without keys answers 200 with both null, as recorded."""
    keys = call.world.secrets.endpoint_keys.get(require_endpoint(call)["id"].lower(), {})
    return Response(200, {name: keys.get(name) for name in ("primaryKey", "secondaryKey")})


async def _token(call: Call) -> Response:
    document = require_endpoint(call)
    mode = document["properties"]["authMode"]
    if mode != "AMLToken":
        raise refused(
            f"Endpoint {document['name']} has authMode {mode}: it issues no tokens.", field="AuthMode"
        )
    return Response(200, endpoint_keys.issue_token(call.world, document["id"]))


async def _regenerate(call: Call) -> Response:
    """`keyValue` is the value to set; without one a new key is made."""
    document = require_endpoint(call)
    body = REGENERATE.read(call.json())
    check_idle(document, "regenerate the keys of")
    if document["properties"]["authMode"] != "Key":
        raise refused(f"Endpoint {document['name']} has no keys.", field="AuthMode")

    async def finish() -> None:
        keys = call.world.secrets.endpoint_keys[document["id"].lower()]
        keys[f"{body['keyType'].lower()}Key"] = body.get("keyValue") or endpoint_keys.new_key()

    operation = start(call, document, Work("OnlineEndpoints_RegenerateKeys", "oeidp", _KEYS_S, finish))
    return _lost(call, operation) if call.api_version == _LOST_IN else accepted(call, operation)


def _lost(call: Call, operation: LongOperation) -> Response:
    """As recorded: `Location` alone, the body `null`, and at that address nobody knows the operation."""
    unknown = replace(operation, id=f"{operation.id.rpartition(':')[0]}:{uuid.uuid4()}")
    return Response(
        202, b"null", {"Location": unknown.urls(call.api_version)[1], **call.world.operations.pace()}
    )


def _check_keys(properties: Json) -> None:
    if properties.get("keys") and properties["authMode"] != "Key":
        raise refused(f"Keys cannot be set for authMode {properties['authMode']}.", field="Keys")


_BYPASS = "AzureServices"  # what a vault has that says nothing of it


def _check_vault(world: World, workspace: Json, auth_mode: str) -> None:
    """Keys are kept in the workspace's vault, whose firewall must let Azure's own services in.

    One that says nothing of `bypass` does, by the default of its API. Source: troubleshoot online endpoints
    (key-authenticated endpoints and the Key Vault's firewall). The text is assumed.
    """
    vault = world.documents.get(workspace["properties"].get("keyVault") or "")
    properties = (vault or {}).get("properties") or {}
    rules = properties.get("networkAcls") or {}
    access, default = properties.get("publicNetworkAccess"), rules.get("defaultAction")
    closed = str(access).lower() == "disabled" or str(default).lower() == "deny"
    if auth_mode == "Key" and closed and "azureservices" not in (rules.get("bypass") or _BYPASS).lower():
        raise refused(
            f"The key vault '{name_of(workspace['properties']['keyVault'])}' refuses trusted Azure "
            "services: set its networkAcls.bypass to AzureServices.",
            field="KeyVault",
        )


def _id(call: Call) -> str:
    return child_id(call, "onlineEndpoints", call.params["endpoint"])
