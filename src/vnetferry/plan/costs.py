"""What is billed: today, while both workspaces run, and afterwards.

Counts come from the source's documents. A price stands only where one is known, with where it is from: what a reader
pays for a VM is on the reader's own bill, which the inventory has where it may be read.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from vnetferry.models.inventory import Document, has_legacy_isolation
from vnetferry.models.plan import Cost
from vnetferry.plan.associated import associated_resources, made_anew
from vnetferry.plan.inbound import inbound_step_ids, private_endpoints
from vnetferry.plan.rules import needs_firewall
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import references
from vnetferry.plan.workspace import outbound_rules, system_destinations

# About; third parties' reading of the price page, not Microsoft's. FACTS 6.
_PRIVATE_ENDPOINT_USD_H = 0.01
_FIREWALL_USD_H = {"standard": 1.25}
_PRIVATE_ENDPOINT_SOURCE = "about 0.01 USD/h, and 0.01 USD/GB each way (c3x.dev, oneuptime.com)"
_FIREWALL_SOURCE = {
    "standard": "made for FQDN rules; about 1.25 USD/h and data (dev.to; compare the price page)",
    "basic": "made for FQDN rules; less than Standard's 1.25 USD/h, see the price page",
}
_VM_SOURCE = "sku.capacity of the deployments; see your price sheet for the VM size"
_BILLED = "sku.capacity of the deployments; {each:,.2f} {currency} a month each, as billed in {month}"
_ANEW_SOURCE = "made anew; billed by size and use, see the price page; the source's stays until you delete it"
_LEGACY_EACH, _LEGACY_REGISTRY = (
    3,
    2,
)  # per deployment: workspace, blob, registry; more where a registry's assets are used


def costs(scope: Scope) -> tuple[Cost, ...]:
    """Everything that the migration makes, doubles or ends, and that is billed by the hour.

    In place nothing is doubled: `both` is what is billed between the deletions and the end.
    """
    return (*_instances(scope), *_private_endpoints(scope), *_firewall(scope), *_anew(scope))


def _instances(scope: Scope) -> Iterator[Cost]:
    for size, found in groupby(sorted(scope.all_deployments, key=_size), key=_size):
        deployments = tuple(found)
        count = sum(map(_instance_count, deployments))
        yield Cost(
            what=f"{size} instances",
            today=count,
            both=0 if scope.config.in_place else 2 * count,
            after=count,
            **_price(scope, deployments),
        )


def _size(deployment: Document) -> str:
    return str(deployment.get("instanceType", "unknown size"))


def _instance_count(deployment: Document) -> int:
    return int((deployment.body.get("sku") or {}).get("capacity") or 1)


def _price(scope: Scope, deployments: tuple[Document, ...]) -> dict[str, Any]:
    """The price fields of the cost of one VM size: what those that were billed cost, divided by how many they are now.

    None is known where nothing was billed, or in more than one currency.
    """
    by_name = {(d.id.parent.name.lower(), d.name.lower()): d for d in deployments}
    bills = [
        bill for bill in scope.inventory.billed if (bill.endpoint.lower(), bill.deployment.lower()) in by_name
    ]
    billed = {(bill.endpoint.lower(), bill.deployment.lower()) for bill in bills}
    currencies = {bill.currency for bill in bills}
    if len(currencies) != 1:
        return {"source": _VM_SOURCE}
    each = sum(bill.amount for bill in bills) / sum(_instance_count(by_name[name]) for name in billed)
    month, currency = bills[0].month, bills[0].currency
    hours = 24 * monthrange(*map(int, month.split("-")))[1]
    text = _BILLED.format(each=each, currency=currency, month=month)
    return {"unit_h": round(each / hours, 6), "currency": currency, "source": text}


def _private_endpoints(scope: Scope) -> Iterator[Cost]:
    today = sum(map(_legacy_endpoints, scope.all_deployments)) + len(private_endpoints(scope.inventory))
    rules, _ = outbound_rules(scope, associated_resources(scope))
    own = sum(rule["type"] == "PrivateEndpoint" for rule in rules.values())
    ways_in = len(private_endpoints(scope.inventory)) if scope.config.in_place else 0
    after = _azures_own(scope) + own + len(inbound_step_ids(scope)) + ways_in
    yield Cost(
        what="private endpoints",
        today=today,
        both=after if scope.config.in_place else today + after,
        after=after,
        unit_h=_PRIVATE_ENDPOINT_USD_H,
        source=_PRIVATE_ENDPOINT_SOURCE,
    )


def _legacy_endpoints(deployment: Document) -> int:
    """How many private endpoints Azure made for one deployment's own network."""
    if not has_legacy_isolation(deployment):
        return 0
    from_registry = any(name.lower().startswith("azureml://registries/") for name in references(deployment))
    return _LEGACY_EACH + (_LEGACY_REGISTRY if from_registry else 0)


def _azures_own(scope: Scope) -> int:
    """Those that a managed network has without being asked: to the workspace, and to what it uses."""
    return 1 + len(system_destinations(scope, associated_resources(scope)))


def _firewall(scope: Scope) -> Iterator[Cost]:
    rules, _ = outbound_rules(scope, associated_resources(scope))
    if needs_firewall(rules):
        sku = scope.config.target.firewall_sku
        yield Cost(
            what=f"Azure Firewall ({sku.capitalize()})",
            today=0,
            both=1,
            after=1,
            unit_h=_FIREWALL_USD_H.get(sku),
            source=_FIREWALL_SOURCE[sku],
        )


def _anew(scope: Scope) -> Iterator[Cost]:
    """What the target stands on, made anew: the source's stays, as vnetferry does not delete it."""
    for each in made_anew(scope):
        sku = str((each.body.get("sku") or each.body["properties"].get("sku") or {}).get("name", ""))
        before = 1 if each.like else 0
        yield Cost(
            what=f"{each.noun} ({sku})" if sku else each.noun,
            today=before,
            both=before + 1,
            after=before + 1,
            source=_ANEW_SOURCE,
        )
