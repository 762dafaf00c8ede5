"""The state of one sandbox: its documents, secrets, blobs, operations, scoring processes and clock.

One object, made at start and passed to every handler; nothing here is global.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.activity import ActivityLog
from vnetferry.sandbox.arm.grants import Grants
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.documents import Documents
from vnetferry.sandbox.entra import Identity
from vnetferry.sandbox.faults import Faults
from vnetferry.sandbox.ml.images import BuiltImages
from vnetferry.sandbox.operations import LongOperations
from vnetferry.sandbox.scoring.names import EndpointNames
from vnetferry.sandbox.stale import StaleReads
from vnetferry.sandbox.throttle import Throttle

if TYPE_CHECKING:
    from vnetferry.sandbox.blob import BlobStore
    from vnetferry.sandbox.scenario import Scenario
    from vnetferry.sandbox.scoring.fleet import Fleet
    from vnetferry.sandbox.wire import Json


@dataclass
class Secrets:
    """What Azure never returns in a document.

    endpoint_keys: endpoint id (lower case) -> {primaryKey, secondaryKey}.
    token_keys:    endpoint id (lower case) -> what its AML tokens are signed with.
    account_keys:  storage account name -> base64 key (key1); second_account_keys: key2, made when first listed.
    datastores:    datastore id (lower case) -> the secrets object that listSecrets answers.
    connections:   connection id (lower case) -> its credentials.
    vaults:        "vault/name" (lower case) -> versions, newest last: {version, value, created}.
    """

    endpoint_keys: dict[str, dict[str, str]] = field(default_factory=dict)
    token_keys: dict[str, bytes] = field(default_factory=dict)
    account_keys: dict[str, str] = field(default_factory=dict)
    second_account_keys: dict[str, str] = field(default_factory=dict)
    datastores: dict[str, dict[str, str]] = field(default_factory=dict)
    connections: dict[str, dict[str, str]] = field(default_factory=dict)
    vaults: dict[str, list[dict[str, str]]] = field(default_factory=dict)


# Why a host and port may not be reached from a vantage; None when they may.
Refuse = Callable[[str, int], str | None]
# Opens one more loopback proxy port for a vantage and returns its number (the same for the same name).
OpenVantage = Callable[[str, Refuse], Awaitable[int]]


@dataclass
class World:
    """Everything a handler may touch.

    folder:       private to this sandbox (mode 0700), removed when it stops.
    ca_file:      PEM of the sandbox's own CA, for the processes that it starts.
    open_vantage: opens a further proxy port (a managed network's egress).
    endpoint_names: which online endpoint has which name in which region.
    images:       which environments' images exist.
    identity:     the Entra tenant: its clients, their secrets, and the key that signs tokens.
    grants:       role assignments that do not count yet, or count still.
    activity:     what was done, as the activity log tells it.
    links:        ids (lower case) of the private endpoints whose connections were ever shown: who has none now lost it.
    networks:     vantage -> id of its virtual network, for every network that has ports.
    faults:       what goes wrong on purpose. stale: reads that lag behind writes. throttle: ARM's request budget.
    settings:     (store in lower case, key, label or "") -> key-value of an App Configuration store.
    lagging:      in lower case, the one resource that is seen here as it was; "" when none is.
    """

    folder: Path
    clock: Clock
    scenario: Scenario
    documents: Documents
    operations: LongOperations
    secrets: Secrets
    blobs: BlobStore
    fleet: Fleet
    ca_file: Path
    open_vantage: OpenVantage
    endpoint_names: EndpointNames = field(default_factory=EndpointNames)
    images: BuiltImages = field(default_factory=BuiltImages)
    identity: Identity = field(default_factory=Identity)
    grants: Grants = field(default_factory=Grants)
    activity: ActivityLog = field(default_factory=ActivityLog)
    faults: Faults = field(default_factory=Faults)
    links: set[str] = field(default_factory=set)
    networks: dict[str, str] = field(default_factory=dict)
    stale: StaleReads = field(init=False)
    throttle: Throttle = field(init=False)
    settings: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    lagging: str = ""

    def __post_init__(self) -> None:
        self.stale = StaleReads(self.faults, self.clock)
        self.throttle = Throttle(self.clock, self.scenario)
        for each in self.scenario.principals:
            self.identity.register(each.app_id, each.object_id, each.secret)

    def find_named(self, kind: str, name: str) -> Json | None:
        """The resource of a globally unique name, in whichever resource group it lies, or None."""
        for subscription in self.scenario.subscriptions:
            for group in self.documents.collection(f"/subscriptions/{subscription}/resourceGroups"):
                if found := self.documents.get(f"{group['id']}/providers/{kind}/{name}"):
                    return found
        return None

    def resources_of(self, kind: str) -> Iterator[Json]:
        """All resources of a type that lies directly in resource groups."""
        for subscription in self.scenario.subscriptions:
            for group in self.documents.collection(f"/subscriptions/{subscription}/resourceGroups"):
                yield from self.documents.collection(f"{group['id']}/providers/{kind}")
