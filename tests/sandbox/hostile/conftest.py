"""The example's workspace, for requests that nobody sends in good faith."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.properties.still_sandbox import StillSandbox
from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.documents import resource_type

# What is to be reached from the internet, so that it is not the network that refuses.
_OPENED = {
    "Microsoft.KeyVault/vaults",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
}
_MANY_REQUESTS = {"armReads": 10**7, "armWrites": 10**7, "armDeletes": 10**7}


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillSandbox]:
    """Shared: what is refused changes nothing, and each test says so."""
    scenario = scenario_file.load("legacy-workspace")
    quotas = {**scenario.quotas, **_MANY_REQUESTS}
    described = scenario.model_copy(update={"runtime": "echo", "quotas": quotas})
    sandbox = StillSandbox(described, tmp_path_factory.mktemp("around"))
    for document in sandbox.world.documents.below("/"):
        if resource_type(document["id"]) in _OPENED:
            document["properties"].update(
                publicNetworkAccess="Enabled", networkAcls={"defaultAction": "Allow"}
            )
    yield sandbox
    sandbox.close()
