"""Files that are written whole or not at all: a reader sees the old text or the new one, and never a part."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write `text` to `path`, replacing a file that is there.

    In:      private: nobody but the owner may read it.
    Raises:  OSError; then the file is as it was.
    Effects: a draft in the same folder, which is gone afterwards.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with open(draft, "w", encoding="utf-8", opener=_private if private else None) as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
