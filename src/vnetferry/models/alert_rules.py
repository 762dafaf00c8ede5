"""What activity log alerts and alert processing rules are about: their scopes, narrowed by their conditions.

Source: the REST definitions of activity log alerts 2020-10-01 and of alert processing rules 2021-08-08.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId

# Fields of conditions that say which resources are meant, in lower case; a field narrows in both kinds alike.
_OF_GROUP = {"resourcegroup", "targetresourcegroup"}
_OF_RESOURCE = {"resourceid", "targetresource"}
_OF_KIND = {"resourceprovider", "resourcetype", "targetresourcetype", "operationname"}
_EXCLUDING = {"notequals", "doesnotcontain"}


def conditions(properties: Json) -> Iterator[Json]:
    """Every condition of a rule, those of an `anyOf` one by one."""
    held = properties.get("conditions") or (properties.get("condition") or {}).get("allOf") or ()
    for condition in held:
        yield from condition.get("anyOf") or (condition,)


def named(properties: Json) -> tuple[str, ...]:
    """The ids of resources that the conditions let pass, as they are written; empty when they name none."""
    return tuple(_asked(properties, _OF_RESOURCE))


def named_alerts(properties: Json) -> tuple[str, ...]:
    """The ids of alerts that the conditions let pass, as they are written; empty when they name none."""
    return tuple(_asked(properties, {"alertruleid"}))


def is_for_ml(properties: Json) -> bool:
    """Whether the conditions ask for Azure Machine Learning's kinds of resources or operations."""
    return any(value.lower().startswith(ML.lower()) for value in _asked(properties, _OF_KIND))


def is_for_any_kind(properties: Json) -> bool:
    """Whether the conditions leave open which resources, kinds of them and alerts are meant."""
    return not _asked(properties, _OF_RESOURCE | _OF_KIND | {"alertruleid", "alertrulename"})


def chooses_resources(condition: Json) -> bool:
    """Whether one condition lets resources pass by their ids."""
    return _field(condition) in _OF_RESOURCE and bool(_values(condition))


def _asked(properties: Json, fields: Set[str]) -> list[str]:
    return [text for c in conditions(properties) if _field(c) in fields for text in _values(c)]


def _field(condition: Json) -> str:
    return str(condition.get("field") or "").lower()


def _values(condition: Json) -> list[str]:
    """What a condition lets pass; nothing for one that keeps out."""
    if str(condition.get("operator") or "").lower() in _EXCLUDING:
        return []
    held: list[Any] = [condition.get("equals")]
    held += [*(condition.get("containsAny") or ()), *(condition.get("values") or ())]
    return [text for text in held if isinstance(text, str)]


def concerns(properties: Json, workspace: ResourceId) -> bool:
    """Whether a rule is about a workspace or something in it: by a scope in it, or by one above and its conditions."""
    scopes = [str(scope).rstrip("/").lower() for scope in properties.get("scopes") or ()]
    if any(_is_in(scope, workspace.key) for scope in scopes):
        return True
    return any(_is_in(workspace.key, scope) for scope in scopes) and _lets_pass(properties, workspace)


def _lets_pass(properties: Json, workspace: ResourceId) -> bool:
    if names := named(properties):
        return any(_is_in(name.lower(), workspace.key) for name in names)
    if groups := _asked(properties, _OF_GROUP):
        mine = {workspace.group_id.key, workspace.resource_group.lower()}
        if not mine & {group.lower() for group in groups}:
            return False
    if _asked(properties, _OF_KIND):
        return is_for_ml(properties)
    # What Azure tells about its own health is about no resource.
    return "ServiceHealth" not in _asked(properties, {"category"})


def _is_in(resource: str, above: str) -> bool:
    return f"{resource}/".startswith(f"{above}/")
