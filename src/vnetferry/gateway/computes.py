"""Computes of a workspace: only ever deleted, when the source is retired."""

from __future__ import annotations

from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, delete
from vnetferry.models.ids import ResourceId


def delete_compute(azure: Azure, compute: ResourceId) -> Written:
    """Delete a compute with the machines below it; absent is done."""
    query = {"underlyingResourceAction": "Delete"}
    return delete(azure, compute, kind="compute", query=query)
