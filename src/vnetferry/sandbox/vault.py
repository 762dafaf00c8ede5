"""Key Vault's data plane for secrets, at `{vault}.vault.azure.net`.

Served: get (also of one version), set, update, list, list versions, delete, and what soft delete adds (a
deleted name stays reserved until it is recovered or purged). A secret's value leaves only in the answer to the
get or set that asked for it. Keys, certificates, backups and rotation are not served.
Source: Azure Key Vault REST reference, secrets, api-version 7.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vnetferry.sandbox import data_plane
from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

AUDIENCE = "https://vault.azure.net"
SUFFIX = ".vault.azure.net"

_API_VERSIONS = ("2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01")
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}$")
_MAX_VALUE_BYTES = 25 * 1024
_PAGE = 25
_RETENTION_S = 90 * 86400
_SETTABLE = {"value", "contentType", "attributes", "tags"}
_ATTRIBUTES = {"enabled", "nbf", "exp"}

Version = dict[str, str]


@dataclass(frozen=True)
class VaultCall:
    """One admitted request. `names` are the path's parts after the collection: name and version."""

    world: World
    request: Request
    vault: Json
    names: tuple[str, ...]

    @property
    def base(self) -> str:
        """The vault's URL."""
        return f"https://{self.request.host}"

    @property
    def key(self) -> str:
        """The secret's place among `world.secrets.vaults`."""
        return f"{self.vault['name']}/{self.names[0]}".lower()

    def now_s(self) -> int:
        """Azure's time as Key Vault writes it."""
        return int(self.world.clock.now().timestamp())

    def versions(self) -> list[Version]:
        """All versions of the secret, newest last; AzureError 404 when it is absent or deleted."""
        found = self.world.secrets.vaults.get(self.key)
        if not found or _is_deleted(found):
            raise _not_found(self.names[0])
        return found

    def deleted(self) -> list[Version]:
        """The versions of a deleted secret; AzureError 404 when it is not deleted."""
        found = self.world.secrets.vaults.get(self.key)
        if not found or not _is_deleted(found):
            raise _not_found(self.names[0])
        return found


@dataclass(frozen=True)
class VaultOperation:
    """One operation: its name in Azure's API definition and the right it needs, by RBAC and by access policy."""

    name: str
    action: str
    policy: str
    handle: Callable[[VaultCall], Response]


async def handle(world: World, request: Request) -> Response:
    """Answer one request to a key vault; never raises AzureError."""
    operation = None
    try:
        call, operation = _admit(world, request)
        response = operation.handle(call)
    except AzureError as err:
        response = Response(err.status, {"error": _error_body(err)}, dict(err.headers))
    response.operation = operation.name if operation else ""
    response.headers["x-ms-request-id"] = str(uuid4())
    response.headers["x-ms-keyvault-service-version"] = "1.9.2300.1"
    return response


def keep_secret(world: World, place: str, value: str) -> None:
    """Add a version to the secret at "vault/name", as a scenario's `secrets` do."""
    _add_version(world, place.lower(), {"value": value})


def operations() -> list[tuple[str, str, str]]:
    """(operation, method, path) of all that is served, for the coverage page."""
    return [(operation.name, method, path) for (method, path), operation in _OPERATIONS.items()]


def get_secret(call: VaultCall) -> Response:
    """The secret's value, of its newest version or of the one named."""
    version = _chosen(call)
    if version.get("enabled") == "false":
        raise _forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled")
    return Response(200, {"value": version["value"], **_bundle(call, call.names[0], version)})


def set_secret(call: VaultCall) -> Response:
    """Make a new version, and the secret if it is new; AzureError 409 while a deleted one holds the name."""
    _require_name(call.names[0])
    body = _checked_body(call.request)
    if not isinstance(body.get("value"), str) or len(body["value"].encode()) > _MAX_VALUE_BYTES:
        raise _bad_parameter("Property value has invalid value: a text of at most 25k bytes is required")
    if _is_deleted(call.world.secrets.vaults.get(call.key, [])):
        raise _conflict(call.names[0])
    version = _add_version(call.world, call.key, {**_fields(body), "value": body["value"]})
    return Response(200, {"value": version["value"], **_bundle(call, call.names[0], version)})


def update_secret(call: VaultCall) -> Response:
    """Change a version's content type, attributes or tags; never its value."""
    version, body = _chosen(call), _checked_body(call.request)
    if "value" in body:
        raise _bad_parameter("Property value is not settable by an update")
    version.update({**_fields(body), "updated": str(call.now_s())})
    return Response(200, _bundle(call, call.names[0], version))


def list_secrets(call: VaultCall) -> Response:
    """The vault's secrets without their values, a page at a time."""
    found = {name: v[-1] for name, v in _in_vault(call).items() if not _is_deleted(v)}
    return _page(call, "secrets", [_item(call, name, version) for name, version in found.items()])


def list_versions(call: VaultCall) -> Response:
    """All versions of one secret without their values."""
    items = [_bundle(call, call.names[0], version) for version in call.versions()]
    return _page(call, f"secrets/{call.names[0]}/versions", items)


def delete_secret(call: VaultCall) -> Response:
    """Delete the secret with all its versions; it can be recovered until it is purged."""
    for version in call.versions():
        version["deleted"] = str(call.now_s())
    return Response(200, _deleted_bundle(call, call.names[0]))


def list_deleted(call: VaultCall) -> Response:
    """The deleted secrets that can still be recovered."""
    names = [name for name, versions in _in_vault(call).items() if _is_deleted(versions)]
    return _page(call, "deletedsecrets", [_deleted_bundle(call, name) for name in names])


def get_deleted(call: VaultCall) -> Response:
    """One deleted secret, without its value."""
    call.deleted()
    return Response(200, _deleted_bundle(call, call.names[0]))


def purge_deleted(call: VaultCall) -> Response:
    """Forget a deleted secret for good."""
    call.deleted()
    del call.world.secrets.vaults[call.key]
    return Response(204)


def recover_deleted(call: VaultCall) -> Response:
    """Bring a deleted secret back with all its versions."""
    versions = call.deleted()
    for version in versions:
        del version["deleted"]
    return Response(200, _bundle(call, call.names[0], versions[-1]))


def _admit(world: World, request: Request) -> tuple[VaultCall, VaultOperation]:
    vault = data_plane.find_named(
        world, "Microsoft.KeyVault/vaults", request.host.lower().removesuffix(SUFFIX)
    )
    if vault is None:
        raise AzureError(404, "VaultNotFound", f"The vault of host '{request.host}' was not found.")
    principal = _principal(world, request)
    if not data_plane.is_reachable(world, request.vantage, vault, "vault"):
        raise _forbidden(_unreachable(vault, principal), "ForbiddenByConnection")
    names, operation = _find(request)
    _require_right(world, principal, vault, operation)
    return VaultCall(world, request, vault, names), operation


def _principal(world: World, request: Request) -> Principal:
    from vnetferry.sandbox import entra

    challenge = (
        f'Bearer authorization="https://login.microsoftonline.com/{entra.TENANT_ID}", resource="{AUDIENCE}"'
    )
    headers = {"WWW-Authenticate": challenge}
    if not request.headers.get("authorization", "").lower().startswith("bearer "):
        message = "AKV10000: Request is missing a Bearer or PoP token."
        raise AzureError(401, "Unauthorized", message, headers=headers)
    try:
        return entra.authenticate(world, request, (AUDIENCE,))
    except AzureError as err:
        raise AzureError(401, "Unauthorized", f"AKV10032: {err.message}", headers=headers) from err


def _find(request: Request) -> tuple[tuple[str, ...], VaultOperation]:
    if request.query.get("api-version") not in _API_VERSIONS:
        raise _bad_parameter(
            f"api-version is missing or not supported; supported are {', '.join(_API_VERSIONS)}"
        )
    parts = request.segments
    shape, names = _shape(parts), tuple(parts[1:3])
    if operation := _OPERATIONS.get((request.method, shape)):
        return names, operation
    if any(known == shape for _, known in _OPERATIONS):
        raise AzureError(
            405, "MethodNotAllowed", f"The method {request.method} is not allowed on this resource."
        )
    raise AzureError(404, "NotFound", f"Only secrets are served here, not '{request.path}'.")


def _shape(parts: tuple[str, ...]) -> str:
    """The path with its names replaced, as `_OPERATIONS` writes it."""
    known = ["/" + parts[0].lower() if parts else "/", "/{name}", "/{version}"]
    if len(parts) == 3 and parts[2].lower() in ("versions", "recover"):
        known[2] = "/" + parts[2].lower()
    return "".join(known[: len(parts)]) if len(parts) < 4 else ""


def _require_right(world: World, principal: Principal, vault: Json, operation: VaultOperation) -> None:
    if authorization.is_implied_owner(world, principal.object_id):
        return
    action, properties = f"Microsoft.KeyVault/vaults/secrets/{operation.action}", vault["properties"]
    if properties.get("enableRbacAuthorization"):
        if not authorization.allowed(world, principal.object_id, action, vault["id"], data=True):
            message = f"Caller is not authorized to perform action on resource.\r\nAction: '{action}'"
            raise _forbidden(f"{message}\r\n{_caller(vault, principal)}", "ForbiddenByRbac")
    elif not _has_policy(properties, principal.object_id, operation.policy):
        message = f"The user, group or application does not have secrets {operation.policy} permission on key vault."
        raise _forbidden(f"{message}\r\n{_caller(vault, principal)}", "ForbiddenByPolicy")


def _has_policy(properties: Json, object_id: str, permission: str) -> bool:
    granted = [
        str(name).lower()
        for policy in properties.get("accessPolicies") or ()
        if str(policy.get("objectId", "")).lower() == object_id.lower()
        for name in (policy.get("permissions") or {}).get("secrets") or ()
    ]
    return permission in granted or "all" in granted


def _chosen(call: VaultCall) -> Version:
    versions = call.versions()
    if len(call.names) == 1:
        return versions[-1]
    found = [version for version in versions if version["version"] == call.names[1].lower()]
    if not found:
        raise _not_found("/".join(call.names))
    return found[0]


def _add_version(world: World, key: str, fields: Version) -> Version:
    now = str(int(world.clock.now().timestamp()))
    version = {"version": uuid4().hex, "created": now, "updated": now, **fields}
    world.secrets.vaults.setdefault(key, []).append(version)
    return version


def _in_vault(call: VaultCall) -> dict[str, list[Version]]:
    prefix = f"{call.vault['name']}/".lower()
    places = sorted(call.world.secrets.vaults.items())
    return {key.removeprefix(prefix): versions for key, versions in places if key.startswith(prefix)}


def _is_deleted(versions: list[Version]) -> bool:
    return bool(versions) and "deleted" in versions[-1]


def _item(call: VaultCall, name: str, version: Version) -> Json:
    return {**_bundle(call, name, version), "id": f"{call.base}/secrets/{name}"}


def _bundle(call: VaultCall, name: str, version: Version) -> Json:
    extra = {"contentType": version["contentType"]} if "contentType" in version else {}
    tags = {"tags": json.loads(version["tags"])} if "tags" in version else {}
    identity = f"{call.base}/secrets/{name}/{version['version']}"
    return {**extra, "id": identity, "attributes": _attributes(version), **tags}


def _attributes(version: Version) -> Json:
    limits: Json = {name: int(version[name]) for name in ("nbf", "exp") if name in version}
    created = version["created"]
    return {
        "enabled": version.get("enabled") != "false",
        **limits,
        "created": int(created),
        "updated": int(version.get("updated", created)),
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": _RETENTION_S // 86400,
    }


def _deleted_bundle(call: VaultCall, name: str) -> Json:
    version = call.world.secrets.vaults[f"{call.vault['name']}/{name}".lower()][-1]
    deleted = int(version["deleted"])
    return {
        "recoveryId": f"{call.base}/deletedsecrets/{name}",
        "deletedDate": deleted,
        "scheduledPurgeDate": deleted + _RETENTION_S,
        **_bundle(call, name, version),
    }


def _page(call: VaultCall, path: str, items: list[Json]) -> Response:
    query = call.request.query
    size, skip = query.get("maxresults", str(_PAGE)), query.get("$skiptoken", "0")
    if not (size.isdigit() and skip.isdigit() and 1 <= int(size) <= _PAGE):
        raise _bad_parameter(f"maxresults must be between 1 and {_PAGE}")
    end = int(skip) + int(size)
    more = f"{call.base}/{path}?api-version={query['api-version']}&$skiptoken={end}&maxresults={size}"
    return Response(200, {"value": items[int(skip) : end], "nextLink": more if end < len(items) else None})


def _checked_body(request: Request) -> Json:
    body = request.json()
    attributes = body.get("attributes") or {}
    unknown = [*(body.keys() - _SETTABLE), *(attributes.keys() - _ATTRIBUTES)]
    if unknown:
        raise _bad_parameter(f"Property {sorted(unknown)[0]} is not known or not settable")
    if not isinstance(body.get("tags") or {}, dict):
        raise _bad_parameter("Property tags has invalid value: a map of texts is required")
    return body


def _fields(body: Json) -> Version:
    """What a body sets, as a version keeps it: all texts."""
    attributes: dict[str, Any] = body.get("attributes") or {}
    found = {name: json.dumps(value) for name, value in attributes.items() if value is not None}
    if body.get("contentType") is not None:
        found["contentType"] = str(body["contentType"])
    if body.get("tags") is not None:
        found["tags"] = json.dumps(body["tags"])
    return found


def _require_name(name: str) -> None:
    if not _NAME.match(name):
        raise _bad_parameter(
            f"The request URI contains an invalid name: {name}: 1 to 127 letters, digits and dashes are allowed"
        )


def _error_body(err: AzureError) -> Json:
    inner = next((detail["innererror"] for detail in err.details if "innererror" in detail), None)
    plain = {"code": err.code, "message": err.message}
    return {**plain, "innererror": {"code": inner}} if inner else plain


def _unreachable(vault: Json, principal: Principal) -> str:
    message = "Public network access is disabled and request is not from a trusted service nor via an approved private link."
    return f"{message}\r\n{_caller(vault, principal)}"


def _caller(vault: Json, principal: Principal) -> str:
    who = f"appid={principal.app_id};oid={principal.object_id};iss=https://sts.windows.net/{principal.tenant_id}/"
    return f"Caller: {who}\r\nVault: {vault['name']};location={vault.get('location', '')}"


def _not_found(name: str) -> AzureError:
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret "
        "you may be able to recover it using the correct recovery command. For help resolving this issue, please "
        "see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return AzureError(404, "SecretNotFound", message)


def _conflict(name: str) -> AzureError:
    message = (
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
        "state, the secret can only be recovered or purged."
    )
    return AzureError(409, "Conflict", message, details=[{"innererror": "ObjectIsDeletedButRecoverable"}])


def _forbidden(message: str, inner: str) -> AzureError:
    return AzureError(403, "Forbidden", message, details=[{"innererror": inner}])


def _bad_parameter(message: str) -> AzureError:
    return AzureError(400, "BadParameter", message)


_READ, _SET = "readMetadata/action", "setSecret/action"
_OPERATIONS = {
    ("GET", "/secrets"): VaultOperation("GetSecrets", _READ, "list", list_secrets),
    ("GET", "/secrets/{name}"): VaultOperation("GetSecret", "getSecret/action", "get", get_secret),
    ("GET", "/secrets/{name}/{version}"): VaultOperation("GetSecret", "getSecret/action", "get", get_secret),
    ("GET", "/secrets/{name}/versions"): VaultOperation("GetSecretVersions", _READ, "list", list_versions),
    ("PUT", "/secrets/{name}"): VaultOperation("SetSecret", _SET, "set", set_secret),
    ("PATCH", "/secrets/{name}"): VaultOperation("UpdateSecret", _SET, "set", update_secret),
    ("PATCH", "/secrets/{name}/{version}"): VaultOperation("UpdateSecret", _SET, "set", update_secret),
    ("DELETE", "/secrets/{name}"): VaultOperation("DeleteSecret", "delete", "delete", delete_secret),
    ("GET", "/deletedsecrets"): VaultOperation("GetDeletedSecrets", _READ, "list", list_deleted),
    ("GET", "/deletedsecrets/{name}"): VaultOperation("GetDeletedSecret", _READ, "get", get_deleted),
    ("DELETE", "/deletedsecrets/{name}"): VaultOperation(
        "PurgeDeletedSecret", "purge/action", "purge", purge_deleted
    ),
    ("POST", "/deletedsecrets/{name}/recover"): VaultOperation(
        "RecoverDeletedSecret", "recover/action", "recover", recover_deleted
    ),
}
