"""A workspace in good order in a sandbox, into which one defect after another is planted and mended.

It is the example with one endpoint, which acts as an identity that a user assigned. What Azure holds is put back after
each defect, so that none is found by the next.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.flows.legacy_world import (
    EXAMPLE,
    SOURCE,
    TARGET,
    World,
    inside,
    legacy_scenario,
    make_plan,
    prepare_folder,
    state_of,
)
from vnetferry.checks.preflight import run_preflight
from vnetferry.config import load_config, request_digests
from vnetferry.gateway.azure import connect
from vnetferry.gateway.facts import read_facts
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.base import Json, digest
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Inventory
from vnetferry.plan.build import build
from vnetferry.plan.files import write_plan
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.arm.site import ADOPT
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import running

SUBSCRIPTION = f"/subscriptions/{SOURCE.subscription_id}"
LEGACY, SECURE = str(SOURCE.group_id), str(TARGET.group_id)
STORAGE = f"{LEGACY}/providers/Microsoft.Storage/storageAccounts/stwslegacy7f3a"
REGISTRY = f"{LEGACY}/providers/Microsoft.ContainerRegistry/registries/crwslegacy7f3a"
VAULT = f"{LEGACY}/providers/Microsoft.KeyVault/vaults/kv-ws-legacy-7f3a"
INSIGHTS = f"{LEGACY}/providers/Microsoft.Insights/components/appi-ws-legacy"
NETWORK = f"{SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Network"
CALLERS = f"{NETWORK}/virtualNetworks/vnet-callers"
IDENTITY = f"{LEGACY}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-scoring"
PRINCIPAL = "0dcf5d6e-3a0a-4c61-8e57-5d2a6b7c8d91"
FEATURES = f"{LEGACY}/providers/Microsoft.Storage/storageAccounts/stfeatures"
ENDPOINT = str(SOURCE.child("onlineEndpoints", "demand"))
DEPLOYMENT = f"{ENDPOINT}/deployments/main"
ROLES = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
_LEFT_OUT = ("/credit", "/churn")
_TIME_SCALE = (
    600.0  # slow enough that no deadline passes on a busy machine; what takes long is shortened below
)
_DURATIONS = {
    "RoleAssignments_Propagation": 0.0,
    "Workspaces_LegacyMode": 1.0,
    "Providers_Register": 1.0,
    "ManagedNetworkProvisions_ProvisionManagedNetwork": 30.0,
    "OnlineDeployments_CreateOrUpdate": 30.0,
}


def assignment(role: str, scope: str, principal: str, number: int) -> Json:
    """A role assignment as GET answers it; `role` is a built-in one's name or a custom one's id."""
    name = f"00000000-0000-4000-8000-0000000a{number:04d}"
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{ROLES.get(role, role)}"
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": definition,
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "scope": scope,
        },
    }


CALLER = assignment("Owner", SUBSCRIPTION, CLIENT_OBJECT_ID, 1)
PULLS = assignment("AcrPull", REGISTRY, PRINCIPAL, 2)
KEEPS = assignment("Key Vault Secrets Officer", VAULT, CLIENT_OBJECT_ID, 15)
READS = assignment("Storage Blob Data Reader", STORAGE, PRINCIPAL, 3)


@dataclass(frozen=True)
class Bench:
    """What defects are planted into, and mended. inventories: by digest of what Azure held when they were read."""

    world: World
    inventories: dict[str, Inventory] = field(default_factory=dict)

    def document(self, resource: str) -> Json:
        """The live document: what is changed in it is changed in Azure."""
        found = self.world.sandbox.world.documents.get(resource)
        assert found is not None, resource
        return found

    def properties(self, resource: str) -> Json:
        """The live properties of a document."""
        properties: Json = self.document(resource)["properties"]
        return properties

    def add(self, *documents: Json) -> None:
        """Have Azure hold further documents."""
        held = self.world.sandbox.world
        for document in map(copy.deepcopy, documents):
            adopt = ADOPT.get(resource_type(document["id"]).lower())
            adopt(held, document) if adopt else held.documents.put(document)

    def remove(self, resource: str) -> None:
        """Have Azure hold a document, and all below it, no more."""
        self.world.sandbox.world.documents.remove(resource)

    def configure(self, section: str, **values: Any) -> None:
        """Set keys of a section of migration.yaml."""
        configure(self.world.folder, section, **values)

    def send(self, method: str, path: str, version: str, body: Json | None = None, **query: str) -> Json:
        """What an `az` command sends, and the end of the operation that it begins."""
        arm = connect().arm
        answer = arm.send(method, path, version, body, query=query)
        return arm.wait(answer, "document") if answer.status in (201, 202) else answer.body

    def findings(self) -> list[Finding]:
        """What the preflight finds now, but for news."""
        config = load_config(self.world.folder / "migration.yaml")
        facts = read_facts(connect(), self.inventory(), config)
        return [finding for finding in run_preflight(facts) if finding.severity != "informs"]

    def signature(self) -> tuple[str, str, str]:
        """All that findings come from: what Azure holds and allows, what was deleted, and the configuration."""
        held = self.world.sandbox.world
        deleted = [e for e in held.activity.events if e["operationName"]["value"].endswith("/delete")]
        rest = {"quotas": held.scenario.quotas, "deleted": len(deleted)}
        config = (self.world.folder / "migration.yaml").read_text()
        return digest(held.documents.below("/")), digest(rest), digest(yaml.safe_load(config))

    def inventory(self) -> Inventory:
        """What is read of the source; what was read before when Azure holds the very same."""
        held = digest(self.world.sandbox.world.documents.below("/"))
        if held not in self.inventories:
            self.inventories[held] = read_inventory(connect(), SOURCE)
        return self.inventories[held]

    def plan(self) -> World:
        """The world with a plan of what is configured now."""
        folder = self.world.folder
        config = load_config(folder / "migration.yaml")
        plan = build(self.inventory(), config, request_digests(config, folder))
        write_plan(plan, folder / "plan.json")
        return World(self.world.sandbox, folder, plan)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put back, at the end, what Azure and the folder hold now."""
        held, path = self.world.sandbox.world, self.world.folder / "migration.yaml"
        before, config = copy.deepcopy(held.documents.below("/")), path.read_text()
        quotas, name_servers = dict(held.scenario.quotas), dict(held.scenario.dns_servers)
        try:
            yield
        finally:
            known = {document["id"].lower() for document in before}
            for document in held.documents.below("/"):
                if document["id"].lower() not in known:
                    held.documents.remove(document["id"])
            for document in before:
                if held.documents.get(document["id"]) != document:
                    held.documents.put(document)
            held.activity.events.clear()
            held.scenario.quotas.clear()
            held.scenario.quotas.update(quotas)
            held.scenario.dns_servers.clear()
            held.scenario.dns_servers.update(name_servers)
            os.environ.update(self.world.sandbox.env("vnet-callers"))
            path.write_text(config)

    def state(self) -> dict[str, str]:
        """Everything that Azure holds, in one spelling."""
        return state_of(self.world)


def configure(folder: Path, section: str, **values: Any) -> None:
    """Set keys of a section of a folder's migration.yaml."""
    path = folder / "migration.yaml"
    config = yaml.safe_load(path.read_text())
    config[section] = {**config[section], **values}
    path.write_text(yaml.safe_dump(config))


@contextmanager
def bench(folder: Path, *, in_place: bool = False) -> Iterator[Bench]:
    """A sandbox with the workspace in good order, which this process is in."""
    prepare_folder(folder)
    if in_place:
        (folder / "migration.yaml").write_text((EXAMPLE / "in-place.yaml").read_text())
    configure(folder, "validation", requests={"demand": "requests/demand.json"})
    log = folder / "requests.jsonl"
    with running(_scenario(), time_scale=_TIME_SCALE, request_log=log) as sandbox, inside(sandbox):
        yield Bench(World(sandbox, folder, make_plan(folder)))


def _scenario() -> Scenario:
    furnished = legacy_scenario()
    kept = [d for d in furnished.resources if not any(part in str(d["id"]) for part in _LEFT_OUT)]
    documents = [_with_identity(d) for d in copy.deepcopy(kept)]
    return furnished.model_copy(
        update={
            "resources": (*documents, _identity(), _features(documents), CALLER, KEEPS, PULLS, READS),
            "durations_s": {**furnished.durations_s, **_DURATIONS},
        }
    )


def _with_identity(document: Json) -> Json:
    if document["id"] == ENDPOINT:
        document["identity"] = {
            "type": "UserAssigned",
            "userAssignedIdentities": {IDENTITY: {"principalId": PRINCIPAL}},
        }
        document["properties"]["authMode"] = "Key"  # whose making the vault's firewall may stop
    return document


def _identity() -> Json:
    return {
        "id": IDENTITY,
        "name": "id-scoring",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "location": "westeurope",
        "tags": {},
        "properties": {"principalId": PRINCIPAL, "clientId": "7c0b1d8a-6f6b-4f0a-9a3c-2d1e0f9a8b70"},
    }


def _features(documents: list[Json]) -> Json:
    """Another storage account, to which a private endpoint rule may lead."""
    account = copy.deepcopy(next(d for d in documents if d["id"] == STORAGE))
    account.update(id=FEATURES, name="stfeatures")
    account["properties"].pop("privateEndpointConnections", None)
    return account
