"""What happens between Azure's yes to a deployment and the first breath of its container, and how it fails.

The machines come first, then the image (built if need be, and pulled), then model and code, then the
container itself. What fails ends the operation Failed, and the logs say at which of these it stopped. All of
it is judged when the machines are there, so rights and rules that were given meanwhile count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.deployment_identity import check_pull, check_read
from vnetferry.sandbox.ml.image_builds import build_image, conda_hosts
from vnetferry.sandbox.ml.images import environment_of
from vnetferry.sandbox.ml.managed_network import is_managed
from vnetferry.sandbox.ml.registry_use import require_reach
from vnetferry.sandbox.ml.secret_injection import check_secrets
from vnetferry.sandbox.scoring.assets import BlobPath, is_mlflow_without_code, resolve
from vnetferry.sandbox.scoring.egress import is_private, network_of
from vnetferry.sandbox.scoring.reach import obstacle
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

Check = Callable[["World", Json], None]


def start_up(world: World, deployment: Json) -> None:
    """Take a deployment as far as its container; the logs keep what stopped it.

    Raises: AzureError with which the operation ends: `ImageBuildFailure`, `ImageBuildComputeNotValid`,
            `BadArgument`, `ResourceNotFound`, `SecretsInjectionError`, `ResourceNotReady`.
    """
    _take(world, deployment, _STEPS)


def add_instances(world: World, deployment: Json) -> None:
    """More instances of what runs: each pulls and reads what the first one did; AzureError as in `start_up`."""
    _take(world, deployment, _FETCHING)


def _take(world: World, deployment: Json, steps: tuple[tuple[str, Check], ...]) -> None:
    stage = ""
    try:
        for stage, check in steps:  # noqa: B007 - the one that failed is told below
            check(world, deployment)
    except AzureError as err:
        world.fleet.keep_failure(deployment["id"], stage, err.message)
        raise


def _check_outbound(world: World, deployment: Json) -> None:
    """A deployment with public outbound speaks to the workspace's API, which must let the public in.

    Source: network isolation with managed online endpoints (scenarios). How it fails is assumed.
    """
    workspace = world.documents.require(workspace_id_of(deployment["id"]))
    is_closed = str(workspace["properties"].get("publicNetworkAccess")).lower() == "disabled"
    if is_closed and not is_managed(workspace) and not is_private(deployment):
        message = (
            "The deployment has public outbound access, which leads to the workspace's API, and workspace "
            f"'{workspace['name']}' does not allow public access: unable to download user model or code."
        )
        raise AzureError(400, "BadArgument", message)


def _check_format(world: World, deployment: Json) -> None:
    """Source: troubleshoot online endpoints (MLflow model format with private network is unsupported)."""
    if is_private(deployment) and is_mlflow_without_code(world, deployment):
        message = (
            "MLflow model format with private network is unsupported: give the deployment code and an "
            "environment, or use a workspace with a managed virtual network."
        )
        raise AzureError(400, "BadArgument", message)


def _check_image(world: World, deployment: Json) -> None:
    """A finished image is pulled from its own registry, if the deployment's network leads there."""
    environment = environment_of(world, deployment) or {"properties": {}}
    host = str(environment["properties"].get("image") or "").partition("/")[0].lower()
    if host.endswith(".azurecr.io") and (why := obstacle(world, deployment, host)):
        message = (
            f"Unable to download user container image: container registry '{host}' is private or otherwise "
            f"inaccessible: {why}"
        )
        raise AzureError(400, "ResourceNotFound", message)


def _check_assets(world: World, deployment: Json) -> None:
    """Model and code are read from their storage account, if the deployment's network leads there."""
    for place in _places(world, deployment):
        if why := obstacle(world, deployment, f"{place.account}.blob.core.windows.net"):
            raise AzureError(400, "BadArgument", f"Unable to download user model or code: {why}")


def _places(world: World, deployment: Json) -> list[BlobPath]:
    """Where they lie; what cannot be found out is left to the container."""
    properties = deployment["properties"]
    code = (properties.get("codeConfiguration") or {}).get("codeId")
    found = []
    for asset, field in ((code, "codeUri"), (properties.get("model"), "modelUri")):
        document = world.documents.get(asset or "")
        try:
            uri = (document or {"properties": {}})["properties"].get(field)
            found += [resolve(world, workspace_id_of(str(asset)), uri)] if uri else []
        except AzureError:
            continue
    return found


def _check_packages(world: World, deployment: Json) -> None:
    """Without code of its own, an MLflow model's packages are installed when its container starts.

    Source: deploying MLflow models to online endpoints (workspaces without egress). How it fails is assumed.
    """
    if not is_mlflow_without_code(world, deployment):
        return
    _, refuse = network_of(world, deployment)
    for host in conda_hosts({"channels": ["conda-forge"]}):
        if why := refuse(host, 443):
            message = (
                "User container has crashed or terminated: the packages of the MLflow model could not be "
                f"installed: {why} Please see troubleshooting guide, available here: "
                "https://aka.ms/oe-tsg#error-resourcenotready"
            )
            raise AzureError(400, "ResourceNotReady", message)


_PULLED, _READ, _STARTED = "UserContainerImagePull", "ModelDownload", "UserContainerStart"
_FETCHING: tuple[tuple[str, Check], ...] = (
    (_PULLED, check_pull),
    (_PULLED, _check_image),
    (_READ, check_read),
    (_READ, _check_outbound),
    (_READ, _check_assets),
    (_READ, require_reach),
)
_STEPS: tuple[tuple[str, Check], ...] = (
    (_READ, _check_format),
    (_PULLED, build_image),
    *_FETCHING,
    (_STARTED, check_secrets),
    (_STARTED, _check_packages),
)
