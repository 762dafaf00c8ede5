"""Building an environment's image: with what, and what that needs.

A workspace without an `imageBuildCompute` has its images built by the service, which reaches the registry
and the storage account only where their networks are open; with one, its own compute builds them, in the
workspace's network. Source: managed network isolation (configure image builds); troubleshoot online
endpoints (ImageBuildFailure). Assumed: that the service's own builder needs no outbound rules, and the
texts, but for the words that the documentation quotes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.images import environment_of, image_name, needs_build
from vnetferry.sandbox.ml.managed_network import is_managed
from vnetferry.sandbox.scoring.egress import managed_refusal
from vnetferry.sandbox.scoring.specification import name_of, workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# Documented: a deployment takes about 20 minutes when its image is built, 8 when it is there.
BUILD_S = 720.0
# Where conda's channels lie; a channel written as an address lies there.
_CONDA_HOST, _DEFAULTS_HOST = "conda.anaconda.org", "repo.anaconda.com"
_BUILDERS = frozenset({"AmlCompute", "ComputeInstance"})


def image_to_build(world: World, deployment: Json) -> Json | None:
    """The environment whose image must be built for the deployment; None when there is nothing to build."""
    environment = environment_of(world, deployment)
    if environment is None or not needs_build(environment):
        return None
    workspace = world.documents.require(workspace_id_of(deployment["id"]))
    return None if world.images.has(world, workspace, environment) else environment


def build_image(world: World, deployment: Json) -> None:
    """Build the deployment's image, if it is not there yet.

    Raises: AzureError `ImageBuildFailure` (the log lies in the workspace's storage, as the text says) or
            `ImageBuildComputeNotValid`.
    """
    environment = image_to_build(world, deployment)
    if environment is None:
        return
    workspace = world.documents.require(workspace_id_of(deployment["id"]))
    if reason := _obstacle(world, workspace, environment):
        raise _failure(world, workspace, environment, reason)
    world.images.add(workspace, environment)


def conda_hosts(conda: Any) -> list[str]:
    """The hosts that a conda specification's packages come from, pip's own index left out."""
    channels = (conda.get("channels") if isinstance(conda, dict) else None) or ["defaults"]
    return list(dict.fromkeys(_host(str(channel)) for channel in channels))


def _host(channel: str) -> str:
    if address := urlsplit(channel).hostname:
        return address
    return _DEFAULTS_HOST if channel == "defaults" else _CONDA_HOST


def _obstacle(world: World, workspace: Json, environment: Json) -> str | None:
    """Why the image cannot be built; AzureError when the workspace's builder is not there."""
    builder = workspace["properties"].get("imageBuildCompute")
    if not builder:
        return _closed_to_service(world, workspace)
    _require_builder(world, workspace, builder)
    return _unreachable_package(world, workspace, environment)


def _closed_to_service(world: World, workspace: Json) -> str | None:
    for name in ("containerRegistry", "storageAccount"):
        document = world.documents.get(workspace["properties"].get(name) or "")
        if document and _is_restricted(document):
            return (
                "the image builder failed to communicate with the workspace's container registry: the network "
                f"of '{document['name']}' is restricted, and the workspace has no image build compute"
            )
    return None


def _is_restricted(document: Json) -> bool:
    properties = document.get("properties") or {}
    rules = properties.get("networkAcls") or properties.get("networkRuleSet") or {}
    access = str(properties.get("publicNetworkAccess") or "Enabled")
    return access.lower() == "disabled" or str(rules.get("defaultAction") or "Allow").lower() == "deny"


def _require_builder(world: World, workspace: Json, name: str) -> None:
    compute = world.documents.get(f"{workspace['id']}/computes/{name}")
    properties = compute["properties"] if compute else {}
    if properties.get("computeType") not in _BUILDERS or properties.get("provisioningState") != "Succeeded":
        message = (
            f"The image build compute '{name}' of workspace '{workspace['name']}' is not valid: it must be a "
            "compute cluster or instance of the workspace, ready to run."
        )
        raise AzureError(400, "ImageBuildComputeNotValid", message)


def _unreachable_package(world: World, workspace: Json, environment: Json) -> str | None:
    conda = environment["properties"].get("condaFile")
    if not conda or not is_managed(workspace):
        return None
    refusals = (managed_refusal(world, workspace["id"], host, 443) for host in conda_hosts(json.loads(conda)))
    return next((why for why in refusals if why), None)


def _failure(world: World, workspace: Json, environment: Json, reason: str) -> AzureError:
    account, path = name_of(str(workspace["properties"].get("storageAccount"))), _log_path(environment)
    world.blobs.ensure_container(account, "azureml")
    world.blobs.put(account, "azureml", path, f"{_head(environment)}ERROR: {reason}\n".encode())
    message = (
        f"Image build failed: {reason}. For more details, check the build log under the storage account "
        f"'{account}' in the container 'azureml' at the path '{path}'. Please see troubleshooting guide, "
        "available here: https://aka.ms/oe-tsg#error-imagebuildfailure"
    )
    return AzureError(400, "ImageBuildFailure", message)


def _log_path(environment: Json) -> str:
    return f"ImageLogs/{image_name(environment).rpartition('_')[2]}/build.log"


def _head(environment: Json) -> str:
    name, version = environment["id"].rstrip("/").split("/")[-3::2]
    base = environment["properties"].get("image") or "a build context"
    return f"Building {image_name(environment)} for environment {name}:{version} from {base}\n"
