"""What the tests of workspaces speak about, and how they speak to the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import EnvironmentCredential
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from vnetferry.sandbox.server import Sandbox

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kvone"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crone"
INSIGHTS = f"{GROUP}/providers/Microsoft.Insights/components/aione"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsone"
VERSION = "2024-10-01"


def associated(**storage: Any) -> list[dict[str, Any]]:
    """The resources that a workspace is made upon, as a scenario holds them."""
    return [
        {"id": GROUP, "location": "westeurope", "properties": {}},
        {
            "id": STORAGE,
            "location": "westeurope",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": {},
            **storage,
        },
        {"id": VAULT, "location": "westeurope", "properties": {}},
        {"id": INSIGHTS, "location": "westeurope", "kind": "web", "properties": {}},
        {"id": REGISTRY, "location": "westeurope", "sku": {"name": "Premium"}, "properties": {}},
    ]


def workspace_body(**properties: Any) -> dict[str, Any]:
    """A PUT that makes a workspace."""
    needed = {"storageAccount": STORAGE, "keyVault": VAULT, "applicationInsights": INSIGHTS}
    return {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {**needed, "containerRegistry": REGISTRY, **properties},
    }


class Arm:
    """Plain ARM requests with the SDK's own pipeline, for what the SDK never sends."""

    def __init__(self) -> None:
        policy = ARMChallengeAuthenticationPolicy(
            EnvironmentCredential(), "https://management.azure.com/.default"
        )
        self._client = ARMPipelineClient(
            "https://management.azure.com",
            policies=[policy, RetryPolicy(retry_total=0)],
        )

    def send(
        self, method: str, path: str, body: Any = None, *, version: str = VERSION, **query: str
    ) -> HttpResponse:
        """One request; the answer whatever its status."""
        request = HttpRequest(
            method, f"https://management.azure.com{path}", json=body, params={"api-version": version, **query}
        )
        return self._client.send_request(request)

    def ask(self, method: str, url: str, body: Any = None, **query: str) -> HttpResponse:
        """One request to any host, whatever its status."""
        return self._client.send_request(HttpRequest(method, url, json=body, params=query))

    def read(self, url: str) -> HttpResponse:
        """The answer at a whole address, such as an operation's."""
        return self._client.send_request(HttpRequest("GET", url))

    def get(self, path: str, **query: str) -> Any:
        """A 200's body."""
        answer = self.send("GET", path, **query)
        assert answer.status_code == 200, answer.text()
        return answer.json()

    def finish(self, answer: HttpResponse) -> dict[str, Any]:
        """Wait for the operation that `answer` started; its last status body."""
        assert answer.status_code in (200, 201, 202), answer.text()
        url = answer.headers["Azure-AsyncOperation"]
        while True:
            status = self._client.send_request(HttpRequest("GET", url)).json()
            if status["status"] in ("Succeeded", "Failed", "Canceled"):
                return dict(status)

    def done(self, method: str, path: str, body: Any = None, **query: str) -> None:
        """Send, wait, and be sure that it succeeded."""
        status = self.finish(self.send(method, path, body, **query))
        assert status["status"] == "Succeeded", status

    def refused(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, str, str]:
        """(status, code, message) of a refusal."""
        answer = self.send(method, path, body, **query)
        assert answer.status_code >= 400, (answer.status_code, answer.text())
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]


Start = Callable[..., Sandbox]
