"""Component versions: the specification of a step of a pipeline, kept as it is sent.

Recorded answers write every scalar of the specification as a string and resolve short names of environments;
both are left out here.
"""

from __future__ import annotations

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.fields import Field, anything, text
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json


def _complete(_call: Call, properties: Json) -> Json:
    if not isinstance(properties.get("componentSpec"), dict):
        raise service_error(400, "UserError", "The componentSpec of a component version is required.")
    return {
        **assets.common_members(properties),
        "componentSpec": properties["componentSpec"],
        "provisioningState": "Succeeded",
    }


COMPONENTS = assets.AssetKind(
    plural="components",
    title="Component",
    version=assets.version_kind("Component", componentSpec=Field(anything), stage=Field(text)),
    container=assets.container_kind("Component"),
    settled=("componentSpec",),
    complete=_complete,
    missing=(
        "Component container with name: {name} not found.",
        "Component with name: {name} and version: {version} not found.",
    ),
)


def operations() -> list[Operation]:
    """Containers and versions."""
    return assets.operations(COMPONENTS)
