"""Whether the callers' virtual networks can hold the new private endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.plan.inbound import ways_in
from vnetferry.plan.scope import target_workspace

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-configure-private-link"
_DOCKER = ip_network("172.17.0.0/16")


def check_networks(facts: Facts) -> list[Finding]:
    """The configured subnet exists, and no network of callers has the addresses of Docker's own bridge."""
    return [*_missing_subnets(facts), *(_docker(network) for network in facts.networks if _overlaps(network))]


def _missing_subnets(facts: Facts) -> Iterator[Finding]:
    for way in ways_in(facts.inventory, facts.config.target.inbound, _target(facts)):
        network = way.subnet.parent
        found = next((each for each in facts.networks if each.id == network), None)
        names = {str(each.get("name", "")).lower() for each in found.get("subnets", [])} if found else set()
        is_unread = found is None and any(network.key in what.lower() for what in facts.unread)
        if way.subnet.name.lower() not in names and not is_unread:
            yield _missing(
                way.subnet, f"it has no subnet {way.subnet.name}" if found else "it does not exist"
            )


def _target(facts: Facts) -> ResourceId:
    return target_workspace(facts.inventory.source, facts.config)


def _missing(subnet: ResourceId, what: str) -> Finding:
    network = subnet.parent
    return Finding(
        check="networks",
        severity="blocks",
        resource=str(network),
        evidence=f"{what}, where target.inbound puts the callers' private endpoint",
        remedy=(
            "Mend target.inbound.subnet_id, or make the subnet: az network vnet subnet create --vnet-name "
            f"{network.name} --subscription {network.subscription_id} --resource-group {network.resource_group} "
            f"--name {subnet.name} "
            "--address-prefixes <CIDR>"
        ),
        source=_SOURCE,
    )


def _overlaps(network: Document) -> bool:
    prefixes = (
        ip_network(text, strict=False) for text in network.get("addressSpace", {}).get("addressPrefixes", [])
    )
    return any(prefix.version == _DOCKER.version and prefix.overlaps(_DOCKER) for prefix in prefixes)


def _docker(network: Document) -> Finding:
    return Finding(
        check="networks",
        severity="warns",
        resource=resource(network),
        evidence="its addresses overlap 172.17.0.0/16, which Docker's bridge takes on every machine of the workspace",
        remedy=(
            "Put the private endpoint into a network with other addresses (target.inbound.subnet_id), peered with this "
            "one if callers stay: az network vnet peering create"
        ),
        source=_SOURCE,
    )
