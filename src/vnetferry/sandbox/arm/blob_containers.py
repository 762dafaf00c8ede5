"""Blob containers as Resource Manager sees them. They are the blob service's own: nothing is kept here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_known, require_object
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.blob.store import Container

_SERVICE = "Microsoft.Storage/storageAccounts/blobServices"
_NAME = re.compile(r"^(\$root|\$web|\$logs|[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9])$")
_KNOWN = frozenset(
    {"publicAccess", "metadata", "defaultEncryptionScope", "denyEncryptionScopeOverride"}
    | {"enableNfsV3RootSquash", "enableNfsV3AllSquash", "immutableStorageWithVersioning"}
)
_STATE = {
    "leaseStatus": "Unlocked",
    "leaseState": "Available",
    "hasImmutabilityPolicy": False,
    "hasLegalHold": False,
    "deleted": False,
}


def operations(account: str, versions: frozenset[str]) -> list[Operation]:
    """The containers of the blob service below the path of an `account`."""
    many = f"{account}/blobServices/default/containers"
    one = f"{many}/{{container}}"

    def row(name: str, method: str, path: str, handle: Handler, right: str) -> Operation:
        return Operation(name, method, path, handle, f"{_SERVICE}/{right}", versions)

    return [
        row("BlobContainers_Create", "PUT", one, _put, "containers/write"),
        row("BlobContainers_Get", "GET", one, _get, "containers/read"),
        row("BlobContainers_Delete", "DELETE", one, _delete, "containers/delete"),
        row("BlobContainers_List", "GET", many, _list, "containers/read"),
    ]


def _account(call: Call) -> Json:
    return call.world.documents.require(call.path.rpartition("/blobServices/")[0])


async def _put(call: Call) -> Response:
    account, name = _account(call), call.params["container"]
    body = call.json() if call.request.body else {}
    require_known(body, {"id", "name", "type", "properties"}, "BlobContainer")
    properties = require_object(body.get("properties"), "properties")
    require_known(properties, _KNOWN, "ContainerProperties", "properties")
    if not _NAME.fullmatch(name):
        raise AzureError(400, "ContainerNameInvalid", f"The container name '{name}' is not valid.")
    _require_private(account, properties)
    blobs = call.world.blobs
    if blobs.is_vanishing(account["name"], name):
        raise AzureError(409, "ContainerBeingDeleted", "The specified container is being deleted. Try later.")
    existed = blobs.container(account["name"], name) is not None
    container = blobs.ensure_container(account["name"], name, properties.get("metadata"))
    return Response(200 if existed else 201, _document(account, container))


def _require_private(account: Json, properties: Json) -> None:
    public = properties.get("publicAccess") not in (None, "None")
    if public and not account["properties"].get("allowBlobPublicAccess"):
        message = "Public access is not permitted on this storage account."
        raise AzureError(409, "PublicAccessNotPermitted", message)


def _document(account: Json, container: Container) -> Json:
    properties = {
        "publicAccess": "None",
        "metadata": dict(container.metadata),
        "lastModifiedTime": container.last_modified.isoformat(),
        **_STATE,
    }
    return {
        "id": f"{account['id']}/blobServices/default/containers/{container.name}",
        "name": container.name,
        "type": f"{_SERVICE}/containers",
        "etag": container.etag,
        "properties": properties,
    }


async def _get(call: Call) -> Response:
    account = _account(call)
    container = call.world.blobs.container(account["name"], call.params["container"])
    if container is None:
        raise AzureError(404, "ContainerNotFound", "The specified container does not exist.")
    return Response(200, _document(account, container))


async def _delete(call: Call) -> Response:
    name = _account(call)["name"]
    if call.world.blobs.container(name, call.params["container"]) is None:
        return Response(204)
    call.world.blobs.delete_container(name, call.params["container"])
    return Response(200)


async def _list(call: Call) -> Response:
    account = _account(call)
    found = call.world.blobs.containers(account["name"])
    return tracked.paged(call, [_document(account, container) for container in found], page=5000)
