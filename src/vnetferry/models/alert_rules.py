"""What activity log alerts and alert processing rules are about: their scopes, narrowed by their conditions.

Source: the REST definitions of activity log alerts 2020-10-01 and of alert processing rules 2021-08-08.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import COMPUTE, DEPLOYMENT, ENDPOINT, WORKSPACE

# Fields of conditions that say which resources are meant, in lower case; both kinds of rules are read alike.
GROUP_FIELDS = frozenset({"resourcegroup", "targetresourcegroup"})
RESOURCE_FIELDS = frozenset({"resourceid", "targetresource"})
KIND_FIELDS = frozenset({"resourceprovider", "resourcetype", "targetresourcetype", "operationname"})
ALERT_FIELDS = frozenset({"alertruleid", "alertrulename"})
_KINDS = (WORKSPACE, ENDPOINT, DEPLOYMENT, COMPUTE)
_EXCLUDING = ("notequals", "doesnotcontain")
_BY_PARTS = ("contains", "doesnotcontain")


def field_of(condition: Json) -> str:
    """The field that a condition looks at, in lower case; "" for an `anyOf`."""
    return str(condition.get("field") or "").lower()


def is_by_parts(condition: Json) -> bool:
    """Whether a condition's values are parts of what it compares them with."""
    return _operator(condition) in _BY_PARTS


def let_pass(properties: Json, fields: Set[str]) -> list[str]:
    """What the conditions on some fields ask for, as it is written; nothing of those that only keep out."""
    asking = (c for c in _leaves(properties) if field_of(c) in fields and _operator(c) not in _EXCLUDING)
    return [text for condition in asking for text in _values(condition)]


def named(properties: Json) -> list[str]:
    """The ids of resources that the conditions ask for, as they are written; none when they ask for any resource."""
    return [text for text in let_pass(properties, RESOURCE_FIELDS) if text.startswith("/")]


def named_alerts(properties: Json) -> list[str]:
    """The ids of alerts that the conditions ask for, as they are written."""
    return let_pass(properties, {"alertruleid"})


def chooses(properties: Json) -> bool:
    """Whether the conditions ask for some resources, kinds of them, or alerts."""
    return bool(let_pass(properties, RESOURCE_FIELDS | KIND_FIELDS | ALERT_FIELDS))


def kinds_of_ml(properties: Json) -> list[str]:
    """The types of Azure Machine Learning's resources that no condition keeps out."""
    excluding = [c for c in _leaves(properties) if field_of(c) in KIND_FIELDS and _operator(c) in _EXCLUDING]
    return [kind for kind in _KINDS if not any(_matches(c, kind) for c in excluding)]


def concerns(properties: Json, workspace: ResourceId) -> bool:
    """Whether a rule is about a workspace or something in it: by a scope in it, or by one above and its conditions."""
    scopes = [str(scope).rstrip("/").lower() for scope in properties.get("scopes") or ()]
    if any(_is_in(scope, workspace.key) for scope in scopes):
        return True
    return any(_is_in(workspace.key, scope) for scope in scopes) and _admits(properties, workspace)


def _admits(properties: Json, workspace: ResourceId) -> bool:
    if names := named(properties):
        return any(name.lower() in workspace.key or _is_in(name.lower(), workspace.key) for name in names)
    groups = {text.rstrip("/").lower() for text in let_pass(properties, GROUP_FIELDS)}
    if groups and not groups & {workspace.group_id.key, workspace.resource_group.lower()}:
        return False
    if let_pass(properties, KIND_FIELDS):
        asking = [c for c in _leaves(properties) if field_of(c) in KIND_FIELDS]
        return any(_is_of_ml(condition) for condition in asking if _operator(condition) not in _EXCLUDING)
    # What Azure tells about its own health is about no resource.
    return bool(kinds_of_ml(properties)) and "ServiceHealth" not in let_pass(properties, {"category"})


def _is_of_ml(condition: Json) -> bool:
    is_ours = any(text.lower().startswith(ML.lower()) for text in _values(condition))
    return is_ours or any(_matches(condition, kind) for kind in _KINDS)


def _matches(condition: Json, text: str) -> bool:
    """Whether what a condition compares with is `text`, or in it."""
    values, text = [value.lower() for value in _values(condition)], text.lower()
    return any(value in text for value in values) if is_by_parts(condition) else text in values


def _leaves(properties: Json) -> Iterator[Json]:
    """Every condition of a rule, those of an `anyOf` one by one."""
    held = properties.get("conditions") or (properties.get("condition") or {}).get("allOf") or ()
    for condition in held:
        yield from condition.get("anyOf") or (condition,)


def _operator(condition: Json) -> str:
    return str(condition.get("operator") or "equals").lower()


def _values(condition: Json) -> list[str]:
    held = (condition.get("equals"), *(condition.get("containsAny") or ()), *(condition.get("values") or ()))
    return [text for text in held if isinstance(text, str)]


def _is_in(resource: str, above: str) -> bool:
    return f"{resource}/".startswith(f"{above}/")
