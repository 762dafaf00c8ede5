"""Which deployments use the legacy isolation that a migration replaces."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint"
_NAMED_MAX = 10  # nothing is to be done about them, and the inventory names all


def check_legacy_isolation(facts: Facts) -> list[Finding]:
    """Say which deployments are legacy-isolated, and warn of public ones: they lose nothing but gain egress rules."""
    deployments = facts.scope.all_deployments
    legacy = [d for d in deployments if d.get("egressPublicNetworkAccess", "").lower() == "disabled"]
    findings = [_legacy(facts, [f"{d.id.parent.name}/{d.name}" for d in legacy])] if legacy else []
    public = [d for d in deployments if d not in legacy]
    if public and facts.config.target.isolation_mode == "allow_only_approved_outbound":
        findings.append(_public(facts, [f"{d.id.parent.name}/{d.name}" for d in public]))
    return findings


def _legacy(facts: Facts, names: list[str]) -> Finding:
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return Finding(
        check="legacy_isolation",
        severity="informs",
        resource=resource(facts.inventory.source),
        evidence=f"legacy isolation (egressPublicNetworkAccess Disabled): {', '.join(names[:_NAMED_MAX])}{more}",
        remedy="None needed: the plan replaces it by the workspace's managed network.",
        source=_SOURCE,
    )


def _public(facts: Facts, names: list[str]) -> Finding:
    return Finding(
        check="legacy_isolation",
        severity="warns",
        resource=resource(facts.inventory.source),
        evidence=f"can reach any host today, and only approved ones afterwards: {', '.join(names)}",
        remedy="Add a target.outbound_rules entry for each host that their code calls, or allow_internet_outbound.",
        source=_SOURCE,
    )
