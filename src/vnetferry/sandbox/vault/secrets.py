"""The secrets of a vault: every operation on them, and the table that says which right each needs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vnetferry.sandbox.vault.call import (
    VaultCall,
    VaultOperation,
    Version,
    bad_parameter,
    conflict,
    forbidden,
    is_deleted,
    not_found,
)
from vnetferry.sandbox.wire import Json, Request, Response, read_count

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}$")
_MAX_VALUE_BYTES = 25 * 1024
_PAGE = 25
_END_OF_TIME = 253_402_300_800  # the year 10000, as a Unix time
_RETENTION_S = 90 * 86400
# Source: about Azure Key Vault keys, secrets and certificates. The texts of refusals are assumed.
_MAX_TAGS, _MAX_TAG, _MAX_TYPE = 15, 512, 255
_SETTABLE = {"value", "contentType", "attributes", "tags"}
_ATTRIBUTES = {"enabled", "nbf", "exp"}


def keep_secret(world: World, place: str, value: str) -> None:
    """Add a version to the secret at "vault/name", as a scenario's `secrets` do."""
    _add_version(world, place.lower(), {"value": value})


def get_secret(call: VaultCall) -> Response:
    """The secret's value, of its newest version or of the one named."""
    version = _chosen(call)
    if version.get("enabled") == "false":
        raise forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled")
    return Response(200, {"value": version["value"], **_bundle(call, call.names[0], version)})


def set_secret(call: VaultCall) -> Response:
    """Make a new version, and the secret if it is new; AzureError 409 while a deleted one holds the name."""
    _require_name(call.names[0])
    body = _checked_body(call.request)
    value = body.get("value")
    if not isinstance(value, str) or len(value.encode(errors="surrogatepass")) > _MAX_VALUE_BYTES:
        raise bad_parameter("Property value has invalid value: a text of at most 25k bytes is required")
    if is_deleted(call.world.secrets.vaults.get(call.key, [])):
        raise conflict(call.names[0])
    version = _add_version(call.world, call.key, {**_fields(body), "value": body["value"]})
    return Response(200, {"value": version["value"], **_bundle(call, call.names[0], version)})


def update_secret(call: VaultCall) -> Response:
    """Change a version's content type, attributes or tags; never its value."""
    version, body = _chosen(call), _checked_body(call.request)
    if "value" in body:
        raise bad_parameter("Property value is not settable by an update")
    version.update({**_fields(body), "updated": str(call.now_s())})
    return Response(200, _bundle(call, call.names[0], version))


def list_secrets(call: VaultCall) -> Response:
    """The vault's secrets without their values, a page at a time."""
    found = {name: v[-1] for name, v in _in_vault(call).items() if not is_deleted(v)}
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
    names = [name for name, versions in _in_vault(call).items() if is_deleted(versions)]
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


def _chosen(call: VaultCall) -> Version:
    versions = call.versions()
    if len(call.names) == 1:
        return versions[-1]
    found = [version for version in versions if version["version"] == call.names[1].lower()]
    if not found:
        raise not_found("/".join(call.names))
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
    size, skip = read_count(query.get("maxresults", str(_PAGE))), read_count(query.get("$skiptoken", "0"))
    if skip is None or not size or size > _PAGE:
        raise bad_parameter(f"maxresults must be between 1 and {_PAGE}")
    end = skip + size
    more = f"{call.base}/{path}?api-version={query['api-version']}&$skiptoken={end}&maxresults={size}"
    return Response(200, {"value": items[skip:end], "nextLink": more if end < len(items) else None})


def _checked_body(request: Request) -> Json:
    body = request.json()
    _require(_is(body.get("attributes"), dict), "attributes", "an object")
    attributes = body.get("attributes") or {}
    unknown = [*(body.keys() - _SETTABLE), *(attributes.keys() - _ATTRIBUTES)]
    if unknown:
        raise bad_parameter(f"Property {sorted(unknown)[0]} is not known or not settable")
    _require(_is(body.get("tags"), dict), "tags", "a map of texts")
    tags = body.get("tags") or {}
    are_texts = all(isinstance(value, str) for value in tags.values())
    _require(are_texts, "tags", "a map of texts")
    are_short = all(len(name) <= _MAX_TAG and len(value) <= _MAX_TAG for name, value in tags.items())
    _require(len(tags) <= _MAX_TAGS and are_short, "tags", "15 tags at most, of 512 characters each")
    _require(_is(body.get("contentType"), str), "contentType", "a text")
    _require(len(body.get("contentType") or "") <= _MAX_TYPE, "contentType", "at most 255 characters")
    _require(_is(attributes.get("enabled"), bool), "attributes.enabled", "a boolean")
    for name in ("nbf", "exp"):
        _require(_is_moment(attributes.get(name)), f"attributes.{name}", "a Unix time")
    return body


def _require(holds: bool, name: str, wanted: str) -> None:
    if not holds:
        raise bad_parameter(f"Property {name} has invalid value: {wanted} is required")


def _is(value: object, kind: type) -> bool:
    """Null stands for what is left out."""
    return value is None or isinstance(value, kind)


def _is_moment(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value < _END_OF_TIME)


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
    if not _NAME.fullmatch(name):
        raise bad_parameter(
            f"The request URI contains an invalid name: {name}: only 1 to 127 letters, digits and dashes fit"
        )


_READ, _SET = "readMetadata/action", "setSecret/action"
OPERATIONS = {
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
