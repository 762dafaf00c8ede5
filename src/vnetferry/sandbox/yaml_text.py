"""YAML that clients send or upload: read quickly, and no further than it can be worked with.

The fast reader goes down into a document without end, and a few lines of aliases may stand for more than any
memory holds. So depth is judged before it is read, and what it comes to before it is used.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from vnetferry.sandbox.wire import is_larger

_LOADER: Any = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
_MAX_DEPTH = 100
# No request to Resource Manager is larger, so nobody can have sent that much written out.
_MAX_SIZE = 4 * 1024 * 1024


def read_yaml(text: str) -> Any:
    """The value of a YAML text, which JSON can say; ValueError for anything else."""
    try:
        _require_flat(text)
        value = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as err:
        raise ValueError(str(err)) from err
    if is_larger(value, _MAX_SIZE):
        raise ValueError(f"it comes to more than {_MAX_SIZE} characters with its aliases written out")
    return json.loads(as_json(value))


def as_json(value: Any) -> str:
    """Indented JSON, dates as text; ValueError for what JSON has no word for."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    except TypeError as err:
        raise ValueError(str(err)) from err


def _require_flat(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"it nests deeper than {_MAX_DEPTH} levels")
