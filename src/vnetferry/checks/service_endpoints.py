"""Whether an associated resource is reached by service endpoints, which a managed network does not go with."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document

_REMOVE = {
    "storage_account": "az storage account network-rule remove --account-name {name} --subnet {subnet}",
    "key_vault": "az keyvault network-rule remove --name {name} --subnet {subnet}",
    "container_registry": "az acr network-rule remove --name {name} --subnet {subnet}",
}


def check_service_endpoints(facts: Facts) -> list[Finding]:
    """Service endpoints and private endpoints on one resource are unsupported (FACTS 2.1)."""
    return [
        Finding(
            check="service_endpoints",
            severity="warns",
            resource=resource(document),
            evidence=f"subnet {subnet.rpartition('/')[2]} reaches it by a service endpoint, and the managed network by "
            "a private one: on the same resource that is not supported",
            remedy=(
                f"Give that subnet a private endpoint of its own, then: "
                f"{_REMOVE[name].format(name=document.name, subnet=subnet)}"
            ),
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        )
        for name, document in sorted(facts.associated.items())
        if name in _REMOVE
        for subnet in _subnets(document)
    ]


def _subnets(document: Document) -> list[str]:
    rules = document.get("networkAcls") or document.get("networkRuleSet") or {}
    return [str(rule["id"]) for rule in rules.get("virtualNetworkRules") or [] if rule.get("id")]
