"""Storage accounts for tests, which differ in who may reach them."""

from __future__ import annotations

from typing import Any

GROUP = "/subscriptions/0b7e51c6-5c0a-4a4e-9d6e-3a5f8e6b7c01/resourceGroups/rg-data"
NETWORKS = f"{GROUP}/providers/Microsoft.Network/virtualNetworks"


def account(
    name: str, default_action: str = "Allow", public: str = "Enabled", *, has_keys: bool = True, **rules: Any
) -> dict[str, Any]:
    return {
        "id": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{name}",
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "properties": {
            "provisioningState": "Succeeded",
            "publicNetworkAccess": public,
            "allowSharedKeyAccess": has_keys,
            "networkAcls": {"defaultAction": default_action, "bypass": "AzureServices", **rules},
        },
    }


def network(name: str) -> dict[str, Any]:
    subnet = {"id": f"{NETWORKS}/{name}/subnets/default", "name": "default"}
    prefixes = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}
    return {
        "id": f"{NETWORKS}/{name}",
        "location": "westeurope",
        "properties": {**prefixes, "subnets": [{**subnet, "properties": {"addressPrefix": "10.9.1.0/24"}}]},
    }


def private_endpoint(name: str, vnet: str, target: str, status: str) -> dict[str, Any]:
    connection = {
        "privateLinkServiceId": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{target}",
        "groupIds": ["blob"],
        "privateLinkServiceConnectionState": {"status": status},
    }
    return {
        "id": f"{GROUP}/providers/Microsoft.Network/privateEndpoints/{name}",
        "location": "westeurope",
        "properties": {
            "subnet": {"id": f"{NETWORKS}/{vnet}/subnets/default"},
            "privateLinkServiceConnections": [{"name": name, "properties": connection}],
        },
    }


def zone(vnet: str, **records: str) -> list[dict[str, Any]]:
    """The private DNS zone for blobs, linked to one network: name -> address."""
    identifier = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
    link = {"virtualNetwork": {"id": f"{NETWORKS}/{vnet}"}, "virtualNetworkLinkState": "Completed"}
    return [
        {"id": identifier, "location": "global", "properties": {}},
        {"id": f"{identifier}/virtualNetworkLinks/{vnet}", "location": "global", "properties": link},
        *(
            {
                "id": f"{identifier}/A/{name}",
                "properties": {"ttl": 10, "aRecords": [{"ipv4Address": address}]},
            }
            for name, address in records.items()
        ),
    ]


RESOURCES = [
    account("stopen"),
    account("stother"),
    account("stkeyless", has_keys=False),
    account("stclosed", public="Disabled"),
    account("stnamed", "Deny", virtualNetworkRules=[{"id": f"{NETWORKS}/vnet-named/subnets/default"}]),
    network("vnet-near"),
    network("vnet-far"),
    network("vnet-named"),
    private_endpoint("pe-near", "vnet-near", "stclosed", "Approved"),
    private_endpoint("pe-far", "vnet-far", "stclosed", "Pending"),
    *zone("vnet-near", stclosed="10.9.1.4"),
]


def url(name: str) -> str:
    return f"https://{name}.blob.core.windows.net"
