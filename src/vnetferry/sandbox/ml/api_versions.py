"""The api-versions of Microsoft.MachineLearningServices that the sandbox answers to.

Those that azure-ai-ml 1.35.2 pins per operation group, and the stable and preview versions published since:
the parts that the sandbox serves have the same shape in all of them.
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
        "2022-02-01-preview",
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

# Outbound rules entered the API with 2023-06-01-preview.
MANAGED_NETWORK = frozenset(version for version in ALL if version >= "2023-06-01-preview")
CONNECTIONS = frozenset(version for version in ALL if version >= "2022-05-01")
