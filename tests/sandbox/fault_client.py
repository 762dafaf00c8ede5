"""A client of one sandbox that sends what it is told, and the sandbox's record of it."""

from __future__ import annotations

import json
from typing import Any

import requests

from vnetferry.sandbox.server import Sandbox

ARM = "https://management.azure.com"
VERSION = "2021-04-01"


class Client:
    """Speaks to Resource Manager about resource groups, with a token of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.subscription = sandbox.world.scenario.subscriptions[0]
        self.session = requests.Session()
        self.sign_in()

    def sign_in(self) -> None:
        """Take a new token."""
        identity = self.sandbox.world.identity
        self.session.headers["Authorization"] = f"Bearer {identity.issue(identity.client, ARM)}"

    def send(
        self, method: str, path: str = "", *, query: str = "", timeout_s: float = 30, **kwargs: Any
    ) -> requests.Response:
        """One request about the resource groups, or below them."""
        groups = f"{ARM}/subscriptions/{self.subscription}/resourceGroups"
        url = f"{groups}{path}?api-version={VERSION}{query}"
        return self.session.request(method, url, timeout=timeout_s, **kwargs)

    def get(self, path: str = "", **kwargs: Any) -> requests.Response:
        return self.send("GET", path, **kwargs)

    def put(self, name: str, **tags: str) -> requests.Response:
        return self.send("PUT", f"/{name}", json={"location": "westeurope", "tags": tags})

    def log(self) -> list[dict[str, Any]]:
        """The lines of the request log."""
        assert self.sandbox.request_log is not None
        return [json.loads(line) for line in self.sandbox.request_log.read_text().splitlines()]
