"""Whether Azure ML may pass the Key Vault's firewall."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, is_closed, resource
from vnetferry.models.finding import Finding, Fix


def check_key_vault(facts: Facts) -> list[Finding]:
    """A vault behind a firewall must let trusted Azure services by, or endpoints with keys cannot be created."""
    vault = facts.associated.get("key_vault")
    if vault is None:
        return []
    rules = vault.get("networkAcls", {})
    if not is_closed(vault) or "azureservices" in str(rules.get("bypass", "")).lower():
        return []
    return [
        Finding(
            check="key_vault",
            severity="blocks",
            resource=resource(vault),
            evidence=f"its firewall is closed and its bypass is {rules.get('bypass', 'unset')}, not AzureServices",
            remedy=f"az keyvault update --name {vault.name} --bypass AzureServices",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints",
            fix=Fix(kind="let_services_by", resource=resource(vault)),
        )
    ]
