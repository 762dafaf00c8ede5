"""Queries of log alerts, asking of the target what they asked of the source.

A query names a resource by its id, by the part of it that begins at `/onlineEndpoints/`, or an endpoint or workspace
by a whole text in quotes. Logs hold ids in lower case and queries compare as they are written, so what replaces an id
in lower case is in lower case too.
"""

from __future__ import annotations

import re
from typing import Any

from vnetferry.plan.scope import Scope

_NAME = r"[A-Za-z0-9-]+"
_LITERAL = re.compile(r"""(["'])([^"'\\]+)\1""")
_ENDPOINT = re.compile(rf"(/onlineEndpoints/)({_NAME})", re.IGNORECASE)


class _Rewriting:
    """The rewriting of one alert's queries; `named`: what they name now that they did not before."""

    def __init__(self, scope: Scope) -> None:
        source = re.escape(str(scope.inventory.source))
        self._ids = re.compile(rf"{source}(?![A-Za-z0-9_-])(?:/onlineEndpoints/({_NAME}))?", re.IGNORECASE)
        self._target = str(scope.target)
        self._endpoints = {old.lower(): new for old, new in scope.remap.endpoints.items()}
        self._names = {scope.inventory.source.name.lower(): scope.target.name, **self._endpoints}
        self.named: set[str] = set()

    def criteria(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: self._query(v) if k == "query" else self.criteria(v) for k, v in value.items()}
        return [self.criteria(item) for item in value] if isinstance(value, list) else value

    def _query(self, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        text = self._ids.sub(self._id, text)
        return _LITERAL.sub(self._literal, _ENDPOINT.sub(self._endpoint, text))

    def _id(self, match: re.Match[str]) -> str:
        text, endpoint = match.group(0), match.group(1)
        if endpoint and endpoint.lower() not in self._endpoints:
            return text  # an endpoint that stays
        new = self._target + (f"/onlineEndpoints/{self._note(self._endpoints, endpoint)}" if endpoint else "")
        if not endpoint:
            self.named.add(new.rpartition("/")[2])
        return new.lower() if text == text.lower() else new

    def _endpoint(self, match: re.Match[str]) -> str:
        before, name = match.groups()
        return before + (self._note(self._endpoints, name) or name)

    def _literal(self, match: re.Match[str]) -> str:
        quote, text = match.groups()
        return f"{quote}{self._note(self._names, text) or text}{quote}"

    def _note(self, names: dict[str, str], name: str) -> str:
        """What `name` becomes, noted down; "" when it stays."""
        new = names.get(name.lower(), "")
        self.named |= {new} - {""}
        return new


def rewritten(scope: Scope, criteria: Any) -> tuple[Any, list[str]]:
    """The criteria of a log alert with their queries about the target, and what these name now, sorted."""
    rewriting = _Rewriting(scope)
    after = rewriting.criteria(criteria)
    return after, sorted(rewriting.named)
