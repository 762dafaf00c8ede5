"""Whether what deployments log arrives: Application Insights that takes private ingestion alone needs a way of its own.

Source: Workspace managed virtual network isolation (Application Insights is reached by private link through an Azure
Monitor private link scope; the AzureMonitor service tag leads to public ingestion). FACTS 2.3, 4.6.
"""

from __future__ import annotations

from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import OUTBOUND_RULE, Document
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import label

LINK_SCOPE = "microsoft.insights/privatelinkscopes"


def logging(scope: Scope) -> list[str]:
    """The deployments that move and log to Application Insights, as `endpoint/deployment`."""
    return [label(d) for d in scope.all_deployments if d.get("appInsightsEnabled")]


def takes_private_alone(insights: Document) -> bool:
    """Whether it refuses what is sent by public addresses."""
    return str(insights.get("publicNetworkAccessForIngestion", "Enabled")).lower() == "disabled"


def link_scopes(insights: Document) -> list[str]:
    """The ids of the private link scopes that it is in."""
    linked = insights.get("PrivateLinkScopedResources") or []
    return sorted({str(ResourceId(each["ResourceId"]).parent) for each in linked if each.get("ResourceId")})


def has_way(scope: Scope) -> bool:
    """Whether a rule of the configuration, or one that people made on the source, leads to a private link scope."""
    named = [rule.get("destination") for rule in scope.config.target.outbound_rules]
    kept = [rule.get("destination") for rule in scope.inventory.of_type(OUTBOUND_RULE)]
    ids = [w.get(key) for w in (*named, *kept) if isinstance(w, dict) for key in _KEYS if w.get(key)]
    return any(f"/{LINK_SCOPE}/" in str(text).lower() for text in ids)


_KEYS = ("service_resource_id", "serviceResourceId")
