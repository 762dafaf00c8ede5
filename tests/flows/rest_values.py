"""Values for every writable field of a document, drawn from the SDK's own models of the REST API.

Nothing here lists fields: what a new version of the models adds is drawn without anybody thinking of it. Only what a
value must be to be valid, where its type does not tell, is in the table that the caller gives.
"""

from __future__ import annotations

import datetime
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

from azure.ai.ml._restclient.arm_ml_service import models
from azure.ai.ml._restclient.arm_ml_service.models import _models
from hypothesis import strategies as st

Json = dict[str, Any]
Strategy = st.SearchStrategy[Any]
ODD_TEXTS = [
    "",
    " ",
    "0",
    "null",
    "Straße 模型 نموذج 🚀",
    "a.b/c:d",
    "x" * 256,
    'quotes " and \\',
    "${{not.a.reference}}",
]
# As ARM takes for the names of tags: no control characters, none of <>%&\?/ and no blanks at the ends.
ODD_NAMES = ["team", "Cost.Center", "größe", "部署", "UPPER case", "x" * 100, "a-b_c", "hidden-link:x"]
texts: Strategy = st.sampled_from(ODD_TEXTS) | st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=12
)
words: Strategy = st.from_regex(r"[A-Za-z][A-Za-z0-9]{7,15}", fullmatch=True)
maps: Strategy = st.dictionaries(st.sampled_from(ODD_NAMES), texts, max_size=3)


def writable_fields(model: type[Any]) -> dict[str, Any]:
    """Wire name -> type hint of each field that a client may write."""
    return {name: hint for name, (visibility, hint) in _fields(model).items() if _is_writable(visibility)}


def model_in(hint: Any) -> type[Any] | None:
    """The model that a type hint is of, or None."""
    if getattr(hint, "__module__", "") == _models.__name__:
        return typing.cast("type[Any]", hint)
    return next(filter(None, map(model_in, typing.get_args(hint))), None)


def properties_of(model: type[Any], table: Mapping[str, Strategy], path: str = "") -> Strategy:
    """Objects of a model: each field absent, null, or of any value of its type.

    In: table: by dotted path, what a field is instead; None leaves it out.
    """
    required, optional = {}, {}
    for name, hint in writable_fields(model).items():
        where = f"{path}.{name}" if path else name
        value = table[where] if where in table else _values(hint, table, where)
        if value is None:
            continue
        if where in table or typing.get_origin(hint) is typing.Literal:
            required[name] = value
        else:
            optional[name] = value | st.none()
    return st.fixed_dictionaries(required, optional=optional)


def _values(hint: Any, table: Mapping[str, Strategy], path: str) -> Strategy | None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _values_of_union([a for a in arguments if a is not type(None)], table, path)
    if origin is typing.Literal:
        return st.sampled_from([getattr(a, "value", a) for a in arguments])
    if origin is dict:
        value = _values(arguments[1], table, path)
        return (
            maps
            if arguments[1] is str or value is None
            else st.dictionaries(st.sampled_from(ODD_NAMES), value, max_size=2)
        )
    if origin is list:
        value = _values(arguments[0], table, path)
        return None if value is None else st.lists(value, max_size=2)
    return _values_of_class(hint, table, path)


def _values_of_union(arguments: list[Any], table: Mapping[str, Strategy], path: str) -> Strategy | None:
    """An enumeration comes as a union with str."""
    words = [a for a in arguments if isinstance(a, type) and issubclass(a, enum.Enum)]
    return _values((words or arguments)[0], table, path)


def _values_of_class(hint: Any, table: Mapping[str, Strategy], path: str) -> Strategy | None:
    plain: dict[Any, Strategy] = {
        str: texts,
        bool: st.booleans(),
        int: st.integers(0, 3),
        float: st.sampled_from([0.0, 0.1, 1.0]),
        datetime.timedelta: st.sampled_from(["PT1S", "PT10S", "PT1M30S"]),
        datetime.datetime: st.sampled_from(["2027-01-01T00:00:00Z"]),
    }
    if hint in plain:
        return plain[hint]
    if issubclass(hint, enum.Enum):
        return st.sampled_from([word.value for word in hint])
    return properties_of(hint, table, path)


def _fields(model: type[Any]) -> dict[str, tuple[list[str] | None, Any]]:
    model.__new__(model)  # fills the model's table of fields
    names = {**vars(_models), "_models": models, "datetime": datetime}
    hints = typing.get_type_hints(model, names)
    table: Mapping[str, Any] = model._attr_to_rest_field
    return {field._rest_name: (field._visibility, hints[name]) for name, field in table.items()}


def _is_writable(visibility: list[str] | None) -> bool:
    return visibility is None or bool({"create", "update"} & set(visibility))
