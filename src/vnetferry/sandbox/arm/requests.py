"""Requests that Resource Manager sends on a caller's behalf, by the same rules as the caller's own."""

from __future__ import annotations

import json
import secrets
from copy import deepcopy
from typing import TYPE_CHECKING
from urllib.parse import quote

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


async def send(
    world: World, sender: Request, method: str, path: str, api_version: str, body: Json | None = None
) -> Response:
    """The answer to a request of `sender`'s principal; AzureError when it is refused."""
    from vnetferry.sandbox.arm import site  # it imports every service, the callers of this one too

    headers = {"content-type": "application/json", "x-ms-client-request-id": secrets.token_hex(16)}
    content = b"" if body is None else json.dumps(body).encode()
    query, target = f"api-version={api_version}", quote(path)
    request = Request(method, sender.host, target, query, headers, content, sender.vantage, sender.principal)
    try:
        response = await site.dispatch(world, request)
    except AzureError:
        raise
    except Exception as err:  # a defect must not leave a deployment running for ever
        raise AzureError(500, "InternalServerError", f"Sandbox defect: {err!r}") from err
    return _require_success(response)


async def await_operation(world: World, response: Response) -> bool:
    """Wait for the operation that a request began; False if it began none, AzureError if it did not succeed."""
    operation = world.operations.find(_operation_id(response))
    if operation is None:
        return False
    await operation.ended.wait()
    if operation.status != "Succeeded":
        raise terminal(operation.status, operation.error)
    return True


def terminal(state: str, error: Json | None) -> AzureError:
    """What a resource's failed operation is to the request that began it."""
    message = f"The resource operation completed with terminal provisioning state '{state}'."
    return AzureError(409, "ResourceDeploymentFailure", message, details=[deepcopy(error)] if error else [])


def newest_version(method: str, path: str) -> str | None:
    """The newest api-version that an operation on `path` answers to; None when there is no such operation."""
    from vnetferry.sandbox.arm import site

    segments = Request(method, "", quote(path)).segments
    found = [operation for operation, _ in site.routes().matching(segments) if operation.method == method]
    return max(found[0].api_versions, default="2024-10-01") if found else None


def _require_success(response: Response) -> Response:
    if response.status < 400:
        return response
    error = json.loads(response.encoded() or b"{}").get("error") or {}
    code, message = error.get("code", "Unknown"), error.get("message", "")
    raise AzureError(response.status, code, message, details=deepcopy(error.get("details")))


def _operation_id(response: Response) -> str:
    headers = {name.lower(): value for name, value in response.headers.items()}
    url = headers.get("azure-asyncoperation") or (
        headers.get("location", "") if response.status == 202 else ""
    )
    return url.partition("?")[0].rpartition("/")[2]
