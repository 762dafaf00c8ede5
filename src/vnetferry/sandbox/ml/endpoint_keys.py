"""Keys and tokens of online endpoints: what their callers present, never in any document.

Tokens live by the machine's clock, not by Azure's scaled one: their holders judge `expiryTimeUtc` by their
own.
"""

from __future__ import annotations

import secrets
import string
import time
from typing import TYPE_CHECKING

import jwt

from vnetferry.sandbox.scoring.specification import name_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# Recorded: refreshAfterTimeUtc lies 43,200 s before expiryTimeUtc. That a token lives twice as long is
# assumed.
_REFRESH_BEFORE_EXPIRY_S = 43_200
_TOKEN_LIFE_S = 86_400
_LETTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 32


def new_key() -> str:
    """A key as Azure makes them: 32 letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_KEY_LENGTH))


def set_keys(world: World, endpoint_id: str, wanted: Json | None) -> None:
    """Give an endpoint its keys; those that `wanted` leaves out are made up."""
    given = wanted or {}
    world.secrets.endpoint_keys[endpoint_id.lower()] = {
        name: given.get(name) or new_key() for name in ("primaryKey", "secondaryKey")
    }


def forget(world: World, endpoint_id: str) -> None:
    """Drop an endpoint's keys and tokens."""
    world.secrets.endpoint_keys.pop(endpoint_id.lower(), None)
    world.secrets.token_keys.pop(endpoint_id.lower(), None)


def is_key(world: World, endpoint_id: str, presented: str) -> bool:
    """Whether it is one of the endpoint's keys."""
    known = world.secrets.endpoint_keys.get(endpoint_id.lower(), {})
    matches = [secrets.compare_digest(key.encode(), presented.encode()) for key in known.values()]
    return any(matches)


def issue_token(world: World, endpoint_id: str) -> Json:
    """A new AML token in the shape in which the service answers it."""
    now = int(time.time())
    expiry = now + _TOKEN_LIFE_S
    claims = {
        "iss": "azureml",
        "aud": name_of(endpoint_id),
        "sub": endpoint_id,
        "iat": now,
        "nbf": now,
        "exp": expiry,
    }
    return {
        "accessToken": jwt.encode(claims, _signing_key(world, endpoint_id), "HS256"),
        "tokenType": "Bearer",
        "expiryTimeUtc": expiry,
        "refreshAfterTimeUtc": expiry - _REFRESH_BEFORE_EXPIRY_S,
    }


def is_token(world: World, endpoint_id: str, presented: str) -> bool:
    """Whether it is an AML token of this endpoint, not expired."""
    unchecked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    try:
        claims = jwt.decode(presented, _signing_key(world, endpoint_id), ["HS256"], options=unchecked)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return False
    return bool(claims["exp"] > time.time())


def _signing_key(world: World, endpoint_id: str) -> bytes:
    return world.secrets.token_keys.setdefault(endpoint_id.lower(), secrets.token_bytes(32))
