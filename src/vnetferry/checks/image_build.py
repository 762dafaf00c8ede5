"""Whether images can be built in the target."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document


def check_image_build(facts: Facts) -> list[Finding]:
    """Serverless image builds do not reach a closed storage account or registry; a compute of one's own does."""
    built = [d for d in facts.scope.all_deployments if _is_built(facts.environment_of(d))]
    closed = [d for name, d in sorted(facts.associated.items()) if name in _READ_BY_BUILDS and _is_closed(d)]
    if not built or not closed or facts.config.target.image_build_compute:
        return []
    names = ", ".join(f"{d.id.parent.name}/{d.name}" for d in built)
    return [
        Finding(
            check="image_build",
            severity="warns",
            resource=resource(closed[0]),
            evidence=f"its network is closed, and the environments of {names} need an image to be built",
            remedy=(
                "Set target.image_build_compute to a CPU cluster that you make in the target, or use a prebuilt image."
            ),
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        )
    ]


_READ_BY_BUILDS = ("container_registry", "storage_account")


def _is_built(environment: Document | None) -> bool:
    return environment is not None and bool(environment.get("condaFile") or environment.get("build"))


def _is_closed(document: Document) -> bool:
    rules = document.get("networkAcls") or document.get("networkRuleSet") or {}
    access = str(document.get("publicNetworkAccess", "Enabled"))
    return access.lower() == "disabled" or rules.get("defaultAction", "Allow").lower() == "deny"
