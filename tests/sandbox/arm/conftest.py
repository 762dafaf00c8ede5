"""A world without a network in front of it: requests go to the dispatch that the server's requests go to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vnetferry.sandbox.arm import authorization, groups, site
from vnetferry.sandbox.blob.store import BlobStore
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.documents import Documents, resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.operations import LongOperations
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.scoring.fleet import Fleet
from vnetferry.sandbox.wire import INTERNET, Principal, Request, Response
from vnetferry.sandbox.world import Refuse, Secrets, World

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = Principal(authorization.CLIENT_OBJECT_ID, "app", TENANT)


@dataclass
class Answer:
    """A response as a client would see it."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


class Arm:
    """One world and the loop that its handlers run on."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self._loop = loop

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str,
        query: str = "",
        principal: Principal = CLIENT,
    ) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        asked = f"api-version={version}{query}"
        request = Request(method, "management.azure.com", path, asked, {}, content, INTERNET, principal)
        try:
            response = self._loop.run_until_complete(site.dispatch(self.world, request))
        except AzureError as err:
            response = Response(err.status, err.body())
        encoded = response.encoded()
        return Answer(response.status, json.loads(encoded) if encoded else None, response.headers)

    def get(self, path: str, version: str, query: str = "") -> Answer:
        return self.send("GET", path, version=version, query=query)

    def put(self, path: str, body: Any, version: str, **kwargs: Any) -> Answer:
        return self.send("PUT", path, body, version=version, **kwargs)

    def settle(self, path: str, version: str) -> Answer:
        """GET until the resource's state is final."""
        while True:
            answer = self.get(path, version)
            state = (answer.body.get("properties") or {}).get("provisioningState", "Succeeded")
            if answer.status == 404 or state in ("Succeeded", "Failed", "Canceled"):
                return answer
            self.wait(5)

    def wait(self, azure_s: float) -> None:
        self._loop.run_until_complete(self.world.clock.sleep(azure_s))


async def _no_vantage(_name: str, _refuse: Refuse) -> int:
    raise NotImplementedError


@pytest.fixture
def arm_of(tmp_path: Path) -> Iterator[Callable[..., Arm]]:
    """Make a world of some documents and other members of a scenario."""
    loop = asyncio.new_event_loop()
    made: list[World] = []

    def make(*documents: dict[str, Any], **scenario: Any) -> Arm:
        found = Scenario(
            resources=({"id": GROUP, "name": "rg", "location": "westeurope"}, *documents), **scenario
        )
        clock = Clock(5000)
        folder = tmp_path / str(len(made))
        fleet = Fleet("echo", folder / "fleet")
        operations = LongOperations(clock, found.durations_s)
        world = World(
            folder,
            clock,
            found,
            Documents(),
            operations,
            Secrets(),
            BlobStore(folder / "blobs", clock),
            fleet,
            folder / "ca.pem",
            _no_vantage,
        )
        fleet.bind(world)
        for document in json.loads(json.dumps(found.resources)):
            site.ADOPT.get(resource_type(document["id"]).lower(), lambda w, d: w.documents.put(d))(
                world, document
            )
        groups.adopt_implied(world)
        made.append(world)
        return Arm(world, loop)

    yield make
    for world in made:
        loop.run_until_complete(world.operations.close())
        loop.run_until_complete(world.fleet.close())
    loop.close()


@pytest.fixture
def arm(arm_of: Callable[..., Arm]) -> Arm:
    """A world that holds one resource group, rg, in West Europe."""
    return arm_of()
