"""Key Vault's data plane at `{vault}.vault.azure.net`: token, firewall, rights, then the operation.

Served: secrets, their versions, and what soft delete adds (a deleted name stays reserved until it is
recovered or purged). A secret's value leaves only in the answer to the get or set that asked for it. Keys,
certificates, backups and rotation are not served.
Source: Azure Key Vault REST reference, secrets, api-version 7.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from vnetferry.sandbox import data_plane, entra
from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.vault.call import VaultCall, VaultOperation, bad_parameter, forbidden
from vnetferry.sandbox.vault.secrets import OPERATIONS
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

AUDIENCE = "https://vault.azure.net"
_SUFFIX = ".vault.azure.net"
_API_VERSIONS = ("2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01")


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


def operations() -> list[tuple[str, str, str]]:
    """(operation, method, path) of all that is served, for the coverage page."""
    return [(operation.name, method, path) for (method, path), operation in OPERATIONS.items()]


def _admit(world: World, request: Request) -> tuple[VaultCall, VaultOperation]:
    vault = world.find_named("Microsoft.KeyVault/vaults", request.host.lower().removesuffix(_SUFFIX))
    if vault is None:
        raise AzureError(404, "VaultNotFound", f"The vault of host '{request.host}' was not found.")
    principal = _principal(world, request)
    if not data_plane.is_reachable(world, request, vault, "vault"):
        raise forbidden(_unreachable(vault, principal), "ForbiddenByConnection")
    names, operation = _find(request)
    _require_right(world, principal, vault, operation, names)
    return VaultCall(world, request, vault, names), operation


def _principal(world: World, request: Request) -> Principal:
    authority = f"https://login.microsoftonline.com/{world.identity.tenant_id}"
    headers = {"WWW-Authenticate": f'Bearer authorization="{authority}", resource="{AUDIENCE}"'}
    if not request.headers.get("authorization", "").lower().startswith("bearer "):
        message = "AKV10000: Request is missing a Bearer or PoP token."
        raise AzureError(401, "Unauthorized", message, headers=headers)
    try:
        return entra.authenticate(world, request, (AUDIENCE,))
    except AzureError as err:
        raise AzureError(401, "Unauthorized", f"AKV10032: {err.message}", headers=headers) from err


def _find(request: Request) -> tuple[tuple[str, ...], VaultOperation]:
    if request.query.get("api-version") not in _API_VERSIONS:
        raise bad_parameter(
            f"api-version is missing or not supported; supported are {', '.join(_API_VERSIONS)}"
        )
    parts = request.segments
    shape, names = _shape(parts), tuple(parts[1:3])
    if operation := OPERATIONS.get((request.method, shape)):
        return names, operation
    if any(known == shape for _, known in OPERATIONS):
        raise AzureError(
            405, "MethodNotAllowed", f"The method {request.method} is not allowed on this resource."
        )
    raise AzureError(404, "NotFound", f"Only secrets are served here, not '{request.path}'.")


def _shape(parts: tuple[str, ...]) -> str:
    """The path with its names replaced, as `OPERATIONS` writes it."""
    known = ["/" + parts[0].lower() if parts else "/", "/{name}", "/{version}"]
    if len(parts) == 3 and parts[2].lower() in ("versions", "recover"):
        known[2] = "/" + parts[2].lower()
    return "".join(known[: len(parts)]) if len(parts) < 4 else ""


def _require_right(
    world: World, principal: Principal, vault: Json, operation: VaultOperation, names: tuple[str, ...]
) -> None:
    """Roles may be given for one secret, policies for the whole vault only."""
    if authorization.is_implied_owner(world, principal.object_id):
        return
    action, properties = f"Microsoft.KeyVault/vaults/secrets/{operation.action}", vault["properties"]
    if properties.get("enableRbacAuthorization"):
        scope = f"{vault['id']}/secrets/{names[0]}" if names else vault["id"]
        if not authorization.allowed(world, principal.object_id, action, scope, data=True):
            message = f"Caller is not authorized to perform action on resource.\r\nAction: '{action}'"
            raise forbidden(f"{message}\r\n{_caller(vault, principal)}", "ForbiddenByRbac")
    elif not _has_policy(properties, principal.object_id, operation.policy):
        message = f"The application does not have secrets {operation.policy} permission on key vault."
        raise forbidden(f"{message}\r\n{_caller(vault, principal)}", "ForbiddenByPolicy")


def _has_policy(properties: Json, object_id: str, permission: str) -> bool:
    granted = [
        str(name).lower()
        for policy in properties.get("accessPolicies") or ()
        if str(policy.get("objectId", "")).lower() == object_id.lower()
        for name in (policy.get("permissions") or {}).get("secrets") or ()
    ]
    return permission in granted or "all" in granted


def _error_body(err: AzureError) -> Json:
    inner = next((detail["innererror"] for detail in err.details if "innererror" in detail), None)
    plain = {"code": err.code, "message": err.message}
    return {**plain, "innererror": {"code": inner}} if inner else plain


def _unreachable(vault: Json, principal: Principal) -> str:
    message = (
        "Public network access is disabled and request is not from a trusted service "
        "nor via an approved private link."
    )
    return f"{message}\r\n{_caller(vault, principal)}"


def _caller(vault: Json, principal: Principal) -> str:
    who = f"appid={principal.app_id};oid={principal.object_id};iss=https://sts.windows.net/{principal.tenant_id}/"
    return f"Caller: {who}\r\nVault: {vault['name']};location={vault.get('location', '')}"
