"""`login.microsoftonline.com`: a tenant's metadata, and tokens for its client by the client-credentials flow.

Refusals carry Entra's own numbers (AADSTS…), which people search for.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from vnetferry.sandbox.entra import issuer_v2, plain
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_HOST = "https://login.microsoftonline.com"
# Tenant names that stand for any tenant; they have metadata and no tokens for a client of its own.
_SHARED = frozenset({"common", "organizations"})
_NETWORK = {
    "preferred_network": "login.microsoftonline.com",
    "preferred_cache": "login.windows.net",
    "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
}

# What tokens exist for: the scope before `/.default`, in the form in which audiences are compared.
_RESOURCES = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://storage.azure.com",
        "https://vault.azure.net",
        "https://ml.azure.com",
        "https://graph.microsoft.com",
        "https://containerregistry.azure.net",
        "https://azconfig.io",
        "https://eventgrid.azure.net",
        "https://monitor.azure.com",
        "https://api.loganalytics.io",
    }
)
_RESOURCE_SUFFIXES = (".blob.core.windows.net", ".queue.core.windows.net", ".vault.azure.net", ".azconfig.io")

_BAD_SCOPE = (
    "The provided request must include a 'scope' input parameter. The provided value for the input "
    "parameter 'scope' is not valid. The scope {0} is not valid."
)
_NO_TENANT = (
    "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the "
    "correct cloud. Check with your subscription administrator, this may happen if there are no active "
    "subscriptions for the tenant."
)
_NO_RESOURCE = (
    "The resource principal named {0} was not found in the tenant named {1}. This can happen if the "
    "application has not been installed by the administrator of the tenant or consented to by any user "
    "in the tenant. You might have sent your authentication request to the wrong tenant."
)
_NO_CLIENT = (
    "Application with identifier '{0}' was not found in the directory '{1}'. This can happen if the "
    "application has not been installed by the administrator of the tenant or consented to by any user "
    "in the tenant. You may have sent your authentication request to the wrong tenant."
)
_NOT_DEFAULT = (
    "The provided value for scope {0} is not valid. Client credential flows must have a scope value "
    "with /.default suffixed to the resource identifier (application ID URI)."
)
_WRONG_PROOF = (
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
    "value, not the client secret ID, for a secret added to app '{0}'."
)
_NO_PROOF = (
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
)
# AADSTS number -> status, OAuth error, text. Source: Microsoft Entra authentication error codes.
_ERRORS: dict[int, tuple[int, str, str]] = {
    70003: (400, "unsupported_grant_type", "The app requested an unsupported grant type '{0}'."),
    70011: (400, "invalid_scope", _BAD_SCOPE),
    90002: (400, "invalid_request", _NO_TENANT),
    500011: (400, "invalid_resource", _NO_RESOURCE),
    700016: (400, "unauthorized_client", _NO_CLIENT),
    900144: (400, "invalid_request", "The request body must contain the following parameter: '{0}'."),
    1002012: (400, "invalid_scope", _NOT_DEFAULT),
    7000215: (401, "invalid_client", _WRONG_PROOF),
    7000216: (401, "invalid_client", _NO_PROOF),
}


class _Refused(Exception):
    """A refusal by its AADSTS number; `names` fill the text."""

    def __init__(self, number: int, *names: str) -> None:
        super().__init__(number)
        self.number = number
        self.names = names


async def handle(world: World, request: Request) -> Response:
    """Answer one request to `login.microsoftonline.com`."""
    if request.method == "GET" and request.path.lower().rstrip("/") == "/common/discovery/instance":
        return _tagged(_discover(request), "Entra_DiscoverInstance")
    name, handler = _ROUTES.get((request.method, "/".join(request.segments[1:]).lower()), ("", None))
    if handler is None:
        return _tagged(Response(404), "")
    try:
        _require_tenant(world, request.segments[0], has_tokens=name == "Entra_Token")
        return _tagged(handler(world, request), name)
    except _Refused as err:
        return _tagged(_error(err), name)


def operations() -> list[tuple[str, str, str]]:
    """(operation, method, path) of all that is served, for the coverage page."""
    discovery = ("Entra_DiscoverInstance", "GET", "/common/discovery/instance")
    return [
        discovery,
        *((name, method, f"/{{tenant}}/{path}") for (method, path), (name, _) in _ROUTES.items()),
    ]


def _tagged(response: Response, operation: str) -> Response:
    fixed = {
        "x-ms-request-id": str(uuid.uuid4()),
        "Cache-Control": "no-store, no-cache",
        "Pragma": "no-cache",
    }
    response.headers = {**fixed, **response.headers}
    response.operation = operation
    return response


def _require_tenant(world: World, tenant: str, *, has_tokens: bool) -> None:
    shared = tenant.lower() in _SHARED and not has_tokens
    if tenant.lower() != world.identity.tenant_id and not shared:
        raise _Refused(90002, tenant)


def _discover(request: Request) -> Response:
    """What an authority's aliases are; unlike other requests it needs no known tenant."""
    asked = request.query.get("authorization_endpoint", "").partition("//")[2].split("/")
    tenant = asked[1] if len(asked) > 1 else "common"
    where = f"{_HOST}/{tenant}/v2.0/.well-known/openid-configuration"
    return Response(200, {"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": [_NETWORK]})


def _configuration(world: World, request: Request) -> Response:
    tenant = world.identity.tenant_id
    is_v2 = "/v2.0/" in request.path.lower()
    oauth = f"{_HOST}/{tenant}/oauth2" + ("/v2.0" if is_v2 else "")
    keys = f"{_HOST}/{tenant}/discovery/v2.0/keys" if is_v2 else f"{_HOST}/common/discovery/keys"
    body: Json = {
        "token_endpoint": f"{oauth}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": keys,
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer_v2(tenant) if is_v2 else f"https://sts.windows.net/{tenant}/",
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": f"{oauth}/authorize",
        "device_authorization_endpoint": f"{oauth}/devicecode",
        "end_session_endpoint": f"{oauth}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver", "oid"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
    }
    return Response(200, body)


def _keys(world: World, request: Request) -> Response:  # noqa: ARG001 - handlers share a signature
    return Response(200, world.identity.public_keys())


def _token_v2(world: World, request: Request) -> Response:
    form = _form(request)
    principal = _require_client(world, form)
    scope = _require_field(form, "scope").strip()
    if " " in scope or "/" not in scope:
        raise _Refused(70011, scope)
    if not scope.endswith("/.default"):
        raise _Refused(1002012, scope)
    resource = scope.removesuffix("/.default")
    return Response(200, {**_lifetimes(world), "access_token": _issue(world, principal, resource)})


def _token_v1(world: World, request: Request) -> Response:
    """The older endpoint: `resource` instead of `scope`, numbers as strings, and when the token ends."""
    form = _form(request)
    principal = _require_client(world, form)
    resource, now = _require_field(form, "resource"), int(time.time())
    body = {name: str(value) for name, value in _lifetimes(world).items()}
    end = now + world.identity.lifetime_s
    times = {"expires_on": str(end), "not_before": str(now - 300), "resource": resource}
    return Response(200, {**body, **times, "access_token": _issue(world, principal, resource)})


def _lifetimes(world: World) -> dict[str, Any]:
    life_s = world.identity.lifetime_s
    return {"token_type": "Bearer", "expires_in": life_s, "ext_expires_in": life_s}


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _require_field(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise _Refused(900144, name)
    return form[name]


def _require_client(world: World, form: dict[str, str]) -> Principal:
    """Who signs in; refused is what is no client of the tenant with its secret."""
    grant, client = _require_field(form, "grant_type"), _require_field(form, "client_id")
    if grant != "client_credentials":
        raise _Refused(70003, grant)
    found = world.identity.find_client(client)
    if found is None:
        raise _Refused(700016, client, world.identity.tenant_id)
    if not form.get("client_secret"):
        raise _Refused(7000216)
    principal, secret = found
    if not secrets.compare_digest(form["client_secret"].encode(), secret.encode()):
        raise _Refused(7000215, client)
    return principal


def _issue(world: World, principal: Principal, resource: str) -> str:
    asked = plain(resource)
    if asked not in _RESOURCES and not asked.endswith(_RESOURCE_SUFFIXES):
        raise _Refused(500011, resource, world.identity.tenant_id)
    return world.identity.issue(principal, resource)


def _error(refused: _Refused) -> Response:
    status, kind, text = _ERRORS[refused.number]
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
    description = (
        f"AADSTS{refused.number}: {text.format(*refused.names)} Trace ID: {trace} "
        f"Correlation ID: {correlation} Timestamp: {stamp}"
    )
    body = {
        "error": kind,
        "error_description": description,
        "error_codes": [refused.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{_HOST}/error?code={refused.number}",
    }
    return Response(status, body)


_Handler = Callable[["World", Request], Response]
_ROUTES: dict[tuple[str, str], tuple[str, _Handler]] = {
    ("GET", "v2.0/.well-known/openid-configuration"): ("Entra_GetConfiguration", _configuration),
    ("GET", ".well-known/openid-configuration"): ("Entra_GetConfiguration", _configuration),
    ("GET", "discovery/v2.0/keys"): ("Entra_GetKeys", _keys),
    ("GET", "discovery/keys"): ("Entra_GetKeys", _keys),
    ("POST", "oauth2/v2.0/token"): ("Entra_Token", _token_v2),
    ("POST", "oauth2/token"): ("Entra_Token", _token_v1),
}
