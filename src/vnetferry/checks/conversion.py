"""Whether everything that a conversion in place deletes can be made again, and what that would lose be kept."""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.checks.facts import Facts
from vnetferry.errors import ConfigError, PersonNeeded
from vnetferry.models.finding import Finding, Severity
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import BATCH_DEPLOYMENT, COMPUTE, SCHEDULE
from vnetferry.plan.convert import keeps_secrets
from vnetferry.plan.convert_computes import running_nodes
from vnetferry.plan.scope import scope_of

_NETWORK = "https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"
_VAULT = "https://learn.microsoft.com/azure/key-vault/general/rbac-guide"


def check_convertible(facts: Facts) -> list[Finding]:
    """What makes a conversion hopeless: what cannot be made again, what stays in its way, what is converted already."""
    try:
        scope_of(facts.inventory, facts.config, {})
    except (ConfigError, PersonNeeded) as err:
        source = facts.inventory.source
        where = err.resource if err.resource.startswith("/") else str(source)
        return [_finding("blocks", where, err.what, err.remedy)]
    return []


def check_conversion(facts: Facts) -> list[Finding]:
    """Find what would stop a conversion between its first deletion and its end, and what it would end itself."""
    if not facts.config.in_place:
        return []
    return [*_vault(facts), *_at_work(facts), *_batch(facts), *_schedules(facts)]


def _vault(facts: Facts) -> Iterator[Finding]:
    vault = str(facts.inventory.workspace.get("keyVault", ""))
    if facts.vault_refusal and keeps_secrets(facts.scope):
        evidence = (
            f"the endpoints' keys are to be kept in it, and it refuses the caller: {facts.vault_refusal}"
        )
        remedy = (
            f"Give yourself 'Key Vault Secrets Officer' on {vault.rpartition('/')[2]}, and run vnetferry where its "
            "firewall lets you in (a network with a private endpoint to it)."
        )
        yield _finding("blocks", vault, evidence, remedy, _VAULT)


def _at_work(facts: Facts) -> Iterator[Finding]:
    """Jobs that deleting their cluster would end."""
    for compute in facts.inventory.of_type(COMPUTE):
        if nodes := running_nodes(compute):
            evidence = f"jobs run on {nodes} node(s) of {compute.name}, and deleting it ends them"
            remedy = (
                f"Wait for them, or cancel them: az ml job cancel --name <job> {_in(facts.inventory.source)}"
            )
            yield _finding("blocks", str(compute.id), evidence, remedy)


def _batch(facts: Facts) -> Iterator[Finding]:
    """Batch deployments stay, and the clusters that they run on are away for a while."""
    for deployment in facts.inventory.of_type(BATCH_DEPLOYMENT):
        compute = str(deployment.get("compute") or "").rpartition("/")[2]
        if compute.lower() in {each.name.lower() for each in facts.inventory.of_type(COMPUTE)}:
            evidence = (
                f"batch deployment {deployment.id.parent.name}/{deployment.name} stays, and {compute}, on which it "
                "runs, is deleted and made again"
            )
            yield _finding(
                "warns", str(deployment.id), evidence, "Have nobody invoke it until apply is done."
            )


def _schedules(facts: Facts) -> Iterator[Finding]:
    for schedule in facts.inventory.of_type(SCHEDULE):
        if schedule.get("isEnabled"):
            evidence = (
                f"schedule {schedule.name} may start a job while computes are deleted, which then fails"
            )
            remedy = f"az ml schedule disable --name {schedule.name} {_in(facts.inventory.source)}"
            yield _finding("warns", str(schedule.id), evidence, remedy)


def _in(workspace: ResourceId) -> str:
    return f"--workspace-name {workspace.name} --resource-group {workspace.resource_group}"


def _finding(
    severity: Severity, resource: str, evidence: str, remedy: str, source: str = _NETWORK
) -> Finding:
    return Finding(
        check="conversion",
        severity=severity,
        resource=resource,
        evidence=evidence,
        remedy=remedy,
        source=source,
    )
