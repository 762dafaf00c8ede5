"""Which hosts are Azure's, and which of Azure's services answers each.

A host in no row is not Azure's public cloud, and the sandbox's proxy refuses it: nothing leaks out of a
rehearsal.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

Service = Literal["arm", "entra", "blob", "vault", "settings", "scoring", "registry", "graph", "absent"]

# Rows are read from the top. "absent": Azure has it and the sandbox does not; it answers 501 and says so.
_TABLE: tuple[tuple[str, Service], ...] = (
    ("management.azure.com", "arm"),
    ("login.microsoftonline.com", "entra"),
    ("login.windows.net", "entra"),
    ("login.microsoft.com", "entra"),
    ("sts.windows.net", "entra"),
    ("*.blob.core.windows.net", "blob"),
    ("*.vault.azure.net", "vault"),
    ("*.azconfig.io", "settings"),
    ("*.*.inference.ml.azure.com", "scoring"),
    ("*.api.azureml.ms", "registry"),
    ("*.registry.*.api.azureml.ms", "registry"),
    ("*.registry.*.privatelink.api.azureml.ms", "registry"),
    ("*.experiments.azureml.net", "registry"),
    ("*.file.core.windows.net", "absent"),
    ("*.queue.core.windows.net", "absent"),
    ("*.table.core.windows.net", "absent"),
    ("*.dfs.core.windows.net", "absent"),
    ("*.azurecr.io", "absent"),
    ("*.*.data.azurecr.io", "absent"),
    ("mcr.microsoft.com", "absent"),
    ("*.data.mcr.microsoft.com", "absent"),
    ("*.servicebus.windows.net", "absent"),
    ("*.eventgrid.azure.net", "absent"),
    ("*.workspace.*.api.azureml.ms", "absent"),
    ("*.workspace.*.cert.api.azureml.ms", "absent"),
    ("*.modelmanagement.azureml.net", "absent"),
    ("*.notebooks.azure.net", "absent"),
    ("*.*.notebooks.azure.net", "absent"),
    ("ml.azure.com", "absent"),
    ("graph.microsoft.com", "graph"),
    ("graph.windows.net", "absent"),
    ("management.core.windows.net", "absent"),
    ("api.loganalytics.io", "absent"),
    ("*.ods.opinsights.azure.com", "absent"),
    ("*.oms.opinsights.azure.com", "absent"),
    ("*.monitor.azure.com", "absent"),
    ("*.in.applicationinsights.azure.com", "absent"),
    ("dc.services.visualstudio.com", "absent"),
    ("dc.applicationinsights.azure.com", "absent"),
    ("aka.ms", "absent"),
)


def service_of(host: str) -> Service | None:
    """The service behind a host, or None when the host is not one of Azure's public ones."""
    lower = host.lower().rstrip(".")
    labels = lower.count(".")
    for pattern, service in _TABLE:
        if labels == pattern.count(".") and fnmatchcase(lower, pattern):
            return service
    return None


def certificate_name(host: str) -> str:
    """The name that Azure's certificate for a host carries: the host, or a wildcard for its first label."""
    lower = host.lower().rstrip(".")
    if any(pattern == lower for pattern, _ in _TABLE):
        return lower
    return "*." + lower.partition(".")[2]


def is_single(host: str) -> bool:
    """Whether Azure has exactly this host for everybody (`management.azure.com`)."""
    return any(pattern == host for pattern, _ in _TABLE)


def is_above_a_host(host: str) -> bool:
    """Whether the name is one that hosts lie below (`vault.azure.net`)."""
    return any(pattern.endswith(f".{host}") for pattern, _ in _TABLE)


def domain_of(host: str) -> str | None:
    """Which of Azure's registered domains a name lies in (`azure.net`), or None when it is not Azure's."""
    domain = ".".join(host.split(".")[-2:])
    return domain if any(pattern.split(".")[-2:] == domain.split(".") for pattern, _ in _TABLE) else None


def absent_hosts() -> tuple[str, ...]:
    """The hosts that Azure serves and the sandbox does not."""
    return tuple(pattern for pattern, service in _TABLE if service == "absent")
