"""Whether addresses that the source lets in would be kept out by the target."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding
from vnetferry.plan.endpoints import public_access


def check_ip_rules(facts: Facts) -> list[Finding]:
    """Azure takes a workspace's IP rules only once it is there, so the plan cannot carry them (FACTS 3.1).

    They hold for public endpoints too, which are open to everybody where there are none.
    """
    kept = set(_rules((facts.target or {}).get("properties") or {}))
    lost = [value for value in _rules(facts.inventory.workspace.properties) if value not in kept]
    if not lost:
        return []
    target = facts.scope.target
    public = [
        facts.scope.remap.id(e.id).name
        for e in facts.scope.endpoints
        if public_access(facts.scope, e) == "Enabled"
    ]
    opened = f", but its public endpoints ({', '.join(public)}) everybody" if public else ""
    return [
        Finding(
            check="ip_rules",
            severity="warns",
            resource=resource(facts.inventory.source),
            evidence=f"it lets in {', '.join(lost)}, and the new workspace will let in nobody from the internet"
            + opened,
            remedy=(
                f"Once the workspace is made, if they are needed: az ml workspace update --name {target.name} "
                f"--resource-group {target.resource_group} --public-network-access Enabled "
                f"--network-acls {','.join(lost)}"
            ),
            source="https://learn.microsoft.com/azure/machine-learning/how-to-configure-private-link",
        )
    ]


def _rules(properties: Json) -> list[str]:
    rules = (properties.get("networkAcls") or {}).get("ipRules") or []
    return [*(str(rule.get("value")) for rule in rules), *map(str, properties.get("ipAllowlist") or [])]
