"""Blobs of every account: properties in memory, content in files named by their SHA-256.

No name that a client gives ever becomes a path, equal content is kept once, and a blob that was read stays
readable while another version of it is written. It knows neither firewalls nor who asks: see `access.py`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

from vnetferry.sandbox.blob import sas
from vnetferry.sandbox.clock import Clock

# Source: Delete Container: the name cannot be used again for at least 30 seconds.
_VANISHING = timedelta(seconds=30)


@dataclass(frozen=True)
class Content:
    """Bytes that the store keeps: their file, how many, and their MD5 in base64."""

    file: Path
    size_bytes: int
    md5: str


@dataclass(frozen=True)
class Blob:
    """One blob as it was when it was read. Times are Azure's; `etag` has its quotes.

    headers: its content headers in lower case (`content-type`, `content-md5`, `cache-control`, …).
    """

    name: str
    content: Content = field(repr=False)
    metadata: Mapping[str, str]
    headers: Mapping[str, str]
    etag: str
    created: datetime
    last_modified: datetime

    @property
    def size_bytes(self) -> int:
        """How many bytes it holds."""
        return self.content.size_bytes

    @property
    def content_type(self) -> str:
        """Its media type."""
        return self.headers.get("content-type", "application/octet-stream")

    @property
    def content_md5(self) -> str:
        """In base64; empty for a blob that was made of blocks without one."""
        return self.headers.get("content-md5", "")

    @property
    def data(self) -> bytes:
        """The whole content, read from its file."""
        return self.content.file.read_bytes()

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer at the end."""
        with self.content.file.open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)


Blobs: TypeAlias = list[Blob]  # BlobStore.list would hide the builtin in its class
Blocks: TypeAlias = tuple[tuple[str, Content], ...]


@dataclass
class Container:
    """One container: its blobs by name, and of each its committed blocks and those that are only staged."""

    name: str
    etag: str
    last_modified: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    staged: dict[str, dict[str, Content]] = field(default_factory=dict)
    committed: dict[str, Blocks] = field(default_factory=dict)

    def find_block(self, blob: str, kind: str, block_id: str) -> Content | None:
        """A block by its list's kind (`Committed`, `Uncommitted` or `Latest`) and id, or None."""
        committed, staged = dict(self.committed.get(blob, ())), self.staged.get(blob, {})
        places = {"Committed": [committed], "Uncommitted": [staged], "Latest": [staged, committed]}.get(
            kind, []
        )
        return next((place[block_id] for place in places if block_id in place), None)


class BlobStore:
    """Containers by account and name. Account names are compared without case; blob names exactly."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._containers: dict[tuple[str, str], Container] = {}
        self._deleted: dict[tuple[str, str], datetime] = {}
        self.delegation = sas.Delegation(secrets.token_bytes(32))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def ensure_container(
        self, account: str, container: str, metadata: dict[str, str] | None = None
    ) -> Container:
        """The container, made if it is not there."""
        key = (account.lower(), container)
        found = self._containers.get(key)
        if found is None:
            found = Container(container, _new_etag(), self._clock.now(), metadata or {})
            self._containers[key] = found
        return found

    def container(self, account: str, container: str) -> Container | None:
        """The container, or None."""
        return self._containers.get((account.lower(), container))

    def containers(self, account: str) -> Sequence[Container]:
        """An account's containers by name."""
        return [c for (a, _), c in sorted(self._containers.items()) if a == account.lower()]

    def delete_container(self, account: str, container: str) -> bool:
        """Whether it was there; its blobs go with it, and its name is taken a while (`is_vanishing`)."""
        key = (account.lower(), container)
        self._deleted[key] = self._clock.now()
        return self._containers.pop(key, None) is not None

    def is_vanishing(self, account: str, container: str) -> bool:
        """Whether a container of that name was deleted so recently that no other can be made yet."""
        deleted = self._deleted.get((account.lower(), container))
        return deleted is not None and self._clock.now() - deleted < _VANISHING

    def set_container_metadata(self, container: Container, metadata: dict[str, str]) -> None:
        """Replace a container's metadata."""
        container.metadata, container.etag, container.last_modified = metadata, _new_etag(), self._clock.now()

    def keep(self, pieces: Iterable[bytes]) -> Content:
        """Write content to its own file, whole or not at all; safe in any thread."""
        digest, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as stream:
            for piece in pieces:
                digest.update(piece)
                md5.update(piece)
                stream.write(piece)
            size_bytes = stream.tell()
        kept = Path(stream.name).replace(self._folder / digest.hexdigest())
        return Content(kept, size_bytes, base64.b64encode(md5.digest()).decode())

    def put(
        self, account: str, container: str, name: str, data: bytes, metadata: dict[str, str] | None = None
    ) -> Blob:
        """Write a blob, replacing one of that name; KeyError when the container does not exist."""
        content = self.keep((data,))
        home = self._containers[(account.lower(), container)]
        return self.enter(home, name, content, metadata or {}, {"content-md5": content.md5})

    def enter(
        self,
        home: Container,
        name: str,
        content: Content,
        metadata: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Blob:
        """Make kept content a blob, replacing one of that name and forgetting its blocks."""
        now, previous = self._clock.now(), home.blobs.get(name)
        created = previous.created if previous else now
        home.blobs[name] = Blob(name, content, dict(metadata), dict(headers), _new_etag(), created, now)
        home.staged.pop(name, None)
        home.committed.pop(name, None)
        return home.blobs[name]

    def get(self, account: str, container: str, name: str) -> Blob | None:
        """The blob, or None when it or its container does not exist."""
        found = self.container(account, container)
        return found.blobs.get(name) if found else None

    def list(self, account: str, container: str, prefix: str = "") -> Blobs:
        """Blobs whose name starts with `prefix`, by name; none when the container does not exist."""
        found = self.container(account, container)
        return [found.blobs[name] for name in sorted(found.blobs) if name.startswith(prefix)] if found else []

    def delete(self, account: str, container: str, name: str) -> bool:
        """Whether it was there. Its content stays for those who are reading it."""
        found = self.container(account, container)
        return bool(found and found.blobs.pop(name, None))

    def change(
        self,
        home: Container,
        blob: Blob,
        *,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Blob:
        """Replace a blob's metadata or content headers; its ETag changes, its content does not."""
        changed = replace(
            blob,
            metadata=blob.metadata if metadata is None else dict(metadata),
            headers=blob.headers if headers is None else dict(headers),
            etag=_new_etag(),
            last_modified=self._clock.now(),
        )
        home.blobs[blob.name] = changed
        return changed

    def sas(self, account: str, container: str, permissions: str = "rl", hours: float = 1) -> str:
        """A user delegation SAS of one container as a query string, good for `hours` (see sas.py)."""
        now = datetime.now(timezone.utc)
        window = (now - timedelta(minutes=5), now + timedelta(hours=hours))
        return self.delegation.container_sas(account.lower(), container, permissions, window)

    def now(self) -> datetime:
        """Azure's time."""
        return self._clock.now()


def _new_etag() -> str:
    return f'"0x{secrets.token_hex(8).upper()}"'
