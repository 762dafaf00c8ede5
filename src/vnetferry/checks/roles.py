"""Roles that identities must have, and the findings about those that they lack. Source: Azure built-in roles."""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.checks.facts import Facts
from vnetferry.checks.rights import grants
from vnetferry.models.base import Value
from vnetferry.models.finding import Finding, Fix, Severity
from vnetferry.models.ids import ResourceId

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


class Role(Value):
    """A role that does it, and the action of it by which it is known, on the data plane if `data`.

    id: of the built-in role; "" when there is none and a custom one is needed.
    """

    id: str
    name: str
    action: str
    data: bool = False


PULL = Role(
    id="7f951dda-4ed3-4680-a7ca-43fe172d538d",
    name="AcrPull",
    action="Microsoft.ContainerRegistry/registries/pull/read",
)
PULL_REPOSITORY = Role(
    id="b93aa761-3e63-49ed-ac28-beffa264f7ac",
    name="Container Registry Repository Reader",
    action="Microsoft.ContainerRegistry/registries/repositories/content/read",
    data=True,
)
READ_BLOBS = Role(
    id="2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    name="Storage Blob Data Reader",
    action=f"{_BLOBS}/read",
    data=True,
)
WRITE_BLOBS = Role(
    id="ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    name="Storage Blob Data Contributor",
    action=f"{_BLOBS}/write",
    data=True,
)
READ_SECRETS = Role(
    id="4633458b-17de-408a-b874-0445c86b69e6",
    name="Key Vault Secrets User",
    action="Microsoft.KeyVault/vaults/secrets/getSecret/action",
    data=True,
)
MANAGE_VAULT = Role(
    id="00482a5a-887f-4fb3-b363-3b7fe8e74483",
    name="Key Vault Administrator",
    action="Microsoft.KeyVault/vaults/secrets/setSecret/action",
    data=True,
)


def contributor(kind: str) -> Role:
    """Contributor, as far as resources of this type are concerned."""
    return Role(id="b24988ac-6180-42a0-ab88-20f7382dd24c", name="Contributor", action=f"{kind}/write")


class Need(Value):
    """What an identity must be able to do: `role` on `scope`, for the sake of `whose`."""

    identity: ResourceId
    principal: str
    scope: ResourceId
    role: Role
    whose: str
    severity: Severity
    source: str


def missing_roles(facts: Facts, needed: Iterable[Need], check: str) -> list[Finding]:
    """A finding for each need that no role of the principal fulfils, as far as its roles could be read."""
    held = {(grant.principal.lower(), grant.scope): grant.permissions for grant in facts.grants}
    return [
        _finding(need, check)
        for need in needed
        if (known := held.get((need.principal.lower(), need.scope))) is not None
        and not grants(known, need.role.action, data=need.role.data)
    ]


def _finding(need: Need, check: str) -> Finding:
    role, where = need.role, f"{need.scope.type.rpartition('/')[2]} {need.scope.name}"
    parameters = {"principal": need.principal, "role": role.id, "role_name": role.name}
    return Finding(
        check=check,
        severity=need.severity,
        resource=str(need.identity),
        evidence=f"{need.whose} acts as it, and it lacks {role.name} on {where}",
        remedy=(
            f"az role assignment create --assignee-object-id {need.principal} --assignee-principal-type "
            f'ServicePrincipal --role "{role.name if role.id else "<a custom role>"}" --scope {need.scope}'
        ),
        source=need.source,
        fix=Fix(kind="assign_role", resource=str(need.scope), parameters=parameters) if role.id else None,
    )
