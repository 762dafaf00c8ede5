"""Whether images can be built in the target."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, is_closed, resource
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document


def check_image_build(facts: Facts) -> list[Finding]:
    """Serverless image builds do not reach a closed storage account or registry; a compute of one's own does."""
    built = [d for d in facts.scope.all_deployments if _is_built(facts.environment_of(d))]
    closed = [d for name, d in sorted(facts.associated.items()) if name in _READ_BY_BUILDS and is_closed(d)]
    stays = facts.config.in_place and facts.inventory.workspace.get("imageBuildCompute")
    if not built or not closed or facts.config.target.image_build_compute or stays:
        return []
    which = "of the workspace" if facts.config.in_place else "that you make in the target"
    names = ", ".join(f"{d.id.parent.name}/{d.name}" for d in built)
    return [
        Finding(
            check="image_build",
            severity="warns",
            resource=resource(closed[0]),
            evidence=f"its network is closed, and the environments of {names} need an image to be built",
            remedy=(f"Set target.image_build_compute to a CPU cluster {which}, or use a prebuilt image."),
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        )
    ]


_READ_BY_BUILDS = ("container_registry", "storage_account")


def _is_built(environment: Document | None) -> bool:
    return environment is not None and bool(environment.get("condaFile") or environment.get("build"))
