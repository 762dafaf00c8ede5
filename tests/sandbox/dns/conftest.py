"""Sandboxes whose name servers are asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.dns.dns_world import (
    ACCOUNT,
    GUID,
    HUB,
    ML_ZONE,
    PRIVATE_ADDRESS,
    REGISTRY,
    SCORING_RECORD,
    VAULT,
    WORKSPACE,
    Client,
    azure,
    connection,
    zone,
)
from vnetferry.sandbox.server import Sandbox


@pytest.fixture
def client_of(sandbox_factory: Callable[..., Sandbox]) -> Callable[..., Client]:
    """Start a sandbox of `azure(…)` and talk to it."""
    return lambda *more, **fields: Client(sandbox_factory(azure(*more, **fields)))


@pytest.fixture(scope="session")
def linked(session_sandbox_factory: Callable[..., Sandbox]) -> Client:
    """Everything has a private endpoint; the zones are linked to vnet-hub alone."""
    return Client(
        session_sandbox_factory(
            azure(
                connection(WORKSPACE, "amlworkspace"),
                connection(ACCOUNT, "blob"),
                connection(VAULT, "vault"),
                connection(REGISTRY, "registry"),
                *zone(
                    ML_ZONE,
                    {SCORING_RECORD: PRIVATE_ADDRESS, f"{GUID}.workspace.westeurope": "10.0.1.4"},
                    HUB,
                ),
                *zone("privatelink.blob.core.windows.net", {"stone": "10.0.1.7"}, HUB),
                *zone("privatelink.vaultcore.azure.net", {"kv-one": "10.0.1.8"}, HUB),
                *zone(
                    "privatelink.azurecr.io", {"crone": "10.0.1.9", "crone.westeurope.data": "10.0.1.10"}, HUB
                ),
            )
        )
    )
