"""Copies within the sandbox: Copy Blob, Put Blob From URL and Put Block From URL, finished when they answer."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from uuid import uuid4

from vnetferry.sandbox.blob.access import Right, find_account, require_access
from vnetferry.sandbox.blob.call import (
    BlobCall,
    content_headers_of,
    entity_headers,
    metadata_of,
    require_replaceable,
    written,
)
from vnetferry.sandbox.blob.sas import Target
from vnetferry.sandbox.blob.store import Blob, Content
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Request, Response

SUFFIX = ".blob.core.windows.net"
_READ = Right("r", "containers/blobs/read")


async def copy(call: BlobCall) -> Response:
    """Copy the blob that `x-ms-copy-source` names; metadata of the request replaces that of the source."""
    source = source_of(call)
    require_md5(call, source.content)
    require_replaceable(call)
    metadata = metadata_of(call) or source.metadata
    headers = {**source.headers, **content_headers_of(call, is_upload=False)}
    blob = call.store.enter(call.container(), call.target.blob, source.content, metadata, headers)
    if call.header("x-ms-blob-type"):  # Put Blob From URL; without it, Copy Blob
        return written(201, blob)
    copied = {"x-ms-copy-id": str(uuid4()), "x-ms-copy-status": "success"}
    return Response(202, None, {**entity_headers(blob.etag, blob.last_modified), **copied})


def source_of(call: BlobCall) -> Blob:
    """The blob that `x-ms-copy-source` names; AzureError 412 when it is another version than the caller knows."""
    source, known = _source(call), call.header("x-ms-source-if-match")
    if known not in ("", "*") and known.strip('"') != source.etag.strip('"'):
        message = "The source condition specified using HTTP conditional header(s) is not met."
        raise AzureError(412, "SourceConditionNotMet", message)
    return source


def require_md5(call: BlobCall, content: Content) -> None:
    """AzureError 400 when what was read from the source is not what the caller knows of it."""
    stated = call.header("x-ms-source-content-md5")
    if stated and stated != content.md5:
        message = "The MD5 value specified in the request did not match with the MD5 value calculated by the server."
        raise AzureError(400, "Md5Mismatch", message)


def _source(call: BlobCall) -> Blob:
    """The source blob, after the caller's right to read it; AzureError `CannotVerifyCopySource` otherwise."""
    try:
        url = urlsplit(call.header("x-ms-copy-source"))
    except ValueError as err:
        raise _unverified(400, "The value of x-ms-copy-source is not a URL.") from err
    target = target_of(url.hostname or "", url.path)
    account = find_account(call.world, target.account) if target.blob else None
    if url.scheme != "https" or account is None:
        raise _unverified(404, "The specified source is not a blob that this service can reach.")
    try:
        if not _is_own_account(call, target, url.query):
            require_access(
                call.world, _reading(call, url.netloc, url.path, url.query), account, target, _READ
            )
    except AzureError as err:
        raise _unverified(err.status, err.message) from err
    blob = call.store.get(target.account, target.container, target.blob)
    if blob is None:
        raise _unverified(404, "The specified blob does not exist.")
    return blob


def target_of(host: str, path: str) -> Target:
    """What a URL is about; `path` is percent-encoded."""
    container, _, blob = path.lstrip("/").partition("/")
    return Target(host.removesuffix(SUFFIX).lower(), unquote(container), unquote(blob))


def _is_own_account(call: BlobCall, target: Target, query: str) -> bool:
    """Whether an account key signed the request: it opens the account's other blobs too."""
    scheme = call.header("authorization").partition(" ")[0].lower()
    return scheme == "sharedkey" and target.account == call.target.account and not query


def _reading(call: BlobCall, host: str, path: str, query: str) -> Request:
    """The read of the source as a request of its own, with the credentials that the caller gave for it."""
    authorization = call.header("x-ms-copy-source-authorization")
    if not authorization and "sig=" not in query and call.principal:
        authorization = call.header("authorization")
    headers = {"x-ms-version": call.header("x-ms-version")}
    if authorization:
        headers["authorization"] = authorization
    return Request("GET", host, path, query, headers, vantage=call.request.vantage)


def _unverified(status: int, message: str) -> AzureError:
    return AzureError(status, "CannotVerifyCopySource", message)
