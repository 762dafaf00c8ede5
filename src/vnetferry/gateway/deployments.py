"""Online deployments: creating, logs, deleting.

Raw REST, because the SDK's models drop `modelMountPath` and `startupProbe`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, delete, ensure, find_settled
from vnetferry.gateway.propagation import identity_grant, until_known
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

Container = Literal["inference-server", "storage-initializer"]
_CONTAINERS = {"inference-server": "InferenceServer", "storage-initializer": "StorageInitializer"}


def find_deployment(azure: Azure, deployment: ResourceId) -> Json | None:
    """The deployment's document; None when there is none."""
    return azure.arm.find(deployment, api_versions.ML)


def create_deployment(
    azure: Azure,
    deployment: ResourceId,
    body: Json,
    tags: Mapping[str, str] | None = None,
    *,
    autoscaled: bool = False,
    roles: Iterable[ResourceId] = (),
) -> Written:
    """Make the deployment what `body` says, and wait until it serves (minutes).

    What fails because its endpoint's identity was given a role a moment ago is deleted and made again, for an hour.

    In:      autoscaled: how many instances it has is autoscale's to say once it is there; roles: the assignments that
             were made for its endpoint's identity.
    Raises:  NotOurs; OperationFailed, QuotaExceeded or PermissionDenied with Azure's reason when it does not
             come up; Conflict (worth retrying) while the endpoint or the managed network is not ready.
    Effects: at most one PUT, and one DELETE of a failed one before it.
    """

    def attempt() -> Written:
        # Azure refuses a deployment while its endpoint is changing; another run of the same plan may be at it.
        find_settled(azure, deployment.parent, "endpoint")
        wanted = _as_scaled(azure, deployment, body) if autoscaled else body
        return ensure(azure, deployment, wanted, kind="deployment", tags=tags)

    return until_known(azure, attempt, identity_grant(azure, deployment.parent, roles))


def _as_scaled(azure: Azure, deployment: ResourceId, body: Json) -> Json:
    """The body with as many instances as the deployment has now."""
    now = ((find_deployment(azure, deployment) or {}).get("sku") or {}).get("capacity")
    return {**body, "sku": {**(body.get("sku") or {}), "capacity": now}} if now else body


def read_logs(
    azure: Azure, deployment: ResourceId, tail: int = 200, container: Container = "inference-server"
) -> str:
    """The last lines of a deployment's log. Raises: NotFound."""
    body = {"containerType": _CONTAINERS[container], "tail": tail}
    return str(azure.arm.post(f"{deployment}/getLogs", api_versions.ML, body).body.get("content") or "")


def delete_deployment(azure: Azure, deployment: ResourceId) -> Written:
    """Delete a deployment; absent is done. Raises: Rejected while it has traffic."""
    return delete(azure, deployment)
