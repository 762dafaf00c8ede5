"""Copying content from one storage account to another, verified by length and MD5.

Azure copies from storage to storage where the two reach each other; what it cannot read there passes through this
machine, in chunks, so models of many gigabytes need no memory. What is there already is not sent again, so a copy that
was cut off goes on where it was. Source: Put Blob From URL (one request, 5,000 MiB at most), and Put Block From URL for
what is larger (the target's service reads the source as its URL or its own authorization lets it, and compares the MD5
that it is told).
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import IO, Any

from azure.core import MatchConditions
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobProperties,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    generate_container_sas,
)

from vnetferry.errors import NotFound, VerificationFailed
from vnetferry.gateway.faults import translated

# Metadata of every blob that a copy of ours wrote: the ETag of what it was made from.
_ORIGIN = "vnetferry_etag"
_IN_MEMORY_BYTES = 8 * 1024 * 1024
_ONE_REQUEST_BYTES = 5000 * 1024 * 1024
_BLOCK_BYTES = 512 * 1024 * 1024  # of 4,000 MiB at most, and 50,000 in a blob
_SAS_LASTS = timedelta(hours=2)  # longer than Azure takes for the largest blob, and for one blob alone
_STORAGE_SCOPE = "https://storage.azure.com/.default"
# Refusals that are about the source, or about this way of copying: the blob is streamed then.
_UNREADABLE = (401, 403, 404, 409)


@dataclass
class Copied:
    """What a copy came to.

    blobs: how many there are. sent: how many of them had to be copied. sent_bytes: how much that was. streamed: how
    many of those passed through this machine. why: the reasons. refused: whether Azure cannot copy between the two.
    """

    blobs: int = 0
    sent: int = 0
    sent_bytes: int = 0
    streamed: int = 0
    why: dict[str, None] = field(default_factory=dict)
    refused: bool = False

    @property
    def message(self) -> str:
        """The path that the content took, for people."""
        if not self.sent:
            return f"{_files(self.blobs)} there already"
        done = f"{_files(self.sent)} ({_size(self.sent_bytes)})"
        if not self.streamed:
            return f"{done} copied by Azure, from storage to storage"
        part = "" if self.streamed == self.sent else f", {self.streamed} of them"
        return f"{done} copied{part} through this machine: {'; '.join(self.why)}"


def copy_content(source: ContainerClient, path: str, target: ContainerClient, target_path: str) -> Copied:
    """Copy one blob, or all blobs of a folder.

    Raises: NotFound when there is nothing at `path`; VerificationFailed when a copy is not what was read.
    """
    path, target_path, copied = path.strip("/"), target_path.strip("/"), Copied()
    with translated(f"{source.url.split('?')[0]}/{path}", "copying content"):
        for blob in list(_blobs(source, path)):
            _copy_blob(source, blob, target.get_blob_client(target_path + blob.name[len(path) :]), copied)
    if not copied.blobs:
        raise NotFound(
            f"there is nothing at '{path}'",
            resource=source.url.split("?")[0],
            remedy="The asset's content was deleted; register a version that has it.",
        )
    return copied


def remove_copies(container: ContainerClient, path: str) -> int:
    """Delete the blob, or those in the folder, that a copy of ours wrote; how many. What another hand wrote stays."""
    path = path.strip("/")
    with translated(f"{container.url.split('?')[0]}/{path}", "removing content"):
        found = [blob.name for blob in _blobs(container, path) if _ORIGIN in (blob.metadata or {})]
        for name in found:
            container.delete_blob(name)
    return len(found)


def _blobs(container: ContainerClient, path: str) -> Iterator[BlobProperties]:
    """The blob of that very name, and those in the folder of that name; no folder markers."""
    for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
        rest = blob.name[len(path) :]
        is_folder = (blob.metadata or {}).get("hdi_isfolder") == "true"
        if (not rest or rest.startswith("/")) and not is_folder:
            yield blob


def _copy_blob(source: ContainerClient, blob: BlobProperties, client: BlobClient, copied: Copied) -> None:
    """Copy one blob unless the same content is there already."""
    copied.blobs += 1
    there = _properties(client)
    if there is not None and _is_copy(there, blob):
        return
    md5 = _copy_by_azure(source, blob, client, copied) or _stream(source, blob, client, copied)
    after = _properties(client)
    if after is None or after.size != blob.size or _md5(after) != md5:
        raise VerificationFailed(
            f"the copy of '{blob.name}' is not what was read", resource=client.url.split("?")[0]
        )
    copied.sent, copied.sent_bytes = copied.sent + 1, copied.sent_bytes + int(blob.size)


def _copy_by_azure(
    source: ContainerClient, blob: BlobProperties, client: BlobClient, copied: Copied
) -> bytes | None:
    """Have the target's storage read the blob from the source's; its MD5, None when it cannot.

    Azure compares what it read with the MD5 that it is told. Of a blob without one (large uploads leave none), and of
    each block, it is taken here, from the source: that costs a download, and spares the upload.
    """
    if copied.refused:
        return None
    put = _put_whole if int(blob.size) <= _ONE_REQUEST_BYTES else _put_blocks
    try:
        md5 = put(source, blob, client)
    except HttpResponseError as err:
        if _code(err) == "Md5Mismatch":
            raise _torn(blob, source) from err
        if err.status_code not in _UNREADABLE:
            raise
        copied.refused = True
        copied.why.setdefault(f"Azure could not read it from the target's storage ({_code(err)})")
        return None
    _note_md5(client, md5)
    return md5


def _put_whole(source: ContainerClient, blob: BlobProperties, client: BlobClient) -> bytes:
    md5 = _md5(blob) or _digest(source, blob)
    url, authorization = _readable(source, blob)
    client.upload_blob_from_url(
        url,
        overwrite=True,
        metadata=_marked(blob),
        content_settings=_settings(blob, md5),
        source_content_md5=bytearray(md5),
        source_etag=blob.etag,
        source_match_condition=MatchConditions.IfNotModified,
        source_authorization=authorization,
    )
    return md5


def _put_blocks(source: ContainerClient, blob: BlobProperties, client: BlobClient) -> bytes:
    """Block by block, each under a signature of its own, as all together may take longer than one lasts."""
    whole, blocks = hashlib.md5(usedforsecurity=False), []
    for number, start in enumerate(range(0, int(blob.size), _BLOCK_BYTES)):
        part, length = hashlib.md5(usedforsecurity=False), min(_BLOCK_BYTES, int(blob.size) - start)
        for chunk in _chunks(source, blob, start, length):
            part.update(chunk)
            whole.update(chunk)
        block = BlobBlock(f"{number:05}")
        url, authorization = _readable(source, blob)
        client.stage_block_from_url(
            block.id,
            url,
            start,
            length,
            source_content_md5=bytearray(part.digest()),
            source_authorization=authorization,
        )
        blocks.append(block)
    _require_stated(source, blob, whole.digest())
    client.commit_block_list(blocks, content_settings=_settings(blob, whole.digest()), metadata=_marked(blob))
    return whole.digest()


def _note_md5(client: BlobClient, md5: bytes) -> None:
    """Write down the MD5 that Azure compared, where it did not do so itself."""
    settings = client.get_blob_properties().content_settings
    if not settings.content_md5:
        settings.content_md5 = bytearray(md5)
        client.set_http_headers(settings)


def _readable(source: ContainerClient, blob: BlobProperties) -> tuple[str, str | None]:
    """The URL at which another storage account may read the blob, and the header that it needs for it; secrets."""
    url, credential = source.get_blob_client(blob.name).url.split("?")[0], source.credential
    if key := getattr(credential, "account_key", None):
        expiry = datetime.now(timezone.utc) + _SAS_LASTS
        read = ContainerSasPermissions(read=True)
        name, container = str(source.account_name), source.container_name
        sas = generate_container_sas(name, container, account_key=key, permission=read, expiry=expiry)
        return f"{url}?{sas}", None
    if isinstance(credential, AzureSasCredential):
        return f"{url}?{credential.signature.lstrip('?')}", None
    return url, f"Bearer {credential.get_token(_STORAGE_SCOPE).token}"


def _stream(source: ContainerClient, blob: BlobProperties, client: BlobClient, copied: Copied) -> bytes:
    """Copy one blob through this machine; its MD5."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
        md5 = _digest(source, blob, spool)
        spool.seek(0)
        client.upload_blob(
            spool,
            length=blob.size,
            overwrite=True,
            content_settings=_settings(blob, md5),
            metadata=_marked(blob),
        )
    copied.streamed += 1
    return md5


def _marked(blob: BlobProperties) -> dict[str, str]:
    """The blob's own metadata, and which version of the source it is."""
    return {**(blob.metadata or {}), _ORIGIN: str(blob.etag).strip('"')}


def _settings(blob: BlobProperties, md5: bytes) -> ContentSettings:
    return ContentSettings(content_type=blob.content_settings.content_type, content_md5=bytearray(md5))


def _digest(source: ContainerClient, blob: BlobProperties, spool: IO[bytes] | None = None) -> bytes:
    """A blob's MD5, which is what the source states where it states one; its content goes to `spool`."""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in _chunks(source, blob):
        digest.update(chunk)
        if spool:
            spool.write(chunk)
    _require_stated(source, blob, digest.digest())
    return digest.digest()


def _chunks(
    source: ContainerClient, blob: BlobProperties, start: int | None = None, length: int | None = None
) -> Iterator[bytes]:
    """A blob's content, or a part of it, as it was when it was listed."""
    yield from source.download_blob(
        blob.name, start, length, etag=blob.etag, match_condition=MatchConditions.IfNotModified
    ).chunks()


def _require_stated(source: ContainerClient, blob: BlobProperties, md5: bytes) -> None:
    if _md5(blob) not in (b"", md5):
        raise _torn(blob, source)


def _torn(blob: BlobProperties, source: ContainerClient) -> VerificationFailed:
    wanted = base64.b64encode(_md5(blob)).decode()
    return VerificationFailed(
        f"'{blob.name}' was read with another MD5 than {wanted}", resource=source.url.split("?")[0]
    )


def _is_copy(there: BlobProperties, blob: BlobProperties) -> bool:
    """Whether a blob has the source's content: by MD5, or made from that very version of the source."""
    if there.size != blob.size:
        return False
    if _md5(blob) and _md5(there):
        return _md5(blob) == _md5(there)
    return (there.metadata or {}).get(_ORIGIN) == str(blob.etag).strip('"')


def _properties(client: Any) -> BlobProperties | None:
    try:
        properties: BlobProperties = client.get_blob_properties()
    except ResourceNotFoundError:
        return None
    return properties


def _md5(blob: BlobProperties) -> bytes:
    return bytes(blob.content_settings.content_md5 or b"")


def _code(err: HttpResponseError) -> str:
    code = getattr(err, "error_code", None)
    return str(getattr(code, "value", code) or err.status_code)


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
