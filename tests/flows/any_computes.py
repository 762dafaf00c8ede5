"""Valid documents of clusters and instances, drawn from the SDK's models of the REST API."""

from __future__ import annotations

from typing import Any

from azure.ai.ml._restclient.arm_ml_service import models
from hypothesis import strategies as st

from tests.flows.any_satellites import ELSEWHERE, document
from tests.flows.legacy_world import SOURCE
from tests.flows.rest_values import maps, properties_of

Json = dict[str, Any]
SUBNET = f"{ELSEWHERE}/providers/Microsoft.Network/virtualNetworks/vnet-callers/subnets/snet-endpoints"
_KEPT = None  # what the service refuses in this place
_OWNER = {
    "userId": "0a0a0a0a-0000-4000-8000-00000000a0a0",
    "userOrgId": "7e4a4b5c-0c5e-4a55-8e6f-000000007e11",
    "userName": "Größe",
}
_ASSIGNED = {"objectId": "0b0b0b0b-0000-4000-8000-00000000b0b0", "tenantId": _OWNER["userOrgId"]}
_subnets = st.sampled_from([None, {"id": SUBNET}])
_OUTER: Json = {"resourceId": _KEPT, "computeLocation": st.just("westeurope")}
_CLUSTER: Json = {
    "vmSize": st.sampled_from(["STANDARD_DS3_V2", "Standard_DS3_v2"]),
    "subnet": _subnets,
    "propertyBag": st.none() | maps,
    "scaleSettings": st.builds(
        lambda least, more: {
            "minNodeCount": least,
            "maxNodeCount": least + more,
            "nodeIdleTimeBeforeScaleDown": "PT2M",
        },
        st.integers(0, 1),
        st.integers(1, 3),
    ),
    "userAccountCredentials": st.sampled_from(
        [
            None,
            {"adminUserName": "ada", "adminUserSshPublicKey": "ssh-ed25519 AAAA", "adminUserPassword": None},
            {"adminUserName": "ada", "adminUserSshPublicKey": None, "adminUserPassword": None},
        ]
    ),
}
_INSTANCE: Json = {
    "vmSize": st.just("STANDARD_DS3_V2"),
    "subnet": _subnets,
    "idleTimeBeforeShutdown": st.sampled_from([None, "PT15M", "P3D"]),
    "personalComputeInstanceSettings": st.sampled_from([None, {"assignedUser": _ASSIGNED}]),
}


# What Azure fills in, or writes by itself.
_WRITTEN = {
    **dict.fromkeys(("createdOn", "modifiedOn"), "2024-03-12T09:01:20.4+00:00"),
    "isAttachedCompute": False,
    "disableLocalAuth": False,
    "provisioningErrors": None,
    "provisioningState": "Succeeded",
}
_COUNTS = ("idle", "leaving", "preempted", "preparing", "running", "unusable")
_CLUSTER_WRITTEN = {
    "osType": "Linux",
    "vmPriority": "Dedicated",
    "remoteLoginPortPublicAccess": "NotSpecified",
    "enableNodePublicIp": True,
    "isolatedNetwork": False,
    "allocationState": "Steady",
    "allocationStateTransitionTime": "2025-10-20T06:12:31.53+00:00",
    "currentNodeCount": 0,
    "targetNodeCount": 0,
    "nodeStateCounts": {f"{name}NodeCount": 0 for name in _COUNTS},
}
_INSTANCE_WRITTEN = {
    "createdBy": _OWNER,
    "applications": [
        {"displayName": "Jupyter", "endpointUri": "https://a12.westeurope.instances.azureml.ms/tree/"}
    ],
    "lastOperation": {
        "operationName": "Create",
        "operationTime": "2024-03-12T09:01:20.4+00:00",
        "operationStatus": "Succeeded",
        "operationTrigger": "User",
    },
    "errors": [],
}


@st.composite
def computes(draw: st.DrawFn, name: str, identity: Json | None) -> Json:
    """A cluster, or an instance that runs or was stopped."""
    if draw(st.booleans()):
        drawn = draw(properties_of(models.AmlComputeProperties, _CLUSTER))
        inner = {**_CLUSTER_WRITTEN, **_said(drawn)}
        properties = draw(properties_of(models.AmlCompute, {**_OUTER, "properties": st.just(inner)}))
    else:
        drawn = draw(properties_of(models.ComputeInstanceProperties, _INSTANCE))
        state = draw(st.sampled_from(["Running", "Stopped"]))
        inner = {**_INSTANCE_WRITTEN, "state": state, **_said(drawn)}
        properties = draw(properties_of(models.ComputeInstance, {**_OUTER, "properties": st.just(inner)}))
    more = {"location": "westeurope", "tags": draw(st.none() | maps), "identity": identity}
    return document(str(SOURCE.child("computes", name)), {**_WRITTEN, **_said(properties)}, **more)


def _said(properties: Json) -> Json:
    return {key: value for key, value in properties.items() if value is not None}
