"""Blobs of every account: properties in memory, content in files named by their SHA-256.

No name that a client gives ever becomes a path, equal content is kept once, and a blob that was read stays readable
while another version of it is written. The store knows neither accounts' firewalls nor who asks: see `access.py`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

from vnetferry.sandbox.blob import sas
from vnetferry.sandbox.clock import Clock

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Blob:
    """One blob as it was when it was read. Times are Azure's; `etag` carries its quotes, `content_md5` is base64."""

    name: str
    size_bytes: int
    metadata: Mapping[str, str]
    etag: str
    content_md5: str
    last_modified: datetime
    content_type: str
    created: datetime
    file: Path = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """The whole content, read from its file."""
        return self.file.read_bytes()

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer at the end."""
        with self.file.open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)


Blobs: TypeAlias = list[Blob]  # BlobStore.list would hide the builtin in its class


@dataclass
class Container:
    """One container: its blobs by name and the blocks that were staged and not yet committed."""

    name: str
    etag: str
    last_modified: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    staged: dict[str, dict[str, Path]] = field(default_factory=dict)
    committed: dict[str, tuple[tuple[str, Path], ...]] = field(default_factory=dict)


class BlobStore:
    """Containers by account and name. Account names are compared without case; blob names exactly."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._containers: dict[tuple[str, str], Container] = {}
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
        """Whether it was there; its blobs go with it."""
        return self._containers.pop((account.lower(), container), None) is not None

    def put(
        self,
        account: str,
        container: str,
        name: str,
        data: bytes,
        metadata: dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Blob:
        """Write a blob, replacing one of that name; `headers` are its content headers (`content-type`, …).

        KeyError when the container does not exist.
        """
        file, md5 = self._keep((data,))
        return self._enter(account, container, self._blob(name, file, md5, metadata or {}, headers or {}))

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

    def set_metadata(self, account: str, container: str, name: str, metadata: Mapping[str, str]) -> Blob:
        """Replace a blob's metadata; its ETag changes, its content does not. KeyError when absent."""
        blobs = self._containers[(account.lower(), container)].blobs
        blobs[name] = self._touched(blobs[name], metadata=dict(metadata))
        return blobs[name]

    def set_headers(self, account: str, container: str, name: str, headers: Mapping[str, str]) -> Blob:
        """Replace a blob's content headers (`content-type`, `content-md5`, …). KeyError when absent."""
        blobs = self._containers[(account.lower(), container)].blobs
        blobs[name] = self._touched(
            blobs[name],
            headers=dict(headers),
            content_type=headers.get("content-type", "application/octet-stream"),
            content_md5=headers.get("content-md5", ""),
        )
        return blobs[name]

    def stage(self, account: str, container: str, name: str, block_id: str, data: bytes) -> None:
        """Keep one block of a blob to come. KeyError when the container does not exist."""
        file, _ = self._keep((data,))
        self._containers[(account.lower(), container)].staged.setdefault(name, {})[block_id] = file

    def commit(
        self,
        account: str,
        container: str,
        name: str,
        blocks: Sequence[tuple[str, str]],
        metadata: dict[str, str],
        headers: Mapping[str, str],
    ) -> Blob:
        """Make a blob of blocks given as (`Committed`|`Uncommitted`|`Latest`, id); KeyError names an unknown one."""
        home = self._containers[(account.lower(), container)]
        chosen = [(block_id, _find_block(home, name, kind, block_id)) for kind, block_id in blocks]
        file, _ = self._keep(piece for _, path in chosen for piece in _pieces(path))
        blob = self._enter(account, container, self._blob(name, file, "", metadata, headers))
        home.committed[name] = tuple(chosen)
        return blob

    def sas(self, account: str, container: str, permissions: str = "rl", hours: float = 1) -> str:
        """A user delegation SAS for one container as a query string, good for `hours` (of real time: see sas.py)."""
        now = datetime.now(timezone.utc)
        window = (now - timedelta(minutes=5), now + timedelta(hours=hours))
        return self.delegation.container_sas(account.lower(), container, permissions, window)

    def now(self) -> datetime:
        """Azure's time."""
        return self._clock.now()

    def _enter(self, account: str, container: str, blob: Blob) -> Blob:
        home = self._containers[(account.lower(), container)]
        previous = home.blobs.get(blob.name)
        home.blobs[blob.name] = replace(blob, created=previous.created) if previous else blob
        home.staged.pop(blob.name, None)
        home.committed.pop(blob.name, None)
        return home.blobs[blob.name]

    def _blob(
        self, name: str, file: Path, md5: str, metadata: Mapping[str, str], headers: Mapping[str, str]
    ) -> Blob:
        now = self._clock.now()
        return Blob(
            name=name,
            size_bytes=file.stat().st_size,
            metadata=dict(metadata),
            etag=_new_etag(),
            content_md5=headers.get("content-md5", md5),
            last_modified=now,
            content_type=headers.get("content-type", "application/octet-stream"),
            created=now,
            file=file,
            headers=dict(headers),
        )

    def _touched(self, blob: Blob, **changes: object) -> Blob:
        return replace(blob, etag=_new_etag(), last_modified=self._clock.now(), **changes)  # type: ignore[arg-type]

    def _keep(self, pieces: Iterable[bytes]) -> tuple[Path, str]:
        """Write content to its own file, at once or not at all; return the file and the base64 MD5."""
        digest, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as stream:
            for piece in pieces:
                digest.update(piece)
                md5.update(piece)
                stream.write(piece)
        kept = Path(stream.name).replace(self._folder / digest.hexdigest())
        return kept, base64.b64encode(md5.digest()).decode()


def _find_block(home: Container, name: str, kind: str, block_id: str) -> Path:
    committed, staged = dict(home.committed.get(name, ())), home.staged.get(name, {})
    places = {"Committed": [committed], "Uncommitted": [staged], "Latest": [staged, committed]}[kind]
    for place in places:
        if block_id in place:
            return place[block_id]
    raise KeyError(block_id)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK_BYTES):
            yield piece


def _new_etag() -> str:
    return f'"0x{secrets.token_hex(8).upper()}"'
