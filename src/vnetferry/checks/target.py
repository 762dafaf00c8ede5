"""Whether the target can be made where it shall be: its name is free, or its workspace ours."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.run import PLAN_TAG, SOURCE_TAG


def check_target(facts: Facts) -> list[Finding]:
    """The target must not exist, unless an earlier run of this migration made it.

    A soft-deleted workspace holds its name for up to 14 days too, but Azure lists those nowhere: it refuses the name
    when the workspace is created, and that refusal says how to purge.
    """
    target = facts.scope.target
    if not facts.group_exists:
        return [_no_group(facts)]
    if facts.target is None or is_ours(facts.target, facts.inventory.source):
        return []
    return [
        Finding(
            check="target",
            severity="blocks",
            resource=str(target),
            evidence="it exists, and no migration of this source made it",
            remedy="Choose another target.workspace.",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace",
        )
    ]


def _no_group(facts: Facts) -> Finding:
    group = facts.scope.target.group_id
    return Finding(
        check="target",
        severity="blocks",
        resource=str(group),
        evidence="the target's resource group does not exist",
        remedy=f"az group create --name {group.name} --location {facts.scope.location}",
        source="https://learn.microsoft.com/azure/azure-resource-manager/management/manage-resource-groups-cli",
    )


def is_ours(document: Json, source: ResourceId) -> bool:
    """Whether a migration of `source` made the resource, by its tags."""
    tags = document.get("tags") or {}
    return PLAN_TAG in tags and str(tags.get(SOURCE_TAG, "")).lower() == source.key
