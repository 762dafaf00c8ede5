"""What is there: ARM documents exactly as Azure's GET returned them, nothing dropped, nothing secret.

An inventory is flat on purpose. It is what a scenario of the sandbox holds, so one is the other's snapshot.
"""

from __future__ import annotations

from typing import Any

from vnetferry.models.base import Json, Value
from vnetferry.models.ids import ML, ResourceId

WORKSPACE = f"{ML}/workspaces"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints"
DEPLOYMENT = f"{ENDPOINT}/deployments"
MODEL = f"{WORKSPACE}/models/versions"
ENVIRONMENT = f"{WORKSPACE}/environments/versions"
CODE = f"{WORKSPACE}/codes/versions"
DATASTORE = f"{WORKSPACE}/datastores"
CONNECTION = f"{WORKSPACE}/connections"
COMPUTE = f"{WORKSPACE}/computes"
OUTBOUND_RULE = f"{WORKSPACE}/outboundRules"
PRIVATE_ENDPOINT = "Microsoft.Network/privateEndpoints"
PRIVATE_ENDPOINT_CONNECTION = f"{WORKSPACE}/privateEndpointConnections"
ROLE_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
LOCK = "Microsoft.Authorization/locks"


class Document(Value):
    """One ARM document as GET returned it."""

    id: ResourceId
    body: Json

    @property
    def type(self) -> str:
        """The full ARM type."""
        return self.id.type

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.name

    @property
    def properties(self) -> Json:
        """`body.properties`, empty when Azure sent none."""
        value: Json = self.body.get("properties") or {}
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """A property by its wire name, such as `get("instanceType")`."""
        value = self.properties.get(key)
        return default if value is None else value


class Inventory(Value):
    """Everything that was read of one source workspace.

    documents: the workspace first, then its children and satellites, sorted by id.
    usages:    `Microsoft.MachineLearningServices` usages of the region as GET returned them.
    requests:  endpoint id (lower case) -> scoring requests that Azure counted over the last 30 days.
    unread:    what hangs on the workspace and could not be read, a line each with Azure's reason.
    """

    source: ResourceId
    documents: tuple[Document, ...]
    usages: tuple[Json, ...] = ()
    requests: dict[str, float] = {}
    unread: tuple[str, ...] = ()

    @property
    def workspace(self) -> Document:
        """The source workspace's own document."""
        return self.find(self.source)

    @property
    def location(self) -> str:
        """The workspace's region."""
        location: str = self.workspace.body["location"]
        return location

    @property
    def endpoints(self) -> tuple[Document, ...]:
        """The online endpoints, sorted by id."""
        return self.of_type(ENDPOINT)

    def of_type(self, kind: str) -> tuple[Document, ...]:
        """Documents of one full ARM type, sorted by id."""
        return tuple(d for d in self.documents if d.type.lower() == kind.lower())

    def deployments(self, endpoint: ResourceId) -> tuple[Document, ...]:
        """The deployments of one endpoint."""
        return tuple(d for d in self.of_type(DEPLOYMENT) if d.id.is_under(endpoint))

    def find(self, resource: ResourceId) -> Document:
        """The document of `resource`; KeyError when it was not read."""
        for document in self.documents:
            if document.id == resource:
                return document
        raise KeyError(str(resource))

    def __contains__(self, resource: ResourceId) -> bool:
        return any(document.id == resource for document in self.documents)
