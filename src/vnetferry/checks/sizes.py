"""Whether the machines of the deployments are to be had in the target's region, and are large enough.

Source: Managed online endpoints SKU list (which sizes may be too small for their own system components). FACTS 3.3.
"""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.checks.regions import plain
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list"
_SMALL = {"standard_ds1_v2", "standard_f2s_v2"}


def check_sizes(facts: Facts) -> list[Finding]:
    """A size that the region lacks blocks; in the source's own region, where it runs, that is only doubtful."""
    moved = facts.scope.all_deployments if facts.config.in_place else facts.missing_deployments
    lacking = [d for d in moved if facts.sizes and _size(d) not in facts.sizes]
    small = [d for d in moved if _size(d) in _SMALL]
    return [*(_lacking(facts, d) for d in lacking), *map(_small, small)]


def _size(deployment: Document) -> str:
    return str(deployment.get("instanceType", "")).lower()


def _lacking(facts: Facts, deployment: Document) -> Finding:
    # In place every endpoint is made again.
    other = "" if facts.config.in_place else f", or add {deployment.id.parent.name} to endpoints.exclude"
    elsewhere = plain(facts.scope.location) != plain(facts.inventory.location)
    return Finding(
        check="sizes",
        severity="blocks" if elsewhere else "warns",
        resource=resource(deployment),
        evidence=f"{facts.scope.location} does not list {deployment.get('instanceType')}, which it runs on",
        remedy=(
            f"Deploy it on a size that az ml compute list-sizes --location {facts.scope.location} shows{other}, "
            "and plan again."
        ),
        source=_SOURCE,
    )


def _small(deployment: Document) -> Finding:
    return Finding(
        check="sizes",
        severity="warns",
        resource=resource(deployment),
        evidence=f"{deployment.get('instanceType')} may be too small for a model beside Azure's own components",
        remedy="Deploy it on a larger size before it moves, if it does not come up: a size cannot be changed.",
        source=_SOURCE,
    )
