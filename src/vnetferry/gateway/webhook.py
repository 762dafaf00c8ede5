"""Posting a message to a URL of the user's, so that the receiver can tell who sent it and when, and that it came twice.

The receiver computes HMAC-SHA256 with the shared key over `<timestamp>.<body>` and compares; it refuses timestamps that
are minutes old, and takes a message whose `Idempotency-Key` it has seen for one that it has.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import ssl
import time
from collections.abc import Callable

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_exponential

from vnetferry import __version__
from vnetferry.errors import ConfigError, HandoffFailed
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.vault import find_secret
from vnetferry.models.handoff import SecretSource, require_url

_ATTEMPTS = 6
_PASSING = {0, 408, 425, 429, 500, 502, 503, 504}
_TIMEOUT_S = 30.0
_LONGEST_PAUSE_S = 60.0


def post(azure: Azure, url: str, key: bytes, body: bytes, idempotency_key: str) -> int:
    """Send a message until the receiver has taken it; how it answered.

    In:      url, key: secrets, which are in no error and no log.
    Raises:  HandoffFailed when it was refused, when the receiver's certificate is not trusted, or when nobody took it
             after six attempts in about two minutes.
    Effects: one POST, more when the receiver is busy or not there; redirects are not followed.
    """
    place = httpx.URL(url).copy_with(query=None, userinfo=b"")
    attempts = Retrying(
        sleep=azure.clock.sleep,
        wait=_pause,
        stop=stop_after_attempt(_ATTEMPTS),
        retry=retry_if_result(lambda answer: answer[0] in _PASSING),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else (0, ""),
    )
    try:
        status, _ = attempts(_once, url, key, body, idempotency_key)
    except ssl.SSLCertVerificationError as err:
        raise HandoffFailed(
            f"the webhook's certificate cannot be trusted: {err.verify_message}",
            resource=str(place),
            remedy="If its authority is your own, name a file in SSL_CERT_FILE that holds its certificate beside the "
            "public ones, and run again.",
        ) from None
    if 200 <= status < 300:
        return status
    said = f"answered {status}" if status else "could not be reached"
    raise HandoffFailed(
        f"the webhook {said}",
        resource=str(place),
        remedy="Mend the receiver, its URL or the key that it checks, and run again.",
        retryable=status in _PASSING,
    )


def read_url(url: str, environment: str) -> str:
    """The webhook's URL, as written or in the environment. Raises: ConfigError."""
    if not environment:
        return url
    value = _of_environment(environment)
    try:
        require_url(value, secret=True)
    except ValueError as err:
        raise ConfigError(f"the webhook's URL in {environment} {err}", resource=environment) from None
    return value


def read_key(azure: Azure, source: SecretSource) -> bytes:
    """The shared key, a secret. Raises: ConfigError when it is not there; PermissionDenied."""
    if source.environment:
        return _of_environment(source.environment).encode()
    secret = find_secret(azure, source.vault, source.secret)
    if secret is None or not secret.value:
        raise ConfigError(
            f"the key vault {source.vault} has no secret {source.secret}, the webhook's key",
            resource="handoff[].secret",
            remedy=f"az keyvault secret set --vault-name {source.vault} --name {source.secret} --value …",
        )
    return secret.value.encode()


def sign(key: bytes, timestamp: int, body: bytes) -> str:
    """The signature's header: `sha256=` and the HMAC of `<timestamp>.<body>` in hexadecimal."""
    return "sha256=" + hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _once(url: str, key: bytes, body: bytes, idempotency_key: str) -> tuple[int, str]:
    """(status, Retry-After); status 0 when there was no answer. Raises: SSLCertVerificationError."""
    timestamp = int(time.time())  # the receiver compares it with its own clock, which no rehearsal scales
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"vnetferry/{__version__}",
        "Idempotency-Key": idempotency_key,
        "X-Vnetferry-Timestamp": str(timestamp),
        "X-Vnetferry-Signature": sign(key, timestamp, body),
    }
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=_TIMEOUT_S, follow_redirects=False)
    except httpx.TransportError as err:
        if distrust := _distrust(err):
            raise distrust from None
        return 0, ""
    return answer.status_code, answer.headers.get("Retry-After", "")


def _distrust(err: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What was wrong with the receiver's certificate, if that is where an error began; asking again mends nothing."""
    while err is not None and not isinstance(err, ssl.SSLCertVerificationError):
        err = err.__cause__ or err.__context__
    return err


_backoff: Callable[[RetryCallState], float] = wait_exponential(multiplier=2, max=_LONGEST_PAUSE_S)


def _pause(state: RetryCallState) -> float:
    """2, 4, 8 … seconds, or as long as the receiver asks for, up to a minute."""
    asked = str(state.outcome.result()[1]) if state.outcome else ""
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdigit() else _backoff(state)


def _of_environment(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(
            f"the environment variable {name}, which the webhook needs, is not set",
            resource=name,
            remedy="Set it where vnetferry runs (for a worker: in its environment), and run again.",
        )
    return value
