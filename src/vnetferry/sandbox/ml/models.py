"""Model versions."""

from __future__ import annotations

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.asset_uris import long_uri
from vnetferry.sandbox.ml.fields import Field, anything, one_of, text
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json


def _complete(call: Call, properties: Json) -> Json:
    if not properties.get("modelUri"):
        raise service_error(400, "UserError", "The modelUri of a model version is required.")
    return {
        **assets.common_members(properties),
        "flavors": properties.get("flavors") or {},
        "modelType": properties.get("modelType") or "custom_model",
        "modelUri": long_uri(call, properties["modelUri"]),
        "jobName": properties.get("jobName"),
        "stage": properties.get("stage"),
        **({"datasets": properties["datasets"]} if properties.get("datasets") is not None else {}),
        "provisioningState": "Succeeded",
    }


MODELS = assets.AssetKind(
    plural="models",
    title="Model",
    version=assets.version_kind(
        "Model",
        modelUri=Field(text),
        modelType=Field(one_of("custom_model", "mlflow_model", "triton_model")),
        flavors=Field(anything),
        jobName=Field(text),
        stage=Field(text),
        datasets=Field(anything),
    ),
    container=assets.container_kind("Model"),
    settled=("modelUri", "modelType"),
    complete=_complete,
    missing=(
        "Model container with name: {name} not found.",
        "Model with name: {name} and version: {version} not found.",
    ),
)


def operations() -> list[Operation]:
    """Containers and versions."""
    return assets.operations(MODELS)
