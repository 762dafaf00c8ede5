"""Hosts that texts name, and which Azure resource a public host name belongs to.

Source: Azure Private Endpoint private DNS zone values (public names and subresources of each service); Workspace
managed virtual network isolation (what private endpoint rules may lead to). FACTS 2.3.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STORAGE = "Microsoft.Storage/storageAccounts"
_COGNITIVE = "Microsoft.CognitiveServices/accounts"
# End of a public name -> the resource's type, and the subresource of a private endpoint to it.
_SERVICES = {
    **{f"{part}.core.windows.net": (_STORAGE, part) for part in ("blob", "file", "queue", "table", "dfs", "web")},
    "vault.azure.net": ("Microsoft.KeyVault/vaults", "vault"),
    "azurecr.io": ("Microsoft.ContainerRegistry/registries", "registry"),
    "openai.azure.com": (_COGNITIVE, "account"),
    "cognitiveservices.azure.com": (_COGNITIVE, "account"),
    "services.ai.azure.com": (_COGNITIVE, "account"),
    "search.windows.net": ("Microsoft.Search/searchServices", "searchService"),
    "documents.azure.com": ("Microsoft.DocumentDB/databaseAccounts", "Sql"),
    "mongo.cosmos.azure.com": ("Microsoft.DocumentDB/databaseAccounts", "MongoDB"),
    "database.windows.net": ("Microsoft.Sql/servers", "sqlServer"),
    "servicebus.windows.net": ("Microsoft.EventHub/namespaces", "namespace"),
    "redis.cache.windows.net": ("Microsoft.Cache/Redis", "redisCache"),
    "postgres.database.azure.com": ("Microsoft.DBforPostgreSQL/flexibleServers", "postgresqlServer"),
    "mysql.database.azure.com": ("Microsoft.DBforMySQL/flexibleServers", "mysqlServer"),
    "azure-api.net": ("Microsoft.ApiManagement/service", "Gateway"),
}  # fmt: skip
# What a managed network reaches by rules of its own that each one has. Source: required outbound rules. FACTS 2.3.
_COVERED = (
    "management.azure.com",
    "login.microsoftonline.com",
    "login.windows.net",
    "api.azureml.ms",
    "ml.azure.com",
    "azureml.net",
    "mcr.microsoft.com",
    "applicationinsights.azure.com",
    "monitor.azure.com",
    "dc.services.visualstudio.com",
)
_LABELS = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
_URL_HOST = re.compile(rf"\b[a-z][a-z0-9+.-]*://(?:[^\s/@]*@)?({_LABELS})(?=[:/?#\s\"',;]|$)", re.IGNORECASE)
_BARE_HOST = re.compile(rf"(?<![\w.@/-])(?:tcp:)?({_LABELS})(?![\w.-])", re.IGNORECASE)
# A storage account as connection strings name it, without its host.
_ACCOUNT = re.compile(r"(?:^|;)AccountName=([a-z0-9]{3,24})(?:;|$)", re.IGNORECASE)


class AzureHost(NamedTuple):
    """The resource behind a host: its name, its full type, and the subresource that the host is of."""

    name: str
    type: str
    subresource: str


def azure_host(host: str) -> AzureHost | None:
    """What resource answers at a public host; None for a host that is not one resource's alone."""
    name, _, suffix = host.lower().partition(".")
    found = _SERVICES.get(suffix)
    return AzureHost(name, *found) if found else None


def is_covered(host: str) -> bool:
    """Whether every managed network reaches the host by a rule of Azure's own."""
    return any(host.lower() == known or host.lower().endswith(f".{known}") for known in _COVERED)


def hosts_in(text: str) -> list[str]:
    """The hosts that a text names: those of URLs, and Azure's own wherever they stand; lower case, sorted.

    Passwords in URLs are looked past, and never returned.
    """
    of_urls = {match.lower() for match in _URL_HOST.findall(text)}
    bare = {match.lower() for match in _BARE_HOST.findall(text)}
    accounts = {f"{name.lower()}.blob.core.windows.net" for name in _ACCOUNT.findall(text)}
    return sorted(of_urls | accounts | {host for host in bare if azure_host(host)})
