"""The api-versions of Microsoft.MachineLearningServices that the sandbox answers to.

Those of 2022 and later, in which the parts that the sandbox serves have the same shape. Azure still answers to
older ones, which clients of their time used; here they are refused.
"""

from __future__ import annotations

STABLE = frozenset(
    {
        "2022-05-01",
        "2022-10-01",
        "2023-04-01",
        "2023-10-01",
        "2024-04-01",
        "2024-10-01",
        "2025-06-01",
        "2025-09-01",
        "2025-12-01",
    }
)
PREVIEW = frozenset(
    {
        "2022-01-01-preview",
        "2022-02-01-preview",
        "2022-06-01-preview",
        "2022-10-01-preview",
        "2022-12-01-preview",
        "2023-02-01-preview",
        "2023-04-01-preview",
        "2023-06-01-preview",
        "2023-08-01-preview",
        "2024-01-01-preview",
        "2024-04-01-preview",
        "2024-07-01-preview",
        "2024-10-01-preview",
        "2025-01-01-preview",
        "2025-04-01-preview",
        "2025-07-01-preview",
        "2025-10-01-preview",
    }
)
ALL = STABLE | PREVIEW

# The provider has two halves with versions of their own: before they had one API definition, one half published
# 2022-01-01-preview and the other 2022-02-01-preview. Source: the client libraries that were made of them.
FRONT_END = ALL - {"2022-01-01-preview"}
ACCOUNT = ALL - {"2022-02-01-preview"}
_OF_FRONT_END = frozenset(
    {"batchendpoints", "codes", "components", "data", "datastores", "environments", "jobs", "models"}
    | {"onlineendpoints", "schedules"}
)
# Azure CLI approves a workspace's private endpoint connections by 2021-01-01: they are as old as this.
PRIVATE_LINKS = ACCOUNT | {"2021-01-01", "2021-04-01", "2021-07-01"}
# Managed networks came in previews at first.
_WITHOUT_NETWORK = {"2023-02-01-preview", "2023-04-01"}
MANAGED_NETWORK = frozenset(version for version in ALL if version >= "2022-12-01-preview") - _WITHOUT_NETWORK
# Registries entered it with 2022-10-01-preview, and their assets with 2023-02-01-preview.
REGISTRIES = frozenset(version for version in ALL if version >= "2022-10-01-preview")
REGISTRY_ASSETS = frozenset(version for version in ALL if version >= "2023-02-01-preview")


def versions_of(path: str) -> frozenset[str]:
    """The api-versions in which a path of the provider exists, by the first type below the workspace."""
    below = path.partition("/workspaces/{workspace}/")[2]
    return FRONT_END if below.partition("/")[0].lower() in _OF_FRONT_END else ACCOUNT
