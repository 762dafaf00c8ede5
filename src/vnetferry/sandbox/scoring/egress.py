"""What a deployment's code can reach: around each scoring process is a proxy port with rules of its own.

- A workspace with a managed network that allows only approved outbound: its service tags, FQDN rules (ports
  80 and 443) and private endpoint rules, each once its status is Active; with internet outbound:
  everything.
- A legacy deployment with egress disabled: the workspace's storage, registry and the workspace itself, and those
  of the registries that its model and environment are from; no more.
- Any other: everything that the sandbox serves.

A private endpoint counts while its connection is Approved on the target. Rules and connections are read whenever
something connects, so what is added to a running workspace, or taken from it, holds at once. A refusal names what is
missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.ml.managed_network import is_managed
from vnetferry.sandbox.ml.registry_documents import guid_of
from vnetferry.sandbox.ml.service_links import (
    legacy_endpoint_id,
    legacy_stands,
    rule_endpoint_id,
    rule_stands,
)
from vnetferry.sandbox.scoring.registry_targets import registry_targets
from vnetferry.sandbox.scoring.specification import name_of, workspace_id_of
from vnetferry.sandbox.wire import INTERNET, Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import Refuse, World

# The hosts among Azure's public ones that the service tags of a managed network cover. Source: the tags'
# documentation.
_TAG_HOSTS = {
    "azureactivedirectory": ("login.microsoftonline.com", "*.login.microsoftonline.com", "login.windows.net"),
    "azureresourcemanager": ("management.azure.com",),
    "azuremachinelearning": ("*.api.azureml.ms", "*.ml.azure.com", "ml.azure.com", "*.azureml.net"),
    "azurefrontdoor.firstparty": ("aka.ms", "*.azurefd.net"),
    "microsoftcontainerregistry": ("mcr.microsoft.com", "*.data.mcr.microsoft.com"),
    "azuremonitor": (
        "*.in.applicationinsights.azure.com",
        "*.monitor.azure.com",
        "dc.services.visualstudio.com",
    ),
    "azurecontainerregistry": ("*.azurecr.io",),
    "storage": ("*.core.windows.net",),
    "azurekeyvault": ("*.vault.azure.net",),
}
_STORAGE, _VAULT = "microsoft.storage/storageaccounts", "microsoft.keyvault/vaults"
_REGISTRY, _WORKSPACE = (
    "microsoft.containerregistry/registries",
    "microsoft.machinelearningservices/workspaces",
)
_ML_REGISTRY = "microsoft.machinelearningservices/registries"


async def open_port(world: World, deployment: Json) -> int:
    """The loopback proxy port through which this deployment's code goes out."""
    vantage, refuse = network_of(world, deployment)
    return await world.open_vantage(vantage, refuse)


def network_of(world: World, deployment: Json) -> tuple[str, Refuse]:
    """The name of the network that a deployment runs in, and what that network refuses."""
    workspace_id = workspace_id_of(deployment["id"])
    workspace = world.documents.get(workspace_id)
    if workspace and is_managed(workspace):
        return f"managed:{workspace_id.lower()}", lambda host, port: managed_refusal(
            world, workspace_id, host, port
        )
    if is_private(deployment):
        return f"legacy:{deployment['id'].lower()}", lambda host, port: _legacy_refusal(
            world, deployment, host, port
        )
    return INTERNET, _refuse_nothing


def _refuse_nothing(_host: str, _port: int) -> str | None:
    return None


def is_private(deployment: Json) -> bool:
    """Whether this is a legacy deployment with a network of its own."""
    return str(deployment["properties"].get("egressPublicNetworkAccess") or "").lower() == "disabled"


def is_service_network(vantage: str) -> bool:
    """Whether a vantage is a network that Azure ML keeps: a managed one, or a legacy deployment's own."""
    return vantage.startswith(("managed:", "legacy:"))


def private_endpoint_to(world: World, vantage: str, target_id: str, group_id: str) -> str | None:
    """The id of the private endpoint that one of these networks has for `group_id` of the target, if it leads on.

    A managed network has those of its active private endpoint rules, a legacy deployment its own.
    """
    kind, _, owner = vantage.partition(":")
    wanted = (target_id.lower(), group_id.lower())
    if kind == "managed" and (workspace := world.documents.get(owner)):
        for name, rule in _active_rules(workspace):
            if _private_target(rule) == wanted and rule_stands(world, workspace, name, rule):
                return rule_endpoint_id(workspace, name)
    if kind == "legacy":
        deployment = world.documents.get(owner) or {"id": owner, "properties": {}}
        if wanted in legacy_targets(world, deployment) and legacy_stands(world, owner, *wanted):
            return legacy_endpoint_id(owner, *wanted)
    return None


def legacy_targets(world: World, deployment: Json) -> list[tuple[str, str]]:
    """What a legacy deployment has private endpoints to: resource (lower case) and subresource.

    Its workspace, and the workspace's storage and container registry; and what its registries keep its model
    and its environment in.
    """
    workspace_id = workspace_id_of(deployment["id"])
    workspace = world.documents.get(workspace_id)
    properties = workspace["properties"] if workspace else {}
    wanted = (
        (workspace_id, "amlworkspace"),
        (properties.get("storageAccount"), "blob"),
        (properties.get("containerRegistry"), "registry"),
    )
    own = [(str(target).lower(), group) for target, group in wanted if target and target in world.documents]
    further = registry_targets(world, deployment)
    return [*own, *((target.resource["id"].lower(), target.group_id) for target in further)]


def managed_refusal(world: World, workspace_id: str, host: str, port: int) -> str | None:
    """Why a managed network does not let a connection out, or None."""
    workspace = world.documents.get(workspace_id) or {"properties": {}}
    settings = workspace["properties"].get("managedNetwork") or {}
    if str(settings.get("isolationMode")).lower() == "allowinternetoutbound":
        return None
    covering = [each for each in _active_rules(workspace) if _allows(world, each[1], host, port)]
    if any(not _is_broken(world, workspace, *each) for each in covering):
        return None
    network = f"the managed network of workspace '{name_of(workspace_id)}'"
    if covering:
        rule = f"outbound rule '{covering[0][0]}'"
        return f"{host}:{port} is not reachable from {network}: {_NOT_APPROVED.format(rule)}"
    return (
        f"{host}:{port} is not reachable from {network}: "
        "no active outbound rule covers it. Add an FQDN, service tag or private endpoint rule for it."
    )


_NOT_APPROVED = (
    "the private endpoint connection of {} is not Approved on its target. Approve it there with "
    "'az network private-endpoint-connection approve --id'."
)


def _legacy_refusal(world: World, deployment: Json, host: str, port: int) -> str | None:
    workspace_id, own = workspace_id_of(deployment["id"]), str(deployment["id"])
    leading = [
        (target, group)
        for target, group in legacy_targets(world, deployment)
        if any(_matches(pattern, host) for pattern in _hosts_of(world, target))
    ]
    if any(legacy_stands(world, own, target, group) for target, group in leading):
        return None
    if leading:
        return f"{host}:{port} is not reachable: {_NOT_APPROVED.format('the deployment')}"
    return (
        f"{host}:{port} is not reachable: the deployment has egressPublicNetworkAccess Disabled, and its "
        "network "
        f"reaches only the storage account and the container registry of workspace '{name_of(workspace_id)}'."
    )


def _is_broken(world: World, workspace: Json, name: str, rule: Json) -> bool:
    """Whether it is a private endpoint rule whose connection is not approved, or gone."""
    kind = str(rule.get("type")).lower()
    return kind == "privateendpoint" and not rule_stands(world, workspace, name, rule)


def _active_rules(workspace: Json) -> Iterator[tuple[str, Json]]:
    network = workspace["properties"].get("managedNetwork") or {}
    for name, rule in (network.get("outboundRules") or {}).items():
        if str(rule.get("status", "Active")).lower() == "active":
            yield name, rule


def _private_target(rule: Json) -> tuple[str, str]:
    destination = rule.get("destination")
    if not isinstance(destination, dict):
        return ("", "")
    target, group = destination.get("serviceResourceId"), destination.get("subresourceTarget")
    return (str(target).lower(), str(group).lower())


def _allows(world: World, rule: Json, host: str, port: int) -> bool:
    kind, destination = str(rule.get("type")).lower(), rule.get("destination")
    if kind == "fqdn":
        # Azure takes no FQDN rule for a storage account: those are reached by private endpoint only.
        return (
            port in (80, 443) and _matches(str(destination), host) and not host.endswith(".core.windows.net")
        )
    if not isinstance(destination, dict):
        return False
    if kind == "servicetag":
        tag = str(destination.get("serviceTag")).lower()
        covered = any(_matches(pattern, host) for pattern in _tag_hosts(tag))
        return covered and _in_ranges(str(destination.get("portRanges", "*")), port)
    hosts = [*_hosts_of(world, str(destination.get("serviceResourceId"))), *(rule.get("fqdns") or [])]
    return any(_matches(pattern, host) for pattern in hosts)


def _tag_hosts(tag: str) -> tuple[str, ...]:
    """A regional tag (`Storage.WestEurope`) covers what its service's tag does."""
    return _TAG_HOSTS.get(tag) or _TAG_HOSTS.get(tag.partition(".")[0], ())


def _in_ranges(ranges: str, port: int) -> bool:
    for part in ranges.replace(" ", "").split(","):
        low, _, high = part.partition("-")
        if part == "*" or (low.isdigit() and int(low) <= port <= int(high or low)):
            return True
    return False


def _hosts_of(world: World, resource_id: str) -> tuple[str, ...]:
    name, kind = name_of(resource_id).lower(), resource_type(resource_id).lower()
    if kind == _WORKSPACE:
        guid = (world.documents.get(resource_id) or {"properties": {}})["properties"].get("workspaceId", "")
        return (f"{guid}.workspace.*.api.azureml.ms", f"{guid}.workspace.*.cert.api.azureml.ms")
    if kind == _ML_REGISTRY:
        guid = guid_of({"id": resource_id})
        return (f"{guid}.registry.*.api.azureml.ms", f"{guid}.registry.*.privatelink.api.azureml.ms")
    known = {
        _STORAGE: (f"{name}.*.core.windows.net",),
        _VAULT: (f"{name}.vault.azure.net",),
        _REGISTRY: (f"{name}.azurecr.io", f"{name}.*.data.azurecr.io"),
    }
    return known.get(kind, ())


def _matches(pattern: str, host: str) -> bool:
    return fnmatchcase(host.lower(), pattern.lower())
