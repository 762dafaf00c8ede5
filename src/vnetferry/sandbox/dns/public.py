"""Azure's public names: what a resolver anywhere in the world answers.

A resource that exists has its names. One with an approved private endpoint has them as aliases of its
private link names, which outside of linked private zones lead to the same public address. Nothing is known
of names that are not Azure's. Source: Use your workspace with a custom DNS server; Azure Private Endpoint
DNS. Assumed: the aliases are there as soon as a connection is approved, and go with the last; the further
names that Azure puts between a private link name and its address are left out.
"""

from __future__ import annotations

import hashlib
import re
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, NamedTuple

from vnetferry.sandbox.arm import host_names, network
from vnetferry.sandbox.arm.regions import DISPLAY_NAMES
from vnetferry.sandbox.dns.answers import Found, Record
from vnetferry.sandbox.hosts import domain_of, is_above_a_host, is_single
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
_ML_REGISTRY = "Microsoft.MachineLearningServices/registries"
_STORAGE = re.compile(rf"([a-z0-9]+)\.({'|'.join(host_names.STORAGE_SERVICES)})\.core\.windows\.net")
_VAULT = re.compile(r"([a-z0-9-]+)\.vault\.azure\.net")
_STORE = re.compile(r"([a-z0-9-]+)\.azconfig\.io")
# Hosts that are a resource's name and nothing else: the pattern, the resource's type, and its subresource.
_PLAIN = (
    (_VAULT, "Microsoft.KeyVault/vaults", "vault"),
    (_STORE, "Microsoft.AppConfiguration/configurationStores", "configurationStores"),
)
_REGISTRY = re.compile(r"([a-z0-9]+)(?:\.([a-z0-9]+)\.data)?\.azurecr\.io")
_API = re.compile(r"([0-9a-f-]+)\.workspace\.([a-z0-9]+)(?:\.cert)?\.api\.azureml\.ms")
_ML_REGISTRY_API = re.compile(r"[0-9a-f-]+\.registry\.[a-z0-9]+\.api\.azureml\.ms")
_NOTEBOOK = re.compile(r"ml-[^.]+\.([a-z0-9]+)\.notebooks\.azure\.net")
_ENDPOINT = re.compile(r"([^.]+)\.([a-z0-9]+)\.inference\.ml\.azure\.com")
_PRIVATE_ENDPOINT = re.compile(
    r"([^.]+)\.([0-9a-f-]+)\.inference\.([a-z0-9]+)\.privatelink\.api\.azureml\.ms"
)
# Front doors that every region has, whatever exists there.
_REGIONAL = re.compile(
    r"(?:cert-)?([a-z0-9]+)(?:-\d+)?\.(?:api\.azureml\.ms|notebooks\.azure\.net|experiments\.azureml\.net"
    r"|modelmanagement\.azureml\.net|data\.mcr\.microsoft\.com|in\.applicationinsights\.azure\.com)"
)
_TTL_S = 60
_FRONT_DOORS = IPv4Network("192.88.99.0/24")
_HOSTS = (
    "{guid}.workspace.{region}.api.azureml.ms",
    "{guid}.workspace.{region}.cert.api.azureml.ms",
    "ml-{workspace}-{region}-{guid}.{region}.notebooks.azure.net",
    *(f"{{account}}.{service}.core.windows.net" for service in host_names.STORAGE_SERVICES),
    "{vault}.vault.azure.net",
    "{store}.azconfig.io",
    "{registry}.azurecr.io",
    "{registry}.{region}.data.azurecr.io",
    "{guid}.registry.{region}.api.azureml.ms",
)
# What is answered, for people: public name, private link name.
PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "{endpoint}.{region}.inference.ml.azure.com",
        "{endpoint}.{guid}.inference.{region}.privatelink.api.azureml.ms",
    ),
    *((host, ".".join(host_names.private_name(host) or ())) for host in _HOSTS),
    ("{region}.api.azureml.ms", ""),
    ("management.azure.com", ""),
)


class _Place(NamedTuple):
    """Whose name it is: the resource, what a private endpoint for it is for, and its private link name."""

    resource: Json
    group_id: str
    private_name: str


def find(world: World, name: str) -> Found:
    """What public DNS holds for a name (lower case, no final dot), without following an alias."""
    zone = domain_of(name)
    if zone is None:
        return Found("refused", reason=_not_azure(name))
    if place := _place(world, name):
        if network.is_linked(world, place.resource["id"], place.group_id):
            return Found("found", (Record(name, "CNAME", place.private_name, _TTL_S),), zone)
        return _at(name, zone, place.resource)
    if place := _private_place(world, name):
        return _at(name, zone, place.resource)
    if is_single(name) or _is_regional(name):
        return Found("found", (Record(name, "A", _address(name), _TTL_S),), zone)
    return Found("no_data" if is_above_a_host(name) else "no_name", zone=zone)


def owner_of(world: World, host: str) -> tuple[Json, str] | None:
    """The resource that a public host belongs to, and the subresource that a private endpoint to it is for."""
    place = _place(world, host)
    return (place.resource, place.group_id) if place else None


def has_pattern(host: str) -> bool:
    """Whether public DNS here knows of every such host whether it exists (`{registry}.azurecr.io`)."""
    known = (_ENDPOINT, _STORAGE, _VAULT, _REGISTRY, _API, _NOTEBOOK)
    return any(pattern.fullmatch(host) for pattern in known)


def is_front_door(address: IPv4Address) -> bool:
    """Whether an address is one at which Azure's services are on the internet."""
    return address in _FRONT_DOORS


def _not_azure(name: str) -> str:
    return (
        f"The vnetferry sandbox refuses '{name or '.'}': it knows Azure's names and what the scenario's own zones "
        "and DNS servers hold; ask another name server for the rest."
    )


def _place(world: World, name: str) -> _Place | None:
    """The resource whose public name this is, if it exists."""
    if found := _ENDPOINT.fullmatch(name):
        return _endpoint(world, found[1], found[2])
    owner = _owner(world, name)
    record = host_names.private_name(name)
    return _Place(*owner, ".".join(record)) if owner and record else None


def _private_place(world: World, name: str) -> _Place | None:
    """The resource whose private link name this is, if it exists and has a private endpoint."""
    if found := _PRIVATE_ENDPOINT.fullmatch(name):
        place = _endpoint(world, found[1], found[3])
    else:
        public = host_names.public_name(name)
        place = _place(world, public) if public else None
    if place is None or place.private_name != name:
        return None
    return place if network.is_linked(world, place.resource["id"], place.group_id) else None


def _endpoint(world: World, name: str, region: str) -> _Place | None:
    endpoint = world.documents.get(world.endpoint_names.owner(region, name) or "")
    workspace = world.documents.get(workspace_id_of(endpoint["id"])) if endpoint else None
    if endpoint is None or workspace is None or not endpoint["properties"].get("scoringUri"):
        return None
    guid = workspace["properties"].get("workspaceId", "")
    private = f"{name}.{guid}.inference.{region}.privatelink.api.azureml.ms"
    return _Place(workspace, "amlworkspace", private)


def _owner(world: World, name: str) -> tuple[Json, str] | None:
    """The resource that has a public name, and the subresource that the name leads to."""
    if found := _STORAGE.fullmatch(name):
        return _named(world, "Microsoft.Storage/storageAccounts", found[1], found[2])
    for pattern, kind, group_id in _PLAIN:
        if found := pattern.fullmatch(name):
            return _named(world, kind, found[1], group_id)
    if found := _REGISTRY.fullmatch(name):
        registry = _named(world, "Microsoft.ContainerRegistry/registries", found[1], "registry")
        return (
            registry if registry and (found[2] is None or _has_data_host(world, registry[0], name)) else None
        )
    if _API.fullmatch(name) or _NOTEBOOK.fullmatch(name):
        owners = (w for w in world.resources_of(_WORKSPACE) if name in host_names.host_names(w, ""))
        return next(((workspace, "amlworkspace") for workspace in owners), None)
    if _ML_REGISTRY_API.fullmatch(name):
        owners = (r for r in world.resources_of(_ML_REGISTRY) if name in host_names.host_names(r, ""))
        return next(((registry, "amlregistry") for registry in owners), None)
    return None


def _named(world: World, kind: str, name: str, group_id: str) -> tuple[Json, str] | None:
    resource = world.find_named(kind, name)
    return (resource, group_id) if resource else None


def _has_data_host(world: World, registry: Json, name: str) -> bool:
    """A registry has a data host in its region once it is switched on or a private endpoint needs it."""
    enabled = bool((registry.get("properties") or {}).get("dataEndpointEnabled"))
    wanted = enabled or network.is_linked(world, registry["id"], "registry")
    return wanted and name in host_names.host_names(registry, "registry")


def _is_regional(name: str) -> bool:
    found = _REGIONAL.fullmatch(name)
    return found is not None and found[1] in DISPLAY_NAMES


def _at(name: str, zone: str, resource: Json) -> Found:
    seed = f"{zone}/{str(resource.get('location', '')).replace(' ', '').lower()}"
    return Found("found", (Record(name, "A", _address(seed), _TTL_S),), zone)


def _address(seed: str) -> str:
    """A public address at which nobody is: 192.88.99.0/24 was 6to4's, is retired and given to nobody.

    The ranges for documentation would not do: to a client that tells public from private they are private.
    """
    return f"{_FRONT_DOORS[1 + hashlib.sha256(seed.encode()).digest()[0] % 254]}"
