"""The Blob service's operations on one blob. Files are read and written in threads, never on the loop."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator, Mapping

from vnetferry.sandbox.blob import answers, copies
from vnetferry.sandbox.blob.access import Right
from vnetferry.sandbox.blob.call import (
    BlobCall,
    BlobOperation,
    content_headers_of,
    entity_headers,
    metadata_headers,
    metadata_of,
    read_xml,
    require_intact,
    require_replaceable,
    written,
)
from vnetferry.sandbox.blob.store import Blob, Blocks, Content
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Response

_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{0,19})$")
_MD5_RANGE_BYTES = 4 << 20
_MAX_BLOCKS = 50_000
_PIECE_BYTES = 1 << 20


async def download(call: BlobCall) -> Response:
    """A blob's bytes, or a range of them (206)."""
    blob = call.blob()
    asked = call.header("x-ms-range") or call.header("range")
    match = _RANGE.match(asked)
    if match is None:  # the service ignores a range that it cannot read
        content = await asyncio.to_thread(blob.read, 0, blob.size_bytes)
        return Response(200, content, _blob_headers(blob, is_whole=True))
    first, last = _bounds(match, blob.size_bytes)
    content = await asyncio.to_thread(blob.read, first, last - first + 1)
    headers = {
        **_blob_headers(blob, is_whole=False),
        "Content-Range": f"bytes {first}-{last}/{blob.size_bytes}",
    }
    return Response(206, content, {**headers, **_range_md5(call, content)})


async def get_properties(call: BlobCall) -> Response:
    """A blob's properties and metadata, in headers."""
    blob = call.blob()
    return Response(200, None, {**_blob_headers(blob, is_whole=True), "Content-Length": str(blob.size_bytes)})


async def upload(call: BlobCall) -> Response:
    """Write a whole block blob, from the body or from another blob."""
    if call.header("x-ms-copy-source"):
        return await copies.copy(call)
    if call.header("x-ms-blob-type").lower() != "blockblob":
        raise _bad_blob_type(call.header("x-ms-blob-type"))
    require_intact(call)
    require_replaceable(call)
    content = await asyncio.to_thread(call.store.keep, (call.request.body,))
    require_replaceable(call)
    headers = {"content-md5": content.md5, **content_headers_of(call, is_upload=True)}
    return written(
        201, call.store.enter(call.container(), call.target.blob, content, metadata_of(call), headers)
    )


async def delete(call: BlobCall) -> Response:
    """Delete a blob."""
    blob = call.blob()
    call.store.delete(call.target.account, call.target.container, blob.name)
    return Response(202, None, {"x-ms-delete-type-permanent": "true"})


async def set_metadata(call: BlobCall) -> Response:
    """Replace a blob's metadata."""
    blob = call.blob()
    return written(200, call.store.change(call.container(), blob, metadata=metadata_of(call)))


async def set_headers(call: BlobCall) -> Response:
    """Replace a blob's content headers: those that the request leaves out are cleared."""
    blob = call.blob()
    return written(
        200, call.store.change(call.container(), blob, headers=content_headers_of(call, is_upload=False))
    )


async def stage_block(call: BlobCall) -> Response:
    """Keep one block of a blob to come, from the body or from a range of another blob."""
    block_id = _block_id(call.request.query.get("blockid", ""))
    require_intact(call)
    home = call.container()
    _require_same_length(home.staged.get(call.target.blob, {}), block_id)
    is_copy = bool(call.header("x-ms-copy-source"))
    pieces = _source_range(call) if is_copy else (call.request.body,)
    content = await asyncio.to_thread(call.store.keep, pieces)
    if is_copy:
        copies.require_md5(call, content)
    home.staged.setdefault(call.target.blob, {})[block_id] = content
    return Response(201, None, {"Content-MD5": content.md5, "x-ms-request-server-encrypted": "true"})


async def commit_blocks(call: BlobCall) -> Response:
    """Make a blob of its blocks."""
    require_intact(call)
    require_replaceable(call)
    blocks = _read_block_list(call)
    pieces = (piece for _, content in blocks for piece in _pieces(content))
    content = await asyncio.to_thread(call.store.keep, pieces)
    require_replaceable(call)
    home, headers = call.container(), content_headers_of(call, is_upload=False)
    blob = call.store.enter(home, call.target.blob, content, metadata_of(call), headers)
    home.committed[blob.name] = blocks
    return written(201, blob)


async def get_block_list(call: BlobCall) -> Response:
    """The blocks of a blob: committed (the default), uncommitted, or all."""
    home, name = call.container(), call.target.blob
    kind = call.request.query.get("blocklisttype", "committed")
    if name not in home.blobs and name not in home.staged:
        raise AzureError(404, "BlobNotFound", "The specified blob does not exist.")
    committed = home.committed.get(name, ()) if kind in ("committed", "all") else ()
    staged = tuple(home.staged.get(name, {}).items()) if kind in ("uncommitted", "all") else ()
    sizes = ([(block_id, content.size_bytes) for block_id, content in part] for part in (committed, staged))
    return answers.block_list(*sizes)


def _source_range(call: BlobCall) -> Iterator[bytes]:
    """The bytes of another blob that `x-ms-source-range` names; all of them without it."""
    source = copies.source_of(call)
    match = _RANGE.match(call.header("x-ms-source-range"))
    first, last = _bounds(match, source.size_bytes) if match else (0, source.size_bytes - 1)
    starts = range(first, last + 1, _PIECE_BYTES)
    return (source.read(start, min(_PIECE_BYTES, last + 1 - start)) for start in starts)


def _blob_headers(blob: Blob, *, is_whole: bool) -> dict[str, str]:
    md5_name = "Content-MD5" if is_whole else "x-ms-blob-content-md5"
    md5 = {md5_name: blob.content_md5} if blob.content_md5 else {}
    content = {name.title(): blob.headers[name] for name in answers.CONTENT_HEADERS if name in blob.headers}
    return {
        "Content-Type": blob.content_type,
        "Accept-Ranges": "bytes",
        **entity_headers(blob.etag, blob.last_modified),
        **content,
        **md5,
        **metadata_headers(blob.metadata),
        "x-ms-creation-time": answers.http_date(blob.created),
        "x-ms-blob-type": "BlockBlob",
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-access-tier": "Hot",
        "x-ms-access-tier-inferred": "true",
        "x-ms-server-encrypted": "true",
    }


def _bounds(match: re.Match[str], size_bytes: int) -> tuple[int, int]:
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size_bytes - 1, size_bytes - 1)
    if first >= size_bytes or last < first:
        message = "The range specified is invalid for the current size of the resource."
        raise AzureError(416, "InvalidRange", message, headers={"Content-Range": f"bytes */{size_bytes}"})
    return first, last


def _range_md5(call: BlobCall, content: bytes) -> dict[str, str]:
    if call.header("x-ms-range-get-content-md5").lower() != "true":
        return {}
    if len(content) > _MD5_RANGE_BYTES:
        raise AzureError(400, "OutOfRangeInput", "One of the request inputs is out of range.")
    return {"Content-MD5": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()}


def _block_id(text: str) -> str:
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:  # not base64, or not even ASCII
        decoded = b""
    if not 1 <= len(decoded) <= 64:
        message = "Value for one of the query parameters specified in the request URI is invalid."
        details = [{"QueryParameterName": "blockid", "QueryParameterValue": text}]
        raise AzureError(400, "InvalidQueryParameterValue", message, details=details)
    return text


def _require_same_length(staged: Mapping[str, Content], block_id: str) -> None:
    """Source: Put Block (all identifiers of a blob's blocks have the same length)."""
    if any(len(known) != len(block_id) for known in staged):
        raise AzureError(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")


def _read_block_list(call: BlobCall) -> Blocks:
    home, blocks = call.container(), []
    listed = read_xml(call.request.body)
    if len(listed) > _MAX_BLOCKS:
        message = f"The block list may not contain more than {_MAX_BLOCKS:,} blocks."
        raise AzureError(400, "BlockListTooLong", message)
    for element in listed:
        block_id = (element.text or "").strip()
        content = home.find_block(call.target.blob, element.tag, block_id)
        if content is None:
            raise AzureError(400, "InvalidBlockList", "The specified block list is invalid.")
        blocks.append((block_id, content))
    return tuple(blocks)


def _pieces(content: Content) -> Iterator[bytes]:
    with content.file.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def _bad_blob_type(stated: str) -> AzureError:
    """Append and page blobs hold no model and no code: the sandbox keeps block blobs alone."""
    if not stated:
        message = "An HTTP header that's mandatory for this request is not specified."
        return AzureError(400, "MissingRequiredHeader", message, details=[{"HeaderName": "x-ms-blob-type"}])
    message = "The value for one of the HTTP headers is not in the correct format."
    details = [{"HeaderName": "x-ms-blob-type", "HeaderValue": stated}]
    return AzureError(400, "InvalidHeaderValue", message, details=details)


_READ = Right("r", "containers/blobs/read")
_WRITE = Right("w", "containers/blobs/write")
_CREATE = Right("cw", "containers/blobs/write")

BLOB = {
    ("GET", ""): BlobOperation("Blob_Download", _READ, download),
    ("HEAD", ""): BlobOperation("Blob_GetProperties", _READ, get_properties),
    ("PUT", ""): BlobOperation("BlockBlob_Upload", _CREATE, upload),
    ("DELETE", ""): BlobOperation("Blob_Delete", Right("d", "containers/blobs/delete"), delete),
    ("PUT", "comp=metadata"): BlobOperation("Blob_SetMetadata", _WRITE, set_metadata),
    ("GET", "comp=metadata"): BlobOperation("Blob_GetMetadata", _READ, get_properties),
    ("HEAD", "comp=metadata"): BlobOperation("Blob_GetMetadata", _READ, get_properties),
    ("PUT", "comp=properties"): BlobOperation("Blob_SetHTTPHeaders", _WRITE, set_headers),
    ("PUT", "comp=block"): BlobOperation("BlockBlob_StageBlock", _CREATE, stage_block),
    ("PUT", "comp=blocklist"): BlobOperation("BlockBlob_CommitBlockList", _CREATE, commit_blocks),
    ("GET", "comp=blocklist"): BlobOperation("BlockBlob_GetBlockList", _READ, get_block_list),
}
