"""The shape in which a workspace is kept and answered, member by member in the service's own order."""

from __future__ import annotations

import uuid
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.host_names import notebook_host
from vnetferry.sandbox.arm.private_links import connections_of
from vnetferry.sandbox.ml.managed_network import disabled, is_managed
from vnetferry.sandbox.ml.scope import WORKSPACE_TYPE
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


@dataclass(frozen=True)
class Birth:
    """What a new workspace is made of, besides the body that asks for it."""

    id: str
    location: str
    tenant_id: str
    identity: Json | None
    system_data: Json
    guid: str
    time: str


def new_workspace(birth: Birth, body: Json) -> Json:
    """The document of a workspace that is being created; its managed network is still disabled."""
    return {
        "id": birth.id,
        "name": birth.id.rpartition("/")[2],
        "type": WORKSPACE_TYPE,
        "location": birth.location,
        "tags": body.get("tags") or {},
        "etag": None,
        "properties": _properties(birth, body["properties"]),
        "identity": birth.identity,
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "systemData": birth.system_data,
    }


def shown(world: World, workspace: Json) -> Json:
    """What GET answers: the document, with its private endpoint connections when it has any.

    Without a managed network it has no rules, not even none (recorded).
    """
    document = deepcopy(workspace)
    network = _in_order(document["properties"].get("managedNetwork") or {})
    document["properties"]["managedNetwork"] = network
    if not is_managed(document) and not network.get("outboundRules"):
        network.pop("outboundRules", None)
    connections = connections_of(world, workspace["id"])
    if connections:
        document["properties"]["privateEndpointConnections"] = connections
        document["properties"]["privateLinkCount"] = len(connections)
    return document


def _in_order(network: Json) -> Json:
    """A managed network's members in the service's order, those of later api-versions at the end."""
    first = ("changeableIsolationModes", "isolationMode", "networkId", "outboundRules", "status")
    return {name: network[name] for name in first if name in network} | network


def _properties(birth: Birth, given: Json) -> Json:
    name, (_, _, subscription, _, group, *_) = birth.id.rpartition("/")[2], birth.id.split("/")
    scope = f"subscriptions/{subscription}/resourceGroups/{group}"
    host = f"{birth.location}.api.azureml.ms"
    tracking = f"azureml://{host}/mlflow/v1.0/{scope}/providers/{WORKSPACE_TYPE}/{name}"
    known: Json = {
        "friendlyName": given.get("friendlyName") or name,
        "description": given.get("description") or "",
        "storageAccount": given["storageAccount"],
        "keyVault": given["keyVault"],
        "applicationInsights": given.get("applicationInsights") or None,
        "hbiWorkspace": bool(given.get("hbiWorkspace")),
        "tenantId": birth.tenant_id,
        "imageBuildCompute": given.get("imageBuildCompute") or None,
        "provisioningState": "Creating",
        "managedNetwork": disabled(),
        "allowRoleAssignmentOnRG": given.get("allowRoleAssignmentOnRG", True) is not False,
        "v1LegacyMode": bool(given.get("v1LegacyMode")),
        "softDeleteEnabled": bool(given.get("softDeleteEnabled")),
        "containerRegistry": given.get("containerRegistry") or None,
        "creationTime": birth.time,
        "notebookInfo": _notebook(name, birth),
        "storageHnsEnabled": False,
        "workspaceId": birth.guid,
        "linkedModelInventoryArmId": None,
        "privateLinkCount": 0,
        "publicNetworkAccess": given.get("publicNetworkAccess") or "Enabled",
        "networkAcls": _acls(given.get("networkAcls")),
        "ipAllowlist": given.get("ipAllowlist") or [],
        "discoveryUrl": f"https://{host}/discovery",
        "mlFlowTrackingUri": tracking,
        "serverlessComputeSettings": given.get("serverlessComputeSettings") or None,
        "EnableSoftwareBillOfMaterials": bool(given.get("EnableSoftwareBillOfMaterials")),
        "sdkTelemetryAppInsightsKey": str(uuid.uuid4()),
        "sasGetterUri": "",
        "enableDataIsolation": bool(given.get("enableDataIsolation")),
        "systemDatastoresAuthMode": given.get("systemDatastoresAuthMode") or "accesskey",
        "enableServiceSideCMKEncryption": bool(given.get("enableServiceSideCMKEncryption")),
    }
    return known | _optional(given)


def _optional(given: Json) -> Json:
    """Members that GET leaves out when nobody set them."""
    names = ("primaryUserAssignedIdentity", "allowPublicAccessWhenBehindVnet", "sharedPrivateLinkResources")
    found = {name: given[name] for name in names if given.get(name)}
    encryption = given.get("encryption") or {}
    return found | ({"encryption": _encryption(encryption)} if encryption.get("status") == "Enabled" else {})


# What the SDK's own template still calls by its former names.
_BROUGHT = {
    "cosmosDbArmId": "cosmosDbResourceId",
    "searchAccountArmId": "searchAccountResourceId",
    "storageAccountArmId": "storageAccountResourceId",
}


def _encryption(given: Json) -> Json:
    """By today's names, without those that say nothing."""
    return {_BROUGHT.get(name, name): value for name, value in given.items() if value}


def _acls(given: Json | None) -> Json:
    return {"defaultAction": "Allow", "bypass": None, "ipRules": [], "resourceAccessRules": []} | (
        given or {}
    )


def _notebook(name: str, birth: Birth) -> Json:
    return {
        "resourceId": birth.guid.replace("-", ""),
        "fqdn": notebook_host(name, birth.location, birth.guid),
        "isPrivateLinkEnabled": False,
        "notebookPreparationError": None,
    }
