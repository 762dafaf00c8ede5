"""Workspace connections. GET never answers credentials; listsecrets does."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.errors import account_error
from vnetferry.sandbox.ml.fields import Field, Kind, anything, flag, one_of, resource, scalars, text, texts
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, created, modified, page, row
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.MachineLearningServices/workspaces/connections"
_PATH = f"{WORKSPACE}/connections"
_ONE = _PATH + "/{connection}"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_PAGE = 100
# What each authType keeps secret, by the name of its member in `credentials`.
_CREDENTIALS: dict[str, set[str]] = {
    "AAD": set(),
    "AccessKey": {"accessKeyId", "secretAccessKey"},
    "AccountKey": {"key"},
    "ApiKey": {"key"},
    "CustomKeys": {"keys"},
    "ManagedIdentity": {"clientId", "resourceId"},
    "None": set(),
    "OAuth2": {
        "authUrl",
        "clientId",
        "clientSecret",
        "developerToken",
        "password",
        "refreshToken",
        "tenantId",
        "username",
    },
    "PAT": {"pat"},
    "SAS": {"sas"},
    "ServicePrincipal": {"clientId", "clientSecret", "tenantId"},
    "UsernamePassword": {"username", "password", "securityToken"},
}

_PROPERTIES = Kind(
    "WorkspaceConnectionPropertiesV2",
    {
        "authType": Field(one_of(*_CREDENTIALS), required=True),
        "category": Field(text, required=True),
        "target": Field(text),
        "credentials": Field(anything),
        "expiryTime": Field(text),
        "isSharedToAll": Field(flag),
        "metadata": Field(scalars),
        "peRequirement": Field(one_of("Required", "NotRequired", "NotApplicable")),
        "sharedUserList": Field(texts),
        "useWorkspaceManagedIdentity": Field(flag),
        "value": Field(text),
        "valueFormat": Field(text),
        "createdByWorkspaceArmId": Field(text, read_only=True),
        "error": Field(text, read_only=True),
        "group": Field(text, read_only=True),
        "peStatus": Field(text, read_only=True),
    },
)
_GROUPS = {
    "AzureOpenAI": "AzureAI",
    "AIServices": "AzureAI",
    "CognitiveSearch": "AzureAI",
    "CognitiveService": "AzureAI",
    "AzureBlob": "Azure",
    "ADLSGen2": "Azure",
    "AzureSqlDb": "Database",
    "ContainerRegistry": "ContainerRegistry",
    "Git": "GenericProtocol",
    "PythonFeed": "GenericProtocol",
    "CustomKeys": "GenericProtocol",
}


def operations() -> list[Operation]:
    """List, get, put, delete and secrets."""
    right, group = "workspaces/connections", "WorkspaceConnections"

    def make(name: str, method: str, path: str, handle: Handler, verb: str) -> Operation:
        return row(f"{group}_{name}", method, path, handle, f"{right}/{verb}")

    return [
        make("List", "GET", _PATH, _list, "read"),
        make("Get", "GET", _ONE, _get, "read"),
        make("Create", "PUT", _ONE, _put, "write"),
        make("Delete", "DELETE", _ONE, _delete, "delete"),
        make("ListSecrets", "POST", f"{_ONE}/listsecrets", _list_secrets, "listsecrets/action"),
    ]


def adopt(world: World, document: Json) -> None:
    """Take a connection as GET returned it; credentials that it carries are kept apart from it."""
    taken = deepcopy(document)
    credentials = (taken.get("properties") or {}).get("credentials")
    if credentials:
        world.secrets.connections[taken["id"].lower()] = credentials
        taken["properties"]["credentials"] = None
    world.documents.put(taken)


async def _list(call: Call) -> Response:
    query = call.request.query
    found = call.world.documents.collection(child_id(call, "connections"))
    for name in ("category", "target"):
        if wanted := query.get(name):
            found = [each for each in found if str(each["properties"].get(name)).lower() == wanted.lower()]
    return page(call, found, _PAGE)


async def _get(call: Call) -> Response:
    return Response(200, deepcopy(_require(call)))


async def _put(call: Call) -> Response:
    name, world = call.params["connection"], call.world
    if not _NAME.fullmatch(name):
        raise account_error(400, "UserError", f"Connection name '{name}' is not valid.")
    properties: Json = resource("WorkspaceConnection", _PROPERTIES, envelope="account").read(call.json())[
        "properties"
    ]
    credentials = _read_credentials(properties["authType"], properties.pop("credentials", None))
    identifier = child_id(call, "connections", name)
    before = world.documents.get(identifier)
    stamp = (before or {}).get("systemData") or created(world, call.request.principal)
    document = {
        "tags": None,
        "location": None,
        "id": identifier,
        "name": name,
        "type": TYPE,
        "properties": _complete(call, properties),
        "systemData": modified(world, call.request.principal, stamp),
    }
    world.documents.put(document)
    world.secrets.connections[identifier.lower()] = credentials
    return Response(200, deepcopy(document))


async def _delete(call: Call) -> Response:
    identifier = child_id(call, "connections", call.params["connection"])
    if identifier not in call.world.documents:
        return Response(204)
    call.world.documents.remove(identifier)
    call.world.secrets.connections.pop(identifier.lower(), None)
    return Response(200)


async def _list_secrets(call: Call) -> Response:
    return Response(200, with_secrets(call.world, _require(call)))


def with_secrets(world: World, connection: Json) -> Json:
    """A connection as listSecrets answers it."""
    document = deepcopy(connection)
    secret = world.secrets.connections.get(document["id"].lower())
    document["properties"]["credentials"] = deepcopy(secret) or None
    return document


def _require(call: Call) -> Json:
    name = call.params["connection"]
    document = call.world.documents.get(child_id(call, "connections", name))
    if document is None:
        raise account_error(404, "UserError", f"Connection {name} can't be found in this workspace")
    return document


def _read_credentials(auth_type: str, given: Any) -> dict[str, Any]:
    """The credentials of that authType; 400 for members that it does not have."""
    known = {name.lower(): name for name in _CREDENTIALS[auth_type]}
    members = {} if given is None else given
    if not isinstance(members, dict) or any(name.lower() not in known for name in members):
        expected = ", ".join(sorted(_CREDENTIALS[auth_type])) or "none"
        message = f"The credentials do not fit authType {auth_type}, whose members are: {expected}."
        raise account_error(400, "UserError", message)
    return {known[name.lower()]: value for name, value in members.items() if value is not None}


def _complete(call: Call, properties: Json) -> Json:
    """With what the service fills in."""
    category = properties["category"]
    return {
        "authType": properties["authType"],
        "credentials": None,
        "group": _GROUPS.get(category, "GenericProtocol"),
        "category": category,
        "expiryTime": properties.get("expiryTime"),
        "target": properties.get("target"),
        "isSharedToAll": bool(properties.get("isSharedToAll")),
        "sharedUserList": properties.get("sharedUserList") or [],
        "metadata": properties.get("metadata") or {},
        "peRequirement": properties.get("peRequirement") or "NotRequired",
        "peStatus": "NotApplicable",
        "createdByWorkspaceArmId": child_id(call),
        "useWorkspaceManagedIdentity": bool(properties.get("useWorkspaceManagedIdentity")),
    }
