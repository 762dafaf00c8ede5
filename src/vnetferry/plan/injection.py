"""Secrets that Azure injects into a deployment's variables when it starts: whether they can be read in the target.

References stay as they are: a connection has its name in the target too, and a vault its host. Source: Secret injection
in online endpoints; Access secrets from online deployment using secret injection. FACTS 4.2, 4.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.models.inventory import CONNECTION, Document
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.associated import associated_resources
from vnetferry.plan.parts import attention, cannot_carry
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import connections, label, vault_hosts


def injection_warnings(scope: Scope, deployment: Document) -> Iterator[PlanWarning]:
    """What would keep Azure from injecting into the new deployment what it injects into the old one."""
    known = {d.name.lower() for d in scope.inventory.of_type(CONNECTION)}
    for name in connections(deployment):
        if name not in known:
            text = (
                f"{label(deployment)} is given secrets of connection {name}, which could not be read; make it in "
                f"{scope.target.name} before the deployment, or the deployment fails."
            )
            yield cannot_carry(deployment.id, text)
    own = str(scope.inventory.workspace.get("keyVault", ""))
    shared = associated_resources(scope)["key_vault"].lower() == own.lower()
    vault = own.rpartition("/")[2].lower()
    for host in vault_hosts(deployment):
        if host.partition(".")[0] == vault and not shared:
            text = (
                f"{label(deployment)} is given secrets of {vault}, the source workspace's own vault, which "
                f"{scope.target.name} does not share. The references stay as they are: keep that vault, or move the "
                "secrets and change the variables."
            )
            yield attention(deployment.id, text)
    if connections(deployment) or vault_hosts(deployment):
        yield from _identity(scope, deployment)


def _identity(scope: Scope, deployment: Document) -> Iterator[PlanWarning]:
    """Who reads the secrets: the endpoint's identity, to which Azure gives the right only when it is told to."""
    endpoint = scope.inventory.find(deployment.id.parent)
    marks = {k.lower(): str(v).lower() for k, v in endpoint.get("properties", {}).items()}
    if marks.get("enforce_access_to_default_secret_stores") == "enabled":
        text = (
            f"{endpoint.name} enforces access to the workspace's secret stores: Azure gives the new endpoint's "
            "identity the right to read them, and refuses the endpoint to a caller who may not list the secrets."
        )
        yield attention(endpoint.id, text)
