"""Azure's data planes that speak JSON: Key Vault's secrets and App Configuration's keys, with a token of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest, HttpResponse

from vnetferry.gateway.arm import Answer
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.faults import error_of_answer, translated
from vnetferry.gateway.transport import Transport, first_policies, json_of
from vnetferry.models.base import Json


def send(  # noqa: PLR0913 - a request has that many parts
    azure: Azure,
    method: str,
    url: str,
    *,
    scope: str,
    query: Mapping[str, str],
    body: Json | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request and its answer; both may hold secrets, so neither is logged.

    In:     url: without its query; scope: what the token is for.
    Raises: an AzureError or PermissionDenied for every answer of 400 and more, and when none came.
    """
    request = HttpRequest(method, f"{url}?{urlencode(query)}", json=body, headers=dict(headers or {}))
    with translated(url, f"{method} {url}"), _client(azure, url, scope) as client:
        response = client.send_request(request)
        answer = Answer(response.status_code, json_of(response), response.headers, method, url)
    if answer.status >= 400:
        raise error_of_answer(answer.status, answer.body, answer.headers, resource=url, doing=method)
    return answer


def _client(azure: Azure, url: str, scope: str) -> PipelineClient[HttpRequest, HttpResponse]:
    chain = [*first_policies(), BearerTokenCredentialPolicy(azure.credential, scope)]
    config: dict[str, Any] = {"policies": chain, "transport": Transport(azure.clock)}
    return PipelineClient(url, **config)
