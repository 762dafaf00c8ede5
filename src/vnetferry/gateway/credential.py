"""A credential that asks for a token once, however many threads want one.

`az` is a process of a second or more for every token, and times out when dozens are started at once; each client that
signs requests, each upload and each audit line would else start its own.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential

_SPARE_S = 300  # as azure-core: a token is renewed that long before it ends


class RememberingCredential:
    """Another credential's tokens, kept in memory until shortly before they end. Safe to share between threads."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential
        self._tokens: dict[tuple[tuple[str, ...], str | None], AccessToken] = {}
        self._lock = threading.Lock()

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **options: Any
    ) -> AccessToken:
        """A token for the scopes; a new one when `claims` ask for it. Raises what the other credential does."""
        key = (scopes, tenant_id)
        with self._lock:
            kept = self._tokens.get(key)
            if kept is None or claims or kept.expires_on - time.time() < _SPARE_S:
                kept = self._credential.get_token(*scopes, claims=claims, tenant_id=tenant_id, **options)
                self._tokens[key] = kept
            return kept
