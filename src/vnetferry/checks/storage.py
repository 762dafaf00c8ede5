"""Whether the target's storage account is one that a workspace takes."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document


def check_storage(facts: Facts) -> list[Finding]:
    """A workspace's account must be neither premium, nor hierarchical, nor for blobs alone."""
    account = facts.associated.get("storage_account")
    problem = _problem(account) if account else ""
    if not account or not problem:
        return []
    return [
        Finding(
            check="storage",
            severity="blocks",
            resource=resource(account),
            evidence=problem,
            remedy="Name another account as target.associated_resources.storage_account, or let one be created.",
            source="https://learn.microsoft.com/azure/machine-learning/concept-workspace",
        )
    ]


def _problem(account: Document) -> str:
    if account.get("isHnsEnabled", False):
        return "it has a hierarchical namespace"
    if str((account.body.get("sku") or {}).get("name", "")).lower().startswith("premium"):
        return "it is a premium account"
    if str(account.body.get("kind", "")).lower() == "blobstorage":
        return "its kind is BlobStorage"
    return ""
