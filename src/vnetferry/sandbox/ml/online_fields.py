"""What the bodies of online endpoints and deployments may hold, field by field.

Source: the API definition of Microsoft.MachineLearningServices; which of the fields only the service writes
        is told
there by their visibility.
"""

from __future__ import annotations

from typing import Any

from vnetferry.sandbox.ml.fields import (
    Field,
    Kind,
    UnfitValueError,
    anything,
    at_least,
    chosen_by,
    flag,
    map_of,
    object_of,
    one_of,
    resource,
    scalars,
    text,
    texts,
    variant,
    whole,
    words,
)
from vnetferry.sandbox.ml.identity import IDENTITY_FIELD
from vnetferry.sandbox.scoring.specification import parse_duration_s


def duration(value: Any) -> str:
    """An ISO 8601 duration, kept as it was written."""
    if not isinstance(value, str) or parse_duration_s(value) is None:
        raise UnfitValueError("to type 'System.TimeSpan'.")
    return value


def percentages(value: Any) -> dict[str, int]:
    """A map of integers, such as traffic.

    Deployment names come out in lower case, as the service keeps them.
    """
    if not isinstance(value, dict):
        raise UnfitValueError("to a map of integers.")
    return {name.lower(): whole(share) for name, share in value.items()}


def number(value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnfitValueError("to type 'System.Double'.")
    return value


_SHOWN_ONLY = {
    name: Field(anything, read_only=True) for name in ("provisioningState", "scoringUri", "swaggerUri")
}

KEYS = Kind("EndpointAuthKeys", {"primaryKey": Field(text), "secondaryKey": Field(text)})
SKU = Kind(
    "Sku",
    {
        "name": Field(text),
        "tier": Field(one_of("Free", "Basic", "Standard", "Premium")),
        "size": Field(text),
        "family": Field(text),
        "capacity": Field(at_least(1)),
    },
)
ENDPOINT_PROPERTIES = Kind(
    "OnlineEndpointProperties",
    {
        **_SHOWN_ONLY,
        "authMode": Field(one_of("Key", "AMLToken", "AADToken"), required=True),
        "compute": Field(text),
        "description": Field(text),
        "keys": Field(object_of(KEYS)),
        "mirrorTraffic": Field(percentages),
        "properties": Field(scalars),
        "publicNetworkAccess": Field(one_of("Enabled", "Disabled")),
        "traffic": Field(percentages),
    },
)
ENDPOINT = resource(
    "OnlineEndpointTrackedResource",
    ENDPOINT_PROPERTIES,
    location=Field(text, required=True),
    tags=Field(words),
    kind=Field(text),
    identity=IDENTITY_FIELD,
    sku=Field(object_of(SKU)),
)
ENDPOINT_PATCH = Kind(
    "PartialMinimalTrackedResourceWithIdentity", {"tags": Field(words), "identity": IDENTITY_FIELD}
)
REGENERATE = Kind(
    "RegenerateEndpointKeysRequest",
    {"keyType": Field(one_of("Primary", "Secondary"), required=True), "keyValue": Field(text)},
)

CODE = Kind("CodeConfiguration", {"codeId": Field(text), "scoringScript": Field(text, required=True)})
PROBE = Kind(
    "ProbeSettings",
    {
        "failureThreshold": Field(at_least(1)),
        "successThreshold": Field(at_least(1)),
        "initialDelay": Field(duration),
        "period": Field(duration),
        "timeout": Field(duration),
    },
)
REQUEST_SETTINGS = Kind(
    "OnlineRequestSettings",
    {
        "maxConcurrentRequestsPerInstance": Field(at_least(1)),
        "maxQueueWait": Field(duration),
        "requestTimeout": Field(duration),
    },
)
# Managed deployments take the default scale type only; autoscale is a resource of Microsoft.Insights.
SCALE_SETTINGS = Kind("OnlineScaleSettings", {"scaleType": Field(one_of("Default"), required=True)})
COLLECTION = Kind(
    "Collection",
    {
        "clientId": Field(text),
        "dataCollectionMode": Field(one_of("Enabled", "Disabled")),
        "dataId": Field(text),
        "samplingRate": Field(number),
    },
)
DATA_COLLECTOR = Kind(
    "DataCollector",
    {
        "collections": Field(map_of(COLLECTION), required=True),
        "requestLogging": Field(object_of(Kind("RequestLogging", {"captureHeaders": Field(texts)}))),
        "rollingRate": Field(one_of("Year", "Month", "Day", "Hour", "Minute")),
    },
)
_MANAGED = Kind(
    "ManagedOnlineDeployment",
    {
        **_SHOWN_ONLY,
        "appInsightsEnabled": Field(flag),
        "codeConfiguration": Field(object_of(CODE)),
        "dataCollector": Field(object_of(DATA_COLLECTOR)),
        "description": Field(text),
        "egressPublicNetworkAccess": Field(one_of("Enabled", "Disabled")),
        "endpointComputeType": Field(one_of("Managed"), required=True),
        "environmentId": Field(text),
        "environmentVariables": Field(scalars),
        "instanceType": Field(text),
        "livenessProbe": Field(object_of(PROBE)),
        "model": Field(text),
        "modelMountPath": Field(text),
        # A predecessor of egressPublicNetworkAccess that 2022's api-versions answered.
        "privateNetworkConnection": Field(flag),
        "properties": Field(scalars),
        "readinessProbe": Field(object_of(PROBE)),
        "requestSettings": Field(object_of(REQUEST_SETTINGS)),
        "scaleSettings": Field(object_of(SCALE_SETTINGS)),
        "startupProbe": Field(object_of(PROBE)),
    },
)
_DEPLOYMENT_PROPERTIES = Field(
    variant(chosen_by("endpointComputeType", {"Managed": _MANAGED})), required=True
)
DEPLOYMENT = Kind(
    "OnlineDeploymentTrackedResource",
    {
        **resource("", _MANAGED).fields,
        "properties": _DEPLOYMENT_PROPERTIES,
        "location": Field(text, required=True),
        "tags": Field(words),
        "kind": Field(text),
        "identity": IDENTITY_FIELD,
        "sku": Field(object_of(SKU)),
    },
)
DEPLOYMENT_PATCH = Kind(
    "PartialMinimalTrackedResourceWithSku", {"tags": Field(words), "sku": Field(object_of(SKU))}
)
LOGS_REQUEST = Kind(
    "DeploymentLogsRequest",
    {
        "containerType": Field(one_of("StorageInitializer", "InferenceServer", "ModelDataCollector")),
        "tail": Field(at_least(0)),
    },
)
