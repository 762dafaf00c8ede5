"""The template language's grammar: `[concat('a', variables('b').c[0])]` as a small tree.

A string is an expression when it begins with one `[` and ends with `]`; `[[` stands for a literal `[`.
Inside, quotes are single and doubled to escape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from vnetferry.sandbox.arm.template.failures import TemplateError

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[()\[\],.]))"
)


# Of an expression's characters. Source: Azure Resource Manager limits, deployments.
_MAX_LENGTH = 24_576
_MAX_DIGITS = 19


@dataclass(frozen=True)
class Literal:
    """A string or an integer."""

    value: str | int


@dataclass(frozen=True)
class Function:
    """A call, with the members and elements that are then taken of its value."""

    name: str
    arguments: tuple[Node, ...] = ()
    path: tuple[Node, ...] = field(default=())


Node: TypeAlias = "Literal | Function"


def is_expression(text: Any) -> bool:
    """Whether a JSON value is a string to be evaluated."""
    return isinstance(text, str) and text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def unescape(text: str) -> str:
    """A plain string's value: `[[x` stands for `[x`."""
    return text[1:] if text.startswith("[[") else text


def escape(value: Any) -> Any:
    """The inverse of evaluation for a JSON value: a template that gives it back unchanged."""
    if isinstance(value, str):
        return "[" + value if value.startswith("[") else value
    if isinstance(value, list):
        return [escape(item) for item in value]
    return {key: escape(item) for key, item in value.items()} if isinstance(value, dict) else value


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an expression, given with its brackets; TemplateError where it does not parse."""
    if len(text) > _MAX_LENGTH:
        raise TemplateError(
            f"The template language expression is {len(text)} characters long. The limit is {_MAX_LENGTH}."
        )
    parser = _Parser(text)
    node = parser.node()
    parser.require_end()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text[1:-1], text)
        self._at = 0

    def node(self) -> Node:
        kind, text = self._next()
        if kind == "string":
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "number" and len(text.lstrip("-")) <= _MAX_DIGITS:
            return Literal(int(text))
        if kind != "name":
            raise self._unexpected(text)
        return Function(self._name(text), self._arguments(), self._path())

    def require_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._unexpected(self._tokens[self._at][1])

    def _name(self, first: str) -> str:
        """A user-defined function's name is `namespace.member`."""
        name = first
        while self._peek() == ".":
            self._at += 1
            name += "." + self._next()[1]
        return name

    def _arguments(self) -> tuple[Node, ...]:
        self._take("(")
        found: list[Node] = []
        while self._peek() != ")":
            if found:
                self._take(",")
            found.append(self.node())
        self._take(")")
        return tuple(found)

    def _path(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while self._peek() in (".", "["):
            if self._next()[1] == ".":
                found.append(Literal(self._next()[1]))
            else:
                found.append(self.node())
                self._take("]")
        return tuple(found)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise TemplateError(
                f"Unable to parse language expression '{self._text[1:-1]}': expected token 'Identifier' and "
                "actual 'EndOfData'."
            )
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._unexpected(self._peek() or "EndOfData")
        self._at += 1

    def _unexpected(self, text: str) -> TemplateError:
        return TemplateError(
            f"The language expression '{self._text[1:-1]}' is not valid: the token '{text}' is not expected."
        )


def _tokens(inner: str, whole: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while inner[at:].strip():
        match = _TOKEN.match(inner, at)
        if not match or not match.lastgroup:
            character = inner[at:].lstrip()[0]
            raise TemplateError(
                f"The language expression '{whole[1:-1]}' is not valid: the string character '{character}' "
                f"at position '{at}' is not expected."
            )
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found
