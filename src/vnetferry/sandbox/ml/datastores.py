"""Datastores and their secrets. A datastore's document never holds a secret; listSecrets answers it.

A key that was put with a datastore is answered as it was put; for a system datastore, a caller that asks for
a secret that expires gets a SAS. The service has been recorded to answer both ways; which when is assumed.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.fields import (
    IDENTIFIERS,
    Field,
    Kind,
    at_least,
    chosen_by,
    flag,
    object_of,
    one_of,
    scalars,
    text,
    variant,
    words,
)
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, created, modified, page, require_workspace, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response, read_count

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/datastores"
_PATH = f"{WORKSPACE}/datastores"
_ONE = _PATH + "/{datastore}"
_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")
_PAGE = 30
_NETWORK_IDENTITY = one_of("None", "WorkspaceSystemAssignedIdentity", "WorkspaceUserAssignedIdentity")

_CREDENTIAL_TYPES = one_of("AccountKey", "Sas", "ServicePrincipal", "Certificate", "None")
_SECRET_TYPES = one_of("AccountKey", "Sas", "ServicePrincipal", "Certificate")


def _secrets(**fields: Field) -> Field:
    return Field(
        object_of(Kind("DatastoreSecrets", {"secretsType": Field(_SECRET_TYPES, required=True), **fields}))
    )


def _credentials(**fields: Field) -> Kind:
    return Kind(
        "DatastoreCredentials", {"credentialsType": Field(_CREDENTIAL_TYPES, required=True), **fields}
    )


_PRINCIPAL = {
    "authorityUrl": Field(text),
    "clientId": Field(text, required=True),
    "resourceUrl": Field(text),
    "tenantId": Field(text, required=True),
}
_CREDENTIALS = chosen_by(
    "credentialsType",
    {
        "None": _credentials(),
        "AccountKey": _credentials(secrets=_secrets(key=Field(text))),
        "Sas": _credentials(secrets=_secrets(sasToken=Field(text))),
        "ServicePrincipal": _credentials(**_PRINCIPAL, secrets=_secrets(clientSecret=Field(text))),
        "Certificate": _credentials(
            **_PRINCIPAL, thumbprint=Field(text), secrets=_secrets(certificate=Field(text))
        ),
    },
)


_COMMON = {
    "datastoreType": Field(text, required=True),
    "credentials": Field(variant(_CREDENTIALS), required=True),
    "description": Field(text),
    "tags": Field(words),
    "properties": Field(scalars),
    "isDefault": Field(flag, read_only=True),
    "serviceDataAccessAuthIdentity": Field(_NETWORK_IDENTITY),
}
_IN_A_GROUP = {"subscriptionId": Field(text), "resourceGroup": Field(text)}
_ACCOUNT = {
    **_IN_A_GROUP,
    "accountName": Field(text, required=True),
    "endpoint": Field(text),
    "protocol": Field(text),
}
_ARTIFACT = Kind(
    "OneLakeArtifact",
    {
        "artifactType": Field(one_of("LakeHouse"), required=True),
        "artifactName": Field(text, required=True),
    },
)


def _kind(name: str, **fields: Field) -> Kind:
    return Kind(f"{name}Datastore", {**_COMMON, **fields})


_KINDS = {
    "AzureBlob": _kind("AzureBlob", **_ACCOUNT, containerName=Field(text, required=True)),
    "AzureFile": _kind("AzureFile", **_ACCOUNT, fileShareName=Field(text, required=True)),
    "AzureDataLakeGen1": _kind("AzureDataLakeGen1", **_IN_A_GROUP, storeName=Field(text, required=True)),
    "AzureDataLakeGen2": _kind("AzureDataLakeGen2", **_ACCOUNT, filesystem=Field(text, required=True)),
    "OneLake": _kind(
        "OneLake",
        oneLakeWorkspaceName=Field(text, required=True),
        endpoint=Field(text),
        artifact=Field(object_of(_ARTIFACT), required=True),
    ),
}
_PROPERTIES = chosen_by("datastoreType", _KINDS)
_BODY = Kind("Datastore", {**IDENTIFIERS, "properties": Field(variant(_PROPERTIES), required=True)})
# What a user delegation SAS may last at most; that the service refuses more is assumed.
_LONGEST_SAS_HOURS = 7 * 24
_SECRETS_OPTIONS = Kind(
    "SecretExpiry",
    {"expirableSecret": Field(flag), "expireAfterHours": Field(at_least(1, _LONGEST_SAS_HOURS))},
)


def operations() -> list[Operation]:
    """List, get, put, delete and secrets."""
    right = "workspaces/datastores"
    secrets = f"{right}/listsecrets/action"
    return [
        row("Datastores_List", "GET", _PATH, _list, f"{right}/read", evidence="recorded"),
        row("Datastores_Get", "GET", _ONE, _get, f"{right}/read", evidence="recorded"),
        row("Datastores_CreateOrUpdate", "PUT", _ONE, _put, f"{right}/write"),
        row("Datastores_Delete", "DELETE", _ONE, _delete, f"{right}/delete"),
        row(
            "Datastores_ListSecrets",
            "POST",
            f"{_ONE}/listSecrets",
            _list_secrets,
            secrets,
            evidence="recorded",
        ),
    ]


def adopt(world: World, document: Json) -> None:
    """Take a datastore as GET returned it; the container of a blob store in the sandbox's storage is made."""
    taken = deepcopy(document)
    credentials = (taken.get("properties") or {}).get("credentials") or {}
    secrets = credentials.pop("secrets", None)
    if secrets:
        world.secrets.datastores[taken["id"].lower()] = secrets
    world.documents.put(taken)
    properties = taken.get("properties") or {}
    if properties.get("datastoreType") == "AzureBlob" and properties.get("containerName"):
        world.blobs.ensure_container(properties["accountName"], properties["containerName"])


async def _list(call: Call) -> Response:
    query = call.request.query
    found = call.world.documents.collection(child_id(call, "datastores"))
    if query.get("isdefault", "").lower() in ("true", "false"):
        wanted = query["isdefault"].lower() == "true"
        found = [each for each in found if bool(each["properties"].get("isDefault")) == wanted]
    if names := query.get("names"):
        found = [each for each in found if each["name"] in names.split(",")]
    if part := query.get("searchtext"):
        found = [each for each in found if part.lower() in each["name"].lower()]
    descending = query.get("orderbyasc", "false").lower() != "true"
    ordered = sorted(found, key=_made_at, reverse=descending)
    return page(call, ordered, _count(query.get("count", str(_PAGE))))


async def _get(call: Call) -> Response:
    return Response(200, deepcopy(require_datastore(call)))


async def _put(call: Call) -> Response:
    name = call.params["datastore"]
    if not _NAME.fullmatch(name):
        raise service_error(
            400, "UserError", f"Datastore name '{name}' is not valid: use letters, digits and _."
        )
    before = call.world.documents.get(child_id(call, "datastores", name))
    properties = _read(call)
    _require_settled(before, properties)
    secrets = (properties["credentials"] or {}).pop("secrets", None)
    document = before or _new(call, name)
    document["properties"] = {
        "description": None,
        "tags": None,
        "properties": None,
        "isDefault": bool(before and before["properties"].get("isDefault")),
        **_located(call, properties),
    }
    document["systemData"] = modified(call.world, call.request.principal, document.get("systemData"))
    call.world.documents.put(document)
    if secrets:
        call.world.secrets.datastores[document["id"].lower()] = secrets
    return Response(200 if before else 201, deepcopy(document))


async def _delete(call: Call) -> Response:
    identifier = child_id(call, "datastores", call.params["datastore"])
    document = call.world.documents.get(identifier)
    if document is None:
        return Response(204)
    if document["properties"].get("isDefault"):
        raise service_error(
            400, "UserError", f"The default datastore '{document['name']}' cannot be deleted."
        )
    call.world.documents.remove(identifier)
    call.world.secrets.datastores.pop(identifier.lower(), None)
    return Response(200)


async def _list_secrets(call: Call) -> Response:
    options = _SECRETS_OPTIONS.read(call.json()) if call.request.body else {}
    document = require_datastore(call)
    properties = document["properties"]
    kind = (properties.get("credentials") or {}).get("credentialsType") or "None"
    if kind == "None":
        raise service_error(400, "UserError", "No secrets for credentials of type None.")
    stored = call.world.secrets.datastores.get(document["id"].lower())
    if stored:
        return Response(200, dict(stored))
    if kind == "AccountKey" and options.get("expirableSecret") and properties["datastoreType"] == "AzureBlob":
        return Response(200, {"secretsType": "Sas", "sasToken": _sas(call, properties, options)})
    return Response(200, _account_key(call, document, kind))


def require_datastore(call: Call) -> Json:
    """The datastore that the path names; AzureError 404 in the service's words when it is absent."""
    name = call.params["datastore"]
    document = call.world.documents.get(child_id(call, "datastores", name))
    if document is None:
        raise service_error(404, "UserError", f"Could not find datastore: {name}.")
    return document


def _read(call: Call) -> Json:
    """The body's `properties`, read by the table of the datastore's own type."""
    properties: Json = _BODY.read(call.json())["properties"]
    spelling = {name.lower(): name for name in _KINDS}
    return {**properties, "datastoreType": spelling[properties["datastoreType"].lower()]}


def _account_key(call: Call, document: Json, kind: str) -> Json:
    """A system datastore's key is the account's own."""
    key = call.world.secrets.account_keys.get(document["properties"].get("accountName", ""))
    if kind != "AccountKey" or key is None:
        message = f"The secrets of datastore '{document['name']}' are not available."
        raise service_error(400, "UserError", message)
    return {"secretsType": "AccountKey", "key": key}


def _sas(call: Call, properties: Json, options: Json) -> str:
    hours = options.get("expireAfterHours") or 1
    account, container = properties["accountName"], properties["containerName"]
    return call.world.blobs.sas(account, container, permissions="racwdl", hours=hours)


def _new(call: Call, name: str) -> Json:
    stamp = created(call.world, call.request.principal)
    return {
        "id": child_id(call, "datastores", name),
        "name": name,
        "type": TYPE,
        "properties": {},
        "systemData": stamp,
    }


def _located(call: Call, properties: Json) -> Json:
    """With what the service fills in."""
    workspace = require_workspace(call)["id"].split("/")
    filled = {name: value for name, value in properties.items() if value is not None}
    known = _KINDS[properties["datastoreType"]].fields
    defaults = {
        "subscriptionId": workspace[2],
        "resourceGroup": workspace[4],
        **({"endpoint": "core.windows.net", "protocol": "https"} if "accountName" in known else {}),
        "serviceDataAccessAuthIdentity": "None",
    }
    return {**{name: value for name, value in defaults.items() if name in known}, **filled}


_SETTLED = (
    *("datastoreType", "accountName", "containerName", "fileShareName", "filesystem", "storeName"),
    *("oneLakeWorkspaceName", "artifact"),
)


def _require_settled(before: Json | None, properties: Json) -> None:
    """AzureError 400 for a change of what a datastore leads to."""
    for name in _SETTLED:
        known = (before or {}).get("properties", {}).get(name)
        if known and properties.get(name) != known:
            raise service_error(400, "UserError", f"The {name} of a datastore cannot be changed.")


def _made_at(document: Json) -> str:
    return str((document.get("systemData") or {}).get("createdAt", ""))


def _count(word: str) -> int:
    count = read_count(word)
    if not count:
        raise _bad_count(word)
    return min(count, _PAGE)


def _bad_count(word: str) -> AzureError:
    return service_error(400, "UserError", f"The value '{word}' of count is not valid.")
