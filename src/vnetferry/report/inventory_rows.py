"""An inventory as rows for people: what there is of each kind, how many, and which. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from vnetferry.models import inventory as kinds
from vnetferry.models.inventory import Document, Inventory, is_legacy_connection
from vnetferry.plan.storage_services import SERVICES
from vnetferry.plan.uses import SYSTEM_REGISTRIES, references

_NAMED_MAX = 4
_REGISTRY_ASSET = re.compile(r"azureml://registries/([^/]+)/([^/]+)/([^/]+)/versions/([^/]+)$")


class Row(NamedTuple):
    """One line: the part of the picture that it belongs to, what it counts, how many there are, and which."""

    part: str
    what: str
    number: int
    which: str


def inventory_rows(inventory: Inventory) -> list[Row]:
    """Every kind that there is something of, part by part."""
    found = [row for part in _PARTS for row in part(inventory) if row.number]
    shown = {kind.lower() for kind in _SHOWN}
    others = Counter(d.type for d in inventory.documents if d.type.lower() not in shown)
    found += [
        Row("Other", kind.partition("/")[2] or kind, count, "") for kind, count in sorted(others.items())
    ]
    return found


def _workspace(inventory: Inventory) -> Iterator[Row]:
    yield _row(inventory, "Workspace", "Datastores", kinds.DATASTORE)
    yield _row(inventory, "Workspace", "Connections", kinds.CONNECTION)
    computes = inventory.of_type(kinds.COMPUTE)
    yield Row(
        "Workspace", "Computes", len(computes), _some([_compute(inventory, compute) for compute in computes])
    )
    yield _row(inventory, "Workspace", "Outbound rules", kinds.OUTBOUND_RULE)
    jobs = inventory.of_type(kinds.JOB)
    states = Counter(str(job.get("status", "unknown")) for job in jobs)
    states["ended"] = inventory.jobs_ended
    counted = [f"{count:,} {state}" for state, count in sorted(states.items()) if count]
    yield Row("Workspace", "Jobs", states.total(), ", ".join(counted))
    yield _row(inventory, "Workspace", "Schedules", kinds.SCHEDULE)
    yield _row(inventory, "Workspace", "Batch endpoints", kinds.BATCH_ENDPOINT)
    yield _row(inventory, "Workspace", "Batch deployments", kinds.BATCH_DEPLOYMENT, _below_parent)


def _assets(inventory: Inventory) -> Iterator[Row]:
    for what, kind in _ASSETS.items():
        homes = Counter(_home(inventory, d) for d in inventory.documents if _is_asset(d, kind))
        homes += Counter(_named_alone(inventory, kind))
        yield Row("Assets", what, homes.total(), ", ".join(f"{n} in {h}" for h, n in sorted(homes.items())))


def _resources(inventory: Inventory) -> Iterator[Row]:
    for what, kind in _RESOURCES.items():
        yield _row(inventory, "Resources", what, kind)
    services = [d for kind in SERVICES for d in inventory.of_type(kind)]
    yield _counted("Services of storage", services, "on", _parent, "Resources")


def _rights(inventory: Inventory) -> Iterator[Row]:
    worn = [d for d in inventory.documents if (d.body.get("identity") or {}).get("principalId")]
    yield Row("Rights", "Identities of their own", len(worn), _some([d.name for d in worn]))
    yield _row(inventory, "Rights", "Identities that people made", kinds.IDENTITY)
    assignments = inventory.of_type(kinds.ROLE_ASSIGNMENT)
    yield _counted("Role assignments", assignments, "on", lambda a: _last(a.get("scope")), "Rights")
    yield _row(
        inventory, "Rights", "Custom roles", kinds.ROLE_DEFINITION, lambda d: str(d.get("roleName", d.name))
    )
    yield _row(inventory, "Rights", "Locks", kinds.LOCK, lambda d: f"{d.name} on {_locked(d)}")


def _callers(inventory: Inventory) -> Iterator[Row]:
    yield _row(inventory, "Callers", "Private endpoints", kinds.PRIVATE_ENDPOINT, _in_subnet)
    yield _row(inventory, "Callers", "Networks", kinds.NETWORK)
    yield _row(inventory, "Callers", "DNS zone groups", kinds.DNS_ZONE_GROUP, _below_parent)
    yield _row(inventory, "Callers", "Private DNS zones", kinds.PRIVATE_DNS_ZONE)
    yield _counted("Links of zones", inventory.of_type(kinds.DNS_LINK), "to", _linked)
    yield _counted("Records of zones", inventory.of_type(kinds.DNS_RECORD), "in", _parent)
    connections = [d for d in inventory.documents if d.type.lower().endswith("/privateendpointconnections")]
    for what, legacy in (("Their connections", False), ("Legacy private endpoints", True)):
        found = [d for d in connections if is_legacy_connection(d) == legacy]
        yield _counted(what, found, "on", _parent)


def _watching(inventory: Inventory) -> Iterator[Row]:
    for what, kind in _WATCHING.items():
        yield _row(inventory, "Watching", what, kind)
    settings = inventory.of_type(kinds.DIAGNOSTIC_SETTING)
    on = [f"{d.name} on {_last(str(d.id).partition('/providers/Microsoft.Insights/')[0])}" for d in settings]
    yield Row("Watching", "Diagnostic settings", len(settings), _some(on))


_ASSETS = {
    "Models": kinds.MODEL,
    "Environments": kinds.ENVIRONMENT,
    "Code that is deployed": kinds.CODE,
    "Data": kinds.DATA,
    "Components": kinds.COMPONENT,
}
_RESOURCES = {
    "Storage accounts": kinds.STORAGE_ACCOUNT,
    "Key vaults": kinds.KEY_VAULT,
    "Container registries": kinds.CONTAINER_REGISTRY,
    "Application Insights": kinds.APPLICATION_INSIGHTS,
    "Log workspaces": kinds.LOG_WORKSPACE,
    "Registries": kinds.REGISTRY,
}
_WATCHING = {
    "Autoscale settings": kinds.AUTOSCALE,
    "Metric alerts": kinds.METRIC_ALERT,
    "Log alerts": kinds.LOG_ALERT,
    "Activity log alerts": kinds.ACTIVITY_ALERT,
    "Alert processing rules": kinds.PROCESSING_RULE,
}
_PARTS: tuple[Callable[[Inventory], Iterator[Row]], ...] = (
    _workspace,
    _assets,
    _resources,
    _rights,
    _callers,
    _watching,
)
# What a row or the table of endpoints counts, and containers that only hold versions.
_SHOWN = (
    *(kinds.WORKSPACE, kinds.ENDPOINT, kinds.DEPLOYMENT, kinds.DATASTORE, kinds.CONNECTION, kinds.COMPUTE),
    *(kinds.OUTBOUND_RULE, kinds.JOB, kinds.SCHEDULE, kinds.BATCH_ENDPOINT, kinds.BATCH_DEPLOYMENT),
    *_RESOURCES.values(),
    *SERVICES,
    *_WATCHING.values(),
    *(kinds.IDENTITY, kinds.ROLE_ASSIGNMENT, kinds.ROLE_DEFINITION, kinds.LOCK, kinds.DIAGNOSTIC_SETTING),
    *(kinds.PRIVATE_ENDPOINT, kinds.NETWORK, kinds.DNS_ZONE_GROUP, kinds.PRIVATE_DNS_ZONE, kinds.DNS_LINK),
    kinds.DNS_RECORD,
    *(
        f"{kind}/privateEndpointConnections"
        for kind in (kinds.WORKSPACE, kinds.STORAGE_ACCOUNT, kinds.KEY_VAULT, kinds.CONTAINER_REGISTRY)
    ),
    *(kind.removesuffix(end) for kind in _ASSETS.values() for end in ("", "/versions")),
    *(kind.replace(kinds.WORKSPACE, kinds.REGISTRY) for kind in _ASSETS.values()),
)


def _row(
    inventory: Inventory, part: str, what: str, kind: str, name: Callable[[Document], str] = lambda d: d.name
) -> Row:
    found = inventory.of_type(kind)
    return Row(part, what, len(found), _some([name(document) for document in found]))


def _counted(
    what: str,
    documents: Iterable[Document],
    word: str,
    place: Callable[[Document], str],
    part: str = "Callers",
) -> Row:
    """How many there are at each place."""
    places = Counter(place(document) for document in documents)
    named = [f"{count} {word} {name}" for name, count in sorted(places.items())]
    return Row(part, what, places.total(), _some(named))


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = [f"and {len(listed) - _NAMED_MAX} more"] if len(listed) > _NAMED_MAX else []
    return ", ".join(listed[:_NAMED_MAX] + more)


def _compute(inventory: Inventory, compute: Document) -> str:
    """Its name, its kind, and for a cluster how many of its nodes run something."""
    kind, nodes = str(compute.get("computeType", "?")), inventory.nodes.get(compute.id.key)
    if nodes is None:
        state = (compute.get("properties") or {}).get("state")
        return f"{compute.name} ({', '.join(filter(None, (kind, state)))})"
    busy = sum(1 for node in nodes if node.get("runId"))
    return f"{compute.name} ({kind}, {len(nodes)} nodes, {busy} busy)"


def _is_asset(document: Document, kind: str) -> bool:
    return document.type.lower() in (kind.lower(), kind.lower().replace("/workspaces/", "/registries/"))


def _named_alone(inventory: Inventory, kind: str) -> Iterator[str]:
    """Where registry assets live that deployments name and that could not be read: Azure's own, for the most part."""
    known = {
        (d.id.parent.parent.name.lower(), d.id.parent.name.lower(), d.name.lower())
        for d in inventory.documents
        if _is_asset(d, kind) and not d.id.is_under(inventory.source)
    }
    texts = {text for d in inventory.of_type(kinds.DEPLOYMENT) for text in references(d)}
    found = {match.groups() for text in texts if (match := _REGISTRY_ASSET.match(text.lower()))}
    for registry, plural, name, version in sorted(found):
        if f"/{plural}/versions" in kind.lower() and (registry, name, version) not in known:
            yield f"registry {registry}{' (curated)' if registry in SYSTEM_REGISTRIES else ''}"


def _home(inventory: Inventory, asset: Document) -> str:
    if not asset.id.is_under(inventory.source):
        return f"registry {asset.id.parent.parent.name}"
    return "every workspace (curated)" if asset.get("environmentType") == "Curated" else "the workspace"


def _parent(document: Document) -> str:
    return document.id.parent.name


def _linked(link: Document) -> str:
    return _last((link.get("virtualNetwork") or {}).get("id"))


def _below_parent(document: Document) -> str:
    return f"{document.id.parent.name}/{document.name}"


def _in_subnet(private_endpoint: Document) -> str:
    subnet = str((private_endpoint.get("subnet") or {}).get("id") or "").split("/")
    return f"{private_endpoint.name} (in {subnet[-3]})" if len(subnet) > 3 else private_endpoint.name


def _locked(lock: Document) -> str:
    return _last(str(lock.id).partition("/providers/Microsoft.Authorization/locks/")[0])


def _last(resource: Any) -> str:
    return str(resource or "").rstrip("/").rpartition("/")[2] or "the tenant"
