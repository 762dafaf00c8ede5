"""What a body may say about a compute, by its type."""

from __future__ import annotations

from vnetferry.sandbox.ml.fields import Field, Kind, anything, chosen_by, flag, object_of, one_of, text, whole

_SCALE_SETTINGS = Kind(
    "ScaleSettings",
    {
        "maxNodeCount": Field(whole, required=True),
        "minNodeCount": Field(whole),
        "nodeIdleTimeBeforeScaleDown": Field(text),
    },
)
_CREDENTIALS = Kind(
    "UserAccountCredentials",
    {
        "adminUserName": Field(text, required=True),
        "adminUserSshPublicKey": Field(text),
        "adminUserPassword": Field(text),
    },
)
_SUBNET = Kind("ResourceId", {"id": Field(text)})
SCALE = Kind("ScaleSettingsInformation", {"scaleSettings": Field(object_of(_SCALE_SETTINGS), required=True)})


def _read_only(*names: str) -> dict[str, Field]:
    return {name: Field(anything, read_only=True) for name in names}


_CLUSTER = Kind(
    "AmlComputeProperties",
    {
        "vmSize": Field(text, required=True),
        "vmPriority": Field(one_of("Dedicated", "LowPriority")),
        "osType": Field(one_of("Linux", "Windows")),
        "virtualMachineImage": Field(anything),
        "isolatedNetwork": Field(flag),
        "scaleSettings": Field(object_of(_SCALE_SETTINGS)),
        "userAccountCredentials": Field(object_of(_CREDENTIALS)),
        "subnet": Field(object_of(_SUBNET)),
        "remoteLoginPortPublicAccess": Field(one_of("Enabled", "Disabled", "NotSpecified")),
        "enableNodePublicIp": Field(flag),
        "propertyBag": Field(anything),
        **_read_only(
            "allocationState",
            "allocationStateTransitionTime",
            "currentNodeCount",
            "errors",
            "nodeStateCounts",
            "targetNodeCount",
        ),
    },
)
_INSTANCE = Kind(
    "ComputeInstanceProperties",
    {
        "vmSize": Field(text, required=True),
        "subnet": Field(object_of(_SUBNET)),
        "applicationSharingPolicy": Field(one_of("Personal", "Shared")),
        "computeInstanceAuthorizationType": Field(text),
        "customServices": Field(anything),
        "enableNodePublicIp": Field(flag),
        "enableOSPatching": Field(flag),
        "enableRootAccess": Field(flag),
        "enableSSO": Field(flag),
        "idleTimeBeforeShutdown": Field(text),
        "personalComputeInstanceSettings": Field(anything),
        "releaseQuotaOnStop": Field(flag),
        "schedules": Field(anything),
        "setupScripts": Field(anything),
        "sshSettings": Field(anything),
        **_read_only(
            "applications",
            "connectivityEndpoints",
            "containers",
            "createdBy",
            "dataDisks",
            "dataMounts",
            "errors",
            "lastOperation",
            "osImageMetadata",
            "state",
            "versions",
        ),
    },
)
_KUBERNETES = Kind(
    "KubernetesProperties",
    {
        "defaultInstanceType": Field(text),
        "extensionInstanceReleaseTrain": Field(text),
        "extensionPrincipalId": Field(text),
        "instanceTypes": Field(anything),
        "namespace": Field(text),
        "relayConnectionString": Field(text),
        "serviceBusConnectionString": Field(text),
        "vcName": Field(text),
    },
)


def _compute(kind: str, inner: Kind, *, attached: bool = False) -> Kind:
    return Kind(
        kind,
        {
            "computeType": Field(one_of("AmlCompute", "ComputeInstance", "Kubernetes"), required=True),
            "computeLocation": Field(text),
            "description": Field(text),
            "disableLocalAuth": Field(flag),
            "resourceId": Field(text, required=attached),
            "properties": Field(object_of(inner), required=True),
            **_read_only(
                "createdOn", "isAttachedCompute", "modifiedOn", "provisioningErrors", "provisioningState"
            ),
        },
    )


COMPUTES = chosen_by(
    "computeType",
    {
        "AmlCompute": _compute("AmlCompute", _CLUSTER),
        "ComputeInstance": _compute("ComputeInstance", _INSTANCE),
        "Kubernetes": _compute("Kubernetes", _KUBERNETES, attached=True),
    },
)
