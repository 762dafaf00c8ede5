"""What a deployment's code can reach: around each scoring process is a proxy port with rules of its own.

- A workspace with a managed network that allows only approved outbound: its service tags, FQDN rules (ports
  80 and 443) and private endpoint rules, each once its status is Active; with internet outbound:
  everything.
- A legacy deployment with egress disabled: the workspace's storage, registry and the workspace itself, no
  more.
- Any other: everything that the sandbox serves.

Rules are read at each connection, so a rule added to a running workspace holds at once. A refusal names
what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.ml.managed_network import is_managed
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
            world, workspace_id, host, port
        )
    return INTERNET, _refuse_nothing


def _refuse_nothing(_host: str, _port: int) -> str | None:
    return None


def is_private(deployment: Json) -> bool:
    """Whether this is a legacy deployment with a network of its own."""
    return str(deployment["properties"].get("egressPublicNetworkAccess") or "").lower() == "disabled"


def reaches_privately(world: World, vantage: str, target_id: str, group_id: str) -> bool:
    """Whether one of these networks has a private endpoint for `group_id` of the target.

    A managed network has those of its active private endpoint rules, a legacy deployment its three.
    """
    kind, _, owner = vantage.partition(":")
    wanted = (target_id.lower(), group_id.lower())
    if kind == "managed":
        return wanted in set(map(_private_target, _active_rules(_managed_network(world, owner))))
    return kind == "legacy" and wanted in set(legacy_targets(world, workspace_id_of(owner)))


def legacy_targets(world: World, workspace_id: str) -> list[tuple[str, str]]:
    """What a legacy deployment has private endpoints to: resource (lower case) and subresource."""
    workspace = world.documents.get(workspace_id)
    properties = workspace["properties"] if workspace else {}
    wanted = (
        (workspace_id, "amlworkspace"),
        (properties.get("storageAccount"), "blob"),
        (properties.get("containerRegistry"), "registry"),
    )
    return [(str(target).lower(), group) for target, group in wanted if target and target in world.documents]


def managed_refusal(world: World, workspace_id: str, host: str, port: int) -> str | None:
    """Why a managed network does not let a connection out, or None."""
    network = _managed_network(world, workspace_id)
    if str(network.get("isolationMode")).lower() == "allowinternetoutbound":
        return None
    if any(_allows(world, rule, host, port) for rule in _active_rules(network)):
        return None
    return (
        f"{host}:{port} is not reachable from the managed network of workspace '{name_of(workspace_id)}': "
        "no active outbound rule covers it. Add an FQDN, service tag or private endpoint rule for it."
    )


def _legacy_refusal(world: World, workspace_id: str, host: str, port: int) -> str | None:
    targets = (target for target, _ in legacy_targets(world, workspace_id))
    if any(_matches(pattern, host) for target in targets for pattern in _hosts_of(world, target)):
        return None
    return (
        f"{host}:{port} is not reachable: the deployment has egressPublicNetworkAccess Disabled, and its "
        "network "
        f"reaches only the storage account and the container registry of workspace '{name_of(workspace_id)}'."
    )


def _managed_network(world: World, workspace_id: str) -> Json:
    workspace = world.documents.get(workspace_id)
    return (workspace["properties"].get("managedNetwork") or {}) if workspace else {}


def _active_rules(network: Json) -> Iterator[Json]:
    for rule in (network.get("outboundRules") or {}).values():
        if str(rule.get("status", "Active")).lower() == "active":
            yield rule


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
    known = {
        _STORAGE: (f"{name}.*.core.windows.net",),
        _VAULT: (f"{name}.vault.azure.net",),
        _REGISTRY: (f"{name}.azurecr.io", f"{name}.*.data.azurecr.io"),
    }
    return known.get(kind, ())


def _matches(pattern: str, host: str) -> bool:
    return fnmatchcase(host.lower(), pattern.lower())
