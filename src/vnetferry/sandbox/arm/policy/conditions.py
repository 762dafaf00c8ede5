"""The conditions of Azure Policy's rule language: one value of a resource against one value of a rule.

Source: Azure Policy definition structure, conditions: texts are compared without regard to case, but by `match` and
`notMatch`. What a resource does not have equals, contains and is like nothing; that it is neither less nor greater than
anything is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from vnetferry.sandbox.arm.template.functions import to_text

Condition = Callable[[Any, Any], bool]


class ConditionError(Exception):
    """A value of a kind that the condition does not compare: the evaluation of the rule fails."""


def plain(value: Any) -> str:
    """A value as a text that can be compared: a rule may write `true` and 5 as texts."""
    return to_text(value).lower()


def _equals(value: Any, target: Any) -> bool:
    return value is not None and plain(value) == plain(target)


def _is_in(value: Any, targets: Any) -> bool:
    if not isinstance(targets, list):
        raise ConditionError("in and notIn compare with an array.")
    return any(_equals(value, target) for target in targets)


def _is_like(value: Any, pattern: Any) -> bool:
    words = map(re.escape, plain(pattern).split("*"))
    return value is not None and re.fullmatch(".*".join(words), plain(value), re.DOTALL) is not None


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, list):
        return _is_in(part, value)
    return value is not None and plain(part) in plain(value)


def _contains_key(value: Any, key: Any) -> bool:
    return isinstance(value, dict) and plain(key) in [name.lower() for name in value]


def _matches(value: Any, pattern: Any) -> bool:
    """`#` is a digit, `?` a letter, `.` any character, and everything else itself."""
    marks = {"#": "[0-9]", "?": "[A-Za-z]", ".": "."}
    parts = "".join(marks.get(mark, re.escape(mark)) for mark in to_text(pattern))
    return value is not None and re.fullmatch(parts, to_text(value)) is not None


def _matches_insensitively(value: Any, pattern: Any) -> bool:
    return value is not None and _matches(plain(value), plain(pattern))


def _exists(value: Any, wanted: Any) -> bool:
    return (value is not None) == (plain(wanted) == "true")


def _ordered(holds: Callable[[Any, Any], bool]) -> Condition:
    """Numbers by size, texts by their letters; one beside the other is an error, as documented."""

    def compare(value: Any, target: Any) -> bool:
        if value is None:
            return False
        numbers = [isinstance(each, (int, float)) and not isinstance(each, bool) for each in (value, target)]
        if all(numbers):
            return holds(value, target)
        if isinstance(value, str) and isinstance(target, str):
            return holds(value.lower(), target.lower())
        raise ConditionError(f"'{to_text(value)}' and '{to_text(target)}' are of types that have no order.")

    return compare


def _not(condition: Condition) -> Condition:
    return lambda value, target: not condition(value, target)


CONDITIONS: dict[str, Condition] = {
    "equals": _equals,
    "notEquals": _not(_equals),
    "like": _is_like,
    "notLike": _not(_is_like),
    "match": _matches,
    "notMatch": _not(_matches),
    "matchInsensitively": _matches_insensitively,
    "notMatchInsensitively": _not(_matches_insensitively),
    "contains": _contains,
    "notContains": _not(_contains),
    "in": _is_in,
    "notIn": _not(_is_in),
    "containsKey": _contains_key,
    "notContainsKey": _not(_contains_key),
    "less": _ordered(lambda value, target: value < target),
    "lessOrEquals": _ordered(lambda value, target: value <= target),
    "greater": _ordered(lambda value, target: value > target),
    "greaterOrEquals": _ordered(lambda value, target: value >= target),
    "exists": _exists,
}
