"""Activity log alerts and alert processing rules about what moves, made again for the target.

Their scopes often lie above the workspace, and conditions choose what they are about. What covers source and target
alike, such as a rule on their subscription, stays as it is. What the source's resource group alone has becomes one on
the target's; there it is for Azure Machine Learning alone, because nobody asked for it on the rest of that group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vnetferry.models.alert_rules import chooses_resources, is_for_any_kind, named, named_alerts
from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import ACTIVITY_ALERT, PROCESSING_RULE, Document
from vnetferry.models.plan import Step
from vnetferry.plan.monitors import alert_warnings, made_again, renamed, watched
from vnetferry.plan.moved import Moved
from vnetferry.plan.parts import Part, attention, join
from vnetferry.plan.scope import Scope

_FOR_ML: dict[str, Json] = {
    ACTIVITY_ALERT: {"field": "resourceProvider", "equals": ML},
    PROCESSING_RULE: {"field": "TargetResourceType", "operator": "Contains", "values": [ML]},
}


def plan_alert_rules(scope: Scope, moved: Moved, alerts: Iterable[Step]) -> Part:
    """In: alerts: the steps that make the alerts again, which processing rules may name."""
    twins = {step.source: step.resource for step in alerts if step.source}
    planner = _Planner(scope, moved, twins)
    return join(
        planner.part(document, kind)
        for kind in (ACTIVITY_ALERT, PROCESSING_RULE)
        for document in scope.inventory.of_type(kind)
    )


class _Planner:
    def __init__(self, scope: Scope, moved: Moved, twins: dict[ResourceId, ResourceId]) -> None:
        source, target = scope.inventory.source, scope.target
        self._scope, self._moved = scope, moved
        self._above = {
            source.group_id.key: str(target.group_id),
            f"/subscriptions/{source.subscription_id}".lower(): f"/subscriptions/{target.subscription_id}",
        }
        self._texts = {old.key: str(new) for old, new in twins.items()}
        self._names = {old.name.lower(): new.name for old, new in twins.items()}
        self._groups = {source.resource_group.lower(): target.resource_group, **self._above}

    def part(self, document: Document, kind: str) -> Part:
        """The step that makes a rule again; nothing when it stays, or goes, with what it is about."""
        properties = document.properties
        before = [str(text) for text in properties.get("scopes") or ()]
        after = list(dict.fromkeys(new for text in before if (new := self._covering(text))))
        chosen = self._chosen(properties)
        changed = chosen != properties or any(new.lower() not in map(str.lower, before) for new in after)
        if not after or not changed or not self._is_about_what_moves(properties, chosen):
            return Part()
        limited = is_for_any_kind(properties) and not all(map(self._moved.target, before))

        def change(body: Json) -> Json:
            wanted = {**chosen, "scopes": after}
            return {**body, "properties": _limited(wanted, kind) if limited else wanted}

        targets = [t for text in before if (t := self._moved.target(text))]
        on = targets or [self._scope.target]
        needs = (
            tuple(self._moved.maker(target) for target in on)
            if kind == PROCESSING_RULE
            else tuple(watched(self._scope, on))
        )
        part = made_again(document, "create_alert", renamed(self._scope, document), needs, change)
        warnings = [*alert_warnings(document, targets)]
        if len(named(chosen)) < len(named(properties)):
            text = f"{document.name} names what stays too; the new one names what moves alone."
            warnings.append(attention(document.id, text))
        if limited:
            text = f"{document.name} is for all of {', '.join(before)}; the new one is for {ML} in {', '.join(after)}."
            warnings.append(attention(document.id, text))
        return part._replace(warnings=(*part.warnings, *warnings))

    def _covering(self, text: str) -> str:
        """What a scope of the source's becomes; "" for what does not move."""
        if target := self._moved.target(text):
            return str(target)
        return self._above.get(text.rstrip("/").lower(), "")

    def _is_about_what_moves(self, before: Json, after: Json) -> bool:
        """Conditions that name resources, or alerts, must name one that moves."""
        return all(not ids(before) or ids(after) != ids(before) for ids in (named, named_alerts))

    def _chosen(self, properties: Json) -> Json:
        """The properties with conditions about the target."""
        if held := properties.get("conditions"):
            return {**properties, "conditions": [self._condition(each) for each in held]}
        condition = properties.get("condition") or {}
        rewritten = [self._condition(each) for each in condition.get("allOf") or ()]
        return {**properties, "condition": {**condition, "allOf": rewritten}} if rewritten else properties

    def _condition(self, condition: Json) -> Json:
        if inner := condition.get("anyOf"):
            kept = [self._condition(each) for each in inner]
            moving = [new for new, old in zip(kept, inner, strict=True) if new != old]
            return {**condition, "anyOf": moving if moving and all(map(chooses_resources, inner)) else kept}
        new = dict(condition)
        for member in ("equals", "containsAny", "values"):
            value = condition.get(member)
            if isinstance(value, str):
                new[member] = self._text(condition, value)
            elif isinstance(value, list):
                new[member] = self._list(condition, value)
        return new

    def _list(self, condition: Json, texts: list[Any]) -> list[Any]:
        """A list of ids names what moves alone; the source's own rule goes on naming the rest."""
        new = [self._text(condition, text) for text in texts]
        if not chooses_resources(condition):
            return new
        return [after for after, before in zip(new, texts, strict=True) if after != before] or new

    def _text(self, condition: Json, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        key, field = text.rstrip("/").lower(), str(condition.get("field") or "").lower()
        if field == "alertruleid":
            return self._texts.get(key, text)
        if field == "alertrulename" and str(condition.get("operator")).lower() in ("equals", "notequals"):
            return self._names.get(key, text)
        if field in ("resourcegroup", "targetresourcegroup"):
            return self._groups.get(key, text)
        return self._moved.value(text)


def _limited(properties: Json, kind: str) -> Json:
    if kind == PROCESSING_RULE:
        return {**properties, "conditions": [*(properties.get("conditions") or ()), _FOR_ML[kind]]}
    condition = properties.get("condition") or {}
    return {
        **properties,
        "condition": {**condition, "allOf": [*(condition.get("allOf") or ()), _FOR_ML[kind]]},
    }
