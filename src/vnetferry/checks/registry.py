"""Whether the target's container registry takes private endpoints."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document
from vnetferry.plan.associated import associated_resources

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-secure-online-endpoint"


def check_registry(facts: Facts) -> list[Finding]:
    """Only a Premium registry takes private endpoints; deployments in a managed network are refused without."""
    registry = facts.associated.get("container_registry")
    if registry is None:
        return [] if associated_resources(facts.scope)["container_registry"] else [_created(facts)]
    sku = str((registry.body.get("sku") or {}).get("name", "unknown"))
    return [] if sku.lower() == "premium" else [_wrong(registry, sku)]


def _wrong(registry: Document, sku: str) -> Finding:
    return Finding(
        check="registry",
        severity="blocks",
        resource=resource(registry),
        evidence=f"its SKU is {sku}; private endpoints need Premium",
        remedy=f"az acr update --name {registry.name} --sku Premium",
        source=_SOURCE,
    )


def _created(facts: Facts) -> Finding:
    return Finding(
        check="registry",
        severity="warns",
        resource=resource(facts.scope.target),
        evidence="the source has no container registry, and the one that Azure makes at need may not be Premium",
        remedy="Name a Premium registry as target.associated_resources.container_registry.",
        source=_SOURCE,
    )
