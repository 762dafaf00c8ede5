"""What deployments name beyond their own workspace: registries, vaults, connections, hosts.

Reading the source and planning both ask it, so that what is planned with was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from vnetferry.models.hosts import hosts_in
from vnetferry.models.inventory import Document

_REGISTRY = re.compile(r"^azureml://registries/([^/]+)/", re.IGNORECASE)
_VAULT = re.compile(r"\$\{\{\s*keyvault:(https://[^/}\s]+)", re.IGNORECASE)
_CONNECTION = re.compile(r"\$\{\{\s*azureml://connections/([^/}\s]+)", re.IGNORECASE)
# Azure's own registries, and its partners', which every workspace reaches through its required rules.
SYSTEM_REGISTRIES = {"azureml", "azureml-meta", "azureml-msr", "azure-openai-v2", "huggingface"}


def references(deployment: Document) -> list[str]:
    """The code, environment and model that a deployment names, as it names them."""
    code = deployment.get("codeConfiguration", {}).get("codeId")
    named = (code, deployment.get("environmentId"), deployment.get("model"))
    return [reference for reference in named if isinstance(reference, str) and reference]


def variables(deployment: Document) -> dict[str, str]:
    """The environment variables of a deployment, those without a value left out."""
    found: dict[str, Any] = deployment.get("environmentVariables", {})
    return {name: str(value) for name, value in sorted(found.items()) if value}


def collected(deployment: Document) -> dict[str, str]:
    """Collection of a deployment's data collector -> the data version that it writes to."""
    collections: dict[str, Any] = deployment.get("dataCollector", {}).get("collections") or {}
    return {name: str(c["dataId"]) for name, c in sorted(collections.items()) if (c or {}).get("dataId")}


def registries(deployments: Iterable[Document]) -> dict[str, list[str]]:
    """Registry (lower case) -> the deployments that take assets from it, as `endpoint/deployment`."""
    found: dict[str, list[str]] = {}
    for deployment in deployments:
        for reference in references(deployment):
            match = _REGISTRY.match(reference)
            name = match.group(1).lower() if match else ""
            if name and name not in SYSTEM_REGISTRIES and label(deployment) not in found.get(name, ()):
                found.setdefault(name, []).append(label(deployment))
    return dict(sorted(found.items()))


def vault_hosts(deployment: Document) -> list[str]:
    """The hosts of key vaults whose secrets Azure injects into a deployment."""
    texts = variables(deployment).values()
    return sorted({url.partition("//")[2].lower() for text in texts for url in _VAULT.findall(text)})


def connections(deployment: Document) -> list[str]:
    """The names of workspace connections that Azure injects from, in lower case."""
    texts = variables(deployment).values()
    return sorted({name.lower() for text in texts for name in _CONNECTION.findall(text)})


def named_hosts(deployment: Document) -> Iterator[tuple[str, str]]:
    """(variable, host) of every host that a deployment's own variables name."""
    for name, text in variables(deployment).items():
        if not text.lstrip().startswith("${{"):
            yield from ((name, host) for host in hosts_in(text))


def had_internet(deployment: Document) -> bool:
    """Whether a deployment of the source could reach more than its workspace's storage and registry."""
    return str(deployment.get("egressPublicNetworkAccess", "Enabled")).lower() != "disabled"


def label(deployment: Document) -> str:
    """A deployment for people: `credit/blue`."""
    return f"{deployment.id.parent.name}/{deployment.name}"
