"""Whether two endpoints gave the same answer to the same request. Pure.

Answers are compared as JSON: objects by key, arrays by position, numbers within a tolerance, everything else exactly.
An answer that is not JSON is compared byte for byte.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from vnetferry.models.config import Tolerance


def compare_answers(source: bytes, target: bytes, tolerance: Tolerance) -> list[str]:
    """Where the two answers differ, as `path: what` lines; empty when they agree.

    In:  both bodies; tolerance: numbers agree when |a-b| <= max(relative * max(|a|, |b|), absolute).
    """
    try:
        old, new = json.loads(source), json.loads(target)
    except ValueError:
        return (
            []
            if source == target
            else [f"$: {len(source)} bytes against {len(target)} other bytes, not JSON"]
        )
    return list(_differences("$", old, new, tolerance))


def _differences(path: str, old: Any, new: Any, tolerance: Tolerance) -> Iterator[str]:
    if _is_number(old) and _is_number(new):
        if not _close(old, new, tolerance):
            yield f"{path}: {old} against {new}"
    elif type(old) is not type(new):
        yield f"{path}: {type(old).__name__} against {type(new).__name__}"
    elif isinstance(old, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _member(f"{path}.{key}", key, old, new, tolerance)
    elif isinstance(old, list):
        if len(old) != len(new):
            yield f"{path}: {len(old)} items against {len(new)}"
        for index, (a, b) in enumerate(zip(old, new, strict=False)):
            yield from _differences(f"{path}[{index}]", a, b, tolerance)
    elif old != new:
        yield f"{path}: {old!r} against {new!r}"


def _member(
    path: str, key: str, old: dict[str, Any], new: dict[str, Any], tolerance: Tolerance
) -> Iterator[str]:
    if key not in old or key not in new:
        yield f"{path}: only in the {'target' if key in new else 'source'}'s answer"
    else:
        yield from _differences(path, old[key], new[key], tolerance)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(a: float, b: float, tolerance: Tolerance) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)
