"""Endpoints and deployments from the YAML files that the SDK and CLI v2 read.

The SDK loads, uploads and writes them. A file that was applied already is not applied again: the resource
carries the digest of the file and of everything local that it names, in the tag `vnetferry-digest`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from vnetferry.errors import ConfigError, OperationFailed, VnetferryError
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, delete, find_settled, require_ours
from vnetferry.gateway.faults import translated
from vnetferry.gateway.poll import state_of, wait_resource
from vnetferry.gateway.propagation import identity_grant, until_known
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.plan.secure import YamlFile

if TYPE_CHECKING:
    from azure.ai.ml.entities import OnlineDeployment, OnlineEndpoint
    from azure.core.polling import LROPoller

DIGEST_TAG = "vnetferry-digest"


def load_endpoint(path: Path) -> OnlineEndpoint:
    """The endpoint that a YAML file describes. Raises: ConfigError in one sentence."""
    from azure.ai.ml import load_online_endpoint

    endpoint: OnlineEndpoint = _load(load_online_endpoint, path, "endpoint")
    return endpoint


def load_deployment(path: Path) -> OnlineDeployment:
    """The deployment that a YAML file describes. Raises: ConfigError in one sentence."""
    from azure.ai.ml import load_online_deployment

    deployment: OnlineDeployment = _load(load_online_deployment, path, "deployment")
    return deployment


class SpecFiles(NamedTuple):
    """One endpoint's file and its deployments' files."""

    endpoint: YamlFile
    deployments: tuple[YamlFile, ...]


def read_files(paths: Sequence[Path]) -> SpecFiles:
    """Sort YAML files into one endpoint and its deployments, without touching Azure.

    Raises: ConfigError when there is not exactly one endpoint, no deployment, a name twice, a deployment of
            another endpoint or with egress of its own, or when a file is not what it should be.
    """
    read = [(path, _require_mapping(path, "endpoint or deployment")) for path in paths]
    endpoints = [path for path, content in read if not _is_deployment(content)]
    if len(endpoints) != 1:
        remedy = "Name one endpoint's file and the files of its deployments, each with -f."
        raise ConfigError(f"{len(endpoints)} of the files describe an endpoint, not one", remedy=remedy)
    name = str(load_endpoint(endpoints[0]).name)
    deployments = [(path, load_deployment(path)) for path, content in read if _is_deployment(content)]
    for path, deployment in deployments:
        _require_endpoint(path, deployment, name)
        _require_managed_egress(deployment, path)  # now, and not when the network has been provisioned
    files = tuple(YamlFile(name=str(deployment.name), path=str(path)) for path, deployment in deployments)
    if not files or len({file.name.lower() for file in files}) != len(files):
        remedy = "Name each deployment's file once, with -f."
        raise ConfigError("there is no deployment's file, or two describe the same deployment", remedy=remedy)
    return SpecFiles(YamlFile(name=name, path=str(endpoints[0])), files)


def subscription_of(configured: str) -> str:
    """The configured subscription, else AZURE_SUBSCRIPTION_ID's. Raises: ConfigError when there is none."""
    found = configured or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    if not found:
        raise ConfigError(
            "no subscription is named", remedy="Set AZURE_SUBSCRIPTION_ID, or add 'source:' to the file."
        )
    return found


def create_endpoint_from_yaml(
    azure: Azure, workspace: ResourceId, path: Path, tags: Mapping[str, str] | None = None
) -> Written:
    """Make the endpoint what the file says; its traffic stays as it is, and is none when it is new.

    Raises:  ConfigError for the file; NotOurs; OperationFailed. Effects: at most one PUT, by the SDK.
    """
    endpoint = load_endpoint(path)
    resource = workspace.child("onlineEndpoints", str(endpoint.name))
    tags = {**(tags or {}), DIGEST_TAG: digest_of(path)}
    before = find_settled(azure, resource, "endpoint")
    if _is_applied(before, tags, resource):
        return Written(False, before, before or {})
    endpoint.tags = {**(endpoint.tags or {}), **tags}
    # The PUT resets what it leaves out; deployments that serve must go on serving.
    serving = before["properties"] if before else {}
    endpoint.traffic, endpoint.mirror_traffic = (
        serving.get("traffic") or {},
        serving.get("mirrorTraffic") or {},
    )
    with translated(resource, "creating the endpoint"):
        poller = azure.ml_client(workspace).online_endpoints.begin_create_or_update(endpoint)
    return Written(True, before, _finish(azure, resource, "endpoint", poller))


def create_deployment_from_yaml(
    azure: Azure, workspace: ResourceId, path: Path, tags: Mapping[str, str] | None = None
) -> Written:
    """Make the deployment what the file says: the SDK uploads its code, model and environment.

    Raises:  ConfigError for the file, and when it sets egress_public_network_access in a workspace with a
             managed network, which Azure refuses; NotOurs; OperationFailed.
    Effects: uploads, and at most one PUT, by the SDK; a deployment of ours that had failed is deleted first.
    """
    deployment = load_deployment(path)
    if _has_managed_network(azure, workspace):
        _require_managed_egress(deployment, path)
    endpoint = workspace.child("onlineEndpoints", str(deployment.endpoint_name))

    def attempt() -> Written:
        # Anew each time: the SDK's entity keeps what became of it.
        return _deploy(azure, workspace, path, tags)

    return until_known(azure, attempt, identity_grant(azure, endpoint))


def _deploy(azure: Azure, workspace: ResourceId, path: Path, tags: Mapping[str, str] | None) -> Written:
    deployment = load_deployment(path)
    endpoint = workspace.child("onlineEndpoints", str(deployment.endpoint_name))
    resource = endpoint.child("deployments", str(deployment.name))
    tags = {**(tags or {}), DIGEST_TAG: digest_of(path)}
    before = find_settled(azure, resource, "deployment")
    if _is_applied(before, tags, resource):
        return Written(False, before, before or {})
    if before is not None and state_of(before) != "succeeded":
        delete(azure, resource)
    find_settled(azure, endpoint, "endpoint")
    deployment.tags = {**(deployment.tags or {}), **tags}
    with translated(resource, "creating the deployment"):
        poller = azure.ml_client(workspace).online_deployments.begin_create_or_update(deployment)
    return Written(True, before, _finish(azure, resource, "deployment", poller))


def digest_of(path: Path) -> str:
    """SHA-256 of a YAML file and of every local file and folder that it names."""
    digest = hashlib.sha256(path.read_bytes())
    for file in sorted(set(_local_files(yaml.safe_load(path.read_text(encoding="utf-8")), path.parent))):
        name = os.path.relpath(file, path.parent)
        digest.update(f"\0{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


def _load(load: Any, path: Path, what: str) -> Any:
    """What the SDK makes of a file, once it is sure to be one that a person can be told about."""
    _require_mapping(path, what)
    try:
        with translated(path, f"reading the {what}"):
            return load(source=path)
    except ConfigError:
        raise
    except VnetferryError as err:
        raise _bad_file(path, what, err.what) from err
    except Exception as err:  # the SDK's loaders let marshmallow's, yaml's and Python's own errors through
        raise _bad_file(path, what, " ".join(str(err).split())) from err


def _is_deployment(content: Json) -> bool:
    return "endpoint_name" in content or "instance_type" in content


def _require_endpoint(path: Path, deployment: OnlineDeployment, endpoint: str) -> None:
    if str(deployment.endpoint_name).lower() != endpoint.lower():
        raise ConfigError(
            f"{path} describes a deployment of endpoint '{deployment.endpoint_name}', not of '{endpoint}'",
            resource=str(path),
            remedy="Mend endpoint_name.",
        )


def _require_mapping(path: Path, what: str) -> Json:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise _bad_file(path, what, err.strerror or "it cannot be read") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise _bad_file(path, what, "it is not YAML: " + " ".join(str(err).split())) from err
    if not isinstance(content, dict):
        raise _bad_file(path, what, "it holds no mapping")
    return content


def _bad_file(path: Path, what: str, why: str) -> ConfigError:
    why = why.partition(" Visit this link")[0].rstrip()  # the SDK's advice about an editor
    remedy = "Write it as the Azure ML CLI v2 reads it (managedOnlineEndpoint or managedOnlineDeployment)."
    return ConfigError(
        f"{path} does not describe an online {what}: {why[:500]}", resource=str(path), remedy=remedy
    )


def _local_files(value: Any, folder: Path) -> Iterator[Path]:
    """Every file that a string in the YAML names, or that lies in a folder that it names."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _local_files(item, folder)
    elif isinstance(value, str) and value and len(value) < 1000 and "\n" not in value and ":" not in value:
        found = folder / value
        if found.is_file():
            yield found
        elif found.is_dir():
            yield from (file for file in found.rglob("*") if file.is_file())


def _require_managed_egress(deployment: OnlineDeployment, path: Path) -> None:
    """Raise ConfigError when a deployment for a managed network has an egress setting of its own."""
    if getattr(deployment, "egress_public_network_access", None):
        raise ConfigError(
            f"{path} sets egress_public_network_access, which a managed network does not take",
            resource=str(path),
            remedy="Take the line out: the managed network isolates the deployment.",
        )


def _has_managed_network(azure: Azure, workspace: ResourceId) -> bool:
    network = (azure.arm.get(workspace, api_versions.ML)["properties"].get("managedNetwork")) or {}
    return str(network.get("isolationMode") or "Disabled") != "Disabled"


def _is_applied(document: Json | None, tags: Mapping[str, str], resource: ResourceId) -> bool:
    if document is None:
        return False
    require_ours(document, tags, resource)
    same = (document.get("tags") or {}).get(DIGEST_TAG) == tags[DIGEST_TAG]
    return same and state_of(document) == "succeeded"


def _finish(azure: Azure, resource: ResourceId, kind: str, poller: LROPoller[Any]) -> Json:
    """Wait in our own way, which knows how long it takes; the reason of a failure is the SDK's to tell."""
    document = wait_resource(azure, resource, api_versions.ML, kind)
    if state_of(document) == "succeeded":
        return document
    with translated(resource, f"creating the {kind}"):
        poller.result()
    raise OperationFailed(f"creating the {kind} failed", resource=str(resource), remedy="Read its log.")
