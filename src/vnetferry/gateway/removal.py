"""Removing what a plan made, and nothing else: each looks whose it is, deletes, and looks whether it is gone.

What carries tags says by them which source it was made from. What cannot (connections, role assignments, diagnostic
settings, DNS zone groups) is known by its id, which the plan gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from vnetferry.errors import Conflict, NotFound, PermissionDenied, PersonNeeded
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, delete, find_settled, require_ours
from vnetferry.gateway.locks import read_locks
from vnetferry.gateway.rbac import missing_actions
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import CONNECTION, ROLE_ASSIGNMENT
from vnetferry.models.run import SOURCE_TAG

_UNTAGGED = {
    CONNECTION.lower(),
    ROLE_ASSIGNMENT.lower(),
    "microsoft.insights/diagnosticsettings",
    "microsoft.network/privateendpoints/privatednszonegroups",
}
# What people put into a workspace, which goes with it. Azure's own is not among them.
_HOLDINGS = ("onlineEndpoints", "computes", "models", "data", "components")
_SHOWN = 5
_TAGGED_IN_GROUP = "tagName eq 'vnetferry-source' and tagValue eq '{}'"
_CREATED = (
    "microsoft.insights/components",
    "microsoft.operationalinsights/workspaces",
    "microsoft.containerregistry/registries",
    "microsoft.storage/storageaccounts",
    "microsoft.keyvault/vaults",
)


def find_ours(azure: Azure, resource: ResourceId, tags: Mapping[str, str], kind: str) -> Json | None:
    """The document, once nothing changes it any more; None when it is absent.

    In:     kind: how long it takes, a key of poll.PACES.
    Raises: NotOurs when another hand made it.
    """
    document = find_settled(azure, resource, kind)
    if document is not None and resource.type.lower() not in _UNTAGGED:
        own = (document.get("properties") or {}).get("tags") or {}
        require_ours({"tags": document.get("tags") or own}, tags, resource)
    return document


def remove(
    azure: Azure,
    resource: ResourceId,
    tags: Mapping[str, str],
    kind: str = "delete",
    query: Json | None = None,
) -> Written:
    """Delete a resource that is ours; absent is done.

    Raises: NotOurs; Conflict when Azure still has it afterwards.
    """
    before = find_ours(azure, resource, tags, kind)
    if before is None:
        return Written(False, None, {})
    written = delete(azure, resource, kind=kind, query=query)
    if azure.arm.find(resource, api_versions.api_version(resource.type)) is not None:
        raise Conflict("Azure still has it after it was deleted", resource=str(resource), retryable=True)
    return written._replace(changed=True, before=before)


def remove_endpoint(
    azure: Azure, endpoint: ResourceId, tags: Mapping[str, str], deployments: Iterable[str]
) -> Written:
    """Delete an endpoint of ours with its deployments, and the roles of its identity, which Azure leaves behind.

    Out:    `unsettled` has the ids of the role assignments that are left, as the caller may not delete them.
    Raises: NotOurs; PersonNeeded when it has a deployment that is not among `deployments` and not ours.
    """
    before = find_ours(azure, endpoint, tags, "endpoint")
    if before is None:
        return Written(False, None, {})
    known = {name.lower() for name in deployments}
    held = [str(d["name"]) for d in azure.arm.list(f"{endpoint}/deployments", api_versions.ML)]
    _require_nothing_more(endpoint, [f"deployment {name}" for name in held if name.lower() not in known])
    left = _remove_roles_before(azure, endpoint, before)
    written = remove(azure, endpoint, tags, "endpoint")
    return written._replace(unsettled=tuple(map(str, left)))


def remove_workspace(azure: Azure, workspace: ResourceId, tags: Mapping[str, str], *, purge: bool) -> Written:
    """Delete a workspace of ours that holds nothing more, for good with `purge`, and the roles of its identity.

    Out:    `unsettled` as of `remove_endpoint`.
    Raises: NotOurs; PersonNeeded naming what another hand put there.
    """
    before = find_ours(azure, workspace, tags, "workspace")
    if before is None:
        return Written(False, None, {})
    _require_nothing_more(workspace, holdings(azure, workspace))
    query = {"forceToPurge": "true" if purge else "false"}
    left = _remove_roles_before(azure, workspace, before)
    written = remove(azure, workspace, tags, "workspace", query)
    return written._replace(unsettled=tuple(map(str, left)))


def remove_created(azure: Azure, workspace: ResourceId, tags: Mapping[str, str]) -> Written:
    """Delete the storage, vault and the like that Azure made with a workspace of ours; they carry our tags."""
    query = {"$filter": _TAGGED_IN_GROUP.format(tags[SOURCE_TAG])}
    listed = azure.arm.list(f"{workspace.group_id}/resources", api_versions.RESOURCES, query)
    found = [ResourceId(str(item["id"])) for item in listed]
    created = [each for kind in _CREATED for each in found if each.type.lower() == kind]
    changed = [remove(azure, each, tags).changed for each in created]
    return Written(any(changed), None, {})


def holdings(azure: Azure, workspace: ResourceId) -> list[str]:
    """What people put into a workspace, such as "models churn"."""
    return [
        f"{kind} {item['name']}"
        for kind in _HOLDINGS
        for item in azure.arm.list(f"{workspace}/{kind}", api_versions.ML)
    ]


def _require_nothing_more(resource: ResourceId, held: list[str]) -> None:
    if held:
        more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
        raise PersonNeeded(
            f"it holds what the plan did not make: {', '.join(held[:_SHOWN])}{more}",
            resource=str(resource),
            remedy="Move or delete that, and run again.",
        )


def _remove_roles_before(azure: Azure, resource: ResourceId, document: Json) -> list[ResourceId]:
    """Delete the role assignments of an identity before what it belongs to, as `_remove_roles`.

    Afterwards nobody knows whose they were, so a run that is cut off in between could not go on. What a lock keeps goes
    on as it is.
    """
    if read_locks(azure, resource):
        return []
    return _remove_roles(azure, resource.subscription_id, principals_of(document))


def _remove_roles(azure: Azure, subscription_id: str, principals: Iterable[str]) -> list[ResourceId]:
    """Delete the role assignments of identities that go: Azure keeps them, for nobody.

    Out: those that the caller has no right to delete; they are harmless, and somebody else may delete them.
    """
    scope = f"/subscriptions/{subscription_id}/providers/{ROLE_ASSIGNMENT}"
    left: list[ResourceId] = []
    for principal in principals:
        query = {"$filter": f"principalId eq '{principal}'"}
        found = [ResourceId(str(a["id"])) for a in azure.arm.list(scope, api_versions.AUTHORIZATION, query)]
        left += [assignment for assignment in found if remove_role(azure, assignment) is None]
    return left


def remove_role(azure: Azure, assignment: ResourceId) -> Written | None:
    """Delete one role assignment; None when the caller has no right to."""
    scope = ResourceId(
        assignment.text[: assignment.text.lower().rindex("/providers/microsoft.authorization/")]
    )
    with suppress(NotFound):  # the scope may be gone, and the assignment still be listed
        if missing_actions(azure, scope, [f"{ROLE_ASSIGNMENT}/delete"]):
            return None
    try:
        return delete(azure, assignment)
    except PermissionDenied:
        return None


def principals_of(document: Json) -> list[str]:
    """The object id of a resource's own identity, which goes with it; user-assigned ones stay."""
    principal = (document.get("identity") or {}).get("principalId")
    return [str(principal)] if principal else []
