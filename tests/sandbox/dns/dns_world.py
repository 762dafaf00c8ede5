"""A small Azure seen by DNS: a workspace with an endpoint, its storage, vault and registry, and two networks.

The tests ask the name servers of a running sandbox over UDP, as any client does.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import dns.message
import dns.query
import dns.rcode

from vnetferry.sandbox.server import Sandbox

Json = dict[str, Any]
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
PROVIDERS = f"{GROUP}/providers"
WORKSPACE = f"{PROVIDERS}/Microsoft.MachineLearningServices/workspaces/ws"
ACCOUNT = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/stone"
VAULT = f"{PROVIDERS}/Microsoft.KeyVault/vaults/kv-one"
REGISTRY = f"{PROVIDERS}/Microsoft.ContainerRegistry/registries/crone"
SPOKE = f"{PROVIDERS}/Microsoft.Network/virtualNetworks/vnet-spoke"
HUB = f"{PROVIDERS}/Microsoft.Network/virtualNetworks/vnet-hub"
GUID = "b6f0c3de-94a7-4f52-a1c8-2d7e5b9034f6"
SCORING = "credit.westeurope.inference.ml.azure.com"
PRIVATE_SCORING = f"credit.{GUID}.inference.westeurope.privatelink.api.azureml.ms"
SCORING_RECORD = f"*.{GUID}.inference.westeurope"
PRIVATE_ADDRESS = "10.0.1.6"
ML_ZONE = "privatelink.api.azureml.ms"


def resource(identifier: str, **fields: Any) -> Json:
    return {"id": identifier, "location": "westeurope", "properties": {}, **fields}


def connection(target: str, group_id: str, status: str = "Approved") -> Json:
    state = {"status": status, "description": "", "actionsRequired": "None"}
    properties = {"groupIds": [group_id], "privateLinkServiceConnectionState": state}
    return {"id": f"{target}/privateEndpointConnections/{group_id}.1", "properties": properties}


def private_endpoint(
    name: str, target: str, group_id: str, address: str, vnet: str = HUB, status: str = "Approved"
) -> Json:
    """A private endpoint with its address in a network; the sandbox makes its connection on the target."""
    properties = {
        "privateLinkServiceId": target,
        "groupIds": [group_id],
        "privateLinkServiceConnectionState": {"status": status},
    }
    return resource(
        f"{PROVIDERS}/Microsoft.Network/privateEndpoints/{name}",
        properties={
            "subnet": {"id": f"{vnet}/subnets/endpoints"},
            "privateLinkServiceConnections": [{"name": name, "properties": properties}],
            "customDnsConfigs": [{"fqdn": f"{name}.example.com", "ipAddresses": [address]}],
        },
    )


def network(identifier: str, prefix: str, **properties: Any) -> Json:
    return resource(
        identifier, properties={"addressSpace": {"addressPrefixes": [prefix]}, "subnets": [], **properties}
    )


def zone(name: str, records: dict[str, str], *networks: str, **link: Any) -> list[Json]:
    """A private zone with A records (name -> address) and links to networks."""
    identifier = f"{PROVIDERS}/Microsoft.Network/privateDnsZones/{name}"
    made = [{"id": identifier, "location": "global", "properties": {}}]
    for owner, address in records.items():
        properties = {"ttl": 10, "aRecords": [{"ipv4Address": address}]}
        made.append({"id": f"{identifier}/A/{owner}", "properties": properties})
    for target in networks:
        properties = {"virtualNetwork": {"id": target}, "virtualNetworkLinkState": "Completed", **link}
        name_ = target.rpartition("/")[2]
        made.append({"id": f"{identifier}/virtualNetworkLinks/{name_}", "properties": properties})
    return made


def peerings(*targets: str, state: str = "Connected") -> list[Json]:
    return [
        {"name": "p", "properties": {"remoteVirtualNetwork": {"id": target}, "peeringState": state}}
        for target in targets
    ]


def azure(*more: Json, spoke: Json | None = None, **scenario: Any) -> Json:
    """The scenario: documents, and further members of it; `spoke` are more properties of vnet-spoke."""
    endpoint = resource(
        f"{WORKSPACE}/onlineEndpoints/credit",
        properties={
            "authMode": "Key",
            "provisioningState": "Succeeded",
            "scoringUri": f"https://{SCORING}/score",
        },
    )
    documents = [
        resource(ACCOUNT),
        resource(VAULT),
        resource(REGISTRY),
        resource(WORKSPACE, properties={"workspaceId": GUID}),
        endpoint,
        network(SPOKE, "10.1.0.0/16", **(spoke or {})),
        network(HUB, "10.0.0.0/16"),
    ]
    return {"runtime": "echo", "resources": [*documents, *deepcopy(more)], **scenario}


class Client:
    """Asks one sandbox's name servers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def ask(self, name: str, kind: str = "A", vantage: str = "internet", **query: Any) -> dns.message.Message:
        host, _, port = self.sandbox.dns[vantage].partition(":")
        message = dns.message.make_query(name, kind, **query)
        return dns.query.udp(message, host, port=int(port), timeout=10)

    def chain(self, name: str, vantage: str = "internet", kind: str = "A") -> list[str]:
        """The answer's values, aliases first; the response code alone when there are none."""
        reply = self.ask(name, kind, vantage)
        values = [str(item).rstrip(".") for rrset in reply.answer for item in rrset]
        return values or [dns.rcode.to_text(reply.rcode())]
