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
DATA = f"{WORKSPACE}/data/versions"
COMPONENT = f"{WORKSPACE}/components/versions"
DATASTORE = f"{WORKSPACE}/datastores"
CONNECTION = f"{WORKSPACE}/connections"
COMPUTE = f"{WORKSPACE}/computes"
JOB = f"{WORKSPACE}/jobs"
SCHEDULE = f"{WORKSPACE}/schedules"
BATCH_ENDPOINT = f"{WORKSPACE}/batchEndpoints"
BATCH_DEPLOYMENT = f"{BATCH_ENDPOINT}/deployments"
OUTBOUND_RULE = f"{WORKSPACE}/outboundRules"
REGISTRY = f"{ML}/registries"
PRIVATE_ENDPOINT = "Microsoft.Network/privateEndpoints"
DNS_ZONE_GROUP = f"{PRIVATE_ENDPOINT}/privateDnsZoneGroups"
PRIVATE_ENDPOINT_CONNECTION = f"{WORKSPACE}/privateEndpointConnections"
PRIVATE_DNS_ZONE = "Microsoft.Network/privateDnsZones"
DNS_RECORD = f"{PRIVATE_DNS_ZONE}/A"
DNS_LINK = f"{PRIVATE_DNS_ZONE}/virtualNetworkLinks"
NETWORK = "Microsoft.Network/virtualNetworks"
STORAGE_ACCOUNT = "Microsoft.Storage/storageAccounts"
BLOB_SERVICE = f"{STORAGE_ACCOUNT}/blobServices"
FILE_SERVICE = f"{STORAGE_ACCOUNT}/fileServices"
QUEUE_SERVICE = f"{STORAGE_ACCOUNT}/queueServices"
TABLE_SERVICE = f"{STORAGE_ACCOUNT}/tableServices"
LIFECYCLE = f"{STORAGE_ACCOUNT}/managementPolicies"
KEY_VAULT = "Microsoft.KeyVault/vaults"
CONTAINER_REGISTRY = "Microsoft.ContainerRegistry/registries"
APPLICATION_INSIGHTS = "Microsoft.Insights/components"
LOG_WORKSPACE = "Microsoft.OperationalInsights/workspaces"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
AUTOSCALE = "Microsoft.Insights/autoscaleSettings"
METRIC_ALERT = "Microsoft.Insights/metricAlerts"
LOG_ALERT = "Microsoft.Insights/scheduledQueryRules"
ACTIVITY_ALERT = "Microsoft.Insights/activityLogAlerts"
PROCESSING_RULE = "Microsoft.AlertsManagement/actionRules"
DIAGNOSTIC_SETTING = "Microsoft.Insights/diagnosticSettings"
ROLE_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
ROLE_DEFINITION = "Microsoft.Authorization/roleDefinitions"
LOCK = "Microsoft.Authorization/locks"

# How Azure describes the connections of the private endpoints that a deployment with legacy isolation has.
# Source: Troubleshoot online endpoints, network isolation.
LEGACY_CONNECTION = "Egress for Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


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


class MonthlyCost(Value):
    """What something cost in one month: a resource, or, with the names set, a deployment within its workspace.

    A deployment's cost is part of what its workspace costs, not beside it.

    month: `2026-03`. resource: its id in lower case. amount: in `currency`, rounded to cents.
    """

    month: str
    amount: float
    currency: str
    resource: str = ""
    endpoint: str = ""
    deployment: str = ""


class Inventory(Value):
    """Everything that was read of one source workspace.

    documents:  the workspace first, then its children and satellites, sorted by id. Of jobs, those that have not ended.
    usages:     `Microsoft.MachineLearningServices` usages of the region as GET returned them.
    quotas:     its quotas of the region, likewise.
    nodes:      id of a compute cluster (lower case) -> its nodes and what runs on each, as Azure returned them.
    requests:   endpoint id (lower case) -> scoring requests that Azure counted over the last 30 days.
    costs:      of the running month and the two before it, sorted by month.
    jobs_ended: how many jobs are over.
    unread:     what hangs on the workspace and could not be read, a line each with Azure's reason.
    """

    source: ResourceId
    documents: tuple[Document, ...]
    usages: tuple[Json, ...] = ()
    quotas: tuple[Json, ...] = ()
    nodes: dict[str, tuple[Json, ...]] = {}
    requests: dict[str, float] = {}
    costs: tuple[MonthlyCost, ...] = ()
    jobs_ended: int = 0
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

    @property
    def billed(self) -> tuple[MonthlyCost, ...]:
        """The costs of the last month that is over, as far as any were read."""
        months = sorted({cost.month for cost in self.costs})[:-1]
        return tuple(cost for cost in self.costs if cost.month in months[-1:])

    def of_type(self, kind: str) -> tuple[Document, ...]:
        """Documents of one full ARM type, sorted by id."""
        return tuple(d for d in self.documents if d.type.lower() == kind.lower())

    def deployments(self, endpoint: ResourceId) -> tuple[Document, ...]:
        """The deployments of one endpoint."""
        return tuple(d for d in self.of_type(DEPLOYMENT) if d.id.is_under(endpoint))

    @property
    def legacy_connections(self) -> tuple[Document, ...]:
        """The connections that deployments with legacy isolation have on the workspace and on what it uses."""
        return tuple(d for d in self.documents if is_legacy_connection(d))

    def find(self, resource: ResourceId) -> Document:
        """The document of `resource`; KeyError when it was not read."""
        for document in self.documents:
            if document.id == resource:
                return document
        raise KeyError(str(resource))

    def __contains__(self, resource: ResourceId) -> bool:
        return any(document.id == resource for document in self.documents)


def is_legacy_connection(document: Document) -> bool:
    """Whether this is a private endpoint connection that a deployment has by legacy isolation."""
    state = document.get("privateLinkServiceConnectionState") or {}
    is_connection = document.type.lower().endswith("/privateendpointconnections")
    return is_connection and state.get("description") == LEGACY_CONNECTION


def has_legacy_isolation(deployment: Document) -> bool:
    """Whether a deployment is cut off by a network of its own."""
    return str(deployment.get("egressPublicNetworkAccess", "Enabled")).lower() == "disabled"


def is_kubernetes(document: Document) -> bool:
    """Whether an endpoint or a deployment runs on attached Kubernetes compute, and not on managed machines."""
    kind = str(document.get("endpointComputeType") or document.body.get("kind") or "Managed")
    return bool(document.get("compute")) or kind.lower() in ("kubernetes", "k8s")
