"""Whether the target may stand on the resources that it is to use.

Source: Network isolation with managed online endpoints (limitations): they lie in the workspace's own subscription and
        tenant. An older version of that page let them lie in another subscription, so a source may. FACTS 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.plan.associated import ASSOCIATED_TYPES

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint"
_ANEW = "https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"


def check_associated(facts: Facts) -> list[Finding]:
    """What is named exists, is of its kind, and lies in the target's subscription and tenant; what is to be made has a
    name that is free.
    """
    named = {name: ResourceId(text) for name, text in facts.associated_ids.items() if text}
    findings = [
        _finding(facts, name, each, seen) for name, each in named.items() for seen in _seen(facts, name, each)
    ]
    return [*findings, *_untakeable(facts)]


def _seen(facts: Facts, name: str, resource: ResourceId) -> Iterator[str]:
    subscription = facts.scope.target.subscription_id
    if resource.type.lower() != ASSOCIATED_TYPES[name].lower():
        yield f"it is a {resource.type}, and the {name.replace('_', ' ')} must be a {ASSOCIATED_TYPES[name]}"
    elif resource.subscription_id.lower() != subscription.lower():
        yield f"it lies in subscription {resource.subscription_id}, and the target in {subscription}"
    elif resource.key in facts.absent:
        yield "it does not exist"
    elif name in facts.associated and (tenant := _tenant(facts, name)):
        yield f"it belongs to tenant {tenant}, and the target's subscription to {facts.tenant}"


def _tenant(facts: Facts, name: str) -> str:
    """The tenant of a vault, the only one that says so, if it is another; "" otherwise."""
    tenant = str(facts.associated[name].get("tenantId", "")) if name == "key_vault" else ""
    return tenant if facts.tenant and tenant.lower() != facts.tenant.lower() else ""


def _finding(facts: Facts, name: str, resource: ResourceId, seen: str) -> Finding:
    return Finding(
        check="associated",
        severity="blocks",
        resource=str(resource),
        evidence=seen,
        remedy=(
            f"Name one of subscription {facts.scope.target.subscription_id} as target.associated_resources.{name}, or "
            "set target.associated_resources to create."
        ),
        source=_SOURCE,
    )


def _untakeable(facts: Facts) -> Iterator[Finding]:
    for identifier, why in sorted(facts.untakeable.items()):
        yield Finding(
            check="associated",
            severity="blocks",
            resource=identifier,
            evidence=f"it cannot be made for {facts.scope.target.name}: {why}",
            remedy=(
                "Choose another target.workspace, from which the name follows; or name a resource of your own in "
                "target.associated_resources."
            ),
            source=_ANEW,
        )
