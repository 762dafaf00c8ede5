"""Microsoft Entra ID: tenants' metadata, tokens for the one client, and the check that every other service makes of them.

Tokens are real: RS256, signed with a key of this sandbox, an hour's life. That hour is the machine's, not Azure's scaled
one, because clients believe `expires_in` by their own clock: at 60 times the speed they would present tokens that they
rightly think are fresh and be refused.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TENANT_ID = "7e4a4b5c-0c5e-4a55-8e6f-000000007e11"
CLIENT_ID = "c1e47a11-2d6c-4a0b-9d35-00000000a991"
LIFETIME_S = 3600

# What the service principals of Azure's own services are asked for, as in a scope before `/.default`.
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
_HOST = "https://login.microsoftonline.com"


@dataclass
class Identity:
    """The directory of one sandbox: its tenant, its one client and that client's secret, and the signing key."""

    tenant_id: str = TENANT_ID
    client_id: str = CLIENT_ID
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)
    key_id: str = field(default_factory=lambda: secrets.token_urlsafe(20))

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def client(self) -> Principal:
        """The principal of the one client."""
        return Principal(CLIENT_OBJECT_ID, self.client_id, self.tenant_id)

    def issue(self, principal: Principal, audience: str, lifetime_s: int = LIFETIME_S) -> str:
        """A signed access token (v1.0, as these resources get) for a client or a managed identity."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{principal.tenant_id}/",
            "iat": now,
            "nbf": now - 300,
            "exp": now + lifetime_s,
            "appid": principal.app_id,
            "appidacr": "1",
            "idp": f"https://sts.windows.net/{principal.tenant_id}/",
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": principal.tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.key_id, "x5t": self.key_id})

    def read(self, token: str) -> Json:
        """The claims of a token of this directory; jwt.PyJWTError when it is none, or is expired."""
        issuer = f"https://sts.windows.net/{self.tenant_id}/"
        required = {"require": ["exp", "aud", "iss", "oid", "tid"], "verify_aud": False}
        claims: Json = jwt.decode(token, self._key.public_key(), algorithms=["RS256"], issuer=issuer, options=required)  # type: ignore[arg-type]
        return claims

    def public_keys(self) -> Json:
        """The JSON Web Key Set."""
        key: Json = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        use = {"use": "sig", "kid": self.key_id, "x5t": self.key_id, "issuer": _issuer(self.tenant_id)}
        return {"keys": [{**key, **use, "alg": "RS256"}]}


def authenticate(world: World, request: Request, audiences: Sequence[str]) -> Principal:
    """Who sends a request. AzureError 401 without a bearer token of this tenant for one of `audiences` that is alive.

    Audiences are compared without case or a trailing slash.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not token:
        raise _unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", world)
    if scheme.lower() != "bearer":
        message = "Authentication failed. The 'Authorization' header is provided in an invalid format."
        raise _unauthorized("AuthenticationFailed", message, world)
    claims = _claims(world, token.strip())
    audience = str(claims["aud"])
    if _plain(audience) not in {_plain(known) for known in audiences}:
        allowed = ",".join(audiences)
        message = (
            "The access token has been obtained for wrong audience or resource "
            f"'{audience}'. It should exactly match with one of the allowed audiences '{allowed}'."
        )
        raise _unauthorized("InvalidAuthenticationTokenAudience", message, world)
    return Principal(str(claims["oid"]), str(claims.get("appid", "")), str(claims["tid"]), audience)


def _claims(world: World, token: str) -> Json:
    try:
        return world.identity.read(token)
    except jwt.ExpiredSignatureError as err:
        raise _unauthorized("ExpiredAuthenticationToken", "The access token expiry UTC time has passed.", world) from err
    except jwt.InvalidIssuerError as err:
        message = (
            "The access token is from the wrong issuer. It must match the tenant "
            f"'https://sts.windows.net/{world.identity.tenant_id}/' associated with this subscription."
        )
        raise _unauthorized("InvalidAuthenticationTokenTenant", message, world) from err
    except jwt.PyJWTError as err:
        raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.", world) from err


def _unauthorized(code: str, message: str, world: World) -> AzureError:
    where = f"https://login.windows.net/{world.identity.tenant_id}"
    challenge = f'Bearer authorization_uri="{where}", error="invalid_token", error_description="{message}"'
    return AzureError(401, code, message, headers={"WWW-Authenticate": challenge})


def _plain(audience: str) -> str:
    return audience.rstrip("/").lower()


async def handle(world: World, request: Request) -> Response:
    """Answer one request to `login.microsoftonline.com`."""
    route = _ROUTES.get((request.method, "/".join(request.segments[1:]).lower()))
    if request.path.lower().rstrip("/") == "/common/discovery/instance" and request.method == "GET":
        return _tagged(_discover(world, request), "Entra_DiscoverInstance")
    if route is None:
        error = _error(404, "invalid_request", 900144, f"The endpoint '{request.path}' was not found.")
        return _tagged(error, "")
    name, handler = route
    tenant = request.segments[0].lower()
    if tenant != world.identity.tenant_id and not (tenant in _SHARED and name != "Entra_Token"):
        return _tagged(_unknown_tenant(request.segments[0], name), name)
    return _tagged(handler(world, request), name)


_SHARED = frozenset({"common", "organizations"})


def _tagged(response: Response, operation: str) -> Response:
    identifier = str(uuid.uuid4())
    response.headers = {"x-ms-request-id": identifier, "Cache-Control": "no-store, no-cache", **response.headers}
    response.operation = operation
    return response


def _discover(world: World, request: Request) -> Response:  # noqa: ARG001 - handlers share a signature
    networks = [
        ("login.microsoftonline.com", "login.windows.net", ["login.microsoftonline.com", "login.windows.net"]),
    ]
    aliases = ["login.microsoft.com", "sts.windows.net"]
    metadata = [
        {"preferred_network": network, "preferred_cache": cache, "aliases": [*names, *aliases]}
        for network, cache, names in networks
    ]
    tenant = request.query.get("authorization_endpoint", "").partition("//")[2].split("/")
    where = f"{_HOST}/{tenant[1] if len(tenant) > 1 else 'common'}/v2.0/.well-known/openid-configuration"
    return Response(200, {"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": metadata})


def _configuration(world: World, request: Request) -> Response:
    tenant = world.identity.tenant_id
    base = f"{_HOST}/{tenant}"
    v2 = "v2.0/" in request.path.lower()
    oauth = f"{base}/oauth2/v2.0" if v2 else f"{base}/oauth2"
    body = {
        "token_endpoint": f"{oauth}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery/v2.0/keys" if v2 else f"{_HOST}/common/discovery/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": _issuer(tenant) if v2 else f"https://sts.windows.net/{tenant}/",
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": f"{oauth}/authorize",
        "device_authorization_endpoint": f"{oauth}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{oauth}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver", "oid"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }
    return Response(200, body)


def _issuer(tenant: str) -> str:
    return f"{_HOST}/{tenant}/v2.0"


def _keys(world: World, request: Request) -> Response:  # noqa: ARG001 - handlers share a signature
    return Response(200, world.identity.public_keys())


def _token_v2(world: World, request: Request) -> Response:
    form = _form(request)
    if refused := _refuse_client(world, form):
        return refused
    scope = form.get("scope", "")
    if not scope.endswith("/.default") or " " in scope.strip():
        return _bad_scope(scope)
    return _grant(world, scope.removesuffix("/.default"), is_v1=False)


def _token_v1(world: World, request: Request) -> Response:
    form = _form(request)
    if refused := _refuse_client(world, form):
        return refused
    if "resource" not in form:
        return _missing("resource")
    return _grant(world, form["resource"], is_v1=True)


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _refuse_client(world: World, form: dict[str, str]) -> Response | None:
    """Why the token request is refused before its resource is looked at; None when it is not."""
    for name in ("grant_type", "client_id"):
        if not form.get(name):
            return _missing(name)
    if form["grant_type"] != "client_credentials":
        text = f"The app requested an unsupported grant type '{form['grant_type']}'."
        return _error(400, "unsupported_grant_type", 70003, text)
    if form["client_id"].lower() != world.identity.client_id:
        return _unknown_client(form["client_id"], world.identity.tenant_id)
    if not form.get("client_secret"):
        text = (
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        )
        return _error(401, "invalid_client", 7000216, text)
    if not secrets.compare_digest(form["client_secret"].encode(), world.identity.client_secret.encode()):
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
            f"the client secret ID, for a secret added to app '{form['client_id']}'."
        )
        return _error(401, "invalid_client", 7000215, text)
    return None


def _grant(world: World, resource: str, *, is_v1: bool) -> Response:
    plain = _plain(resource)
    if plain not in _RESOURCES and not plain.endswith(_RESOURCE_SUFFIXES):
        text = (
            f"The resource principal named {resource} was not found in the tenant named {world.identity.tenant_id}. This can "
            "happen if the application has not been installed by the administrator of the tenant or consented to by any "
            "user in the tenant. You might have sent your authentication request to the wrong tenant."
        )
        return _error(400, "invalid_resource", 500011, text)
    token = world.identity.issue(world.identity.client, resource)
    body: dict[str, Any] = {"token_type": "Bearer", "expires_in": LIFETIME_S, "ext_expires_in": LIFETIME_S}
    if is_v1:
        now = int(time.time())
        times = {"expires_on": str(now + LIFETIME_S), "not_before": str(now - 300), "resource": resource}
        body = {name: str(value) for name, value in body.items()} | times
    return Response(200, {**body, "access_token": token})


def _missing(name: str) -> Response:
    text = f"The request body must contain the following parameter: '{name}'."
    return _error(400, "invalid_request", 900144, text)


def _bad_scope(scope: str) -> Response:
    if not scope:
        return _missing("scope")
    if "/" not in scope or " " in scope.strip():
        text = (
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
            f"'scope' is not valid. The scope {scope} is not valid."
        )
        return _error(400, "invalid_scope", 70011, text)
    text = (
        f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
        "/.default suffixed to the resource identifier (application ID URI)."
    )
    return _error(400, "invalid_scope", 1002012, text)


def _unknown_tenant(tenant: str, operation: str) -> Response:
    text = (
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
        "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
        "tenant."
    )
    kind = "invalid_tenant" if operation == "Entra_GetConfiguration" else "invalid_request"
    return _error(400, kind, 90002, text)


def _unknown_client(client: str, tenant: str) -> Response:
    text = (
        f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "
        "You may have sent your authentication request to the wrong tenant."
    )
    return _error(400, "unauthorized_client", 700016, text)


def _error(status: int, kind: str, number: int, text: str) -> Response:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
    description = f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    body = {
        "error": kind,
        "error_description": description,
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{_HOST}/error?code={number}",
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
