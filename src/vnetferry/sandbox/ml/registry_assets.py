"""Assets in registries, as the registry's own data plane answers them.

A version is written by an operation of the asset store: 202 with `Location` alone, whose URL answers 202 while it
runs and then 200 with the asset's id (environments: without a body). Documents carry `azureml://registries/…`
for an id. All of that is recorded; that a failed operation's URL answers 400 with its error is assumed.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.assets import AssetKind, Function
from vnetferry.sandbox.ml.codes import CODES
from vnetferry.sandbox.ml.components import COMPONENTS
from vnetferry.sandbox.ml.data import DATA
from vnetferry.sandbox.ml.environments import ENVIRONMENTS
from vnetferry.sandbox.ml.fields import Field, Kind, anything, one_of, text
from vnetferry.sandbox.ml.models import MODELS
from vnetferry.sandbox.ml.registry_documents import (
    CONTAINERS,
    STORAGE,
    asset_uri,
    find_asset,
    parse_reference,
    resources_in,
)
from vnetferry.sandbox.ml.scope import PROVIDER, REGISTRY, require_idle, require_registry, row
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# What versions have in registries alone; a template's place on a deployment is not followed.
_TEMPLATES = ("defaultDeploymentTemplate", "allowedDeploymentTemplates")
_MORE = {
    "originAssetId": Field(text, read_only=True),
    "intellectualProperty": Field(anything),
    "system_metadata": Field(anything),
    **{name: Field(anything) for name in _TEMPLATES},
}


def _in_registries(kind: AssetKind) -> AssetKind:
    """The kind with the members that its versions have in registries."""

    def complete(call: Call, properties: Json) -> Json:
        kept = {name: properties[name] for name in _TEMPLATES if properties.get(name)}
        return {**kind.complete(call, properties), **kept}

    version = replace(kind.version, fields={**kind.version.fields, **_MORE})
    return replace(kind, version=version, complete=complete)


KINDS = {kind.plural: _in_registries(kind) for kind in (CODES, MODELS, ENVIRONMENTS, COMPONENTS, DATA)}
DATA_PLANE = frozenset({"2021-10-01-dataplanepreview"})
# Azure seconds, as recorded.
_WRITE_S, _ENVIRONMENT_S = 25.0, 240.0
_SAS_HOURS = 8.0
# Whose documents are answered with the full type, and whose with the kind alone (recorded).
_TYPED = frozenset({"codes", "components"})
_READ, _WRITE = "registries/assets/read", "registries/assets/write"
_UPLOAD = Kind(
    "TemporaryDataReferenceRequest",
    {
        "assetId": Field(text, required=True),
        "temporaryDataReferenceId": Field(text),
        "temporaryDataReferenceType": Field(one_of("None", "TemporaryBlobReference")),
    },
)
_DOWNLOAD = Kind(
    "GetBlobReferenceSASRequest",
    {"assetId": Field(text, required=True), "blobUri": Field(text, required=True)},
)
_BLOB = re.compile(r"https://([a-z0-9]+)\.blob\.core\.windows\.net(?::443)?/([^/?]+)/?([^?]*)")


def operations() -> list[Operation]:
    """Assets by Resource Manager, which answers them under their ARM ids."""
    return [row for kind in KINDS.values() for row in assets.operations(kind, assets.IN_REGISTRY)]


def data_operations() -> list[Operation]:
    """The rows of the data plane's own table."""
    upload = f"{REGISTRY}/tempdatarefs/{{name}}/versions/{{version}}"
    download = f"{REGISTRY}/datarefs/{{name}}/versions/{{version}}"
    recorded = {"api_versions": DATA_PLANE, "evidence": "recorded"}
    return [
        *(each for kind in KINDS.values() for each in _rows(kind)),
        row("TemporaryDataReferences_CreateOrGet", "PUT", upload, _start_upload, _WRITE, **recorded),
        row("DataReferences_GetBlobReferenceSas", "POST", download, _get_sas, _READ, api_versions=DATA_PLANE),
    ]


def _rows(kind: AssetKind) -> list[Operation]:
    several = f"{REGISTRY}/{kind.plural}"
    one = several + "/{name}"
    versions, version = one + "/versions", one + "/versions/{version}"
    group = f"Registry{kind.title}"
    table: tuple[tuple[str, str, str, Handler, str], ...] = (
        ("Containers_List", "GET", several, _reader(assets.list_containers, kind), _READ),
        ("Containers_Get", "GET", one, _reader(assets.get_container, kind), _READ),
        ("Containers_CreateOrUpdate", "PUT", one, _reader(assets.put_container, kind), _WRITE),
        ("Versions_List", "GET", versions, _reader(_list_versions, kind), _READ),
        ("Versions_Get", "GET", version, _reader(_get_version, kind), _READ),
        ("Versions_CreateOrUpdate", "PUT", version, partial(_put_version, kind), _WRITE),
    )
    specified = {"Containers_List", "Containers_CreateOrUpdate"}
    return [
        row(
            f"{group}{name}",
            method,
            path,
            handle,
            right,
            api_versions=DATA_PLANE,
            evidence="specified" if name in specified else "recorded",
        )
        for name, method, path, handle, right in table
    ]


def shown(document: Json) -> Json:
    """A document of Resource Manager's as the data plane answers it; anything else as it is."""
    if f"/{PROVIDER}/registries/".lower() not in str(document.get("id", "")).lower():
        return document
    uri = asset_uri(document["id"])
    parts = uri.removeprefix("azureml://registries/").split("/")
    plural, is_model_version = parts[1], parts[1] == "models" and len(parts) > 3
    return {
        **document,
        "id": uri,
        "name": parts[2] if is_model_version else document["name"],
        "type": resource_type(document["id"]) if plural in _TYPED else plural,
    }


def _list_versions(call: Call, kind: AssetKind) -> Response:
    """None for an asset that is not there: the SDK asks before it makes the first version of a model."""
    if f"{require_registry(call)['id']}/{kind.plural}/{call.params['name']}" not in call.world.documents:
        return Response(200, {"value": []})
    return assets.list_versions(call, kind)


def _get_version(call: Call, kind: AssetKind) -> Response:
    identifier = f"{require_registry(call)['id']}/{'/'.join(call.request.segments[8:])}"
    if identifier not in call.world.documents:
        raise not_found(asset_uri(identifier))
    return assets.get_version(call, kind)


def _reader(function: Function, kind: AssetKind) -> Handler:
    async def answer(call: Call) -> Response:
        response = function(call, kind)
        body = response.body
        if isinstance(body, dict):
            found = body.get("value")
            body = {**body, "value": [shown(each) for each in found]} if found is not None else shown(body)
        return Response(response.status, body)

    return answer


async def _put_version(kind: AssetKind, call: Call) -> Response:
    registry = require_registry(call)
    draft = assets.draft_version(call, kind)
    require_idle(call.world, draft.identifier)
    if kind.plural == ENVIRONMENTS.plural and draft.before is None:
        _require_builder(call.world, registry)

    async def finish() -> None:
        assets.write_version(call, draft)

    written = {"assetId": asset_uri(draft.identifier)}
    is_environment = kind.plural == ENVIRONMENTS.plural
    default_s = _ENVIRONMENT_S if is_environment and draft.before is None else _WRITE_S
    result = None if is_environment else lambda: written
    return begin(call, draft.identifier, default_s, finish, result=result)


def begin(
    call: Call,
    identifier: str,
    default_s: float,
    finish: Callable[[], Awaitable[None]],
    *,
    result: Callable[[], Json] | None = None,
) -> Response:
    """Start an operation of the asset store and tell where it is answered."""
    world, registry = call.world, require_registry(call)
    operation = world.operations.start(
        "assets",
        call.operation.name,
        identifier,
        registry["location"],
        default_s=default_s,
        finish=finish,
        result=result,
    )
    service = "environment" if "/environments/" in identifier.lower() else "assetstore"
    url = f"https://{registry['location']}.api.azureml.ms/{service}/v1.0/operations/{operation.id}"
    timeout = {"x-ms-async-operation-timeout": "PT1H"}
    return Response(202, b"null", {"Location": url, **_JSON, **timeout, **world.operations.pace()})


_JSON = {"Content-Type": "application/json; charset=utf-8"}


def _require_builder(world: World, registry: Json) -> None:
    """Source: registry network isolation. The text is assumed."""
    for identifier in resources_in(registry, CONTAINERS, registry["location"]):
        properties = (world.documents.get(identifier) or {}).get("properties") or {}
        if str(properties.get("publicNetworkAccess")).lower() == "disabled":
            message = (
                "Creating an environment is not supported in a registry whose container registry has public "
                "network access disabled. Create it in a workspace and share it to the registry."
            )
            raise service_error(400, "UserError", message)


async def _start_upload(call: Call) -> Response:
    """A SAS for a container that is this asset's alone; 409 when the asset exists, which the SDK expects."""
    registry, asked = require_registry(call), _UPLOAD.read(call.json())
    reference = parse_reference(asked["assetId"])
    named = (call.params["registry"].lower(), call.params["name"], call.params["version"])
    if reference is None or (reference.registry.lower(), reference.name, reference.version) != named:
        raise service_error(400, "UserError", f"The asset id '{asked['assetId']}' does not fit the request.")
    if find_asset(call.world, asked["assetId"]) is not None:
        raise service_error(409, "UserError", f"Asset already exists: {asked['assetId']}")
    place = new_place(call.world, registry, asked["assetId"])
    return Response(
        200,
        {
            "blobReferenceForConsumption": _reference(call.world, place, "rcwl"),
            "imageReferenceForConsumption": None,
            "temporaryDataReferenceId": asked.get("temporaryDataReferenceId") or str(uuid.uuid4()),
            "temporaryDataReferenceType": None,
        },
    )


async def _get_sas(call: Call) -> Response:
    """A SAS that reads what an asset of the registry consists of."""
    registry, asked = require_registry(call), _DOWNLOAD.read(call.json())
    asset = find_asset(call.world, asked["assetId"])
    if asset is None:
        raise not_found(asked["assetId"])
    found = _BLOB.fullmatch(asked["blobUri"])
    held = {identifier.rpartition("/")[2].lower(): identifier for identifier in _accounts(registry)}
    if found is None or found[1] not in held:
        raise service_error(
            400, "UserError", f"The blob '{asked['blobUri']}' is not in the registry's storage."
        )
    reference = _reference(call.world, (held[found[1]], found[2]), "rl")
    return Response(200, {"blobReferenceForConsumption": {**reference, "blobUri": asked["blobUri"]}})


def not_found(uri: str) -> AzureError:
    """404 for an asset that a registry does not have (recorded)."""
    message = f"Could not find asset with ID: {uri}"
    return service_error(404, "UserError", message)


def new_place(world: World, registry: Json, uri: str, region: str | None = None) -> tuple[str, str]:
    """(storage account's id, container) for an asset, the container named as recorded and made."""
    where = region or registry["location"]
    accounts = resources_in(registry, STORAGE, where) or resources_in(registry, STORAGE, registry["location"])
    start = re.sub(r"[^a-z0-9-]", "", registry["name"].lower())[:10].strip("-") or "registry"
    container = f"{start}-{uuid.uuid5(uuid.NAMESPACE_URL, f'{uri}/{secrets.token_hex(4)}')}"
    world.blobs.ensure_container(accounts[0].rpartition("/")[2], container)
    return accounts[0], container


def _accounts(registry: Json) -> list[str]:
    regions = [each["location"] for each in registry["properties"]["regionDetails"]]
    return [found for region in regions for found in resources_in(registry, STORAGE, region)]


def _reference(world: World, place: tuple[str, str], permissions: str) -> Json:
    account, container = place[0].rpartition("/")[2], place[1]
    host = f"{account}.blob.core.windows.net"
    sas = world.blobs.sas(account, container, permissions=permissions, hours=_SAS_HOURS)
    credential = {"credentialType": "SAS", "sasUri": f"https://{host}/{container}?{sas}", "wasbsUri": None}
    return {
        "blobUri": f"https://{host}:443/{container}",
        "storageAccountArmId": place[0],
        "credential": credential,
    }
