"""Where a deployment fetches what it takes from registries: the storage and container registries behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vnetferry.sandbox.ml.registry_documents import (
    CONTAINERS,
    Reference,
    all_resources,
    find_asset,
    find_registry,
    parse_reference,
    resources_in,
)
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_BLOB_SUFFIX = ".blob.core.windows.net"


class Target(NamedTuple):
    """A resource that a deployment's network must reach: its document, the subresource, and the host's name."""

    resource: Json
    group_id: str
    host: str


def registry_references(deployment: Json) -> list[tuple[str, Reference]]:
    """The `azureml://registries/…` ids of versions that a deployment uses, and what each of them names."""
    properties = deployment["properties"]
    code = (properties.get("codeConfiguration") or {}).get("codeId")
    uris = [uri for uri in (properties.get("model"), properties.get("environmentId"), code) if uri]
    return [(uri, reference) for uri in uris if (reference := parse_reference(uri))]


def registry_targets(world: World, deployment: Json) -> list[Target]:
    """What there is to reach for a deployment's model and environment from registries that are here."""
    found = (_target(world, uri, reference) for uri, reference in registry_references(deployment))
    return [target for target in found if target is not None]


def _target(world: World, uri: str, reference: Reference) -> Target | None:
    registry = find_registry(world, reference.registry)
    if registry is None:
        return None
    if reference.plural == "models":
        return _storage(world, registry, uri)
    if reference.plural != "environments":
        return None
    ids = resources_in(registry, CONTAINERS, registry["location"])
    resource = world.documents.get(ids[0]) if ids else None
    return Target(resource, "registry", f"{resource['name'].lower()}.azurecr.io") if resource else None


def _storage(world: World, registry: Json, uri: str) -> Target | None:
    """The account of the registry's that holds the model's blobs."""
    asset = find_asset(world, uri)
    host = urlsplit(asset["properties"].get("modelUri") or "").hostname or "" if asset else ""
    for identifier in all_resources(registry):
        if host == f"{identifier.rpartition('/')[2].lower()}{_BLOB_SUFFIX}":
            return Target(world.documents.require(identifier), "blob", host)
    return None
