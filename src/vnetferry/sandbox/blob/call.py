"""A request that found its operation of the Blob service, and what every handler asks of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from vnetferry.sandbox.blob.access import Right, require_overwrite
from vnetferry.sandbox.blob.answers import CONTENT_HEADERS, http_date
from vnetferry.sandbox.blob.sas import Target
from vnetferry.sandbox.blob.store import Blob, BlobStore, Container
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Principal, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# Of names and values together. Source: setting and retrieving properties and metadata for Blob service resources.
_MAX_METADATA = 8 * 1024


@dataclass(frozen=True)
class BlobCall:
    """One admitted request: its account's document, its target, and (bearer tokens only) who sends it."""

    world: World
    request: Request
    account: Json
    target: Target
    principal: Principal | None = None

    @property
    def store(self) -> BlobStore:
        """All blobs of the sandbox."""
        return self.world.blobs

    def header(self, name: str) -> str:
        """A request header, empty when absent."""
        return self.request.headers.get(name, "")

    def container(self) -> Container:
        """The target's container; AzureError 404 `ContainerNotFound`."""
        found = self.store.container(self.target.account, self.target.container)
        if found is None:
            raise AzureError(404, "ContainerNotFound", "The specified container does not exist.")
        return found

    def find_blob(self) -> Blob | None:
        """The target blob or None; AzureError 404 when there is not even its container."""
        return self.container().blobs.get(self.target.blob)

    def blob(self) -> Blob:
        """The target blob after its preconditions; AzureError 404 `BlobNotFound`, 304 or 412."""
        found = self.find_blob()
        if found is None:
            raise AzureError(404, "BlobNotFound", "The specified blob does not exist.")
        require_conditions(self, found.etag, found.last_modified)
        return found


@dataclass(frozen=True)
class BlobOperation:
    """One operation of the Blob service, by its name in Azure's API definition."""

    name: str
    right: Right
    handle: Callable[[BlobCall], Awaitable[Response]]


def require_conditions(call: BlobCall, etag: str, modified: datetime) -> None:
    """AzureError 304 (reads) or 412 when a conditional header of the request does not hold."""
    is_read = call.request.method in ("GET", "HEAD")
    match, none_match = call.header("if-match"), call.header("if-none-match")
    if match and match != "*" and not _has(match, etag):
        raise _not_met(412)
    if none_match and (none_match == "*" or _has(none_match, etag)):
        raise _not_met(304 if is_read else 412)
    since, until = call.header("if-modified-since"), call.header("if-unmodified-since")
    if (
        since
        and not none_match
        and modified.replace(microsecond=0) <= _http_moment(since, "If-Modified-Since")
    ):
        raise _not_met(304 if is_read else 412)
    if until and not match and modified.replace(microsecond=0) > _http_moment(until, "If-Unmodified-Since"):
        raise _not_met(412)


def require_replaceable(call: BlobCall) -> None:
    """Check a write's preconditions: `If-None-Match: *` only creates, `If-Match` only replaces."""
    found = call.find_blob()
    if found is None:
        if call.header("if-match"):
            raise _not_met(412)
        return
    if call.header("if-none-match") == "*":
        raise AzureError(409, "BlobAlreadyExists", "The specified blob already exists.")
    require_conditions(call, found.etag, found.last_modified)
    require_overwrite(call.request)


def metadata_of(call: BlobCall) -> dict[str, str]:
    """The request's `x-ms-meta-*`; AzureError 400 for a name that is no identifier, and for more than 8 KB."""
    found = {k[10:]: v for k, v in call.request.headers.items() if k.startswith("x-ms-meta-")}
    for name in found:
        if not name.isidentifier():
            message = "The metadata specified is invalid. It has characters that are not permitted."
            raise AzureError(400, "InvalidMetadata", message)
    if sum(len(name) + len(value) for name, value in found.items()) > _MAX_METADATA:
        message = "The size of the specified metadata exceeds the maximum size permitted."
        raise AzureError(400, "MetadataTooLarge", message)
    return found


def content_headers_of(call: BlobCall, *, is_upload: bool) -> dict[str, str]:
    """The blob's content headers: `x-ms-blob-*`, or in an upload the plain ones."""
    found = {}
    for name in ("content-type", "content-md5", *CONTENT_HEADERS):
        value = call.header(f"x-ms-blob-{name}") or (call.header(name) if is_upload else "")
        if value:
            found[name] = value
    return found


def read_xml(body: bytes) -> ElementTree.Element:
    """The root of an XML body; AzureError 400 when unreadable. A document type is refused: no entities."""
    try:
        # In an encoding of two bytes to a character a document type would not be seen.
        if b"<!" in body or b"\0" in body:
            raise ElementTree.ParseError("a document type is not allowed, nor any encoding but UTF-8")
        return ElementTree.fromstring(body)  # noqa: S314 (no entities can be declared: see above)
    except (ElementTree.ParseError, ValueError, LookupError) as err:  # the last two: of stated encodings
        raise AzureError(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from err


def require_intact(call: BlobCall) -> None:
    """AzureError 400 `Md5Mismatch` or `InvalidMd5` when the body is not what Content-MD5 says."""
    if call.header("x-ms-content-crc64") or call.header("x-ms-structured-body"):
        raise unsupported_header(
            "x-ms-content-crc64" if call.header("x-ms-content-crc64") else "x-ms-structured-body"
        )
    stated = call.header("content-md5")
    if not stated:
        return
    try:
        wanted = base64.b64decode(stated, validate=True)
    except ValueError:  # not base64, or not even ASCII
        wanted = b""
    if len(wanted) != 16:
        raise AzureError(400, "InvalidMd5", "The MD5 value specified in the request is invalid.")
    if hashlib.md5(call.request.body, usedforsecurity=False).digest() != wanted:
        raise AzureError(
            400,
            "Md5Mismatch",
            "The MD5 value specified in the request did not match the MD5 value calculated by the server.",
        )


def unsupported_header(name: str) -> AzureError:
    """What the sandbox does not serve, in the service's words."""
    message = "One of the HTTP headers specified in the request is not supported."
    return AzureError(400, "UnsupportedHeader", message, details=[{"HeaderName": name}])


def entity_headers(etag: str, modified: datetime) -> dict[str, str]:
    """The two headers that every answer about one thing carries."""
    return {"ETag": etag, "Last-Modified": http_date(modified)}


def written(status: int, blob: Blob) -> Response:
    """The answer to a write of a blob."""
    md5 = {"Content-MD5": blob.content_md5} if blob.content_md5 else {}
    encrypted = {"x-ms-request-server-encrypted": "true"}
    return Response(status, None, {**entity_headers(blob.etag, blob.last_modified), **md5, **encrypted})


def metadata_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as response headers."""
    return {f"x-ms-meta-{name}": value for name, value in metadata.items()}


def _has(etags: str, etag: str) -> bool:
    return etag.strip('"') in [part.strip().removeprefix("W/").strip('"') for part in etags.split(",")]


def _http_moment(text: str, header: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError) as err:
        message = "The value for one of the HTTP headers is not in the correct format."
        details = [{"HeaderName": header, "HeaderValue": text}]
        raise AzureError(400, "InvalidHeaderValue", message, details=details) from err


def _not_met(status: int) -> AzureError:
    message = "The condition specified using HTTP conditional header(s) is not met."
    return AzureError(status, "ConditionNotMet", message)
