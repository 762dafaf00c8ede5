"""One sandbox that holds the example's legacy workspace, and a plan to leave it: what tests of flows begin with.

The example is furnished with what it lacks: secrets of every kind that a workspace keeps, and the properties that
clients are known to lose.
"""

from __future__ import annotations

import copy
import gc
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks.steps import TASKS
from vnetferry.config import load_config, request_digests, require_source
from vnetferry.gateway.api_versions import api_version
from vnetferry.gateway.azure import _connect, connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Plan
from vnetferry.models.run import Run
from vnetferry.plan.build import build
from vnetferry.plan.files import write_plan
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario import Fault, Scenario
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox, running

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "legacy-workspace"
TIME_SCALE = 6000.0
SOURCE = ResourceId.workspace("3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41", "rg-legacy", "ws-legacy")
TARGET = ResourceId.workspace("3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41", "rg-secure", "ws-secure")
# Made up, and long enough that no other text holds them by chance.
SECRETS = {
    "a datastore's account key": "bWFkZS11cC1hY2NvdW50LWtleS1vZi10aGUtdHJhaW5pbmctZGF0YXN0b3Jl",
    "a connection's key": "made-up-key-of-the-feature-api-connection",
    "an environment variable": "made-up-value-of-the-pricing-api-key",
    "credit's first key": "made-up-primary-key-of-credit",
    "credit's second key": "made-up-secondary-key-of-credit",
    "churn's first key": "made-up-primary-key-of-churn",
    "churn's second key": "made-up-secondary-key-of-churn",
}
_READS = (
    *("/listkeys", "/listsecrets", "/token", "/score", "/oauth2/v2.0/token", "/getlogs"),
    *("/diagnose", "/listnodes", "/microsoft.costmanagement/query", "/checkpolicyrestrictions"),
)


def legacy_scenario(*faults: Fault) -> Scenario:
    """The furnished example; deployments echo."""
    return _furnished().model_copy(update={"faults": faults})


@cache
def _furnished() -> Scenario:
    example = load(str(EXAMPLE / "scenario.yaml"))
    documents = {ResourceId(d["id"]): copy.deepcopy(d) for d in example.resources}
    churn = documents[SOURCE.child("onlineEndpoints", "churn").child("deployments", "main")]["properties"]
    churn["environmentVariables"]["PRICING_API_KEY"] = SECRETS["an environment variable"]
    blue = documents[SOURCE.child("onlineEndpoints", "credit").child("deployments", "blue")]["properties"]
    blue["modelMountPath"] = "/var/models"
    demand = documents[SOURCE.child("onlineEndpoints", "demand")]["properties"]
    demand["properties"]["team"] = "planning"
    main = documents[SOURCE.child("onlineEndpoints", "demand").child("deployments", "main")]["properties"]
    main["startupProbe"] = {**main["livenessProbe"], "failureThreshold": 40}
    return example.model_copy(
        update={"resources": (*documents.values(), _datastore(), _connection()), "runtime": "echo"}
    )


def _datastore() -> Json:
    return {
        "id": str(SOURCE.child("datastores", "training")),
        "properties": {
            "datastoreType": "AzureBlob",
            "subscriptionId": SOURCE.subscription_id,
            "resourceGroup": SOURCE.resource_group,
            "accountName": "stteamdata",
            "containerName": "training",
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "None",
            "description": "What the models were trained with",
            "isDefault": False,
            "credentials": {
                "credentialsType": "AccountKey",
                "secrets": {"secretsType": "AccountKey", "key": SECRETS["a datastore's account key"]},
            },
        },
    }


def _connection() -> Json:
    return {
        "id": str(SOURCE.child("connections", "feature-api")),
        "properties": {
            "authType": "ApiKey",
            "category": "ApiKey",
            "group": "GenericProtocol",
            "createdByWorkspaceArmId": str(SOURCE),
            "target": "https://features.contoso.com",
            "isSharedToAll": True,
            "sharedUserList": [],
            "metadata": {"owner": "planning"},
            "credentials": {"key": SECRETS["a connection's key"]},
        },
    }


@dataclass(frozen=True)
class World:
    """A sandbox that this process is in, and the plan of a migration of what it holds.

    folder: the plan's; the request log, the audit file and the handoff file are there too.
    """

    sandbox: Sandbox
    folder: Path
    plan: Plan

    @property
    def plan_file(self) -> Path:
        return self.folder / "plan.json"

    @property
    def run(self) -> Run:
        return Run.of(self.plan, str(self.folder), str(self.plan_file))

    def carry_out(self, *kinds: str) -> list[Outcome]:
        """Every step (or those of some kinds) in the plan's order, without Prefect."""
        steps = [step for step in self.plan.steps if not kinds or step.kind in kinds]
        return [TASKS[step.kind].fn(step, self.run) for step in steps]

    def get(self, resource: ResourceId) -> Json:
        """A document as Azure's GET answers it, with the newest api-version."""
        return connect().arm.get(resource, api_version(resource.type))

    def requests(self) -> list[Json]:
        """What the sandbox was asked so far."""
        log = self.sandbox.request_log
        assert log is not None
        return [json.loads(line) for line in log.read_text().splitlines()]

    def changes(self, since: int = 0, *, taken: bool = False) -> list[str]:
        """The requests, from the `since`th on, that could have changed something (and did): "METHOD path"."""
        found = [r for r in self.requests()[since:] if changes_something(r["method"], r["path"])]
        found = [r for r in found if r["status"] < 400 or not taken]
        return [f"{r['method']} {r['path']}" for r in found]


def changes_something(method: str, path: str) -> bool:
    """Whether a request is more than a look, a sign-in, the reading of a secret, a diagnosis or a scoring request."""
    return method not in ("GET", "HEAD") and not path.lower().endswith(_READS)


@contextmanager
def legacy_world(
    folder: Path, scenario: Scenario | None = None, *, time_scale: float = TIME_SCALE, config: str = ""
) -> Iterator[World]:
    """Run a sandbox with the legacy workspace, be in it, and plan; all until the block ends.

    In: config: the text of a migration.yaml; the example's without one.
    """
    prepare_folder(folder)
    if config:
        (folder / "migration.yaml").write_text(config)
    log = folder / "requests.jsonl"
    value = scenario or legacy_scenario()
    with running(value, time_scale=time_scale, request_log=log) as sandbox, inside(sandbox):
        yield World(sandbox, folder, make_plan(folder))


def prepare_folder(folder: Path) -> None:
    """The example's configuration and scoring requests."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLE / "migration.yaml", folder)
    shutil.copytree(EXAMPLE / "requests", folder / "requests", dirs_exist_ok=True)


def make_plan(folder: Path) -> Plan:
    """Plan what the folder's migration.yaml says, into its plan.json."""
    config = load_config(folder / "migration.yaml")
    inventory = read_inventory(connect(), require_source(config).id)
    plan = build(inventory, config, request_digests(config, folder))
    write_plan(plan, folder / "plan.json")
    return plan


@contextmanager
def inside(sandbox: Sandbox, vantage: str = "vnet-callers") -> Iterator[None]:
    """Have this process's environment, and its connection, in a sandbox."""
    with pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env(vantage).items():
            patch.setenv(name, value)
        _connect.cache_clear()
        yield
    _connect.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK never closes what it opens
        gc.collect()


def client_environment(sandbox: Sandbox, home: Path, vantage: str = "vnet-callers") -> dict[str, str]:
    """The environment of a process of its own that works in a sandbox, with Prefect's records in `home`."""
    own = {k: v for k, v in os.environ.items() if k not in REMOVED and not k.startswith("PREFECT_")}
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PREFECT_HOME": str(home)}
    return {**own, **sandbox.env(vantage), **paths}


# --- One state for equal worlds --------------------------------------------------------------------------------

_GUID = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b([0-9a-f]{16}|[0-9a-f]{32})\b", re.IGNORECASE
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?|ws-secure-\d+")
_VOLATILE = {"systemData", "etag", "AzureAsyncOperationUri", "correlationId", "duration"}


def state_of(world: World) -> dict[str, str]:
    """Everything that a sandbox holds, ids and secrets included, in one spelling: what differs from run to run
    (GUIDs that were drawn, times) is blanked."""
    held = world.sandbox.world
    state: dict[str, str] = {}
    for document in held.documents.below("/"):
        if "/microsoft.resources/deployments/" in str(document["id"]).lower():
            continue  # the record of a template: its parameters hold names that the SDK draws
        state[blanked(str(document["id"]).lower())] = blanked(json.dumps(_settled(document), sort_keys=True))
    kept: list[Mapping[str, Any]] = [
        held.secrets.endpoint_keys,
        held.secrets.datastores,
        held.secrets.connections,
    ]
    for number, secrets in enumerate(kept):
        state |= {blanked(f"secret {number} {k}"): json.dumps(v, sort_keys=True) for k, v in secrets.items()}
    return state


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Where two states are not the same, a line for each document."""
    return [
        f"{key}: {one.get(key, 'absent')} != {other.get(key, 'absent')}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        # A template that updates leaves "" or {} where one that creates leaves null: all mean nothing.
        items = {key: _settled(item) for key, item in value.items() if key not in _VOLATILE}
        return {key: item for key, item in items.items() if item not in (None, "", {})}
    return [_settled(item) for item in value] if isinstance(value, list) else value


def blanked(text: str) -> str:
    """A text without the GUIDs and times in it."""
    return _TIME.sub("<time>", _GUID.sub("<guid>", text))
