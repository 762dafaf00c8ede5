"""Shared access signatures: made and checked as Azure does, byte for byte.

Three kinds exist: of the service (signed with an account key), of the account (likewise), of a user
delegation (signed with a key that the service derived for somebody). A SAS is checked by the machine's own
clock, not by Azure's scaled one: clients make them with theirs, and bytes move in real time.
Source: Create a service SAS, an account SAS, a user delegation SAS (Azure Storage REST reference).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlencode

from vnetferry.sandbox.errors import AzureError

# The service version whose layout `container_sas` signs, and the oldest that is understood.
_SIGNED_VERSION = "2022-11-02"
_OLDEST_VERSION = "2018-11-09"
SERVICE_OID = "9c2e6f0a-3b1d-4f58-8a77-0000000000a1"
_SERVICE_TENANT = "9c2e6f0a-3b1d-4f58-8a77-0000000000a2"
_RESPONSE_HEADERS = ("rscc", "rscd", "rsce", "rscl", "rsct")


@dataclass(frozen=True)
class Target:
    """What a request is about: a service, a container, or a blob."""

    account: str
    container: str = ""
    blob: str = ""

    @property
    def level(self) -> str:
        """As account SAS writes it: `s`ervice, `c`ontainer or `o`bject."""
        return "o" if self.blob else "c" if self.container else "s"


class Delegation:
    """Derives user delegation keys: equal start, expiry and owner give the same key; nothing is kept."""

    def __init__(self, root: bytes) -> None:
        self._root = root

    def key(self, fields: Mapping[str, str]) -> str:
        """The base64 key of its signed fields (`skoid`, `sktid`, `skt`, `ske`, `sks`, `skv`)."""
        names = ("skoid", "sktid", "skt", "ske", "sks", "skv")
        return sign(base64.b64encode(self._root).decode(), "\n".join(fields.get(name, "") for name in names))

    def container_sas(
        self, account: str, container: str, permissions: str, window: tuple[datetime, datetime]
    ) -> str:
        """A SAS for everything in one container, from and until the times of `window` (UTC)."""
        start, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in window)
        query = {
            "skoid": SERVICE_OID,
            "sktid": _SERVICE_TENANT,
            "skt": start,
            "ske": end,
            "sks": "b",
            "skv": _SIGNED_VERSION,
            "sv": _SIGNED_VERSION,
            "st": start,
            "se": end,
            "sr": "c",
            "sp": permissions,
        }
        text = next(_delegated_texts(query, f"/blob/{account}/{container}"))
        return urlencode({**query, "sig": sign(self.key(query), text)})


def require_valid(
    query: Mapping[str, str], target: Target, account_keys: list[str], delegation: Delegation
) -> None:
    """Raise AzureError 403 unless the SAS in `query` was signed for `target` and is in force.

    It says nothing about permissions: see `grants`.
    """
    _require_complete(query)
    keys = [delegation.key(query)] if "skoid" in query else account_keys
    texts = list(_texts(query, target))
    given = query["sig"]
    if not any(is_signed(key, text, given) for key in keys for text in texts):
        raise failed("Signature did not match.")
    _require_in_force(query)
    _require_scope(query, target)


def grants(query: Mapping[str, str], letters: str) -> bool:
    """Whether the SAS carries one of these permissions."""
    return any(letter in query.get("sp", "") for letter in letters)


def sign(key: str, text: str) -> str:
    """Base64 of the HMAC-SHA256 of `text`; an unreadable key signs nothing (and matches nothing)."""
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(hmac.new(raw, text.encode(), hashlib.sha256).digest()).decode()


def is_signed(key: str, text: str, signature: str) -> bool:
    """Whether `signature` is `text` signed with `key`."""
    return bool(key) and hmac.compare_digest(sign(key, text).encode(), signature.encode())


def _texts(query: Mapping[str, str], target: Target) -> Iterator[str]:
    if "ss" in query:
        yield _account_text(query, target.account)
        return
    resource = f"/blob/{target.account}/{target.container}"
    if query.get("sr") != "c":
        resource += f"/{target.blob}"
    yield from _delegated_texts(query, resource) if "skoid" in query else (_service_text(query, resource),)


def _account_text(query: Mapping[str, str], account: str) -> str:
    names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv", *_scope_of(query)]
    return "\n".join([account, *(query.get(name, "") for name in names), ""])


def _service_text(query: Mapping[str, str], resource: str) -> str:
    last = ["si", "sip", "spr", "sv", "sr", "", *_scope_of(query), *_RESPONSE_HEADERS]
    return _text(query, resource, last)


def _delegated_texts(query: Mapping[str, str], resource: str) -> Iterator[str]:
    """The layouts of the SAS's version: fields were added over the years, the last in 2025 and 2026."""
    key = ["skoid", "sktid", "skt", "ske", "sks", "skv"]
    if query["sv"] >= "2020-02-10":
        key += ["saoid", "suoid", "scid"]
    if query["sv"] >= "2025-07-05":
        key += ["skdutid", "sduoid"]
    resource_fields = ["sip", "spr", "sv", "sr", "", *_scope_of(query)]
    yield _text(query, resource, [*key, *resource_fields, *_RESPONSE_HEADERS])
    if query["sv"] >= "2025-07-05":
        yield _text(query, resource, [*key, *resource_fields, "", "", *_RESPONSE_HEADERS])


def _text(query: Mapping[str, str], resource: str, rest: list[str]) -> str:
    """A string to sign; an empty name is a field that stays empty (no snapshots here)."""
    first = [query.get(name, "") for name in ("sp", "st", "se")]
    return "\n".join([*first, resource, *(query.get(name, "") for name in rest)])


def _scope_of(query: Mapping[str, str]) -> list[str]:
    return ["ses"] if query["sv"] >= "2020-12-06" else []


def _require_complete(query: Mapping[str, str]) -> None:
    needed = ("sv", "sig", "se", "sp", *(("srt",) if "ss" in query else ("sr",)))
    for name in needed:
        if not query.get(name):
            raise failed(f"{name} is mandatory. Cannot be empty")
    if (
        query["sv"] < _OLDEST_VERSION
        or "si" in query
        or "sip" in query
        or query.get("sr") not in ("c", "b", None)
    ):
        raise failed("The shared access signature uses a form that is not in force on this account.")


def _require_in_force(query: Mapping[str, str]) -> None:
    now = datetime.now(timezone.utc)
    for start, end in (("st", "se"), ("skt", "ske")):
        if end in query and not _moment(query.get(start), end=False) <= now < _moment(query[end], end=True):
            stamp = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
            raise failed(
                f"Signature not valid in the specified time frame: Start [{query.get(start, '')}] - "
                f"Expiry [{query[end]}] - Current [{stamp}]"
            )


def _moment(text: str | None, *, end: bool) -> datetime:
    """The time in a SAS; an absent start is long ago, and an unreadable time refuses."""
    if not text:
        return datetime.max.replace(tzinfo=timezone.utc) if end else datetime.min.replace(tzinfo=timezone.utc)
    try:
        value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as err:
        raise failed(f"Signature fields not well formed: {text}") from err
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _require_scope(query: Mapping[str, str], target: Target) -> None:
    if "ss" in query:
        if "b" not in query["ss"]:
            raise AzureError(403, "AuthorizationServiceMismatch", _NOT_AUTHORIZED.format("service"))
        if target.level not in query["srt"]:
            raise AzureError(
                403, "AuthorizationResourceTypeMismatch", _NOT_AUTHORIZED.format("resource type")
            )
    elif not target.container or (query["sr"] == "b" and not target.blob):
        raise failed("The specified signed resource is not allowed for the this resource level")


_NOT_AUTHORIZED = "This request is not authorized to perform this operation using this {}."


def failed(detail: str) -> AzureError:
    """The refusal of a signature; `detail` is its AuthenticationErrorDetail."""
    message = (
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature."
    )
    return AzureError(403, "AuthenticationFailed", message, details=[{"AuthenticationErrorDetail": detail}])
