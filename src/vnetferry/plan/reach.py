"""What the source's deployments could reach, or name, and no outbound rule leads to: for people to decide."""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.models.hosts import azure_host, hosts_in, is_covered
from vnetferry.models.inventory import APPLICATION_INSIGHTS, CONNECTION, REGISTRY
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.derived_rules import approves, find_named, resource_of
from vnetferry.plan.parts import attention
from vnetferry.plan.scope import Scope
from vnetferry.plan.telemetry import has_way, logging, takes_private_alone
from vnetferry.plan.uses import had_internet, label, named_hosts, registries


def reach_warnings(scope: Scope) -> list[PlanWarning]:
    """Where a rule of a person's own may be needed, and why none could be derived."""
    found = [*_lost_registries(scope)]
    if approves(scope):
        found += [*_whole_internet(scope), *_unreached(scope), *_unseen_storage(scope), *_telemetry(scope)]
    return found


def _whole_internet(scope: Scope) -> Iterator[PlanWarning]:
    free = [label(d) for d in scope.all_deployments if had_internet(d)]
    if free:
        text = (
            f"{', '.join(free)} could reach the whole internet; from {scope.target.name} they reach what its outbound "
            "rules name. What their code calls without naming it in a variable or connection needs a rule in "
            "target.outbound_rules."
        )
        yield attention(scope.target, text)


def _unreached(scope: Scope) -> Iterator[PlanWarning]:
    """Hosts that are named where nothing could reach them."""
    closed = [d for d in scope.all_deployments if not had_internet(d)]
    named = {host: f"variable {name} of {label(d)}" for d in closed for name, host in named_hosts(d)}
    if len(closed) == len(scope.all_deployments):
        for connection in scope.inventory.of_type(CONNECTION):
            targets = hosts_in(str(connection.get("target", "")))
            named |= dict.fromkeys(targets, f"connection {connection.name}")
    elsewhere = {host: who for host, who in sorted(named.items()) if not _is_known(scope, host)}
    if elsewhere:
        listed = "; ".join(f"{host} ({who})" for host, who in elsewhere.items())
        text = (
            f"The source's deployments name hosts that they could not reach, and no rule leads there: {listed}. Add "
            "rules to target.outbound_rules if they should."
        )
        yield attention(scope.inventory.source, text)


def _unseen_storage(scope: Scope) -> Iterator[PlanWarning]:
    """Accounts that no kind of rule reaches, because only a private endpoint would and their ids are not known."""
    for deployment in filter(had_internet, scope.all_deployments):
        for variable, host in named_hosts(deployment):
            azure = azure_host(host)
            if azure and azure.type.startswith("Microsoft.Storage/") and resource_of(scope, host) is None:
                text = (
                    f"Variable {variable} of {label(deployment)} names {host}, which was not found in the source's "
                    "subscription. Storage is reached by private endpoint alone: add a private_endpoint rule to it."
                )
                yield attention(deployment.id, text)


def _is_known(scope: Scope, host: str) -> bool:
    """Whether every managed network reaches a host, or the workspace's own resources answer there."""
    found = resource_of(scope, host)
    own = {
        str(scope.inventory.workspace.get(name, "")).lower()
        for name in ("storageAccount", "keyVault", "containerRegistry")
    }
    return is_covered(host) or (found is not None and found.id.key in own)


def _lost_registries(scope: Scope) -> Iterator[PlanWarning]:
    for name, users in registries(scope.all_deployments).items():
        if find_named(scope, name, REGISTRY) is None:
            text = (
                f"{', '.join(users)} take assets from registry {name}, which could not be read. Where only approved "
                "outbound traffic is allowed, or the registry is not public, add private_endpoint rules to the "
                "registry (amlregistry), to its storage account (blob) and to its container registry (registry) to "
                "target.outbound_rules."
            )
            yield attention(f"azureml://registries/{name}", text)


def _telemetry(scope: Scope) -> Iterator[PlanWarning]:
    """What is logged, and may not arrive; nothing where Application Insights is known to take it from everywhere."""
    sent, own = logging(scope), str(scope.inventory.workspace.get("applicationInsights") or "")
    insights = find_named(scope, own.rpartition("/")[2], APPLICATION_INSIGHTS)
    shared = scope.config.target.associated_resources in ("share", "create")
    known = insights if shared else None
    if not sent or (known and not takes_private_alone(known)) or has_way(scope):
        return
    by_tag = "which the managed network reaches by the AzureMonitor service tag. If it takes private ingestion alone,"
    closed = f"and {insights.name} takes private ingestion alone:" if insights else ""
    text = (
        f"{', '.join(sent)} log to Application Insights, {closed if known else by_tag} add a private_endpoint rule to "
        "its private link scope (subresource azuremonitor)."
    )
    yield attention(scope.inventory.source, text)
