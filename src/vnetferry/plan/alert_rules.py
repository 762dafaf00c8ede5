"""Activity log alerts and alert processing rules about what moves, made again for the target.

Their scopes often lie above the workspace, and conditions choose what they are about. What covers source and target
alike, such as a rule on their subscription, stays as it is. What the source's resource group alone has becomes one on
the target's; there it is for Azure Machine Learning alone, because nobody asked for it on the rest of that group.
"""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.models.alert_rules import (
    ALERT_FIELDS,
    GROUP_FIELDS,
    KIND_FIELDS,
    RESOURCE_FIELDS,
    chooses,
    field_of,
    is_by_parts,
    kinds_of_ml,
    let_pass,
    named,
    named_alerts,
)
from vnetferry.models.base import Json
from vnetferry.models.ids import ML
from vnetferry.models.inventory import ACTIVITY_ALERT, PROCESSING_RULE, Document
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.monitors import alert_warnings, made_again, renamed, watched
from vnetferry.plan.moved import Moved
from vnetferry.plan.parts import Part, attention, join
from vnetferry.plan.scope import Scope

_CHOOSING = RESOURCE_FIELDS | GROUP_FIELDS | KIND_FIELDS | ALERT_FIELDS


def plan_activity_alerts(scope: Scope, moved: Moved) -> Part:
    """Activity log alerts about what moves, by their scopes or by what their conditions name."""
    rewriting = _Rewriting(scope, moved, ())
    return join(_plan(scope, moved, rewriting, each) for each in scope.inventory.of_type(ACTIVITY_ALERT))


def plan_processing_rules(scope: Scope, moved: Moved, alerts: Iterable[Step]) -> Part:
    """Alert processing rules for alerts about what moves. In: alerts: the steps that make alerts again."""
    rewriting = _Rewriting(scope, moved, alerts)
    return join(_plan(scope, moved, rewriting, each) for each in scope.inventory.of_type(PROCESSING_RULE))


def _plan(scope: Scope, moved: Moved, rewriting: _Rewriting, document: Document) -> Part:
    """The step that makes a rule again; nothing but what to know of it when it stays with what it is about."""
    before, after = document.properties, rewriting.properties(document.properties)
    scopes = [str(text) for text in before.get("scopes") or ()]
    if let_pass(after, _CHOOSING) == let_pass(before, _CHOOSING) and any(map(rewriting.covers_both, scopes)):
        is_other = {**after, "scopes": before["scopes"]} != before
        return Part(warnings=(_keeps_out_too_little(document),) if is_other else ())
    if not after["scopes"] or rewriting.names_only_what_stays(before, after):
        return Part()
    is_wide = not chooses(before) and not all(map(moved.target, scopes))

    def change(body: Json) -> Json:
        return {**body, "properties": _for_ml_alone(document.type, after) if is_wide else after}

    targets = [target for text in scopes if (target := moved.target(text))]
    on = targets or [scope.target]
    # What holds alerts back is there before any alert.
    holds_back = document.type.lower() == PROCESSING_RULE.lower()
    needs = map(moved.maker, on) if holds_back else watched(scope, on)
    part = made_again(document, "create_alert", renamed(scope, document), tuple(needs), change)
    said = [*part.warnings, *alert_warnings(document, targets)]
    if len(named(after)) < len(named(before)):
        text = f"{document.name} names what stays too; the new one names what moves alone."
        said.append(attention(document.id, text))
    if is_wide:
        wide, narrow = (
            ", ".join(text.rpartition("/")[2] for text in ids) for ids in (scopes, after["scopes"])
        )
        text = f"{document.name} is for all of {wide}; the new one is for what {narrow} has of Azure Machine Learning."
        said.append(attention(document.id, text))
    return part._replace(warnings=tuple(said))


def _keeps_out_too_little(document: Document) -> PlanWarning:
    text = (
        f"{document.name} keeps out by name what moves, and holds for the target too, which it does not keep out. "
        "Add the new names to it."
    )
    return attention(document.id, text)


def _for_ml_alone(kind: str, properties: Json) -> Json:
    """The properties with a condition that lets Azure Machine Learning's resources pass, and of others none."""
    if kind.lower() == PROCESSING_RULE.lower():
        ours = {"field": "TargetResourceType", "operator": "Equals", "values": kinds_of_ml(properties)}
        others = [c for c in properties.get("conditions") or () if field_of(c) != "targetresourcetype"]
        return {**properties, "conditions": [*others, ours]}  # a field is in one condition alone
    condition = properties["condition"]
    every = [*condition["allOf"], {"field": "resourceProvider", "equals": ML}]
    return {**properties, "condition": {**condition, "allOf": every}}


class _Rewriting:
    """Scopes and conditions of rules, about the target."""

    def __init__(self, scope: Scope, moved: Moved, alerts: Iterable[Step]) -> None:
        source, target = scope.inventory.source, scope.target
        self._moved, self._remap = moved, scope.remap
        subscription = f"/subscriptions/{source.subscription_id}"
        self._above = {source.group_id.key: str(target.group_id), subscription.lower(): subscription}
        self._groups = {source.resource_group.lower(): target.resource_group, **self._above}
        renamed_endpoints = {old.lower(): new for old, new in scope.remap.endpoints.items()}
        self._parts = {source.name.lower(): target.name, **renamed_endpoints}
        twins = [(step.source, step.resource) for step in alerts if step.source]
        self._alerts = {old.key: [str(new)] for old, new in twins}
        for old, new in twins:
            self._alerts.setdefault(old.name.lower(), []).append(new.name)

    def covers_both(self, scope: str) -> bool:
        """Whether a scope holds the target as it holds the source."""
        return self._above.get(scope.rstrip("/").lower(), "").lower() == scope.rstrip("/").lower()

    def properties(self, properties: Json) -> Json:
        """Those of the target's rule: without scopes that do not move."""
        before = map(str, properties.get("scopes") or ())
        scopes = dict.fromkeys(new for text in before if (new := self._scope(text)))
        found = {**properties, "scopes": list(scopes)}
        if held := properties.get("conditions"):
            found["conditions"] = [self._condition(each) for each in held]
        if held := (properties.get("condition") or {}).get("allOf"):
            every = [self._condition(each) for each in held]
            found["condition"] = {**properties["condition"], "allOf": every}
        return found

    def names_only_what_stays(self, before: Json, after: Json) -> bool:
        """Whether the conditions name resources, or alerts, by id, and none of them moves."""
        return any(ids(before) and ids(before) == ids(after) for ids in (named, named_alerts))

    def _scope(self, text: str) -> str:
        """What a scope becomes; "" for what does not move."""
        target = self._moved.target(text)
        return str(target) if target else self._above.get(text.rstrip("/").lower(), "")

    def _condition(self, condition: Json) -> Json:
        if either := condition.get("anyOf"):
            rewritten = [self._condition(each) for each in either]
            moving = [new for new, old in zip(rewritten, either, strict=True) if new != old]
            all_named = all(field_of(each) in RESOURCE_FIELDS for each in either)
            return {**condition, "anyOf": moving if moving and all_named else rewritten}
        new = dict(condition)
        if isinstance(condition.get("equals"), str):
            (new["equals"],) = self._texts(condition, condition["equals"])
        for member in ("containsAny", "values"):
            if condition.get(member):
                new[member] = self._list(condition, condition[member])
        return new

    def _list(self, condition: Json, texts: list[str]) -> list[str]:
        """A list of resources that pass names what moves alone; the source's own rule goes on naming the rest."""
        pairs = [(text, self._texts(condition, text)) for text in texts]
        moving = [new for text, found in pairs for new in found if found != [text]]
        return (
            moving
            if moving and named({"conditions": [condition]})
            else [new for _, found in pairs for new in found]
        )

    def _texts(self, condition: Json, text: str) -> list[str]:
        """What one value of a condition becomes; a name may be that of several alerts."""
        key, field = text.rstrip("/").lower(), field_of(condition)
        if field in ALERT_FIELDS:
            return [text] if is_by_parts(condition) else self._alerts.get(key, [text])
        if field in GROUP_FIELDS:
            return [self._groups.get(key, text)]
        if field in RESOURCE_FIELDS and is_by_parts(condition):
            if text.startswith("/"):
                return [self._above.get(key) or self._remap.text(text)]
            return ["/".join(self._parts.get(part.lower(), part) for part in text.split("/"))]
        return [str(self._moved.value(text))]
