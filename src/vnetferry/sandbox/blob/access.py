"""Who may do what to a blob: the account's firewall first, then its SAS, account key or bearer token.

A firewall that refuses says nothing of credentials, as Azure's does. `Owner` and `Contributor` give no right
to data; the client has all rights to data unless the scenario assigns it roles: then only those count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from vnetferry.sandbox import data_plane, entra
from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.blob import sas
from vnetferry.sandbox.blob.sas import Target
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal, Request

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

AUDIENCE = "https://storage.azure.com"
_SERVICE = "Microsoft.Storage/storageAccounts/blobServices"
# From this service version on, a request without credentials is asked for a bearer token.
_CHALLENGES_FROM = "2019-12-12"
_STALE = timedelta(minutes=15)
_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


@dataclass(frozen=True)
class Right:
    """What an operation needs: any of these letters of a SAS, and this RBAC action (`data`: a data action).

    action: below `Microsoft.Storage/storageAccounts/blobServices/`. letters: empty when no SAS can grant it.
    """

    letters: str
    action: str
    data: bool = True


def find_account(world: World, name: str) -> Json | None:
    """The storage account of that name in any resource group, or None."""
    return world.find_named("Microsoft.Storage/storageAccounts", name)


def require_access(
    world: World, request: Request, account: Json, target: Target, right: Right
) -> Principal | None:
    """Raise AzureError as Azure Storage refuses, or return who asks (None for a SAS or an account key)."""
    require_reachable(world, request, account)
    scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
    if scheme == "bearer":
        principal = _principal(world, request)
        _require_role(world, principal.object_id, account, right)
        return principal
    if scheme == "sharedkey":
        _require_keys_permitted(account)
        _require_shared_key(world, request, target.account)
    elif "sig" in request.query:
        _require_sas(world, request.query, account, target, right)
    else:
        raise _anonymous(world, request, account)
    return None


def require_overwrite(request: Request) -> None:
    """AzureError 403 when all that a SAS permits is to create."""
    if "authorization" not in request.headers and not sas.grants(request.query, "w"):
        message = "This request is not authorized to perform blob overwrites."
        raise AzureError(403, "UnauthorizedBlobOverwrite", message)


def require_reachable(world: World, request: Request, account: Json) -> None:
    """AzureError 403 `AuthorizationFailure` when the account's network rules keep the caller out."""
    if not data_plane.is_reachable(world, request, account, "blob"):
        raise AzureError(
            403, "AuthorizationFailure", "This request is not authorized to perform this operation."
        )


def _principal(world: World, request: Request) -> Principal:
    try:
        return entra.authenticate(world, request, (AUDIENCE,))
    except AzureError as err:
        raise _challenge(world, "InvalidAuthenticationInfo", err.message) from err


def _require_role(world: World, object_id: str, account: Json, right: Right) -> None:
    if authorization.is_implied_owner(world, object_id):
        return
    action = f"{_SERVICE}/{right.action}"
    if not authorization.allowed(world, object_id, action, account["id"], data=right.data):
        message = "This request is not authorized to perform this operation using this permission."
        raise AzureError(403, "AuthorizationPermissionMismatch", message)


def _require_sas(world: World, query: Mapping[str, str], account: Json, target: Target, right: Right) -> None:
    if "skoid" not in query:
        _require_keys_permitted(account)
    keys = account_keys(world, target.account)
    sas.require_valid(query, target, keys, world.blobs.delegation)
    if not right.letters or not sas.grants(query, right.letters):
        message = "This request is not authorized to perform this operation using this permission."
        raise AzureError(403, "AuthorizationPermissionMismatch", message)
    if query.get("skoid") not in (None, sas.SERVICE_OID):
        _require_role(world, query["skoid"], account, right)


def account_keys(world: World, account: str) -> list[str]:
    """The account's keys, the first first."""
    kept = (world.secrets.account_keys, world.secrets.second_account_keys)
    return [keys[account] for keys in kept if account in keys]


def _require_keys_permitted(account: Json) -> None:
    if (account.get("properties") or {}).get("allowSharedKeyAccess") is False:
        message = "Key based authentication is not permitted on this storage account."
        raise AzureError(403, "KeyBasedAuthenticationNotPermitted", message)


def _require_shared_key(world: World, request: Request, account: str) -> None:
    _require_recent(request)
    name, _, signature = request.headers["authorization"].partition(" ")[2].partition(":")
    text = _shared_key_text(request, account)
    keys = account_keys(world, account)
    if name != account or not any(sas.is_signed(key, text, signature) for key in keys):
        raise sas.failed(
            "The MAC signature found in the HTTP request is not the same as any computed signature."
        )


def _require_recent(request: Request) -> None:
    stated = request.headers.get("x-ms-date") or request.headers.get("date", "")
    try:
        age = abs(datetime.now(timezone.utc) - parsedate_to_datetime(stated))
    except (TypeError, ValueError) as err:
        raise sas.failed(f"Request date header not specified or unreadable: '{stated}'") from err
    if age > _STALE:
        raise sas.failed(f"Request date header too old: '{stated}'")


def _shared_key_text(request: Request, account: str) -> str:
    headers = {**request.headers}
    if headers.get("content-length") == "0":
        headers["content-length"] = ""
    if "x-ms-date" in headers:
        headers["date"] = ""
    first = [request.method, *(headers.get(name, "") for name in _SIGNED_HEADERS)]
    own = sorted((name for name in headers if name.startswith("x-ms-")), key=_collation)
    pairs = sorted((k.lower(), v) for k, v in parse_qsl(request.raw_query, keep_blank_values=True))
    lines = [*first, *(f"{name}:{headers[name]}" for name in own), f"/{account}{request.path}"]
    return "\n".join([*lines, *(f"{name}:{value}" for name, value in pairs)])


def _collation(name: str) -> tuple[str, str]:
    """Order header names as the service does: hyphens count only between equals, underscores come first."""
    return name.replace("-", "").replace("_", " "), name


def _anonymous(world: World, request: Request, account: Json) -> AzureError:
    if request.headers.get("x-ms-version", "") >= _CHALLENGES_FROM:
        return _challenge(world, "NoAuthenticationInformation")
    if request.method not in ("GET", "HEAD"):
        return AzureError(404, "ResourceNotFound", "The specified resource does not exist.")
    if (account.get("properties") or {}).get("allowBlobPublicAccess"):
        return AzureError(404, "ResourceNotFound", "The specified resource does not exist.")
    return AzureError(
        409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."
    )


def _challenge(world: World, code: str, detail: str = "") -> AzureError:
    message = (
        "Server failed to authenticate the request. "
        "Please refer to the information in the www-authenticate header."
    )
    where = f"https://login.microsoftonline.com/{world.identity.tenant_id}/oauth2/authorize"
    return AzureError(
        401,
        code,
        message,
        details=[{"AuthenticationErrorDetail": detail}] if detail else None,
        headers={"WWW-Authenticate": f"Bearer authorization_uri={where} resource_id={AUDIENCE}"},
    )
