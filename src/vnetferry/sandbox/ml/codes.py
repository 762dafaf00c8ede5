"""Code versions, and the place to which a client uploads a snapshot before it registers it."""

from __future__ import annotations

import uuid

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.fields import Field, Kind, one_of, text
from vnetferry.sandbox.ml.furnishing import default_store
from vnetferry.sandbox.ml.scope import require_workspace, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

_UPLOAD = Kind(
    "PendingUploadRequest",
    {
        "pendingUploadId": Field(text),
        "pendingUploadType": Field(one_of("None", "TemporaryBlobReference")),
    },
)
_SAS_HOURS = 24


def _complete(_call: Call, properties: Json) -> Json:
    if not properties.get("codeUri"):
        raise service_error(400, "UserError", "The codeUri of a code version is required.")
    return {
        **assets.common_members(properties),
        "codeUri": properties["codeUri"],
        "provisioningState": "Succeeded",
    }


CODES = assets.AssetKind(
    plural="codes",
    title="Code",
    version=assets.version_kind("Code", codeUri=Field(text)),
    container=assets.container_kind("Code"),
    settled=("codeUri",),
    complete=_complete,
    missing=(
        "Code container with name: {name} not found.",
        "Code asset with name: {name} and version: {version} not found.",
    ),
)


def operations() -> list[Operation]:
    """Containers, versions, and startPendingUpload."""
    path = f"{CODES.path}/{{name}}/versions/{{version}}/startPendingUpload"
    right = "workspaces/codes/versions/startPendingUpload/action"
    name = "CodeVersions_CreateOrGetStartPendingUpload"
    return [
        *assets.operations(CODES),
        row(name, "POST", path, _start_upload, right, evidence="recorded"),
    ]


async def _start_upload(call: Call) -> Response:
    """A SAS for the container of the workspace's default datastore."""
    given = _UPLOAD.read(call.json())
    workspace = require_workspace(call)
    store = default_store(call.world, workspace)
    if store is None:
        raise service_error(400, "UserError", "The workspace has no default datastore.")
    properties = store["properties"]
    account, container = properties.get("accountName"), properties.get("containerName")
    if not account or not container:
        raise service_error(400, "UserError", "The workspace's default datastore is not in blob storage.")
    host = f"{account}.blob.{properties.get('endpoint') or 'core.windows.net'}"
    sas = call.world.blobs.sas(account, container, permissions="rcwl", hours=_SAS_HOURS)
    reference = {
        "blobUri": f"https://{host}:443/{container}",
        "storageAccountArmId": _account_id(workspace, properties),
        "credential": {"credentialType": "SAS", "sasUri": f"https://{host}/{container}?{sas}"},
    }
    answer: Json = {
        "blobReferenceForConsumption": reference,
        "pendingUploadId": given.get("pendingUploadId") or str(uuid.uuid4()),
        "pendingUploadType": "None",
    }
    return Response(200, answer)


def _account_id(workspace: Json, store: Json) -> str:
    """The id of a datastore's account; one that does not tell its group has the workspace's own account."""
    own = str(workspace["properties"].get("storageAccount") or workspace["id"]).split("/")
    subscription, group = store.get("subscriptionId") or own[2], store.get("resourceGroup") or own[4]
    scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
    return f"{scope}/providers/Microsoft.Storage/storageAccounts/{store['accountName']}"
