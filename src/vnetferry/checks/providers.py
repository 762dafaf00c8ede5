"""Whether the resource providers that a migration needs are registered in the subscription."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.config import BringYourOwn, MigrationConfig
from vnetferry.models.finding import Finding, Fix

_ALWAYS = ("Microsoft.MachineLearningServices", "Microsoft.Network")
_CREATED = {
    "storage_account": "Microsoft.Storage",
    "key_vault": "Microsoft.KeyVault",
    "application_insights": "Microsoft.Insights",
    "container_registry": "Microsoft.ContainerRegistry",
}


def needed_providers(config: MigrationConfig) -> tuple[str, ...]:
    """The namespaces that a migration writes to: also those of what is created with the workspace."""
    wanted = config.target.associated_resources
    if wanted == "share":
        return _ALWAYS
    own = wanted if isinstance(wanted, BringYourOwn) else None
    return (*_ALWAYS, *(namespace for name, namespace in _CREATED.items() if not getattr(own, name, None)))


def check_providers(facts: Facts) -> list[Finding]:
    """A managed network needs Microsoft.Network in the subscription, even when nobody uses it otherwise."""
    subscription = f"/subscriptions/{facts.inventory.source.subscription_id}"
    return [
        Finding(
            check="providers",
            severity="blocks",
            resource=subscription,
            evidence=f"{name} is {facts.registrations[name.lower()]}",
            remedy=f"az provider register --namespace {name} --wait",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
            fix=Fix(kind="register_provider", resource=subscription, parameters={"namespace": name}),
        )
        for name in needed_providers(facts.config)
        if facts.registrations.get(name.lower(), "Registered").lower() != "registered"
    ]
