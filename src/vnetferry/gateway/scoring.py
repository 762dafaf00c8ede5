"""Scoring requests over plain HTTP, from one or another vantage.

Not the SDK's `invoke`: it keeps its headers between calls, so that after one request to a certain deployment
all later ones go there too, and it hides the status of what failed.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from vnetferry.errors import ConfigError, ScoringFailed
from vnetferry.gateway.clock import Clock
from vnetferry.gateway.faults import redact

VANTAGES_VARIABLE = "VNETFERRY_VANTAGES"
HERE = "here"
_PROXY = re.compile("https?://")
_CONNECT_TIMEOUT_S = 20.0
_PATIENCE_S, _LONGEST_PAUSE_S = 120.0, 15.0
_TIMEOUT_S = 190.0  # Azure's own limit for one request is 180 s
_REMEDIES = {
    0: "Check the network between here and the endpoint: DNS, the private endpoint, the proxy.",
    401: "Check the endpoint's keys, or sign in again; a new role may take an hour to be known.",
    403: "The endpoint refuses this network: call it from a virtual network with a private endpoint.",
    404: "Check that a deployment has live traffic, or that the named deployment exists.",
    408: "The model took longer than requestTimeout: raise it, or make the model faster.",
    424: "The model's container answered with an error: read its log.",
    429: "The deployment has too few instances for this many requests at once: add some, or send fewer.",
}
_PASSING = {0, 401, 404, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Credential:
    """A key or a token of an endpoint: a secret, which repr does not show."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    vantage: str = HERE

    @property
    def deployment(self) -> str:
        """The deployment that served the request."""
        return self.headers.get("azureml-model-deployment", "")

    @property
    def request_id(self) -> str:
        """The id that Azure's support asks for."""
        return self.headers.get("x-request-id", "")


@dataclass(frozen=True)
class Reach:
    """Whether an endpoint can be reached from a vantage; `status` is 0 when there was no answer."""

    vantage: str
    reached: bool
    status: int
    why: str = ""


def vantages() -> dict[str, str | None]:
    """The places that requests can be sent from: name -> HTTP proxy, None for this process's own connection.

    From VNETFERRY_VANTAGES (`internet=http://proxy:3128,vnet-prod=http://10.0.0.4:3128`); without it there is
    only `here`. Raises: ConfigError when it does not read so.
    """
    found = places(VANTAGES_VARIABLE, _PROXY, "a proxy", "http://host:port")
    return dict(found) if found else {HERE: None}


def places(variable: str, form: re.Pattern[str], what: str, example: str) -> dict[str, str]:
    """What a variable says of each place (`name=value,name=value`); empty when it is not set.

    In:     form: what each value must begin with; what, example: what a value is, and looks like, for the error.
    Raises: ConfigError when it does not read so.
    """
    pairs = [item.partition("=") for item in os.environ.get(variable, "").split(",") if item.strip()]
    for name, _, value in pairs:
        if not name.strip() or not form.match(value.strip()):
            remedy = f"Write name={example}, with commas between them."
            raise ConfigError(f"{variable} holds '{redact(name)}' without {what}", remedy=remedy)
    return {name.strip(): value.strip() for name, _, value in pairs}


def score(
    uri: str,
    credential: Credential,
    body: bytes,
    *,
    deployment: str | None = None,
    vantage: str | None = None,
) -> Answer:
    """Send one scoring request and return its answer, which has status 200.

    In:     deployment: past the traffic rules to this one; vantage: a name of vantages(). What passes by
            itself (404 after a change of traffic, 401 of a new key, 429, 5xx) is borne for two minutes of
            Azure's time.
    Raises: ScoringFailed with the last status, 0 when the endpoint could not be reached; ConfigError.
    Source: Troubleshoot online endpoints, HTTP status codes.
    """
    clock, proxy = Clock.from_environment(), _proxy(vantage)
    attempts = Retrying(
        sleep=clock.sleep,
        wait=wait_exponential(max=_LONGEST_PAUSE_S),
        stop=stop_after_delay(clock.real_s(_PATIENCE_S)),
        retry=retry_if_exception(lambda err: isinstance(err, ScoringFailed) and err.retryable),
        reraise=True,
    )
    return attempts(_score_once, _Request(uri, credential, body, deployment), vantage or HERE, proxy)


def probe(
    uri: str,
    credential: Credential,
    body: bytes,
    *,
    deployment: str | None = None,
    vantage: str | None = None,
) -> Reach:
    """Whether the endpoint can be reached from a vantage at all: any answer but a network's refusal counts.

    Raises: ConfigError for an unknown vantage, and for one whose proxy does not answer, which would prove nothing.
    """
    name, proxy = vantage or HERE, _proxy(vantage)
    try:
        answer = _score_once(_Request(uri, credential, body, deployment), name, proxy)
    except ScoringFailed as err:
        if proxy and not err.status:
            _require_answering(name, proxy)
        return Reach(name, err.status not in (0, 403), err.status, err.what)
    return Reach(name, True, answer.status)


@dataclass(frozen=True)
class _Request:
    uri: str
    credential: Credential
    body: bytes
    deployment: str | None

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.credential.token}", "Content-Type": "application/json"}
        return {**headers, "azureml-model-deployment": self.deployment} if self.deployment else headers


def _proxy(vantage: str | None) -> str | None:
    if vantage is None:
        return None
    known = vantages()
    if vantage not in known:
        remedy = f"Set {VANTAGES_VARIABLE} to name it; known are: {', '.join(known)}."
        raise ConfigError(f"there is no vantage '{vantage}'", remedy=remedy)
    return known[vantage]


def _require_answering(vantage: str, proxy: str) -> None:
    parts = urlsplit(proxy)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _CONNECT_TIMEOUT_S).close()
    except OSError as err:
        raise ConfigError(
            f"the proxy of vantage '{vantage}' at {parts.hostname}:{port} does not answer",
            remedy=f"Start it, or mend {VANTAGES_VARIABLE}.",
        ) from err


def _score_once(request: _Request, vantage: str, proxy: str | None) -> Answer:
    try:
        with httpx.Client(
            proxy=proxy, timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        ) as client:
            response = client.post(request.uri, content=request.body, headers=request.headers)
    except httpx.HTTPError as err:
        raise _failure(request.uri, 0, f"{type(err).__name__}: {err}") from err
    if response.status_code != 200:
        raise _failure(request.uri, response.status_code, _reason(response))
    return Answer(200, response.content, {k.lower(): v for k, v in response.headers.items()}, vantage)


def _reason(response: httpx.Response) -> str:
    headers = response.headers
    inner = headers.get("ms-azureml-model-error-statuscode")
    model = (
        f"the model answered {inner} {headers.get('ms-azureml-model-error-reason', '')}".strip()
        if inner
        else ""
    )
    return "; ".join(filter(None, (model, redact(" ".join(response.text.split())[:300]))))


def _failure(uri: str, status: int, reason: str) -> ScoringFailed:
    what = (
        f"the endpoint answered {status}: {reason}"
        if status
        else f"the endpoint could not be reached: {reason}"
    )
    remedy = _REMEDIES.get(status, "Run again; if it stays so, read the deployment's log.")
    return ScoringFailed(what, status=status, resource=uri, remedy=remedy, retryable=status in _PASSING)
