"""The fields of Azure Policy's rule language: which values of a resource a field's name stands for.

Source: Azure Policy definition structure, fields and aliases; Author policies for array properties. An alias is read by
its form, as Azure's own list of aliases is not kept here: the resource's type, then the path below `properties`, or
beside it. Where Azure's aliases pass over a further `properties`, so does the path. That is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from vnetferry.sandbox.wire import Json, copied

_PLAIN = {"id", "name", "fullname", "kind", "type", "location", "tags", "identity.type"}
_TAG = re.compile(r"tags(?:\.(?P<dotted>.+)|\[(?P<bare>.+)\])", re.IGNORECASE)


class Selected(NamedTuple):
    """What a field stands for: one value (None: there is none), or the members of arrays (`[*]`)."""

    values: list[Any]
    is_collection: bool = False


def is_field(name: str) -> bool:
    """Whether a rule may name such a field."""
    return name.lower() in _PLAIN or _TAG.fullmatch(name) is not None or is_alias(name)


def is_alias(name: str) -> bool:
    """Whether this is the form of an alias: a namespace, a type and a path."""
    return name.count("/") >= 2 and "." in name.partition("/")[0] and not name.endswith("/")


def select(resource: Json, name: str) -> Selected:
    """The values of a field; an alias of another type stands for nothing."""
    if tag := _TAG.fullmatch(name):
        return Selected([_own(_own(resource, "tags"), tag["dotted"] or _unquoted(tag["bare"]))])
    if not is_alias(name):
        first, _, second = name.partition(".")
        return Selected([_own(_own(resource, first), second) if second else _own(resource, first)])
    is_collection, steps = "[*]" in name, _path(resource, name)
    if steps is None:
        return Selected([] if is_collection else [None], is_collection)
    return Selected(_walk(resource, steps), is_collection)


def narrowed(resource: Json, alias: str) -> list[Json]:
    """For each member of the array that an alias `…[*]` stands for: the resource as if it were the only one."""
    steps = _path(resource, alias) or []
    return [_with_only(resource, steps, index) for index in range(len(select(resource, alias).values))]


def _with_only(resource: Json, steps: Sequence[str], index: int) -> Json:
    found = copied(resource)
    (members,) = _walk(found, [*steps[:-1], steps[-1].removesuffix("[*]")])
    members[:] = [members[index]]
    return found


def _path(resource: Json, alias: str) -> list[str] | None:
    """The steps of an alias of the resource's own type; None for another's."""
    kind, _, path = alias.rpartition("/")
    return path.split(".") if kind.lower() == str(resource.get("type")).lower() else None


def _walk(value: Any, steps: Sequence[str]) -> list[Any]:
    if not steps:
        return [value]
    found = _member(value, steps[0].removesuffix("[*]"))
    if not steps[0].endswith("[*]"):
        return _walk(found, steps[1:])
    members = found if isinstance(found, list) else []
    return [each for member in members for each in _walk(member, steps[1:])]


def _member(value: Any, name: str) -> Any:
    """A member of an object, found in its `properties` or beside it."""
    found = _own(_own(value, "properties"), name)
    return _own(value, name) if found is None else found


def _own(value: Any, name: str) -> Any:
    """A member of an object, without regard to case; None when it has none."""
    members = value.items() if isinstance(value, dict) else ()
    return next((item for key, item in members if key.lower() == name.lower()), None)


def _unquoted(name: str) -> str:
    """`'a'` is the tag a; quotes within are doubled, and those of `'''a'''` are the tag's own."""
    return name[1:-1].replace("''", "'") if len(name) > 1 and name[0] == name[-1] == "'" else name
