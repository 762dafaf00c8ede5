"""A request as a handler sees it, and the response that it gives back.

Paths keep their case (Azure echoes it) and are compared without it; query names and header names are lower case.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast
from urllib.parse import parse_qsl, unquote

from vnetferry.sandbox.errors import AzureError

if TYPE_CHECKING:
    from vnetferry.sandbox.doors import Door

Json = dict[str, Any]
T = TypeVar("T")
INTERNET = "internet"
_MAX_DIGITS = 18
# How deep a JSON body may nest, as .NET's readers limit it. That Azure's limit is this one is assumed.
MAX_DEPTH = 128


@dataclass(frozen=True)
class Principal:
    """Who sends a request, as its token says. Ids are GUIDs; `audience` is the token's `aud`."""

    object_id: str
    app_id: str
    tenant_id: str
    audience: str = ""


@dataclass(frozen=True)
class Request:
    """One HTTP request. `path` is still percent-encoded; `segments` are decoded.

    door: where the connection came in that carried it; None for what no client sent.
    """

    method: str
    host: str
    path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    vantage: str = INTERNET
    principal: Principal | None = None
    door: Door | None = None

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, decoded."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Decoded query; names in lower case, the last of equal names wins."""
        return {k.lower(): v for k, v in parse_qsl(self.raw_query, keep_blank_values=True)}

    def json(self) -> Json:
        """The body as a JSON object; AzureError 400 `InvalidRequestContent` when it is none."""
        try:
            # A byte order mark is borne, as the service's reader bears it; any encoding but UTF-8 is not JSON.
            value = read_json(self.body.decode("utf-8-sig"))
        except ValueError as err:
            raise _bad_content(str(err)) from err
        if not isinstance(value, dict):
            raise _bad_content(f"expected a JSON object, found {type(value).__name__}")
        return value


@dataclass
class Response:
    """One HTTP response. A dict or list body is sent as JSON; bytes as they are; None as no body.

    operation: the name of the operation that answered, for the request log.
    """

    status: int = 200
    body: Json | list[Any] | bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    operation: str = ""

    def encoded(self) -> bytes:
        """The body's bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, separators=(",", ":")).encode()


def read_json(text: str) -> Any:
    """The value of a JSON text; ValueError for what is none, or could not be worked with and answered again."""
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as err:
        raise _too_deep() from err
    # Fewer brackets than that cannot be as deep, and counting them costs nothing.
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise _too_deep()
    if "\\ud" in text.lower():
        _require_characters(value)
    return value


def copied(value: T) -> T:
    """A deep copy of something that JSON can say.

    A third of the time of copy.deepcopy, which expects any object, and to meet one again inside itself.
    """
    if isinstance(value, dict):
        return cast("T", {name: copied(member) for name, member in value.items()})
    if isinstance(value, list):
        return cast("T", [copied(member) for member in value])
    return value


def is_larger(value: Any, most: int) -> bool:
    """Whether a JSON value takes more than about `most` characters, counted no further than that.

    What stands in it several times counts as often, as it does when it is written; a circle has no end.
    """
    waiting, size = [value], 0
    while waiting and size <= most:
        part = waiting.pop()
        # A part is parted from the next one, and has some mark of its own: about four characters.
        size += 4 + (len(part) if isinstance(part, (str, bytes)) else 0)
        if isinstance(part, dict):
            waiting += (*part, *part.values())
        elif isinstance(part, (list, tuple, set)):
            waiting += part
    return size > most


def read_count(text: str) -> int | None:
    """A number of things as queries and names write it: decimal digits, no more than fit in 64 bits; else None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    """What could not be answered as JSON again is not taken."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    while level and depth > 0:
        level = [part for each in level for part in _parts(each)]
        depth -= 1
    return bool(level)


def _parts(value: Any) -> Iterable[Any]:
    """The objects and lists in an object or list."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (member for member in members if isinstance(member, (dict, list)))


def _require_characters(value: Any) -> None:
    """Refuse half a character, which JSON can escape and no text can hold: it could not be written anywhere."""
    json.dumps(value, ensure_ascii=False).encode()


def _too_deep() -> ValueError:
    return ValueError(f"the reader's MaxDepth of {MAX_DEPTH} has been exceeded")


def _bad_content(why: str) -> AzureError:
    message = f"The request content was invalid and could not be deserialized: '{why}'."
    return AzureError(400, "InvalidRequestContent", message)
