"""Strict reading of request bodies: one table of fields per kind of object, nothing swallowed.

A body that holds a field outside its table, a value of the wrong kind, or a word outside its list is
refused with 400. Names and words are compared without case, as the service does, and come out in the
table's spelling. Fields that the service only ever answers are accepted and dropped, because clients send
back what they read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vnetferry.sandbox.errors import AzureError, Envelope
from vnetferry.sandbox.wire import Json

Check = Callable[[Any], Any]


class UnfitValueError(Exception):
    """A value that its field does not take; the text says to what it cannot be converted, and why."""


@dataclass(frozen=True)
class Field:
    """One field: how its value is read, whether it must be there, and whether only the service writes it.

    A null is as good as absent: it comes out as None where the client sent it.
    """

    read: Check
    required: bool = False
    read_only: bool = False


Table = Mapping[str, Field]

_UNKNOWN = "Could not find member '{name}' on object of type '{kind}'. Path '{where}'."


@dataclass(frozen=True)
class Kind:
    """A kind of object: the name that refusals give it, and its fields.

    code, envelope: of refusals; what lies in an object is refused as the object is.
    """

    name: str
    fields: Table
    code: str = "UserError"
    envelope: Envelope = "service"

    def read(self, body: Any, path: str = "") -> Json:
        """`body` with every name and word in its own spelling; AzureError 400 if anything does not fit."""
        if not isinstance(body, dict):
            raise self.refusal(f"Error converting value {_shown(body)} to type '{self.name}'. Path '{path}'.")
        spelling = {name.lower(): name for name in self.fields}
        read: Json = {}
        for name, value in body.items():
            where = f"{path}.{name}" if path else name
            if name.lower() not in spelling:
                raise self.refusal(_UNKNOWN.format(name=name, kind=self.name, where=where))
            own = spelling[name.lower()]
            if not self.fields[own].read_only:
                read[own] = None if value is None else self._value(self.fields[own], value, where)
        self._require_all(read, path)
        return read

    def _value(self, rule: Field, value: Any, where: str) -> Any:
        if isinstance(rule.read, _Nested):
            return rule.read.read(value, where, self)
        try:
            return rule.read(value)
        except UnfitValueError as err:
            raise self.refusal(f"Error converting value {_shown(value)} {err} Path '{where}'.") from err

    def _require_all(self, read: Json, path: str) -> None:
        for name, rule in self.fields.items():
            if rule.required and read.get(name) is None:
                where = f"{path}.{name}" if path else name
                raise self.refusal(f"Required property '{name}' not found in JSON. Path '{where}'.")

    def refusal(self, why: str) -> AzureError:
        """400 for a body that cannot be taken, with the reason as its detail."""
        detail = {"code": "InvalidProperty", "message": why}
        message = f"The request is invalid. {why}"
        return AzureError(400, self.code, message, envelope=self.envelope, details=[detail])


@dataclass(frozen=True)
class _Nested:
    """Reads an object, a list of objects or a map of objects, and refuses them as the outer kind is refused."""

    kind: Callable[[Any], Kind]
    shape: str = "object"

    def __call__(self, value: Any) -> Any:
        return self.read(value, "", Kind("", {}))

    def read(self, value: Any, where: str, outer: Kind) -> Any:
        if self.shape == "object":
            return self._one(value, where, outer)
        if self.shape == "list" and isinstance(value, list):
            return [self._one(item, f"{where}[{index}]", outer) for index, item in enumerate(value)]
        if self.shape == "map" and isinstance(value, dict):
            return {name: self._one(item, f"{where}.{name}", outer) for name, item in value.items()}
        raise outer.refusal(f"Error converting value {_shown(value)} to a {self.shape}. Path '{where}'.")

    def _one(self, value: Any, where: str, outer: Kind) -> Json:
        try:
            kind = self.kind(value)
        except UnfitValueError as err:
            raise outer.refusal(f"{err} Path '{where}'.") from err
        return Kind(kind.name, kind.fields, outer.code, outer.envelope).read(value, where)


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise UnfitValueError("to type 'System.String'.")
    return value


def flag(value: Any) -> bool:
    """A boolean, or its word: templates carry `"true"`."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise UnfitValueError("to type 'System.Boolean'.")
    return value


def whole(value: Any) -> int:
    """An integer of 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise UnfitValueError("to type 'System.Int32'.")
    return value


def at_least(least: int, most: int | None = None) -> Check:
    """An integer in a range."""

    def check(value: Any) -> int:
        number = whole(value)
        if number < least or (most is not None and number > most):
            limit = f"from {least} to {most}" if most is not None else f"of at least {least}"
            raise UnfitValueError(f"to a number {limit}.")
        return number

    return check


def anything(value: Any) -> Any:
    """Any JSON value."""
    return value


def words(value: Any) -> dict[str, str]:
    """A map of strings, such as tags."""
    if not isinstance(value, dict) or not all(isinstance(v, str) or v is None for v in value.values()):
        raise UnfitValueError("to a map of strings.")
    return dict(value)


def scalars(value: Any) -> dict[str, Any]:
    """A map of strings, numbers and booleans: the SDK does not always quote assets' `properties`."""
    if not isinstance(value, dict) or any(isinstance(v, dict | list) for v in value.values()):
        raise UnfitValueError("to a map of strings.")
    return {name: v if v is None else _word(v) for name, v in value.items()}


def texts(value: Any) -> list[str]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise UnfitValueError("to a list of strings.")
    return list(value)


def one_of(*choices: str) -> Check:
    """One of these words, in any case; comes out as written here."""
    spelling = {choice.lower(): choice for choice in choices}

    def check(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in spelling:
            raise UnfitValueError(f"to one of {', '.join(choices)}.")
        return spelling[value.lower()]

    return check


def object_of(kind: Kind) -> Check:
    """An object of that kind."""
    return _Nested(lambda _value: kind)


def list_of(kind: Kind) -> Check:
    """A list of objects of that kind."""
    return _Nested(lambda _value: kind, "list")


def map_of(kind: Kind) -> Check:
    """A map from names to objects of that kind."""
    return _Nested(lambda _value: kind, "map")


def chosen_by(discriminator: str, kinds: Mapping[str, Kind]) -> Callable[[Any], Kind]:
    """The kind that an object's own `discriminator` names (without case)."""
    lower = {name.lower(): kind for name, kind in kinds.items()}

    def choose(value: Any) -> Kind:
        members = value if isinstance(value, dict) else {}
        word = next((v for k, v in members.items() if k.lower() == discriminator.lower()), None)
        if not isinstance(word, str) or word.lower() not in lower:
            raise UnfitValueError(f"'{discriminator}' is {_shown(word)}; expected one of {', '.join(kinds)}.")
        return lower[word.lower()]

    return choose


def variant(choose: Callable[[Any], Kind]) -> Check:
    """An object whose kind it names itself (see chosen_by)."""
    return _Nested(choose)


def map_of_variants(choose: Callable[[Any], Kind]) -> Check:
    """A map of such objects."""
    return _Nested(choose, "map")


# The members that every ARM resource carries and only the service decides.
IDENTIFIERS: Table = {
    "id": Field(text, read_only=True),
    "name": Field(text, read_only=True),
    "type": Field(text, read_only=True),
    "etag": Field(text, read_only=True),
    "systemData": Field(anything, read_only=True),
}


def resource(
    name: str, properties: Kind, code: str = "UserError", envelope: Envelope = "service", **more: Field
) -> Kind:
    """The kind of a whole resource body, whose `properties` are of that kind."""
    own = Field(object_of(properties), required=True)
    return Kind(name, {**IDENTIFIERS, "properties": own, **more}, code, envelope)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else str(value)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else f"of type '{type(value).__name__}'"
