"""`graph.microsoft.com`: looking up the directory's service principals, users and groups, as clients do to name them.

Nothing can be written. The client may read the directory (as with Directory.Read.All); a managed identity may not.
Source: Microsoft Graph REST API v1.0: servicePrincipal, user, group, directoryObject: getByIds; error responses.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from vnetferry.sandbox import directory, entra
from vnetferry.sandbox.directory import Kind, Member
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.graph_objects import document
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
_VERSIONS = ("v1.0", "beta")
_COLLECTIONS: dict[str, Kind] = {"serviceprincipals": "servicePrincipal", "users": "user", "groups": "group"}
_KEYED = re.compile(r"^(?P<collection>\w+)\(appId='(?P<app>[^']*)'\)$", re.IGNORECASE)
_MOST_IDS = 1000
_TERM = re.compile(
    r"^(?:(?P<field>\w+) eq '(?P<equal>[^']*)'"
    r"|startswith\((?P<start>\w+),\s*'(?P<prefix>[^']*)'\)"
    r"|servicePrincipalNames/any\((?P<bound>\w+):\s*(?P=bound) eq '(?P<spn>[^']*)'\))$",
    re.IGNORECASE,
)
# Refusals of tokens, by the code that Resource Manager has for them.
_TOKEN_TEXTS = {
    "AuthenticationFailed": "Access token is empty.",
    "ExpiredAuthenticationToken": "Lifetime validation failed, the token is expired.",
    "InvalidAuthenticationTokenAudience": "Access token validation failure. Invalid audience.",
}
_MALFORMED = "CompactToken parsing failed with error code: 80049217"


def operations() -> list[tuple[str, str, str]]:
    """(operation, method, path) of all that is served, for the coverage page."""
    rows = [("directoryObject_getByIds", "POST", "/v1.0/directoryObjects/getByIds")]
    rows.append(("directoryObject_Get", "GET", "/v1.0/directoryObjects/{id}"))
    for kind in _COLLECTIONS.values():
        rows.append((f"{kind}_List", "GET", f"/v1.0/{kind}s"))
        rows.append((f"{kind}_Get", "GET", f"/v1.0/{kind}s/{{id}}"))
    rows.append(("servicePrincipal_GetByAppId", "GET", "/v1.0/servicePrincipals(appId='{appId}')"))
    return rows


async def handle(world: World, request: Request) -> Response:
    """Answer one request to `graph.microsoft.com`."""
    mark = {"request-id": str(uuid.uuid4()), "client-request-id": _client_request_id(request)}
    try:
        _require_reader(world, request)
        response = _answer(world, request)
    except AzureError as err:
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        error = {"code": err.code, "message": err.message, "innerError": {"date": stamp, **mark}}
        response = Response(err.status, {"error": error})
    response.headers = {**mark, "Cache-Control": "no-cache", "OData-Version": "4.0", **response.headers}
    return response


def _client_request_id(request: Request) -> str:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return headers.get("client-request-id") or str(uuid.uuid4())


def _require_reader(world: World, request: Request) -> None:
    try:
        principal = entra.authenticate(world, request, AUDIENCES)
    except AzureError as err:
        message = _TOKEN_TEXTS.get(err.code, _MALFORMED)
        raise AzureError(401, "InvalidAuthenticationToken", message) from err
    if principal.object_id != world.identity.client.object_id:
        message = "Insufficient privileges to complete the operation."
        raise AzureError(403, "Authorization_RequestDenied", message)


def _answer(world: World, request: Request) -> Response:
    if not request.segments or request.segments[0].lower() not in _VERSIONS:
        raise _bad_request("Invalid version.")
    path = list(request.segments[1:])
    if keyed := _KEYED.match(path[0]) if path else None:
        path[:1] = [keyed["collection"], f"appId={keyed['app']}"]
    match request.method, path[0].lower() if path else "", len(path):
        case "GET", "me", _:
            raise _bad_request("/me request is only valid with delegated authentication flow.")
        case "POST", "directoryobjects", 2 if path[1].lower().endswith("getbyids"):
            return _named("directoryObject_getByIds", _get_by_ids(world, request))
        case "GET", "directoryobjects", 2:
            return _named("directoryObject_Get", _get(world, request, path[1], None))
        case "GET", collection, 1 if collection in _COLLECTIONS:
            kind = _COLLECTIONS[collection]
            return _named(f"{kind}_List", _list(world, request, kind))
        case "GET", collection, 2 if collection in _COLLECTIONS:
            kind = _COLLECTIONS[collection]
            return _named(f"{kind}_Get", _get(world, request, path[1], kind))
    raise _not_served(path)


def _named(operation: str, response: Response) -> Response:
    response.operation = operation
    return response


def _list(world: World, request: Request, kind: Kind) -> Response:
    wanted = _filter(request.query.get("$filter", ""))
    found = [m for m in directory.members(world).values() if m.kind == kind and wanted(m)]
    context = f"https://graph.microsoft.com/{request.segments[0]}/$metadata#{kind}s"
    return Response(200, {"@odata.context": context, "value": _shown(world, request, found)})


def _get(world: World, request: Request, key: str, kind: Kind | None) -> Response:
    held = directory.members(world)
    _, by_app, app_id = key.partition("appId=")
    found = (
        next((m for m in held.values() if m.app_id.lower() == app_id.lower()), None)
        if by_app
        else held.get(key.lower())
    )
    if found is None or kind not in (None, found.kind):
        raise _absent(app_id or key)
    base = f"https://graph.microsoft.com/{request.segments[0]}/$metadata#"
    context = f"{base}{kind}s/$entity" if kind else f"{base}directoryObjects/$entity"
    typed = {} if kind else {"@odata.type": f"#microsoft.graph.{found.kind}"}
    return Response(200, {"@odata.context": context, **typed, **_shown(world, request, [found])[0]})


def _get_by_ids(world: World, request: Request) -> Response:
    """Those of the ids that there are; the others are left out. `types` narrows them."""
    body = request.json()
    ids, kinds = _texts(body, "ids"), _texts(body, "types")
    if not 0 < len(ids) <= _MOST_IDS:
        raise _unfit("ids")
    held = directory.members(world)
    found = [held[key.lower()] for key in ids if key.lower() in held]
    fit = [m for m in found if not kinds or m.kind in kinds or "directoryObject" in kinds]
    value = [
        {"@odata.type": f"#microsoft.graph.{m.kind}", **document(m, world.identity.tenant_id)} for m in fit
    ]
    context = f"https://graph.microsoft.com/{request.segments[0]}/$metadata#directoryObjects"
    return Response(200, {"@odata.context": context, "value": value})


def _texts(body: Json, name: str) -> list[str]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _unfit(name)
    return value


def _unfit(name: str) -> AzureError:
    return _bad_request(f"Invalid value specified for property '{name}' of resource 'DirectoryObject'.")


def _shown(world: World, request: Request, found: Iterable[Member]) -> list[Json]:
    """The objects with what `$select` asks for."""
    whole = [document(member, world.identity.tenant_id) for member in found]
    asked = {name.strip() for name in request.query.get("$select", "").split(",") if name.strip()}
    return [{k: v for k, v in each.items() if not asked or k in asked} for each in whole]


def _filter(text: str) -> Callable[[Member], bool]:
    """The test that `$filter` means: `eq`, `startswith` and `servicePrincipalNames/any`, joined by `and`."""
    terms = [_term(part) for part in re.split(r"\s+and\s+", text.strip()) if part]
    return lambda member: all(term(member) for term in terms)


def _term(text: str) -> Callable[[Member], bool]:
    found = _TERM.match(text.strip())
    if not found:
        raise AzureError(400, "Request_UnsupportedQuery", "Unsupported Query.")
    if found["spn"] is not None:
        return lambda member: found["spn"].lower() in [name.lower() for name in member.names]
    if found["start"] is not None:
        return lambda member: _value(member, found["start"]).startswith(found["prefix"].lower())
    return lambda member: _value(member, found["field"]) == found["equal"].lower()


def _value(member: Member, field: str) -> str:
    held = {"id": member.id, "appId": member.app_id, "displayName": member.name}
    if member.kind == "user":
        held["userPrincipalName"] = member.principal_name
    return held.get(field, "").lower()


def _absent(key: str) -> AzureError:
    message = (
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
    )
    return AzureError(404, "Request_ResourceNotFound", message)


def _bad_request(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)


def _not_served(path: list[str]) -> AzureError:
    note = "The vnetferry sandbox does not implement it; COVERAGE.md lists what it does."
    return _bad_request(f"Resource not found for the segment '{path[0] if path else ''}'. {note}")
