"""Environment versions: a container image, with or without a conda specification, or a build context.

A conda specification is sent as YAML and answered as JSON text, as recorded.
"""

from __future__ import annotations

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml import assets
from vnetferry.sandbox.ml.fields import Field, Kind, anything, object_of, one_of, text, whole
from vnetferry.sandbox.ml.images import is_curated
from vnetferry.sandbox.ml.scope import in_registry
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json
from vnetferry.sandbox.yaml_text import as_json, read_yaml

_ROUTE = Field(
    object_of(Kind("Route", {"path": Field(text, required=True), "port": Field(whole, required=True)}))
)


def _complete(call: Call, properties: Json) -> Json:
    _require_source(properties)
    _require_own_name(call)
    build = properties.get("build")
    complete = {
        **assets.common_members(properties),
        "environmentType": "UserCreated",
        "image": properties.get("image"),
        "condaFile": _as_json(properties.get("condaFile")),
        "build": {"dockerfilePath": "Dockerfile", **build} if build else None,
        "inferenceConfig": properties.get("inferenceConfig"),
        "osType": properties.get("osType") or "Linux",
        "autoRebuild": properties.get("autoRebuild"),
        "stage": properties.get("stage"),
        "provisioningState": "Succeeded",
    }
    absent = ("condaFile", "build", "inferenceConfig", "autoRebuild", "stage", "image")
    return {name: value for name, value in complete.items() if value is not None or name not in absent}


ENVIRONMENTS = assets.AssetKind(
    plural="environments",
    title="Environment",
    version=assets.version_kind(
        "Environment",
        image=Field(text),
        condaFile=Field(text),
        build=assets.nested(
            "BuildContext", contextUri=Field(text, required=True), dockerfilePath=Field(text)
        ),
        inferenceConfig=assets.nested(
            "InferenceContainerProperties",
            livenessRoute=_ROUTE,
            readinessRoute=_ROUTE,
            scoringRoute=_ROUTE,
            startupRoute=_ROUTE,
        ),
        osType=Field(one_of("Linux", "Windows")),
        autoRebuild=Field(one_of("Disabled", "OnBaseImageUpdate")),
        stage=Field(text),
        environmentType=Field(anything, read_only=True),
    ),
    container=assets.container_kind("Environment"),
    settled=("image", "condaFile", "build", "inferenceConfig", "osType"),
    complete=_complete,
    missing=(
        "No environment exists for name: {name}, version: , label: ",
        "No environment exists for name: {name}, version: {version}, label: ",
    ),
)


def operations() -> list[Operation]:
    """Containers and versions."""
    return assets.operations(ENVIRONMENTS)


def _require_own_name(call: Call) -> None:
    """In the words of the service's older SDK; names in registries are their owners'."""
    if is_curated(call.path) and not in_registry(call):
        message = (
            "Environment name can not start with the prefix AzureML. To alter a curated environment first create "
            "a copy of it."
        )
        raise service_error(400, "UserError", message)


def _require_source(properties: Json) -> None:
    image, build = properties.get("image"), properties.get("build")
    if bool(image) == bool(build):
        raise service_error(
            400, "UserError", "An environment needs either an image or a build context, not both."
        )
    if build and properties.get("condaFile"):
        raise service_error(400, "UserError", "An environment with a build context takes no condaFile.")


def _as_json(conda: str | None) -> str | None:
    """The YAML (or JSON) text of a conda specification as indented JSON text."""
    if not conda:
        return None
    try:
        specification = read_yaml(conda)
    except ValueError as err:
        raise service_error(400, "UserError", f"The condaFile is not valid YAML: {err}") from err
    if not isinstance(specification, dict):
        raise service_error(400, "UserError", "The condaFile is not a conda specification.")
    return as_json(specification)
