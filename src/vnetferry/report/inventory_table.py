"""What the source workspace holds, as tables."""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import (
    CODE,
    DEPLOYMENT,
    ENDPOINT,
    ENVIRONMENT,
    MODEL,
    WORKSPACE,
    Document,
    Inventory,
)
from vnetferry.plan.build import build
from vnetferry.plan.render import carried_summary, duration
from vnetferry.plan.scope import scope_of

# Shown in the table above, or containers that only hold versions.
_SHOWN_APART = {
    WORKSPACE.lower(),
    ENDPOINT.lower(),
    DEPLOYMENT.lower(),
    *(kind.lower().removesuffix("/versions") for kind in (CODE, ENVIRONMENT, MODEL)),
}


def inventory_table(inventory: Inventory) -> RenderableType:
    """The endpoints with their deployments, and a count of everything else."""
    parts: list[RenderableType] = [_heading(inventory), _endpoints(inventory), _others(inventory)]
    parts += [Text(f"Could not be read: {what}", style="yellow") for what in inventory.unread]
    return Group(*parts)


def effort_table(inventory: Inventory, config: MigrationConfig) -> RenderableType:
    """What it would take to move the endpoints that the configuration names."""
    requests = dict.fromkeys(config.validation.requests, "")
    scope, plan = scope_of(inventory, config, requests), build(inventory, config, requests)
    grid = Table.grid(padding=(0, 2))
    for label, text in (
        ("To move", f"{len(scope.endpoints)} endpoints with {len(scope.all_deployments)} deployments"),
        ("Steps", str(len(plan.steps))),
        ("At best", f"{duration(plan.critical_path_s)} of Azure's time"),
        ("Properties", carried_summary(plan)),
    ):
        grid.add_row(Text(label, style="bold"), text)
    return grid


def _heading(inventory: Inventory) -> Text:
    workspace = inventory.workspace
    access = workspace.get("publicNetworkAccess", "Enabled")
    where = f"{inventory.source.resource_group}, {inventory.location}"
    return Text.assemble((workspace.name, "bold"), f" ({where}), public network access {access}")


def _endpoints(inventory: Inventory) -> Table:
    table = Table(expand=True)
    for title in ("Endpoint", "Deployment", "Instances", "Traffic", "Isolation", "State"):
        table.add_column(title, overflow="fold")
    table.add_column("Requests in 30 days", justify="right")
    for endpoint in inventory.endpoints:
        deployments = inventory.deployments(endpoint.id) or (None,)
        for index, deployment in enumerate(deployments):
            first = index == 0
            requests = _requests(inventory, endpoint) if first else ""
            table.add_row(endpoint.name if first else "", *_deployment(endpoint, deployment), requests)
    return table


def _deployment(endpoint: Document, deployment: Document | None) -> tuple[str, str, str, str, str]:
    if deployment is None:
        return "none", "", "", "", str(endpoint.get("provisioningState", ""))
    count = (deployment.body.get("sku") or {}).get("capacity", 1)
    legacy = str(deployment.get("egressPublicNetworkAccess", "Enabled")).lower() == "disabled"
    return (
        deployment.name,
        f"{count} x {deployment.get('instanceType', '?').removeprefix('Standard_')}",
        _traffic(endpoint, deployment.name),
        "legacy" if legacy else "none",
        str(deployment.get("provisioningState", "")),
    )


def _traffic(endpoint: Document, deployment: str) -> str:
    live, mirror = (endpoint.get(key, {}).get(deployment, 0) for key in ("traffic", "mirrorTraffic"))
    return f"{live} %" + (f", mirror {mirror} %" if mirror else "")


def _requests(inventory: Inventory, endpoint: Document) -> str:
    count = inventory.requests.get(endpoint.id.key)
    return "unknown" if count is None else f"{count:,.0f}"


def _others(inventory: Inventory) -> Table:
    kinds = Counter(d.type for d in inventory.documents if d.type.lower() not in _SHOWN_APART)
    table = Table(title="Everything else", title_justify="left")
    table.add_column("Kind")
    table.add_column("Count", justify="right")
    for kind, count in sorted(kinds.items()):
        table.add_row(kind.partition("/")[2] or kind, str(count))
    return table
