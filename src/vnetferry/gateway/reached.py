"""Resources that deployments reach without the workspace's having them: registries, vaults, accounts behind hosts.

They are looked for where the caller may look, by name and type; what is not found stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.gateway import api_versions
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.hosts import AzureHost, azure_host, hosts_in
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import CONNECTION, ENVIRONMENT, Document
from vnetferry.plan.uses import named_hosts, registries, vault_hosts


def read_reached(
    readings: Readings, source: ResourceId, deployments: list[Document], known: list[Document]
) -> list[Document]:
    """The registries that deployments use, and the Azure resources whose hosts they and their assets name.

    In: known: what was read already, with the workspace's connections and environments.
    """
    there = {document.id for document in known}
    found = [
        *_registries(readings, source, registries(deployments)),
        *_behind(readings, source, deployments, known),
    ]
    return [document for document in found if document.id not in there]


def _registries(readings: Readings, source: ResourceId, wanted: Iterable[str]) -> list[Document]:
    """Registries by name: the source's subscription first, the others that the caller sees while one is missing."""
    missing, found = set(wanted), []
    for subscription in _subscriptions(readings, source) if missing else ():
        path = f"/subscriptions/{subscription}/providers/{ML}/registries"
        for item in readings.items(path, api_versions.ML):
            if str(item.get("name", "")).lower() in missing:
                missing.remove(str(item["name"]).lower())
                found.append(ResourceId(str(item["id"])))
        if not missing:
            break
    readings.unread.update(f"registry {name}: it was not found in any subscription" for name in missing)
    return readings.documents(found)


def _subscriptions(readings: Readings, source: ResourceId) -> Iterable[str]:
    yield source.subscription_id
    yield from (each for each in readings.subscriptions if each.lower() != source.subscription_id.lower())


def _behind(
    readings: Readings, source: ResourceId, deployments: list[Document], known: list[Document]
) -> list[Document]:
    hosts = {azure_host(host) for host in _hosts(deployments, known)} - {None}
    present = {(d.name.lower(), d.type.lower()) for d in known}
    wanted = sorted(h for h in hosts if h and (h.name, h.type.lower()) not in present)
    items = [item for each in wanted for item in _listed(readings, source, each)]
    found = [Document(id=ResourceId(str(item["id"])), body=item) for item in items]
    return [_whole(readings, document) for document in found]


def _hosts(deployments: list[Document], known: list[Document]) -> Iterable[str]:
    for deployment in deployments:
        yield from (host for _, host in named_hosts(deployment))
        yield from vault_hosts(deployment)
    for document in known:
        if document.type.lower() == CONNECTION.lower():
            yield from hosts_in(str(document.get("target", "")))
        if document.type.lower() == ENVIRONMENT.lower():
            yield str(document.get("image", "")).partition("/")[0].lower()


def _listed(readings: Readings, source: ResourceId, host: AzureHost) -> list[Json]:
    path = f"/subscriptions/{source.subscription_id}/resources"
    query = {"$filter": f"name eq '{host.name}' and resourceType eq '{host.type}'"}
    return readings.items(path, api_versions.RESOURCES, query)


def _whole(readings: Readings, document: Document) -> Document:
    """The resource's own document where its type's api-version is known; else what the list says of it."""
    try:
        api_versions.api_version(document.type)
    except KeyError:
        return document
    return next(iter(readings.documents([document.id])), document)
