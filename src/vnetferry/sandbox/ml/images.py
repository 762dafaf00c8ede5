"""The images that environments are built into, by container registry.

An environment that is more than a finished image is built once: the service names the image by a hash of
the environment's definition and looks for it in the workspace's registry first. So workspaces that share a
registry share its images. Source: environments in Azure Machine Learning (image caching and reuse).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_DEPLOYMENTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
_ENVIRONMENTS = "Microsoft.MachineLearningServices/workspaces/environments/versions"
_DEFINITION = ("image", "condaFile", "build", "osType")


class BuiltImages:
    """Which images exist; those of deployments that a scenario brought do, as they ran."""

    def __init__(self) -> None:
        self._built: set[tuple[str, str]] = set()
        self._is_filled = False

    def has(self, world: World, workspace: Json, environment: Json) -> bool:
        """Whether the workspace's registry holds the environment's image."""
        if not self._is_filled:
            self._is_filled = True
            self._fill(world)
        return _key(workspace, environment) in self._built

    def add(self, workspace: Json, environment: Json) -> None:
        """The image was built."""
        self._built.add(_key(workspace, environment))

    def _fill(self, world: World) -> None:
        for deployment in world.documents.below("/", _DEPLOYMENTS):
            workspace = world.documents.get(workspace_id_of(deployment["id"]))
            environment = environment_of(world, deployment)
            if workspace and environment and _has_run(deployment):
                self.add(workspace, environment)


def environment_of(world: World, deployment: Json) -> Json | None:
    """The environment version that the deployment names, if a workspace holds it."""
    return world.documents.get(deployment["properties"].get("environmentId") or "")


def is_curated(environment_id: str) -> bool:
    """Whether it is one of those that Azure keeps in every workspace; nobody else's have such names.

    Source: Azure Machine Learning curated environments.
    """
    return "/environments/azureml-" in environment_id.lower()


def is_curated_anywhere(world: World, environment_id: str) -> bool:
    """Whether some workspace shows this version of a curated environment: then all have it."""
    own = environment_id.lower().rpartition("/environments/")[2]
    known = world.documents.below("/", _ENVIRONMENTS) if is_curated(environment_id) else ()
    return any(each["id"].lower().endswith(f"/environments/{own}") for each in known)


def needs_build(environment: Json) -> bool:
    """Whether it is more than a finished image: it has a conda file or a build context, and is not Azure's own."""
    properties = environment["properties"]
    if is_curated(environment["id"]):
        return False
    return bool(properties.get("condaFile") or properties.get("build"))


def image_name(environment: Json) -> str:
    """The repository in which the built image lies: its name is a hash of the definition."""
    properties = environment["properties"]
    definition = json.dumps([properties.get(name) for name in _DEFINITION], sort_keys=True)
    return f"azureml/azureml_{hashlib.sha256(definition.encode()).hexdigest()[:32]}"


def _key(workspace: Json, environment: Json) -> tuple[str, str]:
    registry = workspace["properties"].get("containerRegistry") or workspace["id"]
    return str(registry).lower(), image_name(environment)


def _has_run(deployment: Json) -> bool:
    properties = deployment["properties"]
    return properties["provisioningState"] in ("Succeeded", "Updating") or bool(
        properties.get("livenessProbe")
    )
