"""Whether the user-assigned identities that move may fetch what deployments are made of.

Azure gives a system-assigned identity of a new endpoint its roles by itself, and a user-assigned one none.
Source: Authentication and authorization for online endpoints; Access Azure resources from an online endpoint with a
        managed identity; Access secrets from online deployment using secret injection; Set up authentication
        between Azure Machine Learning and other services. FACTS 3.5, 4.2, 4.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.checks.facts import Facts
from vnetferry.checks.key_vault import injecting_vaults
from vnetferry.checks.roles import (
    MANAGE_VAULT,
    PULL,
    PULL_REPOSITORY,
    READ_BLOBS,
    READ_SECRETS,
    WRITE_BLOBS,
    Need,
    Role,
    contributor,
    missing_roles,
)
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.plan.identities import acting_identity, user_assigned

_LEARN = "https://learn.microsoft.com/azure/machine-learning"
_ENDPOINTS = f"{_LEARN}/how-to-access-resources-from-endpoints-managed-identities"
_SECRETS = f"{_LEARN}/how-to-deploy-online-endpoint-with-secret-injection"
_WORKSPACES = f"{_LEARN}/how-to-identity-based-service-authentication"


def check_identities(facts: Facts) -> list[Finding]:
    """Each role that an identity lacks; a role that it has through another one does."""
    return missing_roles(facts, identity_needs(facts), "identities")


def identity_needs(facts: Facts) -> list[Need]:
    """What the identities need on what the target stands on.

    What is created with the target is left out: nothing can be assigned on it yet.
    """
    found = [need for endpoint in facts.scope.endpoints for need in _endpoint_needs(facts, endpoint)]
    found += _workspace_needs(facts)
    once = {(need.principal, need.scope, need.role.id): need for need in reversed(found)}
    return sorted(once.values(), key=lambda need: (need.severity, need.identity, need.scope, need.role.name))


def _endpoint_needs(facts: Facts, endpoint: Document) -> Iterator[Need]:
    deployments = facts.scope.deployments[endpoint.name]
    collects = any(map(_collects, deployments))
    roles = {"container_registry": _pull(facts), "storage_account": WRITE_BLOBS if collects else READ_BLOBS}
    wanted = [(facts.associated_ids[name], role, _ENDPOINTS) for name, role in roles.items()]
    wanted += [(str(vault.id), READ_SECRETS, _SECRETS) for vault in injecting_vaults(facts, deployments)]
    for identity, principal in user_assigned(facts.inventory, endpoint):
        for scope, role, source in wanted:
            if scope:
                yield Need(
                    identity=identity,
                    principal=principal,
                    scope=ResourceId(scope),
                    role=role,
                    whose=f"endpoint {endpoint.name}",
                    severity="blocks",
                    source=source,
                )


def _workspace_needs(facts: Facts) -> Iterator[Need]:
    """Contributor on what the workspace uses, and the vault's and the blobs' data: documented, and not demanded here
    of a workspace that has lived without.
    """
    used = {name: ResourceId(text) for name, text in facts.associated_ids.items() if text}
    wanted = [(scope, contributor(scope.type)) for scope in used.values()]
    wanted += [(used[name], role) for name, role in _DATA_ROLES.items() if name in used]
    for identity, principal in acting_identity(facts.inventory):
        for scope, role in wanted:
            yield Need(
                identity=identity,
                principal=principal,
                scope=scope,
                role=role,
                whose=f"workspace {facts.scope.target.name}",
                severity="warns",
                source=_WORKSPACES,
            )


_DATA_ROLES = {"storage_account": WRITE_BLOBS, "key_vault": MANAGE_VAULT}


def _pull(facts: Facts) -> Role:
    """What pulls images: a registry with permissions by repository does not know AcrPull."""
    registry = facts.associated.get("container_registry")
    mode = str(registry.get("roleAssignmentMode", "")) if registry else ""
    return PULL_REPOSITORY if mode.lower() == "abacrepositorypermissions" else PULL


def _collects(deployment: Document) -> bool:
    collections = deployment.get("dataCollector", {}).get("collections") or {}
    return any(str(each.get("dataCollectionMode")).lower() == "enabled" for each in collections.values())
