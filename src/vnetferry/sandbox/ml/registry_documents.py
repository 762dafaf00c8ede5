"""Registries as they are kept and answered, and how they are found: by name, by what they hold, by reference.

A registry keeps its assets in storage accounts and container registries of its own, one account (or more) in
each of its regions, in a resource group that it manages.
"""

from __future__ import annotations

import re
import uuid
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

from vnetferry.sandbox.arm.private_links import connections_of
from vnetferry.sandbox.ml.scope import REGISTRY_TYPE
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

STORAGE, CONTAINERS = "storage", "acr"
# A kind of associated resource: the list in a region, and the two members of which one holds its id.
_MEMBERS = {
    STORAGE: ("storageAccountDetails", "systemCreatedStorageAccount", "userCreatedStorageAccount"),
    CONTAINERS: ("acrDetails", "systemCreatedAcrAccount", "userCreatedAcrAccount"),
}
_REFERENCE = re.compile(
    r"azureml://registries/([^/]+)/(models|environments|components|codes|data)/([^/]+)/versions/([^/]+)/?",
    re.IGNORECASE,
)


class Reference(NamedTuple):
    """A version in a registry, as `azureml://registries/…` names it."""

    registry: str
    plural: str
    name: str
    version: str


def guid_of(registry: Json) -> str:
    """The registry's own id, which stands in its host names; ARM never answers it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, registry["id"].lower()))


def shown(world: World, registry: Json) -> Json:
    """What GET answers: the document, with its private endpoint connections when it has any."""
    document = deepcopy(registry)
    if connections := connections_of(world, registry["id"]):
        document["properties"]["registryPrivateEndpointConnections"] = [_connection(c) for c in connections]
    return document


def find_registry(world: World, name: str) -> Json | None:
    """The registry of that name, which is one's in the whole tenant, or None."""
    found = world.resources_of(REGISTRY_TYPE)
    return next((each for each in found if each["name"].lower() == name.lower()), None)


def parse_reference(uri: str) -> Reference | None:
    """What an `azureml://registries/…/versions/…` names, or None for anything else."""
    found = _REFERENCE.fullmatch(uri)
    return Reference(found[1], found[2].lower(), found[3], found[4]) if found else None


def find_asset(world: World, uri: str) -> Json | None:
    """The version that an `azureml://registries/…` URI names, or None."""
    reference = parse_reference(uri)
    registry = find_registry(world, reference.registry) if reference else None
    if reference is None or registry is None:
        return None
    path = f"{reference.plural}/{reference.name}/versions/{reference.version}"
    return world.documents.get(f"{registry['id']}/{path}")


def asset_uri(document_id: str) -> str:
    """The `azureml://registries/…` of something in a registry, by its ARM id."""
    parts = document_id.strip("/").split("/")
    return "azureml://registries/" + "/".join(parts[7:])


def regions_of(registry: Json) -> list[str]:
    """Its regions, the primary one first."""
    found = [each.get("location") or "" for each in registry["properties"].get("regionDetails") or []]
    return list(dict.fromkeys(normal_region(each) for each in (registry["location"], *found) if each))


def resources_in(registry: Json, kind: str, region: str) -> list[str]:
    """The ids of the registry's storage accounts or container registries in a region."""
    several, *owners = _MEMBERS[kind]
    found = []
    for details in registry["properties"].get("regionDetails") or []:
        if normal_region(details.get("location") or "") != normal_region(region):
            continue
        for each in details.get(several) or []:
            for owner in owners:
                identifier = ((each.get(owner) or {}).get("armResourceId") or {}).get("resourceId")
                found += [identifier] if identifier else []
    return found


def all_resources(registry: Json) -> list[str]:
    """Every associated resource's id, once."""
    found = [
        resource
        for region in regions_of(registry)
        for kind in _MEMBERS
        for resource in resources_in(registry, kind, region)
    ]
    return list(dict.fromkeys(found))


def _connection(connection: Json) -> Json:
    """In a registry's document a connection's state has a name of its own."""
    properties = dict(connection["properties"])
    state = properties.pop("privateLinkServiceConnectionState")
    properties["registryPrivateLinkServiceConnectionState"] = state
    shown = {"id": connection["id"], "properties": properties}
    return {**shown, "location": connection["location"]} if "location" in connection else shown
