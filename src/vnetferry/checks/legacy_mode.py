"""Whether the source's v1 legacy mode is off."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding, Fix


def check_legacy_mode(facts: Facts) -> list[Finding]:
    """v1LegacyMode makes Azure refuse isolated endpoints, so a source that has it on cannot be what it seems."""
    workspace = facts.inventory.workspace
    if not workspace.get("v1LegacyMode", False):
        return []
    return [
        Finding(
            check="legacy_mode",
            severity="blocks",
            resource=resource(workspace),
            evidence="v1LegacyMode is true",
            remedy=(
                f"az rest --method patch --url 'https://management.azure.com{workspace.id}?api-version=2025-12-01' "
                """--body '{"properties": {"v1LegacyMode": false}}' (or workspace.update(v1_legacy_mode=False) """
                "of the v1 SDK), and wait 30 to 60 minutes until it shows."
            ),
            source="https://learn.microsoft.com/azure/machine-learning/how-to-configure-network-isolation-with-v2",
            fix=Fix(kind="leave_legacy_mode", resource=resource(workspace)),
        )
    ]
