"""A template's parameters: what is declared, what is given, and what Azure says when the two do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from vnetferry.sandbox.arm.template.failures import TemplateError
from vnetferry.sandbox.arm.template.functions import to_text
from vnetferry.sandbox.arm.template.scope import Scope
from vnetferry.sandbox.wire import Json

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "int": (int,),
    "bool": (bool,),
    "object": (dict,),
    "secureobject": (dict,),
    "array": (list,),
}
_TOKENS = {
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    dict: "Object",
    list: "Array",
    type(None): "Null",
}
_EXPECTED = {
    "string": "String, Uri",
    "securestring": "String, Uri",
    "int": "Integer",
    "bool": "Boolean",
    "array": "Array",
}
_SPELLED = {
    "string": "String",
    "securestring": "SecureString",
    "int": "Int",
    "bool": "Bool",
    "array": "Array",
    "object": "Object",
    "secureobject": "SecureObject",
}


def resolve(declared: Json, given: Json, scope: Scope) -> dict[str, Any]:
    """Values by declared name; defaults may use parameters declared anywhere, but not in a circle."""
    names = {name.lower(): name for name in declared}
    _require_declared(names, given)
    values: dict[str, Any] = {}
    for name, entry in given.items():
        # A null counts as not given: the SDK sends many, and the defaults apply.
        if (value := _given(name, entry)) is not None:
            values[names[name.lower()]] = value
    for name in declared:
        _fill(name, declared, values, scope, ())
    for name, definition in declared.items():
        _check(name, definition, values[name])
    return values


def shown(declared: Json, values: dict[str, Any]) -> Json:
    """The parameters as a deployment's document shows them: types as Azure spells them, no secure value."""
    return {name: typed(declared[name]["type"], value) for name, value in values.items()}


def typed(kind: str, value: Any) -> Json:
    """A value with its type as a deployment's document shows both: of what is secure, the type alone."""
    own = {"type": _SPELLED[kind.lower()]}
    return own if kind.lower().startswith("secure") else {**own, "value": value}


def is_type(kind: Any) -> bool:
    """Whether parameters and outputs can be of that type."""
    return isinstance(kind, str) and kind.lower() in _TYPES


def misfit(kind: str, value: Any) -> str:
    """What to say of a value that is not of the type; "" when it is."""
    if isinstance(value, _TYPES[kind.lower()]) and not (kind.lower() == "int" and isinstance(value, bool)):
        return ""
    expected, actual = _EXPECTED.get(kind.lower(), "Object"), _TOKENS.get(type(value), "Undefined")
    return f"JToken type is not valid. Expected '{expected}'. Actual '{actual}'."


def _require_declared(names: dict[str, str], given: Json) -> None:
    unknown = [name for name in given if name.lower() not in names]
    if unknown:
        raise TemplateError(
            "The following parameters were supplied, but do not correspond to any parameters defined in "
            "the template: "
            f"'{', '.join(unknown)}'. The parameters defined in the template are: "
            f"'{', '.join(names.values())}'. Please see "
            "https://aka.ms/arm-pass-parameter-values for usage details."
        )


def _given(name: str, entry: Any) -> Any:
    if not isinstance(entry, dict) or "value" not in entry:
        raise TemplateError(
            f"The value for the template parameter '{name}' is not provided. Please see "
            "https://aka.ms/arm-create-parameter-file for usage details."
        )
    return entry["value"]


def _fill(name: str, declared: Json, values: dict[str, Any], scope: Scope, trail: tuple[str, ...]) -> None:
    if name in values:
        return
    if "defaultValue" not in declared[name]:
        raise TemplateError(
            f"The value for the template parameter '{name}' at line '1' and column '1' is not provided. "
            "Please see "
            "https://aka.ms/arm-create-parameter-file for usage details."
        )
    if name in trail:
        raise TemplateError(
            f"Circular reference detected in the default value of template parameter '{name}'."
        )
    lookup = _Lookup(declared, values, scope, (*trail, name))
    values[name] = replace(scope, parameters=lookup, defaults=True).value(declared[name]["defaultValue"])


class _Lookup(Mapping[str, Any]):
    """Parameter values that are worked out when a default first asks for them."""

    def __init__(self, declared: Json, values: dict[str, Any], scope: Scope, trail: tuple[str, ...]) -> None:
        self._declared, self._values, self._scope, self._trail = declared, values, scope, trail

    def __getitem__(self, name: str) -> Any:
        _fill(name, self._declared, self._values, self._scope, self._trail)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


def _check(name: str, definition: Json, value: Any) -> None:
    kind = definition.get("type", "")
    if not is_type(kind):
        raise TemplateError(f"The template parameter '{name}' has the type '{kind}', which is not valid.")
    if why := misfit(kind, value):
        raise TemplateError(
            f"Template parameter {why} Please see https://aka.ms/arm-create-parameter-file for usage details."
        )
    _check_allowed(name, definition, value)
    _check_bounds(name, definition, value)


def _check_allowed(name: str, definition: Json, value: Any) -> None:
    allowed = definition.get("allowedValues")
    if allowed is not None and value not in allowed:
        choices = ",".join(to_text(choice) for choice in allowed)
        raise TemplateError(
            f"The provided value '{to_text(value)}' for the template parameter '{name}' is not valid. The "
            "value "
            f"'{to_text(value)}' is not part of the allowed value(s): '{choices}'."
        )


def _check_bounds(name: str, definition: Json, value: Any) -> None:
    size = value if isinstance(value, int) else len(value)
    suffix = "Value" if isinstance(value, int) else "Length"
    low, high = definition.get(f"min{suffix}", size), definition.get(f"max{suffix}", size)
    if not low <= size <= high:
        raise TemplateError(
            f"The provided value for the template parameter '{name}' is not valid. Its {suffix.lower()} "
            "must be between "
            f"'{low}' and '{high}'."
        )
