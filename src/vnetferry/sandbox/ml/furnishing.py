"""What Azure makes together with a workspace: its four datastores, their containers, and its identity's
roles.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.ml.identity import principals
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

BLOB_STORE = "workspaceblobstore"
_ARTIFACTS = "workspaceartifactstore"
_DATASTORE = "Microsoft.MachineLearningServices/workspaces/datastores"
_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
_CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
_BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_VAULT_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
# The working directory's share has this name in every workspace.
_CODE_SHARE = "code-391ff5ac-6576-460f-ba4d-7e03433c68b6"


def furnish(world: World, workspace: Json) -> None:
    """Make the datastores, their blob containers and the role assignments of a new workspace; repeatable."""
    for name, kind, place in _places(workspace):
        world.documents.put(_datastore(workspace, name, kind, place))
        if kind == "AzureBlob":
            world.blobs.ensure_container(_account(workspace), place)
    assign_roles(world, workspace)


def assign_roles(world: World, workspace: Json) -> None:
    """Give the workspace's own identity its roles on the group and the associated resources; repeatable."""
    if "SystemAssigned" not in ((workspace.get("identity") or {}).get("type") or ""):
        return
    principal = principals(workspace["identity"])[0]
    properties = workspace["properties"]
    group = "/".join(workspace["id"].split("/")[:5])
    granted = [
        (group, _CONTRIBUTOR)
        if properties.get("allowRoleAssignmentOnRG")
        else (workspace["id"], _CONTRIBUTOR),
        (properties.get("storageAccount"), _CONTRIBUTOR),
        (properties.get("storageAccount"), _BLOB_CONTRIBUTOR),
        (properties.get("keyVault"), _CONTRIBUTOR),
        (properties.get("keyVault"), _VAULT_ADMINISTRATOR),
        (properties.get("containerRegistry"), _CONTRIBUTOR),
        (properties.get("applicationInsights"), _CONTRIBUTOR),
    ]
    for scope, role in granted:
        if scope:
            world.documents.put(role_assignment(world, scope, role, principal))


def default_store(world: World, workspace: Json) -> Json | None:
    """The workspace's default datastore."""
    stores = world.documents.collection(f"{workspace['id']}/datastores")
    return next((each for each in stores if each["properties"].get("isDefault")), None)


def _places(workspace: Json) -> list[tuple[str, str, str]]:
    """(datastore, type, container or share); data isolation puts the workspace's id before each name."""
    guid = workspace["properties"]["workspaceId"]
    if workspace["properties"].get("enableDataIsolation"):
        blobs, files, artifacts, code = (f"{guid}-{part}" for part in _ISOLATED)
    else:
        blobs, files = f"azureml-blobstore-{guid}", f"azureml-filestore-{guid}"
        artifacts, code = "azureml", _CODE_SHARE
    return [
        (_ARTIFACTS, "AzureBlob", artifacts),
        ("workspaceworkingdirectory", "AzureFile", code),
        (BLOB_STORE, "AzureBlob", blobs),
        ("workspacefilestore", "AzureFile", files),
    ]


_ISOLATED = ("azureml-blobstore", "azureml-filestore", "azureml", "code")


def _datastore(workspace: Json, name: str, kind: str, place: str) -> Json:
    storage = workspace["properties"]["storageAccount"].split("/")
    keyless = workspace["properties"]["systemDatastoresAuthMode"].lower() != "accesskey"
    container = {"containerName": place} if kind == "AzureBlob" else {"fileShareName": place}
    return {
        "id": f"{workspace['id']}/datastores/{name}",
        "name": name,
        "type": _DATASTORE,
        "properties": {
            "description": None,
            "tags": None,
            "properties": None,
            "isDefault": name == BLOB_STORE,
            "credentials": {"credentialsType": "None" if keyless else "AccountKey"},
            "subscriptionId": storage[2],
            "resourceGroup": storage[4],
            "datastoreType": kind,
            "accountName": storage[-1],
            **container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity" if keyless else "None",
        },
        "systemData": dict(workspace["systemData"]),
    }


def _account(workspace: Json) -> str:
    return str(workspace["properties"]["storageAccount"]).rpartition("/")[2]


def role_assignment(world: World, scope: str, role: str, principal: str) -> Json:
    """The document of a role given by Azure itself; the same scope, role and principal have the same id."""
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{role}/{principal}".lower()))
    subscription, now = scope.split("/")[2], world.clock.stamp()
    definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {
        "id": f"{scope}/providers/{_ASSIGNMENT}/{name}",
        "name": name,
        "type": _ASSIGNMENT,
        "properties": {
            "roleDefinitionId": definition,
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "scope": scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": now,
            "updatedOn": now,
        },
    }
