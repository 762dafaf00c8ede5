"""Data versions."""

from __future__ import annotations

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.asset_uris import long_uri
from vnetferry.sandbox.ml.fields import Field, anything, one_of, text
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json

_TYPES = one_of("uri_file", "uri_folder", "mltable")


def _complete(call: Call, properties: Json) -> Json:
    for name in ("dataUri", "dataType"):
        if not properties.get(name):
            raise service_error(400, "UserError", f"The {name} of a data version is required.")
    return {
        **assets.common_members(properties),
        "dataUri": long_uri(call, properties["dataUri"]),
        "dataType": properties["dataType"],
    }


DATA = assets.AssetKind(
    plural="data",
    title="Data",
    version=assets.version_kind(
        "Data", dataUri=Field(text), dataType=Field(_TYPES), referencedUris=Field(anything), stage=Field(text)
    ),
    container=assets.container_kind("Data", dataType=Field(_TYPES)),
    settled=("dataUri", "dataType"),
    complete=_complete,
    missing=(
        "Data container with name: {name} not found.",
        "Data asset with name: {name} and version: {version} not found.",
    ),
)


def operations() -> list[Operation]:
    """Containers and versions."""
    return assets.operations(DATA)
