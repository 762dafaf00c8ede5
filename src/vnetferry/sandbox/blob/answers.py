"""The Blob service's XML: its refusals and its lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4
from xml.sax.saxutils import escape

from vnetferry.sandbox.blob.store import Blob, Container
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Response

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
# What XML 1.0 cannot carry: such a name is sent percent-encoded and marked so.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Item = TypeVar("Item")
CONTENT_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language")


def http_date(moment: datetime) -> str:
    """A time as HTTP headers write it."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def refusal(error: AzureError, now: datetime) -> Response:
    """An error as Azure Storage answers it: XML, with the code in a header too."""
    text = f"{error.message}\nRequestId:{uuid4()}\nTime:{now.strftime('%Y-%m-%dT%H:%M:%S.%f0Z')}"
    extra = "".join(_element(name, str(value)) for detail in error.details for name, value in detail.items())
    body = f"<Error>{_element('Code', error.code)}{_element('Message', text)}{extra}</Error>"
    headers = {"x-ms-error-code": error.code, **error.headers}
    if error.status == 304:
        return Response(304, None, headers)
    return xml(body, error.status, headers)


def xml(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An XML answer."""
    return Response(
        status, (_DECLARATION + body).encode(), {"Content-Type": "application/xml", **(headers or {})}
    )


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list. `asked` repeats the request; `marker` starts the next page."""

    items: Sequence[Item]
    marker: str
    asked: Mapping[str, str]
    with_metadata: bool


def blob_list(endpoint: str, container: str, page: Page[Blob | str]) -> Response:
    """List Blobs; a string among the items is a prefix."""
    items = "".join(_blob(i, page.with_metadata) if isinstance(i, Blob) else _prefix(i) for i in page.items)
    home = f'ServiceEndpoint="https://{endpoint}/" ContainerName="{container}"'
    return _list(home, page, f"<Blobs>{items}</Blobs>")


def container_list(endpoint: str, page: Page[Container]) -> Response:
    """List Containers."""
    items = "".join(_container(item, page.with_metadata) for item in page.items)
    return _list(f'ServiceEndpoint="https://{endpoint}/"', page, f"<Containers>{items}</Containers>")


def block_list(committed: Iterable[tuple[str, int]], staged: Iterable[tuple[str, int]]) -> Response:
    """Get Block List: (id, bytes) of each block."""
    return xml(
        f"<BlockList><CommittedBlocks>{_blocks(committed)}</CommittedBlocks>"
        f"<UncommittedBlocks>{_blocks(staged)}</UncommittedBlocks></BlockList>"
    )


def delegation_key(fields: Mapping[str, str]) -> Response:
    """Get User Delegation Key."""
    return xml(f"<UserDelegationKey>{''.join(_element(k, v) for k, v in fields.items())}</UserDelegationKey>")


def _list(home: str, page: Page[Item], items: str) -> Response:
    asked = "".join(_element(name, value) for name, value in page.asked.items() if value)
    marker = _element("NextMarker", page.marker)
    return xml(f"<EnumerationResults {home}>{asked}{items}{marker}</EnumerationResults>")


def _blob(blob: Blob, with_metadata: bool) -> str:
    properties = {
        "Creation-Time": http_date(blob.created),
        "Last-Modified": http_date(blob.last_modified),
        "Etag": blob.etag.strip('"'),
        "Content-Length": str(blob.size_bytes),
        "Content-Type": blob.content_type,
        "Content-Encoding": blob.headers.get("content-encoding", ""),
        "Content-Language": blob.headers.get("content-language", ""),
        "Content-CRC64": "",
        "Content-MD5": blob.content_md5,
        "Cache-Control": blob.headers.get("cache-control", ""),
        "Content-Disposition": blob.headers.get("content-disposition", ""),
        "BlobType": "BlockBlob",
        "AccessTier": "Hot",
        "AccessTierInferred": "true",
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "ServerEncrypted": "true",
    }
    inner = "".join(_element(name, value) for name, value in properties.items())
    metadata = _metadata(blob.metadata) if with_metadata else ""
    return f"<Blob>{_name(blob.name)}<Properties>{inner}</Properties>{metadata}<OrMetadata /></Blob>"


def _container(container: Container, with_metadata: bool) -> str:
    properties = {
        "Last-Modified": http_date(container.last_modified),
        "Etag": container.etag,
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "DefaultEncryptionScope": "$account-encryption-key",
        "DenyEncryptionScopeOverride": "false",
        "HasImmutabilityPolicy": "false",
        "HasLegalHold": "false",
        "ImmutableStorageWithVersioningEnabled": "false",
    }
    inner = "".join(_element(name, value) for name, value in properties.items())
    metadata = _metadata(container.metadata) if with_metadata else ""
    return f"<Container>{_name(container.name)}<Properties>{inner}</Properties>{metadata}</Container>"


def _blocks(blocks: Iterable[tuple[str, int]]) -> str:
    return "".join(
        f"<Block>{_element('Name', name)}{_element('Size', str(size))}</Block>" for name, size in blocks
    )


def _prefix(name: str) -> str:
    return f"<BlobPrefix>{_name(name)}</BlobPrefix>"


def _name(name: str) -> str:
    if _NOT_XML.search(name):
        return f'<Name Encoded="true">{quote(name)}</Name>'
    return _element("Name", name)


def _metadata(metadata: Mapping[str, str]) -> str:
    return f"<Metadata>{''.join(_element(name, value) for name, value in metadata.items())}</Metadata>"


def _element(name: str, value: str) -> str:
    return f"<{name}>{escape(value)}</{name}>" if value else f"<{name} />"
