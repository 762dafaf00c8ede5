"""Tokens that were accepted before are judged again each time."""

from __future__ import annotations

import time

import jwt
import pytest

from vnetferry.sandbox.entra import Identity

AUDIENCE = "https://management.azure.com"


@pytest.fixture
def identity() -> Identity:
    return Identity()


def test_read_token_whose_hour_has_passed_since_it_was_accepted_raises(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = identity.issue(identity.client, AUDIENCE)
    accepted = identity.read(token)
    assert accepted["aud"] == AUDIENCE

    monkeypatch.setattr(time, "time", lambda: accepted["exp"] - 1)
    assert identity.read(token) == accepted
    monkeypatch.setattr(time, "time", lambda: accepted["exp"] + 2)  # clocks may differ by as much
    with pytest.raises(jwt.ExpiredSignatureError):
        identity.read(token)


def test_read_token_that_is_expired_after_it_was_accepted_raises(identity: Identity) -> None:
    token = identity.issue(identity.client, AUDIENCE)
    identity.read(token)
    identity.expire(token)

    with pytest.raises(jwt.ExpiredSignatureError):
        identity.read(token)


def test_read_token_with_another_signature_than_the_accepted_one_raises(identity: Identity) -> None:
    token = identity.issue(identity.client, AUDIENCE)
    identity.read(token)
    head, claims, _ = token.split(".")
    signature = Identity().issue(identity.client, AUDIENCE).rpartition(".")[2]

    for _ in range(2):
        with pytest.raises(jwt.InvalidSignatureError):
            identity.read(f"{head}.{claims}.{signature}")


def test_read_claims_that_are_changed_do_not_change_the_next(identity: Identity) -> None:
    token = identity.issue(identity.client, AUDIENCE)
    identity.read(token)["oid"] = "another"

    assert identity.read(token)["oid"] == identity.client.object_id
