"""The Blob service at `{account}.blob.core.windows.net`: finds the operation, admits, answers in XML.

Served: block blobs, whole or in blocks, with metadata, ranges, conditions and copies; containers; user
delegation keys. Not served, and refused as Azure refuses what an account does not offer: append and page
blobs, leases, snapshots, versions, tags, tiers, stored access policies, batches, queries, customer keys.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from vnetferry.sandbox.blob import answers
from vnetferry.sandbox.blob.access import find_account, require_access
from vnetferry.sandbox.blob.blobs import BLOB
from vnetferry.sandbox.blob.call import BlobCall, BlobOperation
from vnetferry.sandbox.blob.containers import ACCOUNT, CONTAINER
from vnetferry.sandbox.blob.copies import target_of
from vnetferry.sandbox.blob.sas import Target
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_CONTAINER_NAME = re.compile(r"(?:\$root|\$logs|\$web|(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])*)")
_MAX_BLOB_NAME = 1024
# Query parameters that choose a snapshot or version: serving the current blob instead would be wrong.
_REFUSED_QUERY = ("snapshot", "versionid", "vid")
_REFUSED_HEADERS = (
    "x-ms-lease-id",
    "x-ms-encryption-key",
    "x-ms-encryption-scope",
    "x-ms-if-tags",
    "x-ms-tags",
)


async def handle(world: World, request: Request) -> Response:
    """Answer one request to the Blob service; never raises AzureError."""
    operation = None
    try:
        target = target_of(request.host, request.path)
        operation = _find(request, target)
        response = await operation.handle(_admit(world, request, target, operation))
    except AzureError as err:
        response = answers.refusal(err, world.clock.now())
    response.operation = operation.name if operation else ""
    response.headers.update(_service_headers(world, request))
    return response


def operations() -> list[tuple[str, str, str]]:
    """(operation, method, what it is asked by) of all that is served, for the coverage page."""
    tables = (("/", ACCOUNT), ("/{container}", CONTAINER), ("/{container}/{blob}", BLOB))
    return [
        (operation.name, method, f"{path}?{query}".rstrip("?"))
        for path, table in tables
        for (method, query), operation in table.items()
    ]


def _find(request: Request, target: Target) -> BlobOperation:
    table = BLOB if target.blob else CONTAINER if target.container else ACCOUNT
    query = request.query
    selector = "&".join(f"{name}={query[name].lower()}" for name in ("restype", "comp") if name in query)
    if found := table.get((request.method, selector)):
        return found
    if any(known == selector for _, known in table):
        message = "The resource doesn't support specified Http Verb."
        raise AzureError(405, "UnsupportedHttpVerb", message)
    message = "A query parameter specified in the request URI is not supported."
    raise AzureError(400, "UnsupportedQueryParameter", message, details=[{"QueryParameterName": "comp"}])


def _admit(world: World, request: Request, target: Target, operation: BlobOperation) -> BlobCall:
    account = find_account(world, target.account)
    if account is None:
        raise AzureError(404, "ResourceNotFound", "The specified resource does not exist.")
    _require_names(target)
    principal = require_access(world, request, account, target, operation.right)
    _require_served(request)
    return BlobCall(world, request, account, target, principal)


def _require_names(target: Target) -> None:
    """AzureError 400 for a container or blob name that Azure Storage does not allow."""
    if target.container and not _CONTAINER_NAME.fullmatch(target.container):
        code = "InvalidResourceName" if 3 <= len(target.container) <= 63 else "OutOfRangeInput"
        raise AzureError(400, code, "The specified resource name contains invalid characters.")
    if len(target.blob) > _MAX_BLOB_NAME or target.blob.count("/") > 253:
        raise AzureError(
            400, "InvalidUri", "The requested URI does not represent any resource on the server."
        )


def _require_served(request: Request) -> None:
    for name in _REFUSED_QUERY:
        if name in request.query:
            message = "A query parameter specified in the request URI is not supported."
            raise AzureError(
                400, "UnsupportedQueryParameter", message, details=[{"QueryParameterName": name}]
            )
    for name in _REFUSED_HEADERS:
        if name in request.headers:
            message = "One of the HTTP headers specified in the request is not supported."
            raise AzureError(400, "UnsupportedHeader", message, details=[{"HeaderName": name}])


def _service_headers(world: World, request: Request) -> dict[str, str]:
    headers = {
        "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
        "Date": answers.http_date(world.clock.now()),
        "x-ms-request-id": str(uuid4()),
    }
    for name in ("x-ms-version", "x-ms-client-request-id"):
        if name in request.headers:
            headers[name] = request.headers[name]
    return headers
