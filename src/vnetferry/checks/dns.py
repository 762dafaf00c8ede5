"""Whether callers will find the new endpoints by name, beside the old ones.

An endpoint's host, `<endpoint>.<region>.inference.ml.azure.com`, leads by public DNS to
`<endpoint>.<workspace's GUID>.inference.<region>.privatelink.api.azureml.ms`, which the callers' network answers. So
old and new live beside each other as long as nobody answers for the first name, or for all GUIDs at once.
Source: How to use your workspace with a custom DNS server. FACTS 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.plan.inbound import dns_zones

PRIVATE_ZONE = "privatelink.api.azureml.ms"
_PUBLIC = "inference.ml.azure.com"
_ZONE = "microsoft.network/privatednszones"
_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-custom-dns"


def answers_for_endpoints(zone: str) -> bool:
    """Whether a private DNS zone of that name has a say about endpoints' names."""
    name = f".{zone.lower()}"
    return name == f".{PRIVATE_ZONE}" or name.endswith(f".{_PUBLIC}") or f".{_PUBLIC}".endswith(name)


def check_dns(facts: Facts) -> list[Finding]:
    """What would send all endpoints of the region to one private endpoint, or the new ones to none."""
    if facts.config.target.inbound is None and facts.config.endpoints.public_network_access == "enabled":
        return []
    return [
        finding
        for network in facts.networks
        for finding in (*_own_servers(facts, network), *_zones(facts, network))
    ]


def _own_servers(facts: Facts, network: Document) -> Iterator[Finding]:
    """What only a network's own DNS servers know: asked where they can be, else left to people."""
    servers = network.get("dhcpOptions", {}).get("dnsServers") or []
    answers = facts.stray_answers.get(network.id.key)
    if servers and (answers is None or answers):
        forward = "Have them forward api.azureml.ms and ml.azure.com to Azure's resolver (168.63.129.16)"
        told = ", ".join(map(str, servers))
        yield Finding(
            check="dns",
            severity="blocks" if answers else "warns",
            resource=resource(network),
            evidence=_answered(told, answers) if answers else _unasked(facts, told),
            remedy=(
                f"{forward}, with no record of their own for all endpoints."
                if answers
                else f"{forward}, and have the preflight ask them: VNETFERRY_DNS={network.name}={servers[0]}"
            ),
            source=_SOURCE,
        )


def _answered(servers: str, answers: tuple[str, ...]) -> str:
    return (
        f"its names are answered by {servers}, which answer for endpoints that nobody has ({'; '.join(answers)}): they "
        "send all endpoints of the region, old and new, to one private endpoint"
    )


def _unasked(facts: Facts, servers: str) -> str:
    return (
        f"its names are answered by {servers}, which must not answer for *.{facts.scope.location}.{_PUBLIC} itself: "
        "that would send old and new endpoints to one workspace"
    )


def _zones(facts: Facts, network: Document) -> Iterator[Finding]:
    linked = [zone for zone in facts.zones if zone.type.lower() == _ZONE and _is_linked(facts, zone, network)]
    for zone in linked:
        if zone.name.lower() != PRIVATE_ZONE:
            yield _override(zone, network)
        elif not dns_zones(facts.inventory) and (record := _wildcard(facts, zone)):
            yield _catch_all(record, network)
    if not network.get("dhcpOptions", {}).get("dnsServers") and PRIVATE_ZONE not in {
        z.name.lower() for z in linked
    }:
        yield _unlinked(facts, network)


def _is_linked(facts: Facts, zone: Document, network: Document) -> bool:
    return any(
        str(link.get("virtualNetwork", {}).get("id", "")).lower() == network.id.key
        for link in facts.zones
        if link.type.lower().endswith("/virtualnetworklinks") and link.id.is_under(zone.id)
    )


def _wildcard(facts: Facts, zone: Document) -> Document | None:
    """A record of the private zone that answers for workspaces of any GUID in the region."""
    names = {f"*.inference.{facts.scope.location}".lower(), f"*.{facts.scope.location}".lower(), "*"}
    records = (each for each in facts.zones if each.type.lower().endswith("/a") and each.id.is_under(zone.id))
    return next((record for record in records if record.name.lower() in names), None)


def _override(zone: Document, network: Document) -> Finding:
    return Finding(
        check="dns",
        severity="blocks",
        resource=resource(zone),
        evidence=(
            f"{network.name} asks this private zone for every endpoint's public name, so that old and new ones cannot "
            "lead to different private endpoints"
        ),
        remedy=(
            f"Keep records by workspace in {PRIVATE_ZONE} instead, and unlink this zone: az network private-dns link "
            f"vnet delete {_in(zone.id)} --zone-name {zone.name} --name <link> --yes"
        ),
        source=_SOURCE,
    )


def _catch_all(record: Document, network: Document) -> Finding:
    zone = record.id.parent
    return Finding(
        check="dns",
        severity="blocks",
        resource=resource(record),
        evidence=f"it sends {network.name}'s requests for endpoints of all workspaces of the region to one address",
        remedy=(
            "Make a record *.<workspace's GUID>.inference.<region> for each workspace (a DNS zone group of its private "
            f"endpoint does), and delete this one: az network private-dns record-set a delete "
            f"{_in(zone)} --zone-name {zone.name} --name '{record.name}' --yes"
        ),
        source=_SOURCE,
    )


def _unlinked(facts: Facts, network: Document) -> Finding:
    zones = [ResourceId(text) for text in dns_zones(facts.inventory)]
    known = next((zone for zone in zones if zone.name.lower() == PRIVATE_ZONE), None)
    where = _in(known or network.id)
    link = (
        f"az network private-dns link vnet create {where} --zone-name {PRIVATE_ZONE} --name "
        f"link-{network.name} --virtual-network {network.id} --registration-enabled false"
    )
    make = "" if known else f"az network private-dns zone create {where} --name {PRIVATE_ZONE} && "
    return Finding(
        check="dns",
        severity="warns",
        resource=resource(network),
        evidence=f"no private DNS zone {PRIVATE_ZONE} is linked to it: endpoints' names lead to public addresses there",
        remedy=make + link,
        source=_SOURCE,
    )


def _in(resource_: ResourceId) -> str:
    """Where a resource lies, as `az` takes it: zones of many networks often have a subscription of their own."""
    return f"--subscription {resource_.subscription_id} --resource-group {resource_.resource_group}"
