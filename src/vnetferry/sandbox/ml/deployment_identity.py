"""Whether an endpoint's identity may fetch what its deployments are made of.

Images are pulled, and code and models read, as the endpoint: as its system-assigned identity, or as each of
those that the user assigned. Azure gives the former its roles when the endpoint is made, and the latter none.
Source: troubleshoot online endpoints (BadArgument: authorization error). The first text is from a public
report (MicrosoftDocs/azure-docs#107890), the second one is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.authorization import allowed
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.images import environment_of
from vnetferry.sandbox.scoring.specification import endpoint_id_of, name_of, workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_PULL = "Microsoft.ContainerRegistry/registries/pull/read"
# What a registry with permissions by repository asks for instead of the former, which AcrPull gives.
_PULL_REPOSITORY = "Microsoft.ContainerRegistry/registries/repositories/content/read"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_REGISTRIES = "Microsoft.ContainerRegistry/registries"
_GUIDE = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-badargument"


def check_pull(world: World, deployment: Json) -> None:
    """AzureError `BadArgument` unless the endpoint may pull from the workspace's registry, and the image's."""
    for name, principal in identities_of(world, deployment):
        for registry in _registries(world, deployment):
            if not _may_pull(world, principal, registry):
                message = (
                    f"Endpoint identity does not have pull permission on the registry. {_GUIDE} "
                    f"(identity '{name}' lacks AcrPull on '{registry['id']}')"
                )
                raise AzureError(400, "BadArgument", message)


def check_read(world: World, deployment: Json) -> None:
    """AzureError `BadArgument` unless the endpoint may read the workspace's blobs, and write what it collects."""
    storage = _associated(world, deployment, "storageAccount")
    if storage is None:
        return
    for name, principal in identities_of(world, deployment):
        if not allowed(world, principal, f"{_BLOBS}/read", storage["id"], data=True):
            raise _no_blobs(name, "read", "Storage Blob Data Reader", storage)
    for name, principal in _user_assigned(world, deployment) if _collects(deployment) else ():
        if not allowed(world, principal, f"{_BLOBS}/write", storage["id"], data=True):
            raise _no_blobs(name, "write", "Storage Blob Data Contributor", storage)


def _no_blobs(identity: str, verb: str, role: str, storage: Json) -> AzureError:
    message = (
        f"Startup task failed due to authorization error: endpoint identity '{identity}' does not have "
        f"permission to {verb} blobs of the storage account '{storage['id']}': it lacks {role}. {_GUIDE}"
    )
    return AzureError(400, "BadArgument", message)


def identities_of(world: World, deployment: Json) -> Iterator[tuple[str, str]]:
    """The endpoint's identities, as (name, object id); one whose object id nobody knows is left out."""
    own = _identity(world, deployment).get("principalId")
    if own:
        yield "system-assigned", own
    yield from _user_assigned(world, deployment)


def _user_assigned(world: World, deployment: Json) -> Iterator[tuple[str, str]]:
    for identifier, shown in (_identity(world, deployment).get("userAssignedIdentities") or {}).items():
        document = world.documents.get(identifier) or {"properties": {}}
        principal = (shown or {}).get("principalId") or document["properties"].get("principalId")
        if principal:
            yield name_of(identifier), principal


def _identity(world: World, deployment: Json) -> Json:
    endpoint = world.documents.require(endpoint_id_of(deployment["id"]))
    return endpoint.get("identity") or {}


def _may_pull(world: World, principal: str, registry: Json) -> bool:
    mode = str((registry.get("properties") or {}).get("roleAssignmentMode") or "")
    if mode.lower() == "abacrepositorypermissions":
        return allowed(world, principal, _PULL_REPOSITORY, registry["id"], data=True)
    return allowed(world, principal, _PULL, registry["id"])


def _registries(world: World, deployment: Json) -> list[Json]:
    """The workspace's registry, and the one that a finished image lies in; those that can be looked at."""
    own = _associated(world, deployment, "containerRegistry")
    environment = environment_of(world, deployment) or {"properties": {}}
    host = str(environment["properties"].get("image") or "").partition("/")[0].lower()
    others = world.resources_of(_REGISTRIES) if host.endswith(".azurecr.io") else ()
    found = [each for each in others if f"{each['name'].lower()}.azurecr.io" == host]
    return list({each["id"].lower(): each for each in [*([own] if own else []), *found]}.values())


def _associated(world: World, deployment: Json, name: str) -> Json | None:
    workspace = world.documents.require(workspace_id_of(deployment["id"]))
    return world.documents.get(workspace["properties"].get(name) or "")


def _collects(deployment: Json) -> bool:
    collections = (deployment["properties"].get("dataCollector") or {}).get("collections") or {}
    return any(str(each.get("dataCollectionMode")).lower() == "enabled" for each in collections.values())
