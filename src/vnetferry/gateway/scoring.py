"""Scoring requests over plain HTTP, from one or another vantage.

Not the SDK's `invoke`: it keeps its headers between calls, so that after one request to a certain deployment all later
ones go there too, and it hides the status of what failed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception, stop_after_delay

from vnetferry.errors import ConfigError, ScoringFailed
from vnetferry.gateway.clock import Clock
from vnetferry.gateway.faults import redact

VANTAGES_VARIABLE = "VNETFERRY_VANTAGES"
HERE = "here"
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
_PASSING = {401, 404, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Scored:
    """An endpoint's answer: `deployment` is the one that served it, as the answer says."""

    status: int
    body: bytes
    deployment: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Reach:
    """Whether an endpoint can be reached from a vantage; `status` is 0 and `why` says more when it gave no answer."""

    vantage: str
    reached: bool
    status: int
    why: str = ""


def vantages() -> dict[str, str | None]:
    """The places that requests can be sent from: name -> HTTP proxy, None for this process's own connection.

    From VNETFERRY_VANTAGES (`internet=http://proxy:3128,vnet-prod=http://10.0.0.4:3128`); without it there is only
    `here`. Raises: ConfigError when it does not read so.
    """
    text = os.environ.get(VANTAGES_VARIABLE, "").strip()
    if not text:
        return {HERE: None}
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    for name, _, proxy in pairs:
        if not name.strip() or not proxy.strip().startswith(("http://", "https://")):
            remedy = "Write name=http://host:port, with commas between them."
            raise ConfigError(f"{VANTAGES_VARIABLE} holds '{redact(name)}' without a proxy", remedy=remedy)
    return {name.strip(): proxy.strip() for name, _, proxy in pairs}


def score(
    uri: str,
    credential: str,
    body: bytes,
    *,
    deployment: str | None = None,
    vantage: str | None = None,
    patience_s: float = 120.0,
) -> Scored:
    """Send one scoring request and return its answer, which has status 200.

    In:     credential: key or token; deployment: past the traffic rules to this one; vantage: a name of vantages();
            patience_s: how long, in Azure's seconds, to bear what passes by itself: 404 after a change of traffic,
            401 of a new key, 429 and 5xx. A timeout is not one of them.
    Raises: ScoringFailed with the last status, 0 when the endpoint could not be reached; ConfigError.
    Source: Troubleshoot online endpoints, HTTP status codes.
    """
    clock = Clock.from_environment()
    attempts = Retrying(
        sleep=clock.sleep,
        wait=_Pause(),
        stop=stop_after_delay(clock.real_s(patience_s)),
        retry=retry_if_exception(lambda err: isinstance(err, ScoringFailed) and err.retryable),
        reraise=True,
    )
    answer: Scored = attempts(_score_once, uri, credential, body, deployment, _proxy(vantage))
    return answer


def probe(uri: str, credential: str, body: bytes, *, vantage: str | None = None) -> Reach:
    """Whether the endpoint can be reached from a vantage at all: any answer but a network refusal counts.

    Raises: ConfigError for an unknown vantage.
    """
    name, proxy = vantage or HERE, _proxy(vantage)
    try:
        answer = _score_once(uri, credential, body, None, proxy)
    except ScoringFailed as err:
        return Reach(name, err.status not in (0, 403), err.status, err.what)
    return Reach(name, True, answer.status)


class _Pause:
    """1, 2, 4 … 15 Azure seconds between attempts."""

    def __call__(self, state: RetryCallState) -> float:
        return float(min(15, 2 ** (state.attempt_number - 1)))


def _proxy(vantage: str | None) -> str | None:
    if vantage is None:
        return None
    known = vantages()
    if vantage not in known:
        remedy = f"Set {VANTAGES_VARIABLE} to name it; known are: {', '.join(known)}."
        raise ConfigError(f"there is no vantage '{vantage}'", remedy=remedy)
    return known[vantage]


def _score_once(uri: str, credential: str, body: bytes, deployment: str | None, proxy: str | None) -> Scored:
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    try:
        with httpx.Client(proxy=proxy, timeout=httpx.Timeout(_TIMEOUT_S, connect=20.0)) as client:
            response = client.post(uri, content=body, headers=headers)
    except httpx.HTTPError as err:
        raise _failure(
            uri, 0, f"{type(err).__name__}: {err}", retryable=not isinstance(err, httpx.ProxyError)
        ) from err
    if response.status_code != 200:
        raise _failure(
            uri, response.status_code, _reason(response), retryable=response.status_code in _PASSING
        )
    served = response.headers
    return Scored(
        200, response.content, served.get("azureml-model-deployment", ""), served.get("x-request-id", "")
    )


def _reason(response: httpx.Response) -> str:
    headers = response.headers
    inner = headers.get("ms-azureml-model-error-statuscode")
    model = (
        f"the model answered {inner} {headers.get('ms-azureml-model-error-reason', '')}".strip()
        if inner
        else ""
    )
    return "; ".join(filter(None, (model, redact(" ".join(response.text.split())[:300]))))


def _failure(uri: str, status: int, reason: str, *, retryable: bool) -> ScoringFailed:
    what = (
        f"the endpoint answered {status}: {reason}"
        if status
        else f"the endpoint could not be reached: {reason}"
    )
    remedy = _REMEDIES.get(status) or (
        _REMEDIES[429] if status == 429 else "Run again; if it stays so, read its log."
    )
    return ScoringFailed(what, status=status, resource=uri, remedy=remedy, retryable=retryable)
