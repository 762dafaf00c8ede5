"""Sharing an asset of a workspace with a registry: its document and its blobs are copied.

`sourceAssetId` names the workspace by its region and its own id. The operation's URL ends with 204 (recorded).
Source: network isolation of registries, for what cannot be shared; the texts of refusals are assumed.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.fields import Field, Kind, object_of, one_of, text
from vnetferry.sandbox.ml.registry_assets import DATA_PLANE, begin, new_place, not_found
from vnetferry.sandbox.ml.registry_documents import asset_uri
from vnetferry.sandbox.ml.scope import PROVIDER, REGISTRY, WORKSPACE_TYPE, created, require_registry, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.assets import BlobPath, resolve
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_IMPORT_S = 30.0
_SOURCE = re.compile(
    r"azureml://locations/([^/]+)/workspaces/([^/]+)/(models|environments|components|data)/([^/]+)/versions/([^/]+)",
    re.IGNORECASE,
)
_BODY = Kind(
    "ResourceManagementAssetReferenceData",
    {
        "properties": Field(
            object_of(
                Kind(
                    "ResourceManagementAssetReferenceDetails",
                    {
                        "referenceType": Field(one_of("Id"), required=True),
                        "sourceAssetId": Field(text, required=True),
                        "destinationName": Field(text),
                        "destinationVersion": Field(text),
                    },
                )
            ),
            required=True,
        )
    },
)


class _Source(NamedTuple):
    """What is shared: the workspace, the version's document, and its kind's plural."""

    workspace: Json
    document: Json
    plural: str


def operations() -> list[Operation]:
    """The one row of the data plane's table."""
    return [
        row(
            "ResourceManagementAssetReference_Import",
            "POST",
            f"{REGISTRY}/import",
            _import,
            "registries/assets/write",
            api_versions=DATA_PLANE,
            evidence="recorded",
        )
    ]


async def _import(call: Call) -> Response:
    registry, asked = require_registry(call), _BODY.read(call.json())["properties"]
    source = _require_source(call, asked["sourceAssetId"])
    _require_open(call.world, registry, source.workspace)
    name = asked.get("destinationName") or source.document["id"].split("/")[-3]
    version = asked.get("destinationVersion") or source.document["name"]
    identifier = f"{registry['id']}/{source.plural}/{name}/versions/{version}"
    if identifier in call.world.documents:
        raise service_error(409, "UserError", f"Asset already exists: {asset_uri(identifier)}")

    async def finish() -> None:
        properties = _copied(call.world, registry, source, asset_uri(identifier))
        properties["originAssetId"] = asked["sourceAssetId"]
        assets.keep_version(call.world, identifier, properties, created(call.world, call.request.principal))

    return begin(call, identifier, _IMPORT_S, finish)


def _require_source(call: Call, uri: str) -> _Source:
    """What the id names, if the caller may read it."""
    found = _SOURCE.fullmatch(uri)
    if found is None:
        raise service_error(
            400, "UserError", f"The sourceAssetId '{uri}' is not the id of a workspace's asset."
        )
    region, guid, plural, name, version = found.groups()
    workspace = _find_workspace(call.world, guid, region)
    if workspace is None:
        raise not_found(uri)
    right = f"{PROVIDER}/workspaces/{plural.lower()}/versions/read"
    authorization.require(call.world, call.request.principal, right, workspace["id"])
    document = call.world.documents.get(f"{workspace['id']}/{plural}/{name}/versions/{version}")
    if document is None:
        raise not_found(uri)
    return _Source(workspace, document, plural.lower())


def _find_workspace(world: World, guid: str, region: str) -> Json | None:
    for workspace in world.resources_of(WORKSPACE_TYPE):
        is_named = str(workspace["properties"].get("workspaceId")).lower() == guid.lower()
        if is_named and normal_region(workspace["location"]) == normal_region(region):
            return workspace
    return None


def _require_open(world: World, registry: Json, workspace: Json) -> None:
    """AzureError 400 when the workspace's storage is closed to the public and to this registry."""
    storage = world.documents.get(workspace["properties"].get("storageAccount") or "")
    properties = (storage or {}).get("properties") or {}
    if str(properties.get("publicNetworkAccess") or "Enabled").lower() != "disabled":
        return
    rules = (properties.get("networkAcls") or {}).get("resourceAccessRules") or []
    if any(str(rule.get("resourceId")).lower() == registry["id"].lower() for rule in rules):
        return
    message = (
        "Sharing an asset from a workspace whose storage account has public network access disabled is not "
        f"supported: {workspace['properties'].get('storageAccount')}."
    )
    raise service_error(400, "UserError", message)


def _copied(world: World, registry: Json, source: _Source, uri: str) -> Json:
    """The version's properties, with its blobs at a place of the registry's own."""
    properties: Json = deepcopy(source.document["properties"])
    holder, member = properties, {"models": "modelUri", "data": "dataUri"}.get(source.plural, "")
    if source.plural == "environments" and properties.get("build"):
        holder, member = properties["build"], "contextUri"
    if member:
        path = _blob_path(world, source.workspace, holder[member])
        account, container = new_place(world, registry, uri)
        target = account.rpartition("/")[2]
        _copy(world, path, (target, container))
        holder[member] = f"https://{target}.blob.core.windows.net/{container}/{path.path}"
    return properties


def _blob_path(world: World, workspace: Json, uri: str) -> BlobPath:
    try:
        return resolve(world, workspace["id"], uri)
    except AzureError as err:
        raise service_error(400, "UserError", f"The asset's content at '{uri}' cannot be copied.") from err


def _copy(world: World, source: BlobPath, target: tuple[str, str]) -> None:
    """Every blob at a path, to the same path elsewhere; AzureError 400 when there are none."""
    path, home = source.path.rstrip("/"), world.blobs.container(*target)
    found = [
        blob
        for blob in world.blobs.list(source.account, source.container, path)
        if not path or blob.name == path or blob.name.startswith(f"{path}/")
    ]
    if not found or home is None:
        message = f"The asset's content at '{source.account}/{source.container}/{path}' was not found."
        raise service_error(400, "UserError", message)
    for blob in found:
        world.blobs.enter(home, blob.name, blob.content, blob.metadata, blob.headers)
