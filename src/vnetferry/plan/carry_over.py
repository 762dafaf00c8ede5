"""What becomes of every property of a source document, found by comparing it with what is written to the
target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vnetferry.models.base import Json, canonical_json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.models.plan import CarryOver, Disposition, PlanWarning
from vnetferry.plan.field_rules import Path, Rule
from vnetferry.plan.fields import leaves, rule_of, strangers
from vnetferry.plan.parts import Part, attention
from vnetferry.plan.secrets import redact

SHOWN_MAX = 160
_ABSENT = object()
SET_BY_PLAN = "the source has no such property; the plan sets it"
_WITHOUT_A_RULE = Rule("drop", "has no place in the target")


def carry_over(
    document: Document, target: ResourceId, body: Json, special: Mapping[Path, Rule] | None = None
) -> Part:
    """One entry for each property of `document` and of what the target gets besides, and a warning for each that
    vnetferry does not know.

    In: body: what is written to `target`; special: rules for single properties that the body alone does not
        explain.
    """
    found = tuple(leaves(document.type, document.body))
    entries = tuple(
        _entry(document, target, body, path, value, (special or {}).get(path)) for path, value in found
    )
    told = {entry.path for entry in entries}
    return Part(
        carry_over=(
            *entries,
            *(each for each in _additions(document, target, body) if each.path not in told),
        ),
        warnings=tuple(
            each
            for leaf, entry in zip(found, entries, strict=True)
            for each in _unknown(document, leaf, entry)
        ),
    )


def _additions(document: Document, target: ResourceId, body: Json) -> Iterator[CarryOver]:
    """What is written to the target and stands in no property of the source."""
    for path, value in leaves(document.type, body):
        if _at(document.body, path) in (_ABSENT, None, {}):
            yield CarryOver(
                source=document.id,
                path=".".join(path),
                disposition="remapped",
                target=target,
                after=shown(path, value),
                reason=SET_BY_PLAN,
            )


def _entry(
    document: Document, target: ResourceId, body: Json, path: Path, before: Any, special: Rule | None
) -> CarryOver:
    rule = special or rule_of(document.type, path)
    after = _at(body, path)
    if after is _ABSENT and rule.what in ("carry", "unknown") and not special:
        rule = _WITHOUT_A_RULE
    return CarryOver(
        source=document.id,
        path=".".join(path),
        disposition=_disposition(rule, before, after),
        target=target,
        before=shown(path, before),
        after="" if after is _ABSENT else shown(path, after),
        reason=rule.reason,
    )


def _disposition(rule: Rule, before: Any, after: Any) -> Disposition:
    if rule.what == "drop":
        return "dropped"
    if rule.what == "remake":
        return "re-created"
    return "carried" if after is _ABSENT or _same(before, after) else "remapped"


def _same(before: Any, after: Any) -> bool:
    """Whether Azure takes both for the same; it writes `Disabled` for a `disabled` that it was sent."""
    if isinstance(before, str) and isinstance(after, str):
        return before.lower() == after.lower()
    return bool(before == after)


def _unknown(document: Document, leaf: tuple[Path, Any], entry: CarryOver) -> Iterator[PlanWarning]:
    fate = "left out" if entry.disposition == "dropped" else "carried as it is"
    for path in strangers(document.type, *leaf):
        yield attention(document.id, f"{'.'.join(path)} is not known to vnetferry and is {fate}; check it.")


def _at(body: Any, path: Path) -> Any:
    for part in path:
        if not isinstance(body, dict) or part not in body:
            return _ABSENT
        body = body[part]
    return body


def shown(path: Path, value: Any) -> str:
    """A value for people: short, and without what looks like a secret."""
    kept = _redacted(path, value)
    text = kept if isinstance(kept, str) else canonical_json(kept)
    if len(text) <= SHOWN_MAX:
        return text
    half = SHOWN_MAX // 2  # both ends, because ids differ at their ends
    return f"{text[:half]}…{text[-(SHOWN_MAX - half - 1) :]}"


def _redacted(path: Path, value: Any) -> Any:
    """`value` as it stands at `path` of a redacted document."""
    whole = value
    for part in reversed(path):
        whole = {part: whole}
    whole = redact(whole)
    for part in path:
        whole = whole[part]
    return whole
