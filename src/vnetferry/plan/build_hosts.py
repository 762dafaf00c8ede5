"""Hosts that the build of an image loads from, in a network that refuses all others.

An image is built for an environment that is more than a finished image, and for an MLflow model without code, with the
packages that the model names.

pip's own index is not among them: which index an organisation loads from is its own to say, in `target.outbound_rules`.
`pip_environments` names what needs it said.

Azure builds in the managed network, on serverless compute or the workspace's build compute. Source: Workspace managed
virtual network isolation (hosts for machine learning packages). FACTS 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from vnetferry.models.hosts import azure_host, hosts_in, is_covered
from vnetferry.models.inventory import Document
from vnetferry.plan.references import needs_image_build, used_assets
from vnetferry.plan.scope import Scope

_CONDA = ("anaconda.com", "*.anaconda.com", "*.anaconda.org")
_DOCKER = ("docker.io", "*.docker.io", "*.docker.com", "production.cloudflare.docker.com")
_BY_PACKAGE = {"torch": ("pytorch.org", "*.pytorch.org"), "tensorflow": ("*.tensorflow.org",)}
_INDEX = re.compile(r"^\s*(?:-i|--index-url)[\s=]", re.IGNORECASE)


def build_hosts(scope: Scope) -> Iterator[tuple[str, str]]:
    """(host, what is built) for every image of the endpoints that move that must be built."""
    for environment in _built(scope):
        for host in dict.fromkeys(_hosts(environment)):
            yield host, f"environment {_label(environment)}"
    for model in _without_code(scope):
        for host in _CONDA:
            yield host, f"the image of model {_label(model)}"


def pip_environments(scope: Scope) -> list[str]:
    """What images are built for, as `name/version`, with packages from pip's own index."""
    environments = [e for e in _built(scope) if _loads_from_pips_index(e)]
    return [_label(asset) for asset in (*environments, *_without_code(scope))]


def _without_code(scope: Scope) -> list[Document]:
    """The MLflow models that are deployed without code."""
    bare = [d for d in scope.all_deployments if not d.get("codeConfiguration")]
    named = {scope.remap.asset(str(d.get("model", ""))) for d in bare}
    return [a for a in used_assets(scope) if a.id in named and a.get("modelType") == "mlflow_model"]


def _built(scope: Scope) -> list[Document]:
    built = {
        scope.remap.asset(str(d.get("environmentId", "")))
        for d in scope.all_deployments
        if needs_image_build(scope, d)
    }
    return [asset for asset in used_assets(scope) if asset.id in built]


def _label(environment: Document) -> str:
    return f"{environment.id.parent.name}/{environment.name}"


def _hosts(environment: Document) -> Iterator[str]:
    yield from _image_hosts(str(environment.get("image", "")))
    if environment.get("build"):
        # A Dockerfile may load from anywhere; these are what most do.
        yield from (*_CONDA, *_DOCKER)
    if conda := _conda(str(environment.get("condaFile", ""))):
        yield from _conda_hosts(conda)


def _loads_from_pips_index(environment: Document) -> bool:
    """Whether pip is used without an index being named; a Dockerfile's contents are not read, and most do."""
    dependencies = _conda(str(environment.get("condaFile", ""))).get("dependencies") or []
    installs = [_pip_lines(d) for d in dependencies if isinstance(d, dict) and d.get("pip")]
    named = any(_INDEX.match(line) for lines in installs for line in lines)
    return bool(environment.get("build")) or (bool(installs) and not named)


def _image_hosts(image: str) -> Iterator[str]:
    """Where the base image comes from; Azure's own registries need no host's rule."""
    host = image.partition("/")[0].lower()
    if not image or is_covered(host) or azure_host(host):
        return
    named = "." in host and "/" in image
    yield from ((host,) if named and not host.endswith("docker.io") else _DOCKER)


def _conda(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _conda_hosts(conda: dict[str, Any]) -> Iterator[str]:
    yield from _CONDA  # conda itself asks there, whatever the channels are
    for channel in conda.get("channels") or []:
        yield from hosts_in(str(channel))
    for dependency in conda.get("dependencies") or []:
        if isinstance(dependency, dict):
            for line in _pip_lines(dependency):
                yield from hosts_in(line)
                yield from _package_hosts(line)
        else:
            yield from _package_hosts(str(dependency))


def _pip_lines(dependency: dict[str, Any]) -> list[str]:
    return [str(line) for line in dependency.get("pip") or []]


def _package_hosts(requirement: str) -> Iterator[str]:
    name = re.split(r"[^A-Za-z0-9-]", requirement.strip(), maxsplit=1)[0].lower()
    for package, hosts in _BY_PACKAGE.items():
        if name == package or name.startswith(f"{package}-"):
            yield from hosts
