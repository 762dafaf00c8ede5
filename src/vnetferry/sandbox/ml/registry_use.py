"""What Azure demands of a deployment that takes its model or environment from a registry.

At once: the version is there, the caller may use it, and the registry serves the workspace's region. When the
deployment starts: its network reaches the registry, its storage account and its container registry. Microsoft's
own registries are not here, and what they hold is taken for granted, as is what deployments of the scenario use
of registries that the scenario leaves out. Source: secure managed online endpoints
(outbound rules for registries), network isolation of registries, troubleshooting of deployments for the codes;
the texts are assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox import data_plane
from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.arm.host_names import host_names
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.online_errors import refused
from vnetferry.sandbox.ml.registry_assets import not_found
from vnetferry.sandbox.ml.registry_documents import Reference, find_asset, find_registry, regions_of
from vnetferry.sandbox.ml.scope import PROVIDER
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.scoring.egress import is_private, network_of
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.scoring.registry_targets import Target, registry_references, registry_targets
from vnetferry.sandbox.wire import Json, Request

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_PREFIX = "azureml://registries/"
_FIELDS = {"model": "models", "environmentId": "environments"}
# Registries of Microsoft's and its partners', which every tenant can use; names alone are known of them.
_PUBLIC_PREFIXES = ("azureml-", "azure-openai-")
_PUBLIC = frozenset({"azureml", "azure-openai", "huggingface", "nvidia-ai"})
_ACTION = f"{PROVIDER}/registries/assets/read"


def check(call: Call, workspace: Json, body: Json) -> None:
    """Raise Azure's refusal of what `body` takes from registries, or return."""
    properties = body["properties"]
    for field, plural in _FIELDS.items():
        _require_kind(properties.get(field) or "", plural)
    _require_no_code((properties.get("codeConfiguration") or {}).get("codeId") or "")
    for uri, reference in registry_references(body):
        if not _is_elsewhere(call.world, uri, reference):
            _require_usable(call, workspace, uri, reference)


def require_reach(world: World, deployment: Json) -> None:
    """Raise AzureError when the deployment's network does not reach what its registries keep.

    `BadArgument` for a model, `ResourceNotFound` for a container registry. A legacy deployment is given private
    endpoints to both (legacy_egress).
    """
    if is_private(deployment):
        return
    vantage, refuse = network_of(world, deployment)
    for target in registry_targets(world, deployment):
        why = refuse(target.host, 443) or _refusal(world, vantage, target)
        if why:
            raise _unreachable(target, why)
    for _uri, reference in registry_references(deployment):
        registry = find_registry(world, reference.registry)
        if registry and not _reaches(world, vantage, _front(registry)):
            raise AzureError(
                400, "BadArgument", f"The registry '{registry['name']}' is not reachable: {_CLOSED}"
            )


_CLOSED = (
    "it has public network access disabled, and the deployment's network has no active private endpoint to it. "
    "Add a private endpoint outbound rule for it."
)


def _refusal(world: World, vantage: str, target: Target) -> str | None:
    return None if _reaches(world, vantage, target) else f"{target.host}: {_CLOSED}"


def _front(registry: Json) -> Target:
    return Target(registry, "amlregistry", host_names(registry, "amlregistry")[0])


def _reaches(world: World, vantage: str, target: Target) -> bool:
    request = Request("GET", target.host, "/", vantage=vantage)
    return data_plane.is_reachable(world, request, target.resource, target.group_id)


def _unreachable(target: Target, why: str) -> AzureError:
    if target.group_id == "registry":
        message = f"The container registry '{target.host}' could not be reached to pull the image: {why}"
        return AzureError(400, "ResourceNotFound", message)
    return AzureError(400, "BadArgument", f"Unable to download user model: {why}")


def _require_kind(uri: str, plural: str) -> None:
    if not uri.lower().startswith(_PREFIX):
        return
    parts = uri[len(_PREFIX) :].strip("/").split("/")
    if len(parts) != 5 or parts[1].lower() != plural or parts[3].lower() != "versions":
        raise refused(f"'{uri}' is not the id of a version in {plural}.", field=plural)


def _require_no_code(uri: str) -> None:
    """Registries hold no code that a deployment could use. Source: share models across workspaces."""
    if uri.lower().startswith(_PREFIX):
        raise refused(f"'{uri}' is in a registry: a deployment's code is in its workspace.", field="codes")


def _is_elsewhere(world: World, uri: str, reference: Reference) -> bool:
    """Whether the registry is one that the sandbox cannot look at: Microsoft's, or one that the scenario proves.

    A snapshot of a workspace leaves out the registries of others; that its deployments run tells that what they
    use is there.
    """
    name = reference.registry.lower()
    if find_registry(world, name) is not None:
        return False
    is_public = name in _PUBLIC or name.startswith(_PUBLIC_PREFIXES)
    return is_public or any(_uses(document, uri) for document in world.scenario.resources)


def _uses(document: Json, uri: str) -> bool:
    properties = document.get("properties") or {}
    used = (properties.get("model"), properties.get("environmentId"))
    is_deployment = "/onlineendpoints/" in str(document.get("id")).lower()
    return is_deployment and uri.lower() in [str(each).lower() for each in used if each]


def _require_usable(call: Call, workspace: Json, uri: str, reference: Reference) -> None:
    registry, principal = find_registry(call.world, reference.registry), call.request.principal
    if registry is None:
        raise not_found(uri)
    if principal is None or not authorization.allowed(
        call.world, principal.object_id, _ACTION, registry["id"]
    ):
        raise authorization.denied(principal, _ACTION, registry["id"])
    if find_asset(call.world, uri) is None:
        raise not_found(uri)
    regions = regions_of(registry)
    if normal_region(workspace["location"]) not in regions:
        where = ", ".join(regions)
        raise refused(
            f"The registry {registry['name']} does not support the region {workspace['location']}: it has {where}.",
            field="Registry",
        )
