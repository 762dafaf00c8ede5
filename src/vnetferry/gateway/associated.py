"""What a workspace stands on, made for it: storage account, key vault, registry, Application Insights, log workspace.

What is there and ours stays as it is: Azure and people change it once a workspace uses it. A vault that was deleted is
kept by Azure for a while, with its name; one of ours is recovered.
"""

from __future__ import annotations

from collections.abc import Mapping

from vnetferry.errors import ConfigError, NotFound, NotOurs, PermissionDenied, PersonNeeded
from vnetferry.gateway import api_versions
from vnetferry.gateway.api_versions import api_version
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, deciding_anew, find_settled, require_ours
from vnetferry.gateway.poll import state_of
from vnetferry.gateway.removal import remove
from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import CONTAINER_REGISTRY, KEY_VAULT, LOG_WORKSPACE, STORAGE_ACCOUNT

# Those whose names Azure has once in the world.
_WORLDWIDE = {kind.lower(): kind for kind in (STORAGE_ACCOUNT, KEY_VAULT, CONTAINER_REGISTRY)}
_USES = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")


def create_associated(azure: Azure, resource: ResourceId, body: Json, tags: Mapping[str, str]) -> Written:
    """Make the resource unless it is there.

    Raises:  NotOurs; ConfigError when somebody else in the world has the name.
    Effects: at most one PUT, and one more before it to recover a deleted vault of ours.
    """
    return deciding_anew(azure, lambda: _create_once(azure, resource, body, tags))


def obstacle(azure: Azure, resource: ResourceId, location: str, tags: Mapping[str, str]) -> str:
    """Why a resource could not be made under its name; "" when it could, or is ours already."""
    found = azure.arm.find(resource, api_version(resource.type)) or _find_deleted(azure, resource, location)
    if found is None:
        return _taken(azure, resource)
    try:
        require_ours(found, tags, resource)
    except NotOurs as err:
        return err.what
    return ""


def remove_associated(azure: Azure, resource: ResourceId, tags: Mapping[str, str], *, purge: bool) -> Written:
    """Delete a resource of ours that no workspace stands on, for good with `purge`.

    Out:    `message` says what Azure keeps of it, and how that goes.
    Raises: NotOurs; PersonNeeded naming a workspace that uses it.
    """
    kind = resource.type.lower()
    before = azure.arm.find(resource, api_version(resource.type))
    if before is not None:
        require_ours(before, tags, resource)
        _require_unused(azure, resource)
    forced: Json | None = {"force": "true"} if purge and kind == LOG_WORKSPACE.lower() else None
    written = remove(azure, resource, tags, query=forced)
    if before is None or kind != KEY_VAULT.lower():
        return written
    return written._replace(message=_settle_deleted(azure, resource, before, purge=purge))


def _create_once(azure: Azure, resource: ResourceId, body: Json, tags: Mapping[str, str]) -> Written:
    before = find_settled(azure, resource, "document")
    if before is not None:
        require_ours(before, tags, resource)
        if state_of(before) == "succeeded":
            return Written(False, before, before)
    elif deleted := _find_deleted(azure, resource, str(body["location"])):
        require_ours(deleted, tags, resource)
        _recover(azure, resource, body)
    elif problem := _taken(azure, resource):
        raise ConfigError(
            f"the name '{resource.name}' is not free: {problem}",
            resource=str(resource),
            remedy="Choose another target.workspace, from which it follows; or name a resource of your own in "
            "target.associated_resources.",
        )
    wanted = {**body, "tags": {**(body.get("tags") or {}), **tags}}
    answer = azure.arm.put(resource, api_version(resource.type), wanted)
    return Written(True, before, azure.arm.wait(answer, "document"), answer.request_id)


def _taken(azure: Azure, resource: ResourceId) -> str:
    """What Azure says against a name that it has once in the world; "" when it is free, or may not be asked for."""
    kind = _WORLDWIDE.get(resource.type.lower())
    if kind is None:
        return ""
    namespace = kind.partition("/")[0]
    path = f"/subscriptions/{resource.subscription_id}/providers/{namespace}/checkNameAvailability"
    try:
        answer = azure.arm.post(path, api_version(kind), {"name": resource.name, "type": kind}).body
    except PermissionDenied:
        return ""
    return "" if answer.get("nameAvailable") else str(answer.get("message") or "it is taken")


def _find_deleted(azure: Azure, resource: ResourceId, location: str) -> Json | None:
    """What Azure keeps of a deleted vault of that very id, with `tags` as a vault has them; None when it keeps none."""
    if resource.type.lower() != KEY_VAULT.lower():
        return None
    found = azure.arm.find(_deleted_id(resource, location), api_versions.KEY_VAULT)
    properties: Json = (found or {}).get("properties") or {}
    return properties if str(properties.get("vaultId", "")).lower() == resource.key else None


def _recover(azure: Azure, vault: ResourceId, body: Json) -> None:
    """Take a vault back from among the deleted. Azure takes no notice of its other properties meanwhile."""
    kept = {name: body["properties"][name] for name in ("tenantId", "sku")}
    wanted = {"location": body["location"], "properties": {**kept, "createMode": "recover"}}
    azure.arm.wait(azure.arm.put(vault, api_versions.KEY_VAULT, wanted), "document")


def _require_unused(azure: Azure, resource: ResourceId) -> None:
    path = f"/subscriptions/{resource.subscription_id}/providers/{ML}/workspaces"
    users = [
        str(workspace["name"])
        for workspace in azure.arm.list(path, api_versions.ML)
        if resource.key in {str(workspace["properties"].get(name)).lower() for name in _USES}
    ]
    if users:
        raise PersonNeeded(
            f"workspace {', '.join(users)} stands on it",
            resource=str(resource),
            remedy="Delete that workspace if nobody needs it, and run again; or keep both.",
        )


def _settle_deleted(azure: Azure, vault: ResourceId, before: Json, *, purge: bool) -> str:
    """Purge a deleted vault if that is wanted and Azure allows it; what is to be said of it."""
    properties = before["properties"]
    kept = f"Azure keeps it, and its name, for {properties.get('softDeleteRetentionInDays', 90)} days"
    if properties.get("enablePurgeProtection"):
        return f"{kept}, as it is protected from purging; applying again recovers it"
    if not purge:
        return f"{kept}; applying again recovers it; to free it now: az keyvault purge --name {vault.name}"
    path = f"{_deleted_id(vault, str(before['location']))}/purge"
    try:
        azure.arm.wait(azure.arm.post(path, api_versions.KEY_VAULT), "delete")
    except NotFound:
        return ""  # somebody else purged it
    return ""


def _deleted_id(vault: ResourceId, location: str) -> str:
    """The path at which Azure keeps a deleted vault."""
    region = location.replace(" ", "").lower()
    provider = f"/subscriptions/{vault.subscription_id}/providers/Microsoft.KeyVault"
    return f"{provider}/locations/{region}/deletedVaults/{vault.name}"
