"""The host names of resources, and the private link name that each has once a private endpoint exists.

Source: Azure Private Endpoint private DNS zone values; Use your workspace with a custom DNS server.
"""

from __future__ import annotations

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.ml.registry_documents import guid_of
from vnetferry.sandbox.wire import Json

# Static websites are left out: their hosts carry a number that no document holds (`x.z6.web.core.windows.net`).
STORAGE_SERVICES = ("blob", "file", "queue", "table", "dfs")
# Where public names end -> the zone in which their private twins lie.
PRIVATE_ZONES = {
    "api.azureml.ms": "privatelink.api.azureml.ms",
    "notebooks.azure.net": "privatelink.notebooks.azure.net",
    "vault.azure.net": "privatelink.vaultcore.azure.net",
    "azconfig.io": "privatelink.azconfig.io",
    "azurecr.io": "privatelink.azurecr.io",
    **{f"{name}.core.windows.net": f"privatelink.{name}.core.windows.net" for name in STORAGE_SERVICES},
}
_MAX_LABEL = 63


def host_names(resource: Json, group_id: str) -> list[str]:
    """The names that lead to a private endpoint for `group_id` of a resource; none for a type not known."""
    name, region = resource["id"].rpartition("/")[2].lower(), _region(resource)
    hosts = {
        "microsoft.keyvault/vaults": [f"{name}.vault.azure.net"],
        "microsoft.appconfiguration/configurationstores": [f"{name}.azconfig.io"],
        "microsoft.containerregistry/registries": [f"{name}.{region}.data.azurecr.io", f"{name}.azurecr.io"],
        "microsoft.storage/storageaccounts": [f"{name}.{group_id.lower()}.core.windows.net"],
        "microsoft.machinelearningservices/workspaces": _workspace_hosts(resource),
        "microsoft.machinelearningservices/registries": _ml_registry_hosts(resource),
    }
    return hosts.get(resource_type(resource["id"]).lower(), [])


def private_name(host: str) -> tuple[str, str] | None:
    """The record and the zone that stand for a public name: `x.azurecr.io` is `x` in `privatelink.azurecr.io`."""
    for suffix, zone in PRIVATE_ZONES.items():
        if host.endswith(f".{suffix}"):
            return host.removesuffix(f".{suffix}"), zone
    return None


def public_name(private: str) -> str | None:
    """The public name for which a private link name stands, or None."""
    for suffix, zone in PRIVATE_ZONES.items():
        if private.endswith(f".{zone}"):
            return f"{private.removesuffix(f'.{zone}')}.{suffix}"
    return None


def notebook_host(workspace: str, region: str, guid: str) -> str:
    """A workspace's notebook host; the workspace's name is cut so that the first label is one of DNS."""
    end = f"-{region}-{guid}"
    return f"ml-{workspace.lower()[: _MAX_LABEL - len(end) - 3]}{end}.{region}.notebooks.azure.net"


def _workspace_hosts(workspace: Json) -> list[str]:
    properties, region = workspace.get("properties") or {}, _region(workspace)
    guid, name = properties.get("workspaceId", ""), workspace["id"].rpartition("/")[2]
    return [
        f"{guid}.workspace.{region}.api.azureml.ms",
        f"{guid}.workspace.{region}.cert.api.azureml.ms",
        notebook_host(name, region, guid),
        f"*.{guid}.inference.{region}.api.azureml.ms",
        f"*.{guid}.models.{region}.api.azureml.ms",
    ]


def _ml_registry_hosts(registry: Json) -> list[str]:
    """One in each region, as discovery tells them (recorded)."""
    details = (registry.get("properties") or {}).get("regionDetails") or []
    regions = dict.fromkeys(_region(each) for each in (registry, *details))
    return [f"{guid_of(registry)}.registry.{region}.api.azureml.ms" for region in regions]


def _region(resource: Json) -> str:
    return str(resource.get("location", "")).replace(" ", "").lower()
