"""Bodies read by the SDK's own generated models, more strictly than the SDK reads them.

The SDK ignores members that it does not know and keeps values of the wrong type; here both are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from azure.ai.ml._restclient.arm_ml_service import models

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
    "WorkspaceConnectionPropertiesV2BasicResource": {"tags", "location"},
}


def faults(model: str, body: Any) -> list[str]:
    """What in `body` the model of that name does not know or has another type for; [] when it fits."""
    return list(_faults(getattr(models, model)._deserialize(body, []), model))


def _faults(value: Any, where: str) -> Iterator[str]:
    kind = type(value)
    fields = {field._rest_name: name for name, field in kind._attr_to_rest_field.items()}
    for name in value.keys() - fields.keys() - RECORDED.get(kind.__name__, set()):
        yield f"{where}: {kind.__name__} has no member '{name}'"
    for name in value.keys() & fields.keys():
        sent = value[name]
        if sent is not None:
            here = f"{where}.{name}"
            yield from _unfit(sent, _annotation(kind, fields[name]), here)
            yield from _inner(getattr(value, fields[name]), here)


def _unfit(sent: Any, annotation: str, where: str) -> Iterator[str]:
    """A plain value that the client would have to convert."""
    expected = _PLAIN.get(annotation)
    is_flag = isinstance(sent, bool) and annotation != "bool"
    if expected and (not isinstance(sent, expected) or is_flag):
        yield f"{where}: {sent!r} is no {annotation}"


def _inner(value: Any, where: str) -> Iterator[str]:
    """The faults of a model, of a list of models or of a map of models."""
    if hasattr(value, "_attr_to_rest_field"):
        yield from _faults(value, where)
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _inner(item, f"{where}[{key}]")


def _annotation(kind: type, name: str) -> str:
    """A field's annotation as it is written, without Optional[...]."""
    text = next(
        str(c.__annotations__[name]) for c in kind.__mro__ if name in getattr(c, "__annotations__", {})
    )
    found = re.fullmatch(r"(?:typing\.)?Optional\[(.*)\]", text)
    return found[1] if found else text
