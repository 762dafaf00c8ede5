"""Whether Azure ML may pass the Key Vault's firewall, and inject secrets from the vaults that deployments name."""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.checks.facts import Facts, is_closed, resource
from vnetferry.models.finding import Finding, Fix
from vnetferry.models.inventory import Document
from vnetferry.plan.derived_rules import resource_of
from vnetferry.plan.uses import label, vault_hosts


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


def injecting_vaults(facts: Facts, deployments: Iterable[Document]) -> list[Document]:
    """The vaults whose secrets Azure injects into the deployments, as far as they were found."""
    found = [resource_of(facts.scope, host) for deployment in deployments for host in vault_hosts(deployment)]
    return list({vault.id: vault for vault in found if vault}.values())


def check_injecting_vaults(facts: Facts) -> list[Finding]:
    """Injection goes by roles alone: of a vault with access policies, the deployment is refused.

    Source: Access secrets from online deployment using secret injection. FACTS 4.6.
    """
    # What may not be read entirely, as a list of resources shows it, is not judged.
    return [
        _by_policies(
            vault, [label(d) for d in facts.scope.all_deployments if vault in injecting_vaults(facts, [d])]
        )
        for vault in injecting_vaults(facts, facts.scope.all_deployments)
        if vault.get("vaultUri") and not vault.get("enableRbacAuthorization", False)
    ]


def _by_policies(vault: Document, users: list[str]) -> Finding:
    return Finding(
        check="key_vault",
        severity="blocks",
        resource=resource(vault),
        evidence=f"its secrets are injected into {', '.join(users)}, and it goes by access policies",
        remedy=(
            f"az keyvault update --name {vault.name} --enable-rbac-authorization true, once everybody whom its access "
            "policies let in has a role on it instead."
        ),
        source="https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoint-with-secret-injection",
    )
