"""Asking for a token once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from azure.core.credentials import AccessToken

from vnetferry.gateway.credential import RememberingCredential

SCOPE = "https://management.azure.com/.default"


class _Counting:
    """A credential that counts how often it is asked; its tokens last as long as it is told."""

    def __init__(self, lasts_s: float) -> None:
        self.asked = 0
        self._lasts_s = lasts_s

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        self.asked += 1
        return AccessToken(f"token {self.asked}", int(time.time() + self._lasts_s))


def test_get_token_by_many_threads_asks_once() -> None:
    inner = _Counting(lasts_s=3600)
    credential = RememberingCredential(inner)

    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: credential.get_token(SCOPE).token, range(64)))

    assert tokens == {"token 1"}
    assert inner.asked == 1


def test_get_token_of_another_scope_is_another() -> None:
    credential = RememberingCredential(_Counting(lasts_s=3600))

    assert credential.get_token(SCOPE) != credential.get_token("https://ml.azure.com/.default")


def test_get_token_shortly_before_its_end_asks_again() -> None:
    credential = RememberingCredential(_Counting(lasts_s=299))

    assert credential.get_token(SCOPE).token == "token 1"
    assert credential.get_token(SCOPE).token == "token 2"


def test_get_token_with_claims_asks_again_and_keeps_the_newer() -> None:
    credential = RememberingCredential(_Counting(lasts_s=3600))
    credential.get_token(SCOPE)

    assert credential.get_token(SCOPE, claims="{}").token == "token 2"
    assert credential.get_token(SCOPE).token == "token 2"
