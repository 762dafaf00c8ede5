"""Computes of a workspace: deleted, and made again when a workspace is converted in place."""

from __future__ import annotations

from collections.abc import Mapping

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, delete, ensure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

WITH_MACHINES = {"underlyingResourceAction": "Delete"}


def delete_compute(azure: Azure, compute: ResourceId) -> Written:
    """Delete a compute with the machines below it; absent is done."""
    return delete(azure, compute, kind="compute", query=WITH_MACHINES)


def create_compute(azure: Azure, compute: ResourceId, body: Json, tags: Mapping[str, str]) -> Written:
    """Make the cluster or instance what `body` says, and wait until it is there (minutes).

    Raises:  NotOurs; QuotaExceeded; OperationFailed. Effects: at most one PUT, and a DELETE of a failed one before it.
    """
    return ensure(azure, compute, body, kind="compute", tags=tags)


def stop_new_instance(azure: Azure, compute: ResourceId) -> bool:
    """Stop a compute instance that nobody has started or stopped since it was made; whether anything was sent."""
    instance = azure.arm.get(compute, api_versions.ML)["properties"].get("properties") or {}
    last = str((instance.get("lastOperation") or {}).get("operationName") or "Create")
    if last.lower() != "create":
        return False
    azure.arm.wait(azure.arm.post(f"{compute}/stop", api_versions.ML), "compute")
    return True
