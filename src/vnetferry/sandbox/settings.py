"""Azure App Configuration: stores, and the key-values in them at `{store}.azconfig.io`.

Served: key-values under a label or none, one at a time, with ETags and conditions, and listed. Access is by Entra and
RBAC alone, the way that Microsoft recommends; keys of the store, snapshots, revisions, feature management and private
endpoints are not served. Source: Azure App Configuration REST reference, key-values, api-version 1.0; Configuration
Stores, api-version 2023-03-01.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from uuid import uuid4

from vnetferry.sandbox import data_plane, entra
from vnetferry.sandbox.arm import authorization, tracked
from vnetferry.sandbox.arm.bodies import default_choice
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.AppConfiguration/configurationStores"
_AUDIENCES = ("https://azconfig.io", "https://appconfig.azure.com")
_SUFFIX = ".azconfig.io"
_VERSIONS = ("1.0", "2023-10-01", "2023-11-01")
_MEDIA = "application/vnd.microsoft.appconfig.kv+json"
_MAX_BYTES = 10_000  # of a key-value with its tags
_MEMBERS = {"value", "content_type", "tags", "key", "label", "etag", "locked", "last_modified"}
_NO_LABEL = "\0"


def operations() -> list[Operation]:
    """The stores as resources."""
    return tracked.operations(STORE)


def plane() -> list[tuple[str, str, str]]:
    """(operation, method, path) of all that a store's own host serves, for the coverage page."""
    return [(name, method, path) for (method, path), (name, _, _) in _OPERATIONS.items()]


async def handle(world: World, request: Request) -> Response:
    """Answer one request to a store; never raises AzureError."""
    name = ""
    try:
        store, principal = _admit(world, request)
        name, right, act = _find(request)
        action = f"Microsoft.AppConfiguration/configurationStores/keyValues/{right}"
        _require_right(world, principal, store, action)
        response = act(world, request, store)
    except AzureError as err:
        body = {"type": "about:blank", "title": err.message, "name": err.code, "status": err.status}
        response = Response(err.status, body, dict(err.headers))
        response.headers["Content-Type"] = "application/problem+json; charset=utf-8"
    response.operation = name
    response.headers["x-ms-request-id"] = str(uuid4())
    return response


def _admit(world: World, request: Request) -> tuple[Json, Principal]:
    store = world.find_named(TYPE, request.host.lower().removesuffix(_SUFFIX))
    if store is None:
        raise AzureError(404, "StoreNotFound", f"The store of host '{request.host}' was not found.")
    if not data_plane.is_reachable(world, request, store, "configurationStores"):
        message = (
            "Access from public network is denied. Allow public network access, or use a private endpoint."
        )
        raise AzureError(403, "Forbidden", message)
    headers = {"WWW-Authenticate": 'HMAC-SHA256, Bearer error="invalid_token"'}
    if not request.headers.get("authorization", "").lower().startswith("bearer "):
        raise AzureError(401, "Unauthorized", "The access token is missing.", headers=headers)
    try:
        return store, entra.authenticate(world, request, _AUDIENCES)
    except AzureError as err:
        raise AzureError(401, "Unauthorized", err.message, headers=headers) from err


def _find(request: Request) -> tuple[str, str, _Act]:
    if request.query.get("api-version") not in _VERSIONS:
        raise AzureError(400, "InvalidApiVersion", f"api-version must be one of {', '.join(_VERSIONS)}.")
    parts = request.segments
    shape = {1: "/kv", 2: "/kv/{key}"}.get(len(parts), "") if parts[:1] == ("kv",) else ""
    if found := _OPERATIONS.get((request.method, shape)):
        return found
    if shape:
        raise AzureError(405, "MethodNotAllowed", f"{request.method} is not allowed on {shape}.")
    raise AzureError(404, "NotFound", f"Only key-values are served here, not '{request.path}'.")


def _require_right(world: World, principal: Principal, store: Json, action: str) -> None:
    if authorization.is_implied_owner(world, principal.object_id):
        return
    if not authorization.allowed(world, principal.object_id, action, store["id"], data=True):
        message = f"The client '{principal.app_id}' does not have authorization to perform action '{action}'."
        raise AzureError(403, "Forbidden", message)


def _get(world: World, request: Request, store: Json) -> Response:
    held = world.settings.get(_place(request, store))
    if held is None:
        # The service answers without a body.
        return Response(404, None, {})
    if request.headers.get("if-none-match") in ("*", _quoted(held)):
        return Response(304, None, {"ETag": _quoted(held)})
    return _shown(held)


def _put(world: World, request: Request, store: Json) -> Response:
    place, body = _place(request, store), request.json() if request.body else {}
    _require_sound(body)
    held = world.settings.get(place)
    _require_conditions(request, held)
    _require_unlocked(held, request)
    world.settings[place] = {
        "etag": secrets.token_urlsafe(32),
        "key": request.segments[1],
        "label": _label(request),
        "content_type": body.get("content_type"),
        "value": body.get("value") or "",
        "tags": body.get("tags") or {},
        "locked": False,
        "last_modified": world.clock.now().isoformat(),
    }
    return _shown(world.settings[place])


def _delete(world: World, request: Request, store: Json) -> Response:
    place = _place(request, store)
    held = world.settings.get(place)
    _require_conditions(request, held)
    if held is None:
        return Response(204)
    _require_unlocked(held, request)
    return _shown(world.settings.pop(place))


def _list(world: World, request: Request, store: Json) -> Response:
    key, label = request.query.get("key", "*"), request.query.get("label", "*")
    name = str(store["name"]).lower()
    found = [
        held
        for (of, _, _), held in world.settings.items()
        if of == name and fnmatchcase(held["key"], key) and _has_label(held, label)
    ]
    return Response(200, {"items": found}, {"Content-Type": "application/vnd.microsoft.appconfig.kvset+json"})


def _has_label(held: Json, label: str) -> bool:
    return held["label"] is None if label == _NO_LABEL else fnmatchcase(held["label"] or "", label)


def _require_sound(body: Json) -> None:
    for name in body.keys() - _MEMBERS:
        raise AzureError(400, "InvalidArgument", f"Unknown member '{name}'.")
    tags = body.get("tags") or {}
    texts = (body.get("value"), body.get("content_type"))
    if not all(text is None or isinstance(text, str) for text in texts) or not isinstance(tags, dict):
        raise AzureError(400, "InvalidArgument", "value and content_type must be texts, tags an object.")
    if not all(isinstance(tag, str) for tag in tags.values()):
        raise AzureError(400, "InvalidArgument", "Tags must be texts.")
    size = sum(len(str(text).encode()) for text in (*texts, *tags, *tags.values()) if text)
    if size > _MAX_BYTES:
        raise AzureError(413, "TooLarge", "A key-value may hold 10 KB.")


def _require_conditions(request: Request, held: Json | None) -> None:
    """AzureError 412 unless the state is the one that the request was decided from."""
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    matches = held is not None and wanted in ("*", _quoted(held))
    if (wanted and not matches) or (unwanted and held is not None and unwanted in ("*", _quoted(held))):
        raise AzureError(412, "PreconditionFailed", "The key-value is not in the state that was expected.")


def _require_unlocked(held: Json | None, request: Request) -> None:
    if held is not None and held["locked"]:
        message = f"Modifying key '{request.segments[1]}' is not allowed"
        raise AzureError(409, "AlreadyLocked", message)


def _place(request: Request, store: Json) -> tuple[str, str, str]:
    return str(store["name"]).lower(), request.segments[1], _label(request) or ""


def _label(request: Request) -> str | None:
    label = request.query.get("label", _NO_LABEL)
    if "*" in label or "," in label:
        raise AzureError(400, "InvalidArgument", "The label of one key-value has neither '*' nor ','.")
    return None if label in ("", _NO_LABEL) else label


def _shown(held: Json) -> Response:
    headers = {"ETag": _quoted(held), "Content-Type": f"{_MEDIA}; charset=utf-8"}
    return Response(200, dict(held), headers)


def _quoted(held: Json) -> str:
    return f'"{held["etag"]}"'


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    if not isinstance(draft.get("sku"), dict) or not draft["sku"].get("name"):
        raise AzureError(400, "BadRequest", "The sku of a configuration store is required.")
    properties = draft["properties"]
    tracked.carry(draft, before, "creationDate")
    default_choice(properties, "publicNetworkAccess", ("Enabled", "Disabled"), "Enabled")
    properties.setdefault("creationDate", call.world.clock.stamp())
    properties.setdefault("disableLocalAuth", False)
    properties.update(endpoint=f"https://{draft['name'].lower()}{_SUFFIX}", provisioningState="Succeeded")


STORE = tracked.TrackedType(
    TYPE,
    "ConfigurationStores",
    frozenset({"2022-05-01", "2023-03-01", "2024-05-01"}),
    fields=frozenset({"sku", "identity"}),
    properties=frozenset(
        {
            "publicNetworkAccess",
            "disableLocalAuth",
            "creationDate",
            "endpoint",
            "provisioningState",
            "softDeleteRetentionInDays",
            "enablePurgeProtection",
        }
    ),
    name=r"^[a-zA-Z0-9][a-zA-Z0-9-]{3,48}[a-zA-Z0-9]$",
    prepare=_prepare,
    created=201,
    note="Azure takes a minute; here it is done at once, and a deleted store's name is free again.",
)
_Act = Callable[["World", Request, Json], Response]
_OPERATIONS: dict[tuple[str, str], tuple[str, str, _Act]] = {
    ("GET", "/kv"): ("GetKeyValues", "read", _list),
    ("GET", "/kv/{key}"): ("GetKeyValue", "read", _get),
    ("PUT", "/kv/{key}"): ("PutKeyValue", "write", _put),
    ("DELETE", "/kv/{key}"): ("DeleteKeyValue", "delete", _delete),
}
