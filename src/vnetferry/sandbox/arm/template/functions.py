"""The template language's pure functions: strings, numbers, arrays, objects, logic. Names are without case.

Source: ARM template functions. Those that look at the deployment or at resources are in scope.py.
"""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from vnetferry.sandbox.arm.template import hashing
from vnetferry.sandbox.arm.template.failures import TemplateError, misuse
from vnetferry.sandbox.wire import is_larger, read_json

# Source: Azure Resource Manager limits, deployments: 4 MB of a template, its values and loops filled in.
MAX_SIZE = 4 * 1024 * 1024
_PLACEHOLDER = re.compile(r"\{(\d+)(?:,-?\d+)?(?::([^}]*))?\}")


def call(name: str, arguments: list[Any]) -> Any:
    """The value of a pure function; TemplateError for wrong arguments, KeyError for an unknown name."""
    function = FUNCTIONS[name.lower()]
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as err:
        count = f"it does not take {len(arguments)} argument(s)."
        raise misuse(name, count) from err
    return require_small(apply(name, function, arguments))


def apply(name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
    """What a function that is called so in a template makes of its arguments; TemplateError if it takes them not."""
    try:
        value = function(*arguments)
        _require(not isinstance(value, int) or -(2**63) <= value < 2**63)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError) as err:
        raise misuse(name, "its arguments are not of the types or values that it takes.") from err
    return value


def require_small(value: Any) -> Any:
    """`value`, unless it alone is larger than a template may be with all its values filled in (the text is assumed)."""
    if is_larger(value, MAX_SIZE):
        raise TemplateError(f"The values of the template take more than the limit of {MAX_SIZE} characters.")
    return value


def to_text(value: Any) -> str:
    """`string()`: JSON without spaces for what is no string."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def _concat(*values: Any) -> Any:
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    _require(all(isinstance(value, (str, int)) for value in values))
    return "".join(to_text(value) for value in values)


def _format(template: str, *values: Any) -> str:
    def insert(match: re.Match[str]) -> str:
        value, style = values[int(match[1])], match[2]
        width = re.fullmatch(r"[Dd](\d{0,2})", style or "")
        return f"{value:0{width[1] or 1}d}" if width else to_text(value)

    text = _PLACEHOLDER.sub(insert, template.replace("{{", "\0").replace("}}", "\1"))
    return text.replace("\0", "{").replace("\1", "}")


def _same(one: Any, other: Any) -> bool:
    """`equals` compares strings with regard to case, and values of different types as different."""
    return type(one) is type(other) and bool(one == other)


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict):
        return str(item).lower() in [key.lower() for key in container]
    if isinstance(container, str):
        return to_text(item) in container
    _require(isinstance(container, list))
    return any(_same(found, item) for found in container)


def _integer(value: Any) -> int:
    _require(isinstance(value, (str, int)) and not isinstance(value, bool))
    return int(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
    return bool(value)


def _empty(value: Any) -> bool:
    _require(value is None or isinstance(value, (str, list, dict)))
    return not value


def _length(value: Any) -> int:
    return len(value)


def _take(value: Any, count: int) -> Any:
    return value[: max(count, 0)]


def _skip(value: Any, count: int) -> Any:
    return value[max(count, 0) :]


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    _require(0 <= start <= len(text) and start <= end <= len(text))
    return text[start:end]


def _split(text: str, marks: str | list[str]) -> list[str]:
    choices = [marks] if isinstance(marks, str) else marks
    return re.split("|".join(re.escape(mark) for mark in choices), text)


def _union(*values: Any) -> Any:
    if all(isinstance(value, dict) for value in values):
        merged: dict[str, Any] = {}
        for value in values:
            merged = _merge(merged, value)
        return merged
    return _distinct(_concat(*values))


def _merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    nested = {
        k: _merge(one[k], v) for k, v in other.items() if isinstance(v, dict) and isinstance(one.get(k), dict)
    }
    return {**one, **other, **nested}


def _distinct(values: list[Any]) -> list[Any]:
    found: dict[tuple[str, str], Any] = {}
    for value in values:
        found.setdefault(_identity(value), value)
    return list(found.values())


def _identity(value: Any) -> tuple[str, str]:
    """What two values have in common when they are the same."""
    return type(value).__name__, json.dumps(value, sort_keys=True)


def _intersection(first: Any, *others: Any) -> Any:
    if isinstance(first, dict):
        return {k: v for k, v in first.items() if all(k in other and _same(other[k], v) for other in others)}
    held = [{_identity(value) for value in other} for other in others]
    return _distinct([value for value in first if all(_identity(value) in each for each in held)])


def _create_object(*values: Any) -> dict[str, Any]:
    _require(len(values) % 2 == 0)
    return dict(zip(values[::2], values[1::2], strict=True))


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _numbers(values: tuple[Any, ...]) -> list[int]:
    return values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)


def _range(start: int, count: int) -> list[int]:
    _require(0 <= count <= 10_000)
    return list(range(start, start + count))


def _unsupported(message: Any) -> Any:
    raise TemplateError(str(message))


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()


def _join(values: list[Any], mark: str) -> str:
    _require(len(values) * len(mark) <= MAX_SIZE)
    return mark.join(to_text(value) for value in values)


def _replace(text: str, old: str, new: str) -> str:
    _require(bool(old) and text.count(old) * len(new) <= MAX_SIZE)
    return text.replace(old, new)


def _pad_left(value: Any, width: int, mark: str = " ") -> str:
    _require(0 <= width <= MAX_SIZE)
    return to_text(value).rjust(width, mark)


def _quotient(one: Any, other: Any) -> int:
    """Rounded towards zero."""
    whole, by = _integer(one), _integer(other)
    return whole // by if (whole < 0) == (by < 0) else -(-whole // by)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: _integer(a) + _integer(b),
    "and": lambda a, b, *more: all((a, b, *more)),
    "array": lambda value: value if isinstance(value, list) else [value],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64tojson": lambda text: read_json(_decoded(text)),
    "base64tostring": _decoded,
    "bool": _boolean,
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *values: list(values),
    "createobject": _create_object,
    "datauri": lambda text: f"data:text/plain;charset=utf8;base64,{base64.b64encode(text.encode()).decode()}",
    "div": _quotient,
    "empty": _empty,
    "endswith": lambda text, end: text.lower().endswith(end.lower()),
    "equals": _same,
    "fail": _unsupported,
    "false": lambda: False,
    "first": lambda value: value[0] if value else ("" if isinstance(value, str) else None),
    "flatten": lambda values: [item for value in values for item in value],
    "format": _format,
    "greater": lambda a, b: a > b,
    "greaterorequals": lambda a, b: a >= b,
    "guid": hashing.guid,
    "indexof": lambda text, part: (
        text.lower().find(part.lower()) if isinstance(text, str) else text.index(part)
    ),
    "int": _integer,
    "intersection": _intersection,
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "join": _join,
    "json": read_json,
    "last": lambda value: value[-1] if value else ("" if isinstance(value, str) else None),
    "lastindexof": lambda text, part: text.lower().rfind(part.lower()),
    "length": _length,
    "less": lambda a, b: a < b,
    "lessorequals": lambda a, b: a <= b,
    "max": lambda *values: max(_numbers(values)),
    "min": lambda *values: min(_numbers(values)),
    "mod": lambda a, b: _integer(a) - _integer(b) * _quotient(a, b),
    "mul": lambda a, b: _integer(a) * _integer(b),
    "not": lambda value: not _boolean(value),
    "null": lambda: None,
    "objectkeys": sorted,
    "or": lambda a, b, *more: any((a, b, *more)),
    "padleft": _pad_left,
    "range": _range,
    "replace": _replace,
    "shallowmerge": lambda values: {k: v for value in values for k, v in value.items()},
    "skip": _skip,
    "split": _split,
    "startswith": lambda text, start: text.lower().startswith(start.lower()),
    "string": to_text,
    "sub": lambda a, b: _integer(a) - _integer(b),
    "substring": _substring,
    "take": _take,
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "true": lambda: True,
    "tryget": lambda value, key: value.get(key),
    "union": _union,
    "uniquestring": hashing.unique_string,
    "uri": lambda base, relative: base.rpartition("/")[0] + "/" + relative.lstrip("/"),
    "uricomponent": lambda text: quote(text, safe=""),
    "uricomponenttostring": unquote,
}
