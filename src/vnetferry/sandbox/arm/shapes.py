"""The shape of a body: which of its members are objects, lists and plain values.

Checked before a service looks at a body, so that no handler meets a list where it expects an object. What does
not fit is refused as Azure's front door refuses it, 400 `InvalidRequestContent` with the path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vnetferry.sandbox.arm.bodies import invalid_content
from vnetferry.sandbox.wire import Json

# `str`, `int`, `bool`, `float`, `dict` or `list`: a plain value; `[shape]`: a list of such; `{name: shape}`: an
# object, of which other members may be anything; `{"*": shape}`: an object whose members all have that shape;
# a tuple: any of these.
Shape = Any

_NAMES = {str: "String", bool: "Boolean", int: "Int32", float: "Double", dict: "JObject", list: "JArray"}


def reader(shape: Mapping[str, Shape]) -> Callable[[Json], Json]:
    """What reads a whole body of that shape."""

    def read(body: Json) -> Json:
        found: Json = fitted(body, shape)
        return found

    return read


def fitted(value: Any, shape: Shape, path: str = "") -> Any:
    """`value` with the names that `shape` knows in its spelling and without those that are null.

    Raises: AzureError 400 for a value of another kind, and for a null in a list.
    """
    if isinstance(shape, tuple):
        shape = next((each for each in shape if _is_of(value, each)), shape[0])
    if not _is_of(value, shape):
        raise invalid_content(
            f"Error converting value {_shown(value)} to type '{_name(shape)}'. Path '{path}'"
        )
    if isinstance(shape, list):
        return [fitted(item, shape[0], f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(shape, dict):
        return value
    if "*" in shape:
        return {name: fitted(item, shape["*"], _below(path, name)) for name, item in value.items()}
    return _members(value, shape, path)


def _members(value: Json, shape: Mapping[str, Shape], path: str) -> Json:
    spelling = {name.lower(): name for name in shape}
    read: Json = {}
    for name, item in value.items():
        own = spelling.get(name.lower())
        if own is None:
            read[name] = item
        elif item is not None:
            read[own] = fitted(item, shape[own], _below(path, name))
    return read


def _is_of(value: Any, shape: Shape) -> bool:
    kind = shape if isinstance(shape, type) else type(shape)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def _name(shape: Shape) -> str:
    return _NAMES[shape if isinstance(shape, type) else type(shape)]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else f"of type '{type(value).__name__}'"
