"""What a workspace, its deployments and what it uses cost, month by month, as Cost Management knows it.

Source: Query - Usage (Cost Management); view costs for an online endpoint (the tags).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from vnetferry.errors import AzureError
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import MonthlyCost

_MONTHS_BEFORE = 2  # whole months beside the one that runs
_TAGS = ("azuremlendpoint", "azuremldeployment")


def read_costs(
    readings: Readings, workspace: ResourceId, used: Iterable[ResourceId], endpoints: Iterable[str]
) -> list[MonthlyCost]:
    """Costs by resource, and what the workspace's deployments cost by endpoint and deployment; sorted.

    Cost Management allows few queries, so even its throttling is a line of `unread`, and no reason to wait.
    """
    resources, names = {workspace, *used}, sorted(endpoints)
    found = [
        cost
        for group in sorted({resource.group_id for resource in resources})
        for cost in _ask(readings, group, [{"type": "Dimension", "name": "ResourceId"}])
        if any(f"{cost.resource}/".startswith(f"{resource.key}/") for resource in resources)
    ]
    if names:
        tags = [{"type": "TagKey", "name": tag} for tag in _TAGS]
        kept = {"tags": {"name": _TAGS[0], "operator": "In", "values": names}}
        found += _ask(readings, workspace.group_id, tags, kept)
    return sorted(found, key=lambda cost: (cost.month, cost.resource, cost.endpoint, cost.deployment))


def _ask(
    readings: Readings, scope: ResourceId, grouping: list[Json], kept: Json | None = None
) -> list[MonthlyCost]:
    dataset = {
        "granularity": "Monthly",
        "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
        "grouping": grouping,
        **({"filter": kept} if kept else {}),
    }

    def query() -> list[MonthlyCost]:
        return list(_query(readings.azure, scope, dataset))

    return readings.attempt(query, f"costs of {scope.resource_group}", (AzureError,)) or []


def _query(azure: Azure, scope: ResourceId, dataset: Json) -> Iterator[MonthlyCost]:
    first, last = _period(azure.clock.now())
    body = {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": f"{first:%Y-%m-%d}T00:00:00Z", "to": f"{last:%Y-%m-%d}T23:59:59Z"},
        "dataset": dataset,
    }
    target, version = f"{scope}/providers/Microsoft.CostManagement/query", api_versions.COST_MANAGEMENT
    while target:
        properties = azure.arm.post(target, version, body).body.get("properties") or {}
        columns = [str(column.get("name")) for column in properties.get("columns") or ()]
        yield from (_cost(columns, row) for row in properties.get("rows") or ())
        target, version = properties.get("nextLink") or "", ""


def _period(now: datetime) -> tuple[datetime, datetime]:
    first = now.replace(day=1)
    for _ in range(_MONTHS_BEFORE):
        first = (first - timedelta(days=1)).replace(day=1)
    return first, now


def _cost(columns: list[str], row: list[Any]) -> MonthlyCost:
    """One row. Its columns are found by name: their order differs between scopes."""
    cells = dict(zip(columns, row, strict=True))
    tags = dict(_tags(columns, row))
    return MonthlyCost(
        month=str(cells["BillingMonth"])[:7],
        resource=str(cells.get("ResourceId") or "").lower(),
        endpoint=tags.get(_TAGS[0], ""),
        deployment=tags.get(_TAGS[1], ""),
        amount=round(float(cells["Cost"]), 2),
        currency=str(cells["Currency"]),
    )


def _tags(columns: list[str], row: list[Any]) -> Iterator[tuple[str, str]]:
    """Each grouping by tag has a column with the tag's key and one with its value."""
    keys = [str(cell).lower() for name, cell in zip(columns, row, strict=True) if name == "TagKey"]
    values = [str(cell or "") for name, cell in zip(columns, row, strict=True) if name == "TagValue"]
    return zip(keys, values, strict=True)
