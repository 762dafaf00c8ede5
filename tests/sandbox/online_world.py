"""A world with one workspace in it, driven from synchronous tests.

Requests go to the handlers by the route table.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vnetferry.sandbox.blob.store import BlobStore
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.documents import Documents
from vnetferry.sandbox.entra import Identity
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import deployments, endpoints
from vnetferry.sandbox.operations import LongOperations
from vnetferry.sandbox.routes import Call, Routes
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.scoring import ingress
from vnetferry.sandbox.scoring.fleet import Fleet
from vnetferry.sandbox.wire import INTERNET, Json, Request, Response
from vnetferry.sandbox.world import Refuse, Secrets, World

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stlegacy"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crlegacy"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kvlegacy"
MODEL = f"{WORKSPACE}/models/m/versions/1"
CODE = f"{WORKSPACE}/codes/c/versions/1"
ENVIRONMENT = f"{WORKSPACE}/environments/e/versions/1"
API_VERSION = "2024-10-01"
ECHO_SCRIPT = "import os\n\ndef init():\n    pass\n\ndef run(data):\n    return data\n"


def documents(workspace_properties: Json | None = None, registry_sku: str = "Premium") -> list[Json]:
    """A workspace with storage, registry and vault, and a version each of code, model and environment."""
    own = {"workspaceId": "11111111-2222-4333-8444-555555555555", "tenantId": "t"}
    linked = {"storageAccount": STORAGE, "containerRegistry": REGISTRY, "keyVault": VAULT}
    store = {"accountName": "stlegacy", "containerName": "blobs", "datastoreType": "AzureBlob"}
    paths = "azureml://datastores/workspaceblobstore/paths/LocalUpload/h"
    bodies: dict[str, Json] = {
        WORKSPACE: {**own, **linked, **(workspace_properties or {})},
        f"{WORKSPACE}/datastores/workspaceblobstore": store,
        MODEL: {"modelUri": f"{paths}/model"},
        CODE: {"codeUri": "https://stlegacy.blob.core.windows.net:443/blobs/LocalUpload/c/onlinescoring"},
        ENVIRONMENT: {"image": "mcr.microsoft.com/azureml/minimal"},
        STORAGE: {},
        REGISTRY: {},
        VAULT: {},
        f"{WORKSPACE}/privateEndpointConnections/callers": callers_connection(),
    }
    made = [_document(identifier, properties) for identifier, properties in bodies.items()]
    next(d for d in made if d["id"] == REGISTRY)["sku"] = {"name": registry_sku}
    return made


def callers_connection() -> Json:
    """What a workspace's private endpoint for callers shows on it; legacy isolation needs one."""
    endpoint = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-callers"
    state = {"status": "Approved", "description": "Auto-Approved", "actionsRequired": "None"}
    return {"privateEndpoint": {"id": endpoint}, "privateLinkServiceConnectionState": state}


def _document(identifier: str, properties: Json) -> Json:
    name = identifier.rpartition("/")[2]
    return {"id": identifier, "name": name, "location": "westeurope", "properties": properties}


def role_on(scope: str, role: str, principal: str) -> Json:
    """A role assignment that was made long ago."""
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{role}/{principal}"))
    definition = (
        f"/subscriptions/{GROUP.split('/')[2]}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    kind = "Microsoft.Authorization/roleAssignments"
    given = {"roleDefinitionId": definition, "principalId": principal, "scope": scope}
    stamped = {"createdOn": "2024-01-01T00:00:00Z", "updatedOn": "2024-01-01T00:00:00Z", **given}
    return {"id": f"{scope}/providers/{kind}/{name}", "name": name, "type": kind, "properties": stamped}


def deployment_body(**properties: Any) -> Json:
    """What a client sends to create a deployment."""
    sent = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS2_v2",
        "model": MODEL,
        "environmentId": ENVIRONMENT,
        "codeConfiguration": {"codeId": CODE, "scoringScript": "score.py"},
        **properties,
    }
    return {"location": "westeurope", "properties": sent, "sku": {"name": "Default", "capacity": 1}}


class Online:
    """One world and the loop that its handlers run on."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop, refusals: dict[str, Refuse]) -> None:
        self.world = world
        self.loop = loop
        self.vantages = refusals
        self._routes = Routes([*endpoints.operations(), *deployments.operations()])

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(work)

    def send(self, method: str, path: str, body: Any = None, version: str = API_VERSION) -> Response:
        """One request to the control plane, below the workspace; AzureError when it is refused."""
        return self.run(self._send(method, f"{WORKSPACE}/{path}", body, version))

    async def _send(self, method: str, target: str, body: Any, version: str) -> Response:
        path, _, query = target.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(
            method, "management.azure.com", path, query, body=content, principal=self.world.identity.client
        )
        operation, params = next(f for f in self._routes.matching(request.segments) if f[0].method == method)
        return await operation.handle(Call(request, self.world, operation, params, version))

    def settle(self) -> None:
        """Wait until no operation is under way."""
        running = [op for op in self.world.operations._operations.values() if op.status == "running"]
        for operation in running:
            self.run(asyncio.wait_for(operation.ended.wait(), 60))

    def error_of(self, answer: Response) -> Json:
        """The error that ended the operation which this answer started."""
        identifier = answer.headers["Azure-AsyncOperation"].rpartition("/")[2].partition("?")[0]
        operation = self.world.operations.find(identifier)
        assert operation is not None
        assert operation.error is not None
        return operation.error

    def adopt(self, endpoint: Json, deployment: Json) -> None:
        """Take over an endpoint and its deployment, as a scenario brings them."""
        endpoints.adopt(self.world, endpoint)
        deployments.adopt(self.world, deployment)

    def make_endpoint(self, name: str = "scoring", **properties: Any) -> Json:
        """Create an endpoint and wait for it."""
        body = {"location": "westeurope", "properties": {"authMode": "Key", **properties}}
        self.send("PUT", f"onlineEndpoints/{name}", body)
        self.settle()
        return self.get(f"onlineEndpoints/{name}")

    def make_deployment(self, name: str = "blue", endpoint: str = "scoring", **properties: Any) -> Json:
        """Create a deployment and wait for it."""
        self.send("PUT", f"onlineEndpoints/{endpoint}/deployments/{name}", deployment_body(**properties))
        self.settle()
        return self.get(f"onlineEndpoints/{endpoint}/deployments/{name}")

    def set_traffic(self, traffic: Json, endpoint: str = "scoring", **properties: Any) -> Response:
        """Divide the traffic and wait for it."""
        document = self.get(f"onlineEndpoints/{endpoint}")["properties"]
        sent = {"authMode": document["authMode"], "traffic": traffic, **properties}
        answer = self.send(
            "PUT", f"onlineEndpoints/{endpoint}", {"location": "westeurope", "properties": sent}
        )
        self.settle()
        return answer

    def get(self, path: str) -> Json:
        """A resource's document."""
        body = self.send("GET", path).body
        assert isinstance(body, dict)
        return body

    def keys(self, endpoint: str = "scoring") -> Json:
        """An endpoint's keys."""
        body = self.send("POST", f"onlineEndpoints/{endpoint}/listKeys").body
        assert isinstance(body, dict)
        return body

    def score(
        self, body: Any = None, endpoint: str = "scoring", vantage: str = INTERNET, **headers: str
    ) -> Response:
        """One scoring request; AzureError when the front door refuses it."""
        return self.run(self.score_later(body, endpoint, vantage, **headers))

    async def score_later(
        self, body: Any = None, endpoint: str = "scoring", vantage: str = INTERNET, **headers: str
    ) -> Response:
        """The same, to be awaited."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = self.world.secrets.endpoint_keys.get(f"{WORKSPACE}/onlineEndpoints/{endpoint}".lower())
        if known:
            named = {"authorization": f"Bearer {known['primaryKey']}", **named}
        host = f"{endpoint}.westeurope.inference.ml.azure.com"
        sent = {"content-type": "application/json", **named}
        request = Request(
            "POST", host, "/score", headers=sent, body=json.dumps(body).encode(), vantage=vantage
        )
        return await ingress.handle(self.world, request)

    def upload(self, script: str = ECHO_SCRIPT, model: bytes = b"weights") -> None:
        """Put the code's and the model's blobs where their versions point to."""
        self.world.blobs.ensure_container("stlegacy", "blobs")
        self.world.blobs.put("stlegacy", "blobs", "LocalUpload/c/onlinescoring/score.py", script.encode())
        self.world.blobs.put("stlegacy", "blobs", "LocalUpload/h/model/weights.bin", model)


@contextmanager
def online(
    folder: Path, *, runtime: str = "echo", held: list[Json] | None = None, **scenario: Any
) -> Iterator[Online]:
    """A world whose operations take no time to speak of; everything that it started is gone afterwards."""
    refusals: dict[str, Refuse] = {}

    async def open_vantage(name: str, refuse: Refuse) -> int:
        refusals[name] = refuse
        return 9

    clock = Clock(1_000_000)
    described = Scenario(resources=tuple(held or documents()), runtime=runtime, **scenario)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    fleet = Fleet(described.runtime, folder / "fleet")
    world = World(
        folder=folder,
        clock=clock,
        scenario=described,
        documents=Documents(),
        operations=LongOperations(clock, described.durations_s),
        secrets=Secrets(),
        blobs=BlobStore(folder / "blobs", clock),
        fleet=fleet,
        ca_file=folder / "ca.pem",
        open_vantage=open_vantage,
        identity=Identity(),
    )
    fleet.bind(world)
    for document in described.resources:
        world.documents.put(document)
    try:
        yield Online(world, loop, refusals)
    finally:
        loop.run_until_complete(fleet.close())
        loop.run_until_complete(world.operations.close())
        loop.close()


def refusal(raised: Any) -> AzureError:
    """The refusal that `pytest.raises` caught."""
    error = raised.value
    assert isinstance(error, AzureError)
    return error


def texts(raised: Any) -> str:
    """Everything that a refusal says."""
    error = refusal(raised)
    return " ".join([error.message, *(str(detail["message"]) for detail in error.details)])
