"""What the source workspace holds, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vnetferry.models.base import Json
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Document, Inventory, has_legacy_isolation, is_kubernetes
from vnetferry.plan.build import build
from vnetferry.plan.render import carried_summary, duration
from vnetferry.plan.scope import scope_of
from vnetferry.report.inventory_rows import inventory_rows


def inventory_table(inventory: Inventory) -> RenderableType:
    """The endpoints with their deployments, what hangs on them, what is used of quotas, and what could not be read."""
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
    network = (workspace.get("managedNetwork") or {}).get("isolationMode") or "Disabled"
    lines = [f" ({where}), public network access {access}, managed network {network}"]
    if workspace.get("v1LegacyMode"):
        lines.append("It is in v1 legacy mode.")
    if tags := workspace.body.get("tags"):
        lines.append("Tags: " + ", ".join(f"{name}={value}" for name, value in sorted(tags.items())))
    return Text.assemble((workspace.name, "bold"), "\n".join(lines))


def _endpoints(inventory: Inventory) -> Table:
    table = Table(expand=True)
    for title in ("Endpoint", "Deployment", "Instances", "Traffic", "Isolation", "State"):
        table.add_column(title, overflow="fold")
    table.add_column("Requests in 30 days", justify="right")
    table.add_column("Cost a month", justify="right")
    for endpoint in inventory.endpoints:
        deployments = inventory.deployments(endpoint.id) or (None,)
        for index, deployment in enumerate(deployments):
            first = index == 0
            requests = _requests(inventory, endpoint) if first else ""
            cells = _deployment(endpoint, deployment)
            table.add_row(endpoint.name if first else "", *cells, requests, _cost(inventory, deployment))
    return table


def _deployment(endpoint: Document, deployment: Document | None) -> tuple[str, str, str, str, str]:
    if deployment is None:
        return "none", "", "", "", str(endpoint.get("provisioningState", ""))
    count = (deployment.body.get("sku") or {}).get("capacity", 1)
    return (
        deployment.name,
        f"{count} x {deployment.get('instanceType', '?').removeprefix('Standard_')}",
        _traffic(endpoint, deployment.name),
        _isolation(endpoint, deployment),
        str(deployment.get("provisioningState", "")),
    )


def _isolation(endpoint: Document, deployment: Document) -> str:
    if is_kubernetes(endpoint) or is_kubernetes(deployment):
        return "Kubernetes"
    return "legacy" if has_legacy_isolation(deployment) else "none"


def _traffic(endpoint: Document, deployment: str) -> str:
    live, mirror = (endpoint.get(key, {}).get(deployment, 0) for key in ("traffic", "mirrorTraffic"))
    return f"{live} %" + (f", mirror {mirror} %" if mirror else "")


def _requests(inventory: Inventory, endpoint: Document) -> str:
    count = inventory.requests.get(endpoint.id.key)
    return "unknown" if count is None else f"{count:,.0f}"


def _cost(inventory: Inventory, deployment: Document | None) -> str:
    """What a deployment cost in the last whole month that it is known for, else in the one that runs."""
    if deployment is None:
        return ""
    names = (deployment.id.parent.name.lower(), deployment.name.lower())
    found = [c for c in inventory.costs if (c.endpoint.lower(), c.deployment.lower()) == names]
    months = sorted({c.month for c in inventory.costs})
    whole = [c for c in found if c.month != months[-1]] or found
    return f"{whole[-1].amount:,.2f} {whole[-1].currency}" if whole else ""


def _others(inventory: Inventory) -> Table:
    table = Table(title="Everything else", title_justify="left", expand=True)
    table.add_column("What", no_wrap=True)
    table.add_column("Count", justify="right")
    table.add_column("Which", overflow="fold", ratio=1)
    for _, rows in groupby(inventory_rows(inventory), key=lambda row: row.part):
        table.add_section()
        for row in rows:
            table.add_row(row.what, f"{row.number:,}", row.which)
    table.add_section()
    for what, count, which in (*_usages(inventory), *_monthly(inventory)):
        table.add_row(what, count, which)
    return table


def _usages(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """Quotas that something is used of."""
    used = [usage for usage in inventory.usages if usage.get("currentValue")]
    if used:
        named = [f"{_usage_name(u)} {u['currentValue']} of {u.get('limit', '?')}" for u in used]
        yield "Quotas in use", str(len(used)), ", ".join(named)


def _usage_name(usage: Json) -> str:
    name = usage.get("name") or {}
    return str(name.get("localizedValue") or name.get("value") or "?")


def _monthly(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """What the workspace and all that it uses cost, by month."""
    resources = [cost for cost in inventory.costs if cost.resource]
    months = {month: list(costs) for month, costs in groupby(resources, key=lambda cost: cost.month)}
    if months:
        sums = [
            f"{month}: {sum(c.amount for c in costs):,.2f} {costs[0].currency}"
            for month, costs in months.items()
        ]
        yield "Costs", str(len(months)), ", ".join(sums)
