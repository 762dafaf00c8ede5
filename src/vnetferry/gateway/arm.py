"""Azure Resource Manager as documents: raw JSON in, raw JSON out, nothing dropped on the way.

The SDK's models keep only the properties that their api-version knows; a migration must keep all, so
documents go through azure-mgmt-core's pipeline as they are. Authentication, retries and `Retry-After` are
azure-core's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from vnetferry.errors import NotFound, Unavailable
from vnetferry.gateway import poll
from vnetferry.gateway.clock import Clock
from vnetferry.gateway.faults import error_of_answer, translated
from vnetferry.gateway.throttle import Budget
from vnetferry.gateway.transport import Transport, first_policies, json_of
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

BASE_URL = "https://management.azure.com"
SCOPE = f"{BASE_URL}/.default"

Target = ResourceId | str


@dataclass(frozen=True)
class Answer:
    """One answer of ARM: `body` is its JSON ({} when there is none), `path` what was asked for."""

    status: int
    body: Any
    headers: Mapping[str, str]
    method: str = "GET"
    path: str = ""
    api_version: str = ""

    @property
    def request_id(self) -> str:
        """The id that Azure's support asks for."""
        return self.headers.get("x-ms-request-id", "")


@dataclass(frozen=True)
class Arm:
    """ARM for one credential. Safe to share between threads."""

    credential: TokenCredential
    clock: Clock
    _client: ARMPipelineClient[HttpRequest, HttpResponse] = field(init=False, repr=False)
    _budget: Budget = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_client", _pipeline(self.credential, self.clock))
        object.__setattr__(self, "_budget", Budget(self.clock))

    def get(self, target: Target, api_version: str, query: Mapping[str, str] | None = None) -> Json:
        """The document at an id, path or URL. Raises: NotFound, or what else Azure's refusal is."""
        return dict(self.send("GET", target, api_version, query=query).body)

    def find(self, target: Target, api_version: str) -> Json | None:
        """The document, or None when there is none."""
        try:
            return self.get(target, api_version)
        except NotFound:
            return None

    def list(
        self, target: Target, api_version: str, query: Mapping[str, str] | None = None
    ) -> Iterator[Json]:
        """The items of all pages of a collection."""
        page = self.get(target, api_version, query)
        yield from page.get("value") or ()
        while next_link := page.get("nextLink"):
            page = self.get(next_link, "")
            yield from page.get("value") or ()

    def put(self, target: Target, api_version: str, body: Any) -> Answer:
        """Create or replace; see `send`."""
        return self.send("PUT", target, api_version, body)

    def patch(self, target: Target, api_version: str, body: Any) -> Answer:
        """Change a part; see `send`."""
        return self.send("PATCH", target, api_version, body)

    def post(self, target: Target, api_version: str, body: Any = None) -> Answer:
        """Run an action; see `send`."""
        return self.send("POST", target, api_version, body)

    def delete(self, target: Target, api_version: str, query: Mapping[str, str] | None = None) -> Answer:
        """Delete; see `send`."""
        return self.send("DELETE", target, api_version, query=query)

    def send(
        self,
        method: str,
        target: Target,
        api_version: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request and its answer.

        In:     target: an id, a path, or a whole URL of ARM (then api_version is ""), such as a nextLink.
        Raises: an AzureError or PermissionDenied for every answer of 400 and more, and when none came.
        """
        path = str(target)
        request = HttpRequest(method, _url(path, api_version, query), json=body)
        self._budget.take(method)
        with translated(path, f"{method} {_shown(path)}"):
            response = self._client.send_request(request)
        self.clock.saw(response.headers.get("Date"))
        answer = Answer(response.status_code, json_of(response), response.headers, method, path, api_version)
        if answer.status >= 400:
            raise error_of_answer(answer.status, answer.body, answer.headers, resource=path, doing=method)
        return answer

    def wait(self, answer: Answer, kind: str, deadline_s: float | None = None) -> Json:
        """What a long-running operation comes to; see `poll.wait`."""
        return poll.wait(self, answer, kind, deadline_s)


class _Authentication(ARMChallengeAuthenticationPolicy):
    """Signs in again, once, when Azure refuses a token.

    azure-core does so only where Azure names claims that the token lacks. A token that has expired by Azure's clock
    and not by ours would else be sent until ours agrees: the credential keeps it. Asked for claims, it asks Entra.
    """

    def on_challenge(self, request: Any, response: Any) -> bool:
        if super().on_challenge(request, response):
            return True
        newer = {"access_token": {"nbf": {"essential": True, "value": str(int(time.time()))}}}
        try:
            self.authorize_request(request, *self._scopes, claims=json.dumps(newer))
        except ClientAuthenticationError:
            return False  # some credentials know no claims; Azure's own refusal says more than theirs
        return True


def _pipeline(credential: TokenCredential, clock: Clock) -> ARMPipelineClient[HttpRequest, HttpResponse]:
    chain = [*first_policies(), _Authentication(credential, SCOPE)]
    config: dict[str, Any] = {"policies": chain, "transport": Transport(clock)}
    return ARMPipelineClient(BASE_URL, **config)


def _url(target: str, api_version: str, query: Mapping[str, str] | None) -> str:
    if not target.startswith("/"):
        return _require_arm(target)
    parameters = {**({"api-version": api_version} if api_version else {}), **(query or {})}
    mark = "&" if "?" in target else "?"
    return f"{BASE_URL}{target}{mark}{urlencode(parameters)}" if parameters else f"{BASE_URL}{target}"


def _require_arm(url: str) -> str:
    """The URL if it is ARM's own: our token must not follow a link to anyone else."""
    parts = urlsplit(url)
    host, own = (parts.hostname or "").lower(), urlsplit(BASE_URL).hostname or ""
    if parts.scheme != "https" or not (host == own or host.endswith("." + own)):
        raise Unavailable(
            f"Azure pointed to '{host}', which is not Azure Resource Manager",
            resource=url.split("?", maxsplit=1)[0],
        )
    return url


def _shown(path: str) -> str:
    """A path for people: without a query, which may hold signatures."""
    return path.split("?", maxsplit=1)[0]
