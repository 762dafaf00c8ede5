"""Entra ID's tokens: the keys and names of one tenant, and the check that every service makes of a token.

Tokens are real: RS256, signed with a key of this sandbox, an hour's life unless the scenario gives them another.
That hour is the machine's, not Azure's scaled one, because clients believe `expires_in` by their own clock: at 60
times the speed they would present tokens that they rightly think are fresh and be refused.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal, Request

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TENANT_ID = "7e4a4b5c-0c5e-4a55-8e6f-000000007e11"
CLIENT_ID = "c1e47a11-2d6c-4a0b-9d35-00000000a991"
LIFETIME_S = 3600
# Services allow for clocks that differ a little. How much Azure's do is not documented: this is assumed.
_SKEW_S = 2
# More than the clients that one sandbox has at a time: a client holds a token per audience.
_REMEMBERED_TOKENS = 256


@dataclass
class Identity:
    """One sandbox's directory: its tenant, its own client and that client's secret, others, and the signing key."""

    tenant_id: str = TENANT_ID
    client_id: str = CLIENT_ID
    # Hexadecimal, because programs take an argument that begins with a dash for an option.
    client_secret: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    key_id: str = field(default_factory=lambda: secrets.token_urlsafe(20))
    lifetime_s: int = LIFETIME_S
    _expired: dict[bytes, int] = field(default_factory=dict, repr=False)
    _others: dict[str, tuple[Principal, str]] = field(default_factory=dict, repr=False)

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def client(self) -> Principal:
        """The principal of the sandbox's own client."""
        return Principal(CLIENT_OBJECT_ID, self.client_id, self.tenant_id)

    def register(self, app_id: str, object_id: str, secret: str) -> None:
        """Let another client sign in."""
        self._others[app_id.lower()] = Principal(object_id, app_id, self.tenant_id), secret

    def find_client(self, app_id: str) -> tuple[Principal, str] | None:
        """The principal and the secret of a client, or None."""
        if app_id.lower() == self.client_id:
            return self.client, self.client_secret
        return self._others.get(app_id.lower())

    def issue(self, principal: Principal, audience: str, lifetime_s: int | None = None) -> str:
        """A signed access token (v1.0, as these resources get) for a client or a managed identity."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{principal.tenant_id}/",
            "iat": now,
            "nbf": now - 300,
            "exp": now + (self.lifetime_s if lifetime_s is None else lifetime_s),
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
        return jwt.encode(
            claims, self._key, algorithm="RS256", headers={"kid": self.key_id, "x5t": self.key_id}
        )

    def read(self, token: str) -> Json:
        """The claims of a token of this directory; jwt.PyJWTError when it is none, or is expired."""
        if _digest(token) in self._expired:
            raise jwt.ExpiredSignatureError
        claims = self._verified(token)
        if int(claims["exp"]) + _SKEW_S <= time.time():
            raise jwt.ExpiredSignatureError
        return dict(claims)

    @cached_property
    def _verified(self) -> Callable[[str], Json]:
        """The claims of a token whose signature holds, checked once: a client sends its token with every request.

        A signature that held goes on to hold, unlike the token's time, which `read` compares each time.
        """
        return lru_cache(maxsize=_REMEMBERED_TOKENS)(self._verify)

    def _verify(self, token: str) -> Json:
        return jwt.decode(
            token,
            self._key.public_key(),
            algorithms=["RS256"],
            leeway=_SKEW_S,
            issuer=f"https://sts.windows.net/{self.tenant_id}/",
            options={"require": ["exp", "aud", "iss", "oid", "tid"], "verify_aud": False},
        )

    def expire(self, token: str) -> None:
        """Let a token be expired from now on, whatever it says itself."""
        self._expired[_digest(token)] = int(time.time())

    def expiry(self, token: str) -> int:
        """When an expired token ended, as a Unix time."""
        claims = jwt.decode(token, options={"verify_signature": False})
        return self._expired.get(_digest(token), int(claims["exp"]))

    def public_keys(self) -> Json:
        """The JSON Web Key Set."""
        key: Json = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        use = {"use": "sig", "kid": self.key_id, "x5t": self.key_id, "issuer": issuer_v2(self.tenant_id)}
        return {"keys": [{**key, **use, "alg": "RS256"}]}


def authenticate(world: World, request: Request, audiences: Sequence[str]) -> Principal:
    """Who sends a request. AzureError 401 without a live bearer token of this tenant for one of `audiences`.

    Audiences are compared without case or a trailing slash.
    """
    scheme, token = _bearer(request)
    if not token:
        message = "Authentication failed. The 'Authorization' header is missing."
        raise _unauthorized("AuthenticationFailed", message, world)
    if scheme.lower() != "bearer":
        message = "Authentication failed. The 'Authorization' header is provided in an invalid format."
        raise _unauthorized("AuthenticationFailed", message, world)
    claims = _claims(world, token)
    audience = str(claims["aud"])
    if plain(audience) not in {plain(known) for known in audiences}:
        allowed = ",".join(audiences)
        message = (
            "The access token has been obtained for wrong audience or resource "
            f"'{audience}'. It should exactly match with one of the allowed audiences '{allowed}'."
        )
        raise _unauthorized("InvalidAuthenticationTokenAudience", message, world)
    return Principal(str(claims["oid"]), str(claims.get("appid", "")), str(claims["tid"]), audience)


def expire(world: World, request: Request) -> None:
    """Let the token that a request bears be expired from now on; nothing if it bears none."""
    scheme, token = _bearer(request)
    if scheme.lower() == "bearer" and token:
        world.identity.expire(token)


def _bearer(request: Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme, token.strip()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _written(unix_s: int) -> str:
    """A time as Azure's text has it: 11/24/2025 5:28:45 AM."""
    when = datetime.fromtimestamp(unix_s, timezone.utc)
    return f"{when.month}/{when.day}/{when.year} {when.hour % 12 or 12}:{when:%M:%S %p}"


def _claims(world: World, token: str) -> Json:
    try:
        return world.identity.read(token)
    except jwt.ExpiredSignatureError as err:
        message = (
            f"The access token expiry UTC time '{_written(world.identity.expiry(token))}' is earlier than "
            f"current UTC time '{_written(int(time.time()))}'."
        )
        raise _unauthorized("ExpiredAuthenticationToken", message, world) from err
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


def plain(audience: str) -> str:
    """An audience as it is compared: without case or a trailing slash."""
    return audience.rstrip("/").lower()


def issuer_v2(tenant_id: str) -> str:
    """Who signs, in the v2.0 metadata."""
    return f"https://login.microsoftonline.com/{tenant_id}/v2.0"
