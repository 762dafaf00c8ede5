"""Outbound rules that the migration needs although nobody wrote them down, each with its reason.

They follow from what the source's deployments use and could reach: accounts that hold their models, registries,
vaults whose secrets are injected, resources behind hosts that connections and variables name, hosts that builds load
from. A legacy deployment without egress reached its workspace's storage and registry alone, so the hosts that it names
ask for nothing. Source: Secure managed online endpoints (rules for registries); Workspace managed virtual network
isolation (what each kind of rule reaches). FACTS 1, 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vnetferry.models.base import Json, digest
from vnetferry.models.hosts import AzureHost, azure_host, hosts_in, is_covered
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import CONNECTION, DATASTORE, OUTBOUND_RULE, REGISTRY, Document
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.build_hosts import build_hosts
from vnetferry.plan.parts import attention
from vnetferry.plan.references import (
    SYSTEM_DATASTORES,
    collected_assets,
    content_of,
    datastore_of,
    used_assets,
)
from vnetferry.plan.rules import private_endpoint_rule
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import connections, had_internet, label, named_hosts, registries, vault_hosts

_RULE_NAME_MAX = 33
# What does not speak HTTP, so that an FQDN rule (ports 80 and 443) is no way to it: service tag and ports.
_TAGS = {
    "sqlServer": ("Sql", "1433,11000-11999"),
    "namespace": ("EventHub", "443,5671-5672,9093"),
    "Sql": ("AzureCosmosDB", "443,10250-10255"),
    "MongoDB": ("AzureCosmosDB", "443,10250-10255"),
}
_DATASTORE_PARTS = {"azuredatalakegen2": ("blob", "dfs"), "azurefile": ("file",)}


class DerivedRule(NamedTuple):
    """A rule in Azure's shape, its name, and why it is there.

    what: where it leads, for people; why: a sentence without its end; about: the document that it follows from.
    kept: people made it on the source.
    """

    name: str
    rule: Json
    what: str
    why: str
    about: ResourceId
    kept: bool = False


def announced(rules: Iterable[DerivedRule]) -> list[PlanWarning]:
    """A warning for each reason, with all the rules that are there for it."""
    groups: dict[tuple[ResourceId, str], list[DerivedRule]] = {}
    for rule in rules:
        groups.setdefault((rule.about, rule.why), []).append(rule)
    return [attention(about, _announcement(why, group)) for (about, why), group in groups.items()]


def _announcement(why: str, group: list[DerivedRule]) -> str:
    names, whats = (", ".join(words) for words in ([r.name for r in group], [r.what for r in group]))
    if len(group) == 1:
        return f"Outbound rule {names} is added ({whats}): {why}."
    return f"Outbound rules {names} are added ({whats}): {why}."


def derived_rules(scope: Scope) -> Iterator[DerivedRule]:
    """Every rule that follows from the source; several may lead to the same destination."""
    yield from _kept(scope)
    yield from _datastores(scope)
    yield from _registries(scope)
    yield from _vaults(scope)
    yield from _images(scope)
    yield from _connections(scope)
    yield from _variables(scope)
    if approves(scope):
        for host, why in build_hosts(scope):
            yield _fqdn(host, f"building {why} loads from there", scope.target)


def approves(scope: Scope) -> bool:
    """Whether the target refuses whatever no rule names."""
    return scope.config.target.isolation_mode == "allow_only_approved_outbound"


def _needs_private(scope: Scope, document: Document | None) -> bool:
    """Whether it takes a private endpoint: where all else is refused, or where the resource refuses the public."""
    if approves(scope) or document is None:
        return True
    closed = str(document.get("publicNetworkAccess", "Enabled")).lower() == "disabled"
    rules = document.get("networkAcls") or document.get("networkRuleSet") or {}
    return closed or str(rules.get("defaultAction", "Allow")).lower() == "deny"


# --- Kinds -----------------------------------------------------------------------------------------------------


def _kept(scope: Scope) -> Iterator[DerivedRule]:
    """The rules that people made on a source that has a managed network already."""
    for document in scope.inventory.of_type(OUTBOUND_RULE):
        if document.get("category") == "UserDefined":
            keys = ("type", "category", "destination", "fqdns")
            rule = scope.remap.value({key: document.get(key) for key in keys if document.get(key)})
            what = f"{document.get('type')}, as it is in the source"
            why = f"people made it in {scope.inventory.source.name}"
            yield DerivedRule(document.name, rule, what, why, document.id, kept=True)


def _datastores(scope: Scope) -> Iterator[DerivedRule]:
    """The storage accounts, not the workspace's own, that hold what the endpoints that move use."""
    held = [*used_assets(scope), *collected_assets(scope)]
    used = {datastore_of(content_of(asset)): asset for asset in reversed(held)}
    for store in scope.inventory.of_type(DATASTORE):
        asset = used.get(store.name.lower())
        # What a store of Azure's own holds is copied into the target's.
        if not store.get("accountName") or asset is None or store.name.lower() in SYSTEM_DATASTORES:
            continue
        account = _account(scope, store.properties)
        for part in _DATASTORE_PARTS.get(str(store.get("datastoreType", "")).lower(), ("blob",)):
            why = f"datastore {store.name} on {account.name} holds {asset.id.parent.name}/{asset.name}"
            yield _private(account, part, why, store.id)


def _account(scope: Scope, datastore: Json) -> ResourceId:
    source = scope.inventory.source
    subscription = datastore.get("subscriptionId") or source.subscription_id
    group = datastore.get("resourceGroup") or source.resource_group
    provider = "providers/Microsoft.Storage/storageAccounts"
    return ResourceId(
        f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{datastore['accountName']}"
    )


def _registries(scope: Scope) -> Iterator[DerivedRule]:
    """A registry, and the storage and container registry that it keeps its assets in."""
    for name, users in registries(scope.all_deployments).items():
        registry = find_named(scope, name, REGISTRY)
        if registry is None or not _needs_private(scope, registry):
            continue
        why = f"{', '.join(users)} take assets from registry {registry.name}"
        yield _private(registry.id, "amlregistry", why, registry.id)
        for resource, part in _behind_registry(scope, registry):
            yield _private(resource, part, why, registry.id)


def _behind_registry(scope: Scope, registry: Document) -> list[tuple[ResourceId, str]]:
    """The accounts of the target's region, or of all regions when the registry does not name it."""
    details = registry.get("regionDetails", [])
    here = [d for d in details if _plain(d.get("location")) == _plain(scope.location)] or details
    kinds = (("storageAccountDetails", "blob"), ("acrDetails", "registry"))
    found = [
        (resource, part)
        for detail in here
        for kind, part in kinds
        for account in detail.get(kind) or []
        if (resource := _created(account))
    ]
    return list(dict.fromkeys(found))


def _created(account: Json) -> ResourceId | None:
    """The resource that Azure made for the registry, or that its owner brought."""
    for made in account.values():
        identifier = (
            ((made or {}).get("armResourceId") or {}).get("resourceId") if isinstance(made, dict) else None
        )
        if identifier:
            return ResourceId(str(identifier))
    return None


def _vaults(scope: Scope) -> Iterator[DerivedRule]:
    """Vaults whose secrets are injected: that this works in the source is why it must in the target."""
    for deployment in scope.all_deployments:
        for host in vault_hosts(deployment):
            found = resource_of(scope, host)
            if found and _needs_private(scope, found):
                why = f"secrets of {found.name} are injected into {label(deployment)}"
                yield _private(found.id, "vault", why, deployment.id)


def _images(scope: Scope) -> Iterator[DerivedRule]:
    """Container registries, not the workspace's own, that hold images."""
    for asset in used_assets(scope):
        host = str(asset.get("image", "")).partition("/")[0].lower()
        found = resource_of(scope, host)
        if found and _needs_private(scope, found):
            why = f"environment {asset.id.parent.name}/{asset.name} has its image there"
            yield _private(found.id, "registry", why, asset.id)


def _connections(scope: Scope) -> Iterator[DerivedRule]:
    users = _users(scope)
    for connection in scope.inventory.of_type(CONNECTION):
        who = users.get(connection.name.lower(), ())
        if who or any(map(had_internet, scope.all_deployments)):
            why = (
                f"connection {connection.name}"
                + (f", which {', '.join(who)} use," if who else "")
                + " leads there"
            )
            for host in hosts_in(str(connection.get("target", ""))):
                yield from _to_host(scope, host, why, connection.id, _named(connection))


def _users(scope: Scope) -> dict[str, list[str]]:
    """Connection (lower case) -> the deployments, of those that had a way out, into which it is injected."""
    found: dict[str, list[str]] = {}
    for deployment in filter(had_internet, scope.all_deployments):
        for name in connections(deployment):
            found.setdefault(name, []).append(label(deployment))
    return found


def _named(connection: Document) -> ResourceId | None:
    """The resource that a connection names by its id."""
    metadata: Json = connection.get("metadata", {})
    identifier = next((v for k, v in metadata.items() if k.lower() == "resourceid"), "")
    return ResourceId(identifier) if str(identifier).lower().startswith("/subscriptions/") else None


def _variables(scope: Scope) -> Iterator[DerivedRule]:
    for deployment in filter(had_internet, scope.all_deployments):
        for variable, host in named_hosts(deployment):
            why = f"variable {variable} of {label(deployment)} names {host}"
            yield from _to_host(scope, host, why, deployment.id, None)


# --- Rules -----------------------------------------------------------------------------------------------------


def _to_host(
    scope: Scope, host: str, why: str, about: ResourceId, named: ResourceId | None
) -> Iterator[DerivedRule]:
    """The rule that reaches a host: a private endpoint to its resource, else by name, else by service tag."""
    azure, found = azure_host(host), resource_of(scope, host)
    resource = named or (found.id if found else None)
    if azure and resource:
        if _needs_private(scope, found):
            yield _private(resource, azure.subresource, why, about)
    elif approves(scope) and not is_covered(host):
        if azure and azure.subresource in _TAGS:
            yield _service_tag(azure, why, about)
        elif azure is None or not azure.type.lower().startswith("microsoft.storage/"):
            yield _fqdn(host, why, about)


def _private(resource: ResourceId, part: str, why: str, about: ResourceId) -> DerivedRule:
    name = _rule_name(f"{resource.name}-{part}", f"{resource.key}/{part}")
    rule = private_endpoint_rule(resource, part)
    return DerivedRule(name, rule, f"private endpoint to {part} of {resource.name}", why, about)


def _fqdn(host: str, why: str, about: ResourceId) -> DerivedRule:
    name = _rule_name(host.replace("*.", "any-"), host)
    rule: Json = {"type": "FQDN", "category": "UserDefined", "destination": host}
    return DerivedRule(name, rule, f"{host}, ports 80 and 443", why, about)


def _service_tag(host: AzureHost, why: str, about: ResourceId) -> DerivedRule:
    tag, ports = _TAGS[host.subresource]
    where = {"serviceTag": tag, "protocol": "TCP", "portRanges": ports}
    name = _rule_name(tag, tag)
    rule: Json = {"type": "ServiceTag", "category": "UserDefined", "destination": where}
    what = f"service tag {tag}, ports {ports}, as {host.name} was not found to make a private endpoint to"
    return DerivedRule(name, rule, what, why, about)


def _rule_name(text: str, key: str) -> str:
    """`vf-…` in the letters that Azure takes, cut to its length and then told apart by a digest."""
    name = f"vf-{re.sub(r'[^A-Za-z0-9_-]', '-', text)}"
    if len(name) <= _RULE_NAME_MAX:
        return name
    return f"{name[: _RULE_NAME_MAX - 7]}-{digest(key)[:6]}"


def resource_of(scope: Scope, host: str) -> Document | None:
    """The resource behind a host of Azure's, when it was read."""
    azure = azure_host(host)
    return find_named(scope, azure.name, azure.type) if azure else None


def find_named(scope: Scope, name: str, kind: str) -> Document | None:
    """A resource of one type by its name alone, which is unique in Azure for those that have a host."""
    return next((d for d in scope.inventory.of_type(kind) if d.name.lower() == name.lower()), None)


def _plain(location: object) -> str:
    return str(location or "").lower().replace(" ", "")
