"""Whether what the new deployments log will arrive in Application Insights."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.plan.telemetry import LINK_SCOPE, has_way, link_scopes, logging, takes_private_alone


def check_telemetry(facts: Facts) -> list[Finding]:
    """One that takes private ingestion alone gets nothing from a managed network without a rule to its link scope."""
    insights, sent = _insights(facts), logging(facts.scope)
    if insights is None or not sent or not takes_private_alone(insights) or has_way(facts.scope):
        return []
    scopes = link_scopes(insights)
    return [
        Finding(
            check="telemetry",
            severity="warns",
            resource=resource(insights),
            evidence=f"it takes private ingestion alone, no outbound rule leads there, and {', '.join(sent)} log to it",
            remedy=_remedy(insights, scopes),
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        )
    ]


def _insights(facts: Facts) -> Document | None:
    """The target's; one that is made anew takes what the source's takes."""
    named = facts.associated.get("application_insights")
    own = str(facts.inventory.workspace.get("applicationInsights") or "")
    if named or not own or facts.config.target.associated_resources != "create":
        return named
    return facts.inventory.find(ResourceId(own)) if ResourceId(own) in facts.inventory else None


def _remedy(insights: Document, scopes: list[str]) -> str:
    group = f"--resource-group {insights.id.resource_group}"
    named = scopes[0] if scopes else f"{insights.id.group_id}/providers/{LINK_SCOPE}/<name>"
    make = (
        ""
        if scopes
        else f"Put it into a private link scope (az monitor private-link-scope scoped-resource create {group} "
        f"--scope-name <name> --name {insights.name} --linked-resource {insights.id}). "
    )
    rule = (
        "{name: telemetry, type: private_endpoint, destination: "
        f"{{service_resource_id: {named}, subresource_target: azuremonitor}}}}"
    )
    return f"{make}Add to target.outbound_rules: {rule}."
