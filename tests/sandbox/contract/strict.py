"""Bodies read by the SDK's own generated models, more strictly than the SDK reads them.

The SDK ignores members that it does not know, keeps values of the wrong type or outside their list, and does not
miss what the API definition requires; here all of these are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

from azure.ai.ml._restclient.arm_ml_service import models
from azure.ai.ml._vendor.azure_resources.models import _models_py3 as arm_models

_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
    "datetime.datetime": (str,),
}
# What the recorded service answers although the newest API definition does not name it.
RECORDED = {
    "Workspace": {"etag"},
    "WorkspaceProperties": {
        "EnableSoftwareBillOfMaterials",
        "allowRoleAssignmentOnRG",
        "ipAllowlist",
        "linkedModelInventoryArmId",
        "sasGetterUri",
        "sdkTelemetryAppInsightsKey",
        "enableServiceSideCMKEncryption",
        "networkAcls",
        "workspaceId",
        "creationTime",
        "softDeleteEnabled",
        "privateEndpointConnections",
    },
    "ManagedNetworkSettings": {"enableFirewallLog", "changeableIsolationModes"},
    "OutboundRuleBasicResource": {"tags", "location"},
    "DeploymentOperationProperties": {"trackingId"},
    "WorkspaceConnectionPropertiesV2BasicResource": {"tags", "location"},
}


def faults(model: str, body: Any) -> list[str]:
    """What in `body` the model of that name does not know, misses, or has another type for; [] when it fits."""
    return list(_faults(getattr(models, model)._deserialize(body, []), model))


def arm_faults(model: str, body: Any) -> list[str]:
    """The same by the models of Resource Manager that the SDK brings, which know no visibility."""
    return list(_arm_faults(model, body, model))


def _arm_faults(model: str, body: Any, where: str) -> Iterator[str]:
    kind = getattr(arm_models, model, None)
    if isinstance(kind, type) and issubclass(kind, Enum) and body not in [each.value for each in kind]:
        yield f"{where}: {body!r} is no {model}"
    if kind is None or not hasattr(kind, "_attribute_map") or body is None:
        return
    fields = {
        field["key"].replace("\\", ""): (name, field["type"]) for name, field in kind._attribute_map.items()
    }
    for name in body.keys() - fields.keys() - RECORDED.get(model, set()):
        yield f"{where}: {model} has no member '{name}'"
    required = {key for key, (name, _) in fields.items() if kind._validation.get(name, {}).get("required")}
    for name in required - body.keys():
        yield f"{where}: {model} lacks its member '{name}'"
    for name in fields.keys() & body.keys():
        inner, each = fields[name][1], body[name]
        for index, item in enumerate(each) if inner.startswith("[") and each else [(0, each)]:
            yield from _arm_faults(inner.strip("[]"), item, f"{where}.{name}[{index}]")


def _faults(value: Any, where: str) -> Iterator[str]:
    kind = type(value)
    fields = {field._rest_name: name for name, field in kind._attr_to_rest_field.items()}
    for name in value.keys() - fields.keys() - RECORDED.get(kind.__name__, set()):
        yield f"{where}: {kind.__name__} has no member '{name}'"
    for name in _required(kind) - value.keys():
        yield f"{where}: {kind.__name__} lacks its member '{name}'"
    for name in value.keys() & fields.keys():
        sent = value[name]
        if sent is not None:
            here = f"{where}.{name}"
            yield from _unfit(sent, _annotation(kind, fields[name]), here)
            yield from _unlisted(sent, _annotation(kind, fields[name]), here)
            yield from _inner(getattr(value, fields[name]), here)


def _unfit(sent: Any, annotation: str, where: str) -> Iterator[str]:
    """A plain value that the client would have to convert."""
    expected = _PLAIN.get(annotation)
    is_flag = isinstance(sent, bool) and annotation != "bool"
    if expected and (not isinstance(sent, expected) or is_flag):
        yield f"{where}: {sent!r} is no {annotation}"


def _required(kind: type) -> set[str]:
    """The members that an answer must have: neither optional nor only ever sent."""
    return {
        field._rest_name
        for name, field in kind._attr_to_rest_field.items()  # type: ignore[attr-defined]
        if not re.search("Optional|NoneType|None]", _whole_annotation(kind, name))
        and (field._visibility is None or "read" in field._visibility)
    }


def _unlisted(sent: Any, annotation: str, where: str) -> Iterator[str]:
    """A word that is not in the list which the API definition gives, in whatever case: recorded answers vary."""
    found = re.search(r"_models\.(\w+)", annotation)
    listed = getattr(models, found[1], None) if found else None
    is_list = isinstance(listed, type) and issubclass(listed, Enum)
    if isinstance(sent, str) and is_list and sent.lower() not in {str(each.value).lower() for each in listed}:
        yield f"{where}: '{sent}' is no {listed.__name__}"


def _inner(value: Any, where: str) -> Iterator[str]:
    """The faults of a model, of a list of models or of a map of models."""
    if hasattr(value, "_attr_to_rest_field"):
        yield from _faults(value, where)
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _inner(item, f"{where}[{key}]")


def _annotation(kind: type, name: str) -> str:
    """A field's annotation as it is written, without Optional[...]."""
    text = _whole_annotation(kind, name)
    found = re.fullmatch(r"(?:typing\.)?Optional\[(.*)\]", text)
    return found[1] if found else text


def _whole_annotation(kind: type, name: str) -> str:
    return next(
        str(c.__annotations__[name]) for c in kind.__mro__ if name in getattr(c, "__annotations__", {})
    )
