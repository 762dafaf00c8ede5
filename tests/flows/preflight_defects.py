"""Every single defect that a preflight is to find, and what its remedy does.

A defect is planted into Azure as Azure would hold it, or into migration.yaml. It is mended by the finding's own fix, by
what the remedy's `az` command sends, by another configuration where the remedy says so, and by hand where only people
can (another role, another machine).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

from tests.flows.legacy_world import SOURCE, TARGET
from tests.flows.preflight_bench import (
    CALLER,
    CALLERS,
    DEPLOYMENT,
    ENDPOINT,
    FEATURES,
    IDENTITY,
    INSIGHTS,
    LEGACY,
    NETWORK,
    PRINCIPAL,
    PULLS,
    READS,
    REGISTRY,
    SECURE,
    STORAGE,
    SUBSCRIPTION,
    VAULT,
    Bench,
    assignment,
)
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding, FixKind, Severity
from vnetferry.sandbox.scenario import DnsServer

ML, AUTHORIZATION, NETWORKS, VAULTS = "2025-12-01", "2022-04-01", "2024-05-01", "2023-07-01"
_DEFINITION = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/policyDefinitions/house"
Plant = Callable[[Bench], object]
Mend = Callable[[Bench, Finding], object]


class Defect(NamedTuple):
    """One defect.

    check, severity: what finds it. words: what its finding says (evidence and remedy). mend: None for the finding's
    own fix, whose kind is `fix`. besides: checks that speak about the same thing too.
    """

    name: str
    plant: Plant
    check: str
    severity: Severity
    words: tuple[str, ...]
    mend: Mend | None = None
    fix: FixKind | None = None
    besides: tuple[str, ...] = ()


# --- Planting ------------------------------------------------------------------------------------------------------


def with_role(*withheld: str) -> Plant:
    """A caller who may do everything but this."""

    def plant(bench: Bench) -> None:
        role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-00000000b001"
        permission = {
            "actions": ["*"],
            "notActions": list(withheld),
            "dataActions": ["*"],
            "notDataActions": [],
        }
        properties = {
            "roleName": "all but this",
            "type": "CustomRole",
            "permissions": [permission],
            "assignableScopes": [SUBSCRIPTION],
        }
        kind = "Microsoft.Authorization/roleDefinitions"
        bench.add({"id": role, "name": role.rpartition("/")[2], "type": kind, "properties": properties})
        bench.properties(CALLER["id"])["roleDefinitionId"] = role

    return plant


def as_owner(bench: Bench, _: Finding) -> None:
    """Somebody else gives the caller a role that is enough."""
    bench.add(CALLER)


def provider(namespace: str, **values: object) -> Plant:
    document = {"id": f"{SUBSCRIPTION}/providers/{namespace}", "namespace": namespace, **values}
    return lambda bench: bench.add(document)


def not_offered(bench: Bench) -> None:
    """Westeurope has no online endpoints (it has, but other regions have not)."""
    kinds = [{"resourceType": "workspaces/onlineEndpoints", "locations": ["North Europe", "East US"]}]
    provider("Microsoft.MachineLearningServices", resourceTypes=kinds)(bench)


def strangers_target(bench: Bench) -> None:
    twin = copy.deepcopy(bench.document(str(SOURCE)))
    twin.update(id=str(TARGET), name=TARGET.name, tags={"team": "other"})
    twin["properties"]["workspaceId"] = "11111111-0000-4000-8000-00000000000f"
    bench.add(twin)


def target(bench: Bench, *, ours: bool = True) -> None:
    """Make the target as the migration's first step would leave it, network and all."""
    tags = {"vnetferry-plan": "0123456789ab", "vnetferry-source": str(SOURCE)} if ours else {}
    used = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
    properties = {name: bench.properties(str(SOURCE))[name] for name in used}
    network = {"isolationMode": "AllowOnlyApprovedOutbound"}
    body = {
        "location": "westeurope",
        "tags": tags,
        "identity": {"type": "SystemAssigned"},
        "properties": {**properties, "managedNetwork": network, "publicNetworkAccess": "Disabled"},
    }
    bench.send("PUT", str(TARGET), ML, body)


def deleted_target(bench: Bench) -> None:
    target(bench, ours=False)
    bench.send("DELETE", str(TARGET), ML)


def deleted_endpoint(bench: Bench) -> None:
    path = str(SOURCE.child("onlineEndpoints", "demand-v2"))
    identity = {"type": "SystemAssigned"}
    body = {"location": "westeurope", "identity": identity, "properties": {"authMode": "Key"}}
    bench.send("PUT", path, ML, body)
    bench.send("DELETE", path, ML)


def taken_name(bench: Bench) -> None:
    """Another workspace of the region has an endpoint of the new name."""
    text = f"{LEGACY}/providers/Microsoft.MachineLearningServices/workspaces/ws-other"
    for resource, name in ((str(SOURCE), "ws-other"), (ENDPOINT, "demand-v2")):
        twin = copy.deepcopy(bench.document(resource))
        identifier = text if resource == str(SOURCE) else f"{text}/onlineEndpoints/{name}"
        twin.update(id=identifier, name=name)
        bench.add(twin)


def size(name: str) -> Plant:
    return lambda bench: bench.properties(DEPLOYMENT).update(instanceType=name)


def quota(name: str, limit: int) -> Plant:
    return lambda bench: bench.world.sandbox.world.scenario.quotas.update({name: limit})


def lock(scope: str, level: str) -> Plant:
    def plant(bench: Bench) -> None:
        path = f"{scope}/providers/Microsoft.Authorization/locks/keep"
        bench.send("PUT", path, "2020-05-01", {"properties": {"level": level}})

    return plant


def policy(scope: str, mode: str, condition: Json) -> Plant:
    """A policy that denies, assigned on a scope."""

    def plant(bench: Bench) -> None:
        rule = {"if": condition, "then": {"effect": "deny"}}
        definition = {"displayName": "House rules", "mode": mode, "policyRule": rule}
        bench.send("PUT", _DEFINITION, _POLICY, {"properties": definition})
        bench.send("PUT", _assigned(scope), _POLICY, {"properties": {"policyDefinitionId": _DEFINITION}})

    return plant


def denied_role(bench: Bench) -> None:
    """A policy that denies a role which the source's identity has."""
    reads = assignment(
        "Storage Blob Data Reader", FEATURES, bench.document(str(SOURCE))["identity"]["principalId"], 21
    )
    bench.add(reads)
    kind, role = reads["type"], reads["properties"]["roleDefinitionId"]
    known = [
        {"field": "type", "equals": kind},
        {"field": f"{kind}/roleDefinitionId", "contains": role.rpartition("/")[2]},
    ]
    policy(SUBSCRIPTION, "All", {"allOf": known})(bench)


def _assigned(scope: str) -> str:
    return f"{scope}/providers/Microsoft.Authorization/policyAssignments/house"


def exempt(scope: str) -> Mend:
    """What the remedy's `az policy exemption create` sends."""
    path = f"{scope}/providers/Microsoft.Authorization/policyExemptions/vnetferry"
    properties = {"policyAssignmentId": _assigned(SUBSCRIPTION), "exemptionCategory": "Waiver"}
    return sends("PUT", path, "2022-07-01-preview", {"properties": properties})


def own_resources(bench: Bench, **given: str) -> None:
    held = {"storage_account": STORAGE, "key_vault": VAULT, "container_registry": REGISTRY}
    bench.configure("target", associated_resources={**held, "application_insights": INSIGHTS, **given})


def without_registry(bench: Bench) -> None:
    bench.properties(str(SOURCE)).pop("containerRegistry")


def own_registry(bench: Bench, _: Finding) -> None:
    own_resources(bench)


def taken_account(bench: Bench) -> None:
    """Somebody else's account has the name that the target's is to have."""
    bench.configure("target", associated_resources="create")
    made = bench.plan().plan.of_kind("create_associated")[0].resource
    theirs = copy.deepcopy(bench.document(FEATURES))
    theirs.update(id=f"{LEGACY}/providers/{made.type}/{made.name}", name=made.name)
    bench.add(theirs)


def premium_account(bench: Bench) -> None:
    bench.document(FEATURES)["sku"] = {"name": "Premium_LRS", "tier": "Premium"}
    own_resources(bench, storage_account=FEATURES)
    bench.add(assignment("Storage Blob Data Reader", FEATURES, PRINCIPAL, 8))


def service_endpoint(bench: Bench) -> None:
    rule = {"id": f"{CALLERS}/subnets/snet-apps", "action": "Allow", "state": "Succeeded"}
    bench.properties(STORAGE)["networkAcls"]["virtualNetworkRules"] = [rule]


def connection(bench: Bench) -> Json:
    """A legacy deployment's own connection on the registry."""
    held = bench.world.sandbox.world.documents.collection(f"{REGISTRY}/privateEndpointConnections")
    state: Json = held[0]["properties"]["privateLinkServiceConnectionState"]
    return state


def collecting(bench: Bench) -> None:
    collection = {"dataCollectionMode": "Enabled", "samplingRate": 1.0}
    collector = {"collections": {"model_inputs": collection}, "rollingRate": "Hour"}
    bench.properties(DEPLOYMENT)["dataCollector"] = collector


def injecting(bench: Bench, *, roles: bool, allowed: bool) -> None:
    """A deployment into which a secret of the vault is injected; the identity may read it if `allowed`."""
    reference = "${{keyvault:https://kv-ws-legacy-7f3a.vault.azure.net/secrets/db}}"
    bench.properties(DEPLOYMENT)["environmentVariables"]["DB_PASSWORD"] = reference
    bench.properties(VAULT)["enableRbacAuthorization"] = roles
    if allowed:
        bench.add(assignment("4633458b-17de-408a-b874-0445c86b69e6", VAULT, PRINCIPAL, 16))


def workspace_identity(bench: Bench) -> None:
    """The workspace acts as the user-assigned identity, which has all that it needs but the vault's data."""
    identity = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {"principalId": PRINCIPAL}}}
    bench.document(str(SOURCE))["identity"] = identity
    bench.properties(str(SOURCE))["primaryUserAssignedIdentity"] = IDENTITY
    bench.add(
        assignment("Contributor", LEGACY, PRINCIPAL, 4),
        assignment("Storage Blob Data Contributor", LEGACY, PRINCIPAL, 5),
    )


def approving_identity(bench: Bench) -> None:
    """The same with the vault's data, and a rule to an account that it may not approve on and is given no role on."""
    workspace_identity(bench)
    rule_to_features(bench)
    with_role("Microsoft.Authorization/roleAssignments/write")(bench)
    bench.remove(assignment("Contributor", LEGACY, PRINCIPAL, 4)["id"])
    for number, scope in enumerate((STORAGE, VAULT, REGISTRY, INSIGHTS), start=10):
        bench.add(assignment("Contributor", scope, PRINCIPAL, number))
    bench.add(assignment("00482a5a-887f-4fb3-b363-3b7fe8e74483", VAULT, PRINCIPAL, 6))


def approving_unborn(bench: Bench) -> None:
    """An identity that is made with the target will have to approve on an account on which nobody gives it a role."""
    rule_to_features(bench)
    with_role("Microsoft.Authorization/roleAssignments/write")(bench)


def rule_to_features(bench: Bench) -> None:
    where = {"service_resource_id": FEATURES, "subresource_target": "blob"}
    bench.configure(
        "target", outbound_rules=[{"name": "features", "type": "private_endpoint", "destination": where}]
    )


def docker_network(bench: Bench) -> None:
    """The new private endpoint is to stand in a network with these addresses."""
    path = f"{NETWORK}/virtualNetworks/vnet-docker"
    subnet = {"name": "snet", "properties": {"addressPrefix": "172.17.1.0/24"}}
    properties = {"addressSpace": {"addressPrefixes": ["172.17.0.0/20"]}, "subnets": [subnet]}
    bench.send("PUT", path, NETWORKS, {"location": "westeurope", "properties": properties})
    link = {"virtualNetwork": {"id": path}, "registrationEnabled": False}
    zone = f"{NETWORK}/privateDnsZones/privatelink.api.azureml.ms/virtualNetworkLinks/link-vnet-docker"
    bench.send("PUT", zone, "2024-06-01", {"location": "global", "properties": link})
    bench.configure("target", inbound={"subnet_id": f"{path}/subnets/snet"})


def override_zone(bench: Bench) -> None:
    """A zone for every endpoint of the region, with one address, linked to the callers' network."""
    zone, name = f"{NETWORK}/privateDnsZones", "westeurope.inference.ml.azure.com"
    private = f"{zone}/privatelink.api.azureml.ms"
    for ending in ("", "/virtualNetworkLinks/link-vnet-callers"):
        twin = copy.deepcopy(bench.document(private + ending))
        twin.update(id=f"{zone}/{name}{ending}", name=name if not ending else "link-vnet-callers")
        bench.add(twin)
    record = {"ttl": 10, "aRecords": [{"ipv4Address": "10.40.1.6"}]}
    kind = "Microsoft.Network/privateDnsZones/A"
    bench.add({"id": f"{zone}/{name}/A/*", "name": "*", "type": kind, "properties": record})


def unlinked_zone(bench: Bench) -> None:
    bench.remove(
        f"{NETWORK}/privateDnsZones/privatelink.api.azureml.ms/virtualNetworkLinks/link-vnet-callers"
    )


def own_name_server(**records: str) -> Plant:
    """The callers' network asks a server of its own, which forwards what it does not answer itself."""

    def plant(bench: Bench) -> None:
        bench.properties(CALLERS)["dhcpOptions"] = {"dnsServers": [str(_NAME_SERVER)]}
        server = DnsServer(
            network="vnet-callers",
            forwarders={".": IPv4Address("168.63.129.16")},
            records={
                f"*.{name.replace('_', '.')}": IPv4Address(address) for name, address in records.items()
            },
        )
        bench.world.sandbox.world.scenario.dns_servers[_NAME_SERVER] = server

    return plant


def unasked_name_server(bench: Bench) -> None:
    own_name_server()(bench)
    os.environ["VNETFERRY_DNS"] = "internet=127.0.0.1:1"


def one_vantage(bench: Bench) -> None:
    os.environ["VNETFERRY_VANTAGES"] = f"internet={bench.world.sandbox.vantages['internet']}"


def all_places(bench: Bench, _: Finding) -> None:
    """The remedy's variable, with what the sandbox has."""
    os.environ.update(bench.world.sandbox.env("vnet-callers"))


def old_endpoint(bench: Bench) -> None:
    bench.document(f"{NETWORK}/privateEndpoints/pe-ws-legacy")["systemData"] = {
        "createdAt": "2021-11-05T10:00:00Z"
    }


def let_in(bench: Bench) -> None:
    rules = [{"value": "203.0.113.0/24"}]
    bench.properties(str(SOURCE))["networkAcls"] = {"defaultAction": "Deny", "ipRules": rules}


def closed_registry(bench: Bench) -> None:
    """A deployment whose image is built, beside a registry that serverless builds do not reach."""
    environment = f"{SOURCE}/environments/sklearn-serving/versions/2"
    bench.properties(DEPLOYMENT)["environmentId"] = environment
    bench.properties(environment)["condaFile"] = '{"dependencies": ["python=3.11"]}'
    bench.properties(REGISTRY)["publicNetworkAccess"] = "Disabled"
    bench.configure("target", image_build_compute=None)


def private_insights(bench: Bench) -> None:
    """A deployment logs to Application Insights that takes private ingestion alone."""
    bench.properties(DEPLOYMENT)["appInsightsEnabled"] = True
    linked = {"ResourceId": f"{_LINK_SCOPE}/scopedResources/appi-ws-legacy", "ScopeId": "made-up"}
    bench.properties(INSIGHTS).update(
        publicNetworkAccessForIngestion="Disabled", PrivateLinkScopedResources=[linked]
    )
    bench.add({"id": _LINK_SCOPE, "location": "global", "properties": {}})


def unassigned_workspace(bench: Bench) -> None:
    """The workspace's own identity has lost its role on the blobs, which Azure's diagnosis alone looks at."""
    principal = bench.document(str(SOURCE))["identity"]["principalId"]
    documents = bench.world.sandbox.world.documents
    for each in documents.collection(f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments"):
        if each["properties"]["principalId"] == principal:
            bench.remove(each["id"])


# --- Mending -------------------------------------------------------------------------------------------------------


def config(section: str, **values: object) -> Mend:
    return lambda bench, _: bench.configure(section, **values)


def sends(method: str, path: str, version: str, body: Json | None = None, **query: str) -> Mend:
    return lambda bench, _: bench.send(method, path, version, body, **query)


def by_hand(plant: Plant) -> Mend:
    return lambda bench, _: plant(bench)


def delete_found(version: str) -> Mend:
    return lambda bench, finding: bench.send("DELETE", finding.resource, version)


def remake_endpoint(bench: Bench, finding: Finding) -> None:
    old = copy.deepcopy(bench.document(finding.resource))
    bench.send("DELETE", finding.resource, NETWORKS)
    kept = old["properties"]["privateLinkServiceConnections"][0]
    reached = {"privateLinkServiceId": str(SOURCE), "groupIds": ["amlworkspace"]}
    properties = {
        "subnet": {"id": old["properties"]["subnet"]["id"]},
        "privateLinkServiceConnections": [{"name": kept["name"], "properties": reached}],
    }
    bench.send("PUT", finding.resource, NETWORKS, {"location": "westeurope", "properties": properties})


def let_in_again(bench: Bench, _: Finding) -> None:
    """`az ml workspace update --network-acls` of the target, once it is made."""
    target(bench)
    acls = {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]}
    bench.send(
        "PATCH", str(TARGET), ML, {"properties": {"networkAcls": acls, "publicNetworkAccess": "Enabled"}}
    )


def approve_unborn(bench: Bench, _: Finding) -> None:
    """The remedy's command, once the target and its identity are made, by somebody who may give roles."""
    as_owner(bench, _)
    target(bench)
    principal = bench.document(str(TARGET))["identity"]["principalId"]
    assigned = assignment(_APPROVER, FEATURES, principal, 7)
    kept = ("roleDefinitionId", "principalId", "principalType")
    body = {"properties": {name: assigned["properties"][name] for name in kept}}
    bench.send("PUT", assigned["id"], AUTHORIZATION, body)


def approve_by_hand(bench: Bench, finding: Finding) -> None:
    """The remedy's command, by somebody who may give roles, as the caller may from then on."""
    as_owner(bench, finding)
    bench.add(assignment(_APPROVER, FEATURES, PRINCIPAL, 8))


def reassign_workspace(bench: Bench, _: Finding) -> None:
    principal = bench.document(str(SOURCE))["identity"]["principalId"]
    assigned = assignment("Storage Blob Data Contributor", STORAGE, principal, 9)
    body = {"properties": {k: v for k, v in assigned["properties"].items() if k != "scope"}}
    bench.send("PUT", assigned["id"], AUTHORIZATION, body)


def restored_insights(bench: Bench, _: Finding) -> None:
    made = {"Application_Type": "web", "WorkspaceResourceId": f"{LEGACY}/{_LOGS}"}
    bench.send("PUT", INSIGHTS, "2020-02-02", {"location": "westeurope", "kind": "web", "properties": made})


def other_vault(bench: Bench, _: Finding) -> None:
    """Another vault, of the right tenant."""
    properties = {
        "tenantId": bench.world.sandbox.world.identity.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    bench.send("PUT", f"{VAULT}-new", VAULTS, {"location": "westeurope", "properties": properties})
    own_resources(bench, key_vault=f"{VAULT}-new")


_LINK_SCOPE = (
    f"{NETWORK.partition('/providers/')[0]}/providers/microsoft.insights/privatelinkscopes/ampls-hub"
)
_WAY_TO_LINK_SCOPE = {
    "name": "telemetry",
    "type": "private_endpoint",
    "destination": {"service_resource_id": _LINK_SCOPE, "subresource_target": "azuremonitor"},
}
_POLICY = "2023-04-01"
_ISOLATION = "Microsoft.MachineLearningServices/workspaces/managedNetwork.isolationMode"
_CONNECTED = "Microsoft.Storage/storageAccounts/privateEndpointConnections"
_NAME_SERVER = IPv4Address("10.40.0.4")
_APPROVER = "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"
_LOGS = "providers/Microsoft.OperationalInsights/workspaces/log-ws-legacy"
_BODY_OF_GROUP = {"location": "westeurope"}
_OPEN = {
    "properties": {
        "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices", "virtualNetworkRules": []}
    }
}
_LINK = f"{NETWORK}/privateDnsZones/westeurope.inference.ml.azure.com/virtualNetworkLinks/link-vnet-callers"
_NEW_LINK = f"{NETWORK}/privateDnsZones/privatelink.api.azureml.ms/virtualNetworkLinks/link-vnet-callers"
_STRANGER = "/subscriptions/11111111-1111-4111-8111-111111111111"

DEFECTS = (
    Defect(
        "a right that the caller lacks",
        with_role("Microsoft.MachineLearningServices/workspaces/provisionManagedNetwork/action"),
        "permissions",
        "blocks",
        ("lacks Microsoft.MachineLearningServices/workspaces/provisionManagedNetwork/action", "an hour"),
        as_owner,
    ),
    Defect(
        "a provider that is not registered",
        provider("Microsoft.Network", registrationState="NotRegistered"),
        "providers",
        "blocks",
        ("Microsoft.Network is NotRegistered", "az provider register --namespace Microsoft.Network --wait"),
        fix="register_provider",
    ),
    Defect(
        "a target of somebody else",
        strangers_target,
        "target",
        "blocks",
        ("no migration of this source made it", "target.workspace"),
        config("target", workspace="ws-safe"),
    ),
    Defect(
        "a missing resource group",
        lambda bench: bench.remove(SECURE),
        "target",
        "blocks",
        ("does not exist", "az group create --name rg-secure --location westeurope"),
        sends("PUT", SECURE, "2022-09-01", _BODY_OF_GROUP),
        besides=("unread",),
    ),
    Defect(
        "a soft-deleted target",
        deleted_target,
        "deletions",
        "warns",
        ("holds its name until", "az rest --method delete", "forceToPurge=true"),
        sends("DELETE", str(TARGET), ML, forceToPurge="true"),
    ),
    Defect(
        "a name that was just deleted",
        deleted_endpoint,
        "deletions",
        "warns",
        ("an endpoint of that name was deleted", "endpoints.rename"),
        config("endpoints", rename="{name}-new"),
    ),
    Defect(
        "a name that is taken",
        taken_name,
        "names",
        "blocks",
        ("an endpoint named demand-v2 exists in westeurope already", "endpoints.rename"),
        config("endpoints", rename="{name}-new"),
    ),
    Defect(
        "a new name that is too long",
        lambda bench: bench.configure("endpoints", rename="{name}-with-a-far-too-long-ending"),
        "names",
        "blocks",
        ("has 33 characters, and Azure takes 32 at most", "endpoints.rename"),
        config("endpoints", rename="{name}-v2"),
    ),
    Defect(
        "a new name with two dashes",
        lambda bench: bench.configure("endpoints", rename="{name}--v2"),
        "names",
        "blocks",
        ("single dashes", "endpoints.rename"),
        config("endpoints", rename="{name}-v2"),
    ),
    Defect(
        "a region without endpoints",
        not_offered,
        "regions",
        "blocks",
        ("westeurope does not have", "target.location", "northeurope"),
        config("target", location="northeurope"),
    ),
    Defect(
        "a machine that the region lacks",
        size("Standard_A2_v2"),
        "sizes",
        "warns",
        ("does not list Standard_A2_v2", "az ml compute list-sizes --location westeurope"),
        by_hand(size("Standard_DS3_v2")),
    ),
    Defect(
        "a machine that is too small",
        size("Standard_DS1_v2"),
        "sizes",
        "warns",
        ("may be too small", "larger size"),
        by_hand(size("Standard_DS3_v2")),
    ),
    Defect(
        "too few cores of the family",
        quota("standardDSv2Family", 15),
        "quotas",
        "blocks",
        (
            "8 DSv2 cores are needed besides 8 in use, and the limit is 15",
            "Request 1 more",
            "az quota update",
        ),
        by_hand(quota("standardDSv2Family", 16)),
    ),
    Defect(
        "too few cores in all",
        quota("totalCores", 15),
        "quotas",
        "blocks",
        ("8 cores of all families are needed", "Request 1 more"),
        by_hand(quota("totalCores", 16)),
    ),
    Defect(
        "too few endpoints",
        quota("onlineEndpoints", 1),
        "quotas",
        "blocks",
        ("1 online endpoints are needed besides 1 in use", "endpoints.exclude"),
        by_hand(quota("onlineEndpoints", 2)),
    ),
    Defect(
        "a lock on the target's group",
        lock(SECURE, "CanNotDelete"),
        "locks",
        "blocks",
        ("lock keep of level CanNotDelete", "az lock delete --ids"),
        sends("DELETE", f"{SECURE}/providers/Microsoft.Authorization/locks/keep", "2020-05-01"),
    ),
    Defect(
        "a read-only storage account",
        lock(STORAGE, "ReadOnly"),
        "locks",
        "blocks",
        ("lock keep of level ReadOnly", "az lock delete --ids"),
        sends("DELETE", f"{STORAGE}/providers/Microsoft.Authorization/locks/keep", "2020-05-01"),
        besides=("unread",),
    ),
    Defect(
        "a policy that allows other regions",
        policy(SUBSCRIPTION, "Indexed", {"not": {"field": "location", "in": ["northeurope"]}}),
        "policies",
        "blocks",
        (
            "policy 'House rules' (assignment house) denies workspaces ws-secure, ",
            "onlineEndpoints demand-v2, deployments main, metricAlerts demand-is-slow",
            "'location' is westeurope",
            "az policy exemption create --name vnetferry --policy-assignment",
            f"--scope {SECURE}",
            "target.location",
        ),
        exempt(SUBSCRIPTION),
    ),
    Defect(
        "a policy that denies the isolation mode",
        policy(SECURE, "Indexed", {"field": _ISOLATION, "equals": "AllowOnlyApprovedOutbound"}),
        "policies",
        "blocks",
        ("denies workspaces ws-secure", "is AllowOnlyApprovedOutbound", "target.isolation_mode"),
        config("target", isolation_mode="allow_internet_outbound", outbound_rules=[]),
    ),
    Defect(
        "a policy that denies Azure's own private endpoints",
        policy(
            LEGACY,
            "All",
            {
                "allOf": [
                    {"field": "type", "equals": _CONNECTED},
                    {
                        "field": f"{_CONNECTED}/privateEndpoint.id",
                        "notLike": "[concat(subscription().id, '/*')]",
                    },
                ]
            },
        ),
        "policies",
        "blocks",
        ("denies privateEndpointConnections ws-secure", "'privateEndpoint.id' is not given", "Waiver"),
        sends("DELETE", _assigned(LEGACY), _POLICY),
    ),
    Defect(
        "a policy that denies a role",
        denied_role,
        "policies",
        "blocks",
        ("policy 'House rules' (assignment house) denies roleAssignments", "az policy exemption create"),
        exempt(SUBSCRIPTION),
    ),
    Defect(
        "a policy that denies a connection",
        policy(
            SECURE,
            "All",
            {"field": "type", "equals": "Microsoft.MachineLearningServices/workspaces/connections"},
        ),
        "policies",
        "blocks",
        ("denies connections",),
        sends("DELETE", _assigned(SECURE), _POLICY),
    ),
    Defect(
        "policies that nobody can be asked about",
        provider("Microsoft.PolicyInsights", registrationState="NotRegistered"),
        "unread",
        "warns",
        ("what Azure Policy denies: ", "Microsoft.PolicyInsights"),
        sends("POST", f"{SUBSCRIPTION}/providers/Microsoft.PolicyInsights/register", "2022-09-01"),
    ),
    Defect(
        "an associated resource that is gone",
        lambda bench: bench.remove(INSIGHTS),
        "associated",
        "blocks",
        ("it does not exist", "target.associated_resources.application_insights"),
        restored_insights,
        besides=("unread",),
    ),
    Defect(
        "an associated resource of another subscription",
        lambda bench: own_resources(bench, key_vault=VAULT.replace(SUBSCRIPTION, _STRANGER)),
        "associated",
        "blocks",
        ("it lies in subscription 11111111", "target.associated_resources.key_vault"),
        config("target", associated_resources="share"),
    ),
    Defect(
        "a vault of another tenant",
        lambda bench: bench.properties(VAULT).update(tenantId="99999999-0c5e-4a55-8e6f-000000007e11"),
        "associated",
        "blocks",
        ("it belongs to tenant 99999999", "target.associated_resources.key_vault"),
        other_vault,
    ),
    Defect(
        "a name that somebody else has",
        taken_account,
        "associated",
        "blocks",
        ("is already taken", "target.workspace", "target.associated_resources"),
        config("target", workspace="ws-safe"),
    ),
    Defect(
        "a registry that takes no private endpoints",
        lambda bench: bench.document(REGISTRY).update(sku={"name": "Standard", "tier": "Standard"}),
        "registry",
        "blocks",
        ("its SKU is Standard", "az acr update --name crwslegacy7f3a --sku Premium"),
        sends("PATCH", REGISTRY, VAULTS, {"sku": {"name": "Premium"}}),
    ),
    Defect(
        "no registry",
        without_registry,
        "registry",
        "warns",
        ("the source has no container registry", "target.associated_resources.container_registry"),
        own_registry,
        besides=("approvers",),
    ),
    Defect(
        "a vault that lets nobody by",
        lambda bench: bench.properties(VAULT)["networkAcls"].update(bypass="None"),
        "key_vault",
        "blocks",
        ("its bypass is None", "az keyvault update --name kv-ws-legacy-7f3a --bypass AzureServices"),
        fix="let_services_by",
    ),
    Defect(
        "a vault without roles whose secrets are injected",
        lambda bench: injecting(bench, roles=False, allowed=True),
        "key_vault",
        "blocks",
        ("injected into demand/main", "goes by access policies", "--enable-rbac-authorization true"),
        sends("PATCH", VAULT, VAULTS, {"properties": {"enableRbacAuthorization": True}}),
    ),
    Defect(
        "a premium storage account",
        premium_account,
        "storage",
        "blocks",
        ("it is a premium account", "target.associated_resources.storage_account"),
        config("target", associated_resources="share"),
    ),
    Defect(
        "a service endpoint",
        service_endpoint,
        "service_endpoints",
        "warns",
        ("snet-apps reaches it by a service endpoint", "az storage account network-rule remove"),
        sends("PATCH", STORAGE, "2023-05-01", _OPEN),
    ),
    Defect(
        "a connection that waits",
        lambda bench: connection(bench).update(status="Pending"),
        "connections",
        "warns",
        ("waits for approval", "az network private-endpoint-connection approve --id"),
        fix="approve_connection",
    ),
    Defect(
        "a connection that is cut",
        lambda bench: connection(bench).update(status="Disconnected"),
        "connections",
        "warns",
        ("is disconnected", "az network private-endpoint-connection delete --id"),
        delete_found(VAULTS),
    ),
    Defect(
        "an identity that may not pull",
        lambda bench: bench.remove(PULLS["id"]),
        "identities",
        "blocks",
        ("it lacks AcrPull on registries crwslegacy7f3a", "az role assignment create", '--role "AcrPull"'),
        fix="assign_role",
    ),
    Defect(
        "an identity that may not read",
        lambda bench: bench.remove(READS["id"]),
        "identities",
        "blocks",
        ("it lacks Storage Blob Data Reader on storageAccounts stwslegacy7f3a", "az role assignment create"),
        fix="assign_role",
    ),
    Defect(
        "an identity that may not read injected secrets",
        lambda bench: injecting(bench, roles=True, allowed=False),
        "identities",
        "blocks",
        ("it lacks Key Vault Secrets User on vaults kv-ws-legacy-7f3a", "az role assignment create"),
        fix="assign_role",
    ),
    Defect(
        "an identity that may not collect",
        collecting,
        "identities",
        "blocks",
        (
            "it lacks Storage Blob Data Contributor on storageAccounts stwslegacy7f3a",
            "az role assignment create",
        ),
        fix="assign_role",
    ),
    Defect(
        "a registry with rights by repository",
        lambda bench: bench.properties(REGISTRY).update(roleAssignmentMode="AbacRepositoryPermissions"),
        "identities",
        "blocks",
        ("it lacks Container Registry Repository Reader", "az role assignment create"),
        fix="assign_role",
    ),
    Defect(
        "a workspace's identity without the vault",
        workspace_identity,
        "identities",
        "warns",
        ("workspace ws-secure acts as it, and it lacks Key Vault Administrator", "az role assignment create"),
        fix="assign_role",
    ),
    Defect(
        "an identity that may not approve",
        approving_identity,
        "approvers",
        "blocks",
        ("it lacks Azure AI Enterprise Network Connection Approver", "az role assignment create"),
        approve_by_hand,
        fix="assign_role",
        besides=("permissions",),
    ),
    Defect(
        "an identity that is yet to approve",
        approving_unborn,
        "approvers",
        "warns",
        ("which its identity must approve", "az role assignment create", "az ml workspace show"),
        approve_unborn,
        besides=("permissions",),
    ),
    Defect(
        "a network with Docker's addresses",
        docker_network,
        "networks",
        "warns",
        ("overlap 172.17.0.0/16", "az network vnet peering create"),
        config("target", inbound={"subnet_id": f"{CALLERS}/subnets/snet-endpoints"}),
    ),
    Defect(
        "a subnet that is missing",
        lambda bench: bench.configure("target", inbound={"subnet_id": f"{CALLERS}/subnets/snet-typo"}),
        "networks",
        "blocks",
        ("it has no subnet snet-typo", "az network vnet subnet create"),
        config("target", inbound={"subnet_id": f"{CALLERS}/subnets/snet-endpoints"}),
    ),
    Defect(
        "a zone that answers for all endpoints",
        override_zone,
        "dns",
        "blocks",
        (
            "asks this private zone for every endpoint's public name",
            "az network private-dns link vnet delete --subscription 3d5f7a21",
        ),
        sends("DELETE", _LINK, "2024-06-01"),
    ),
    Defect(
        "a name server that answers for all endpoints",
        own_name_server(westeurope_inference_ml_azure_com="10.40.1.6"),
        "dns",
        "blocks",
        ("answered by 10.40.0.4", "westeurope.inference.ml.azure.com -> 10.40.1.6", "forward api.azureml.ms"),
        by_hand(own_name_server()),
    ),
    Defect(
        "a name server that answers for all workspaces",
        own_name_server(inference_westeurope_privatelink_api_azureml_ms="10.40.1.6"),
        "dns",
        "blocks",
        ("westeurope.privatelink.api.azureml.ms -> 10.40.1.6", "168.63.129.16"),
        by_hand(own_name_server()),
    ),
    Defect(
        "a name server that nobody asks",
        unasked_name_server,
        "dns",
        "warns",
        ("must not answer for *.westeurope.inference.ml.azure.com", "VNETFERRY_DNS=vnet-callers=10.40.0.4"),
        all_places,
    ),
    Defect(
        "a zone that is not linked",
        unlinked_zone,
        "dns",
        "warns",
        ("is linked to it", "az network private-dns link vnet create --subscription 3d5f7a21"),
        sends(
            "PUT",
            _NEW_LINK,
            "2024-06-01",
            {
                "location": "global",
                "properties": {"virtualNetwork": {"id": CALLERS}, "registrationEnabled": False},
            },
        ),
    ),
    Defect(
        "a private endpoint from before",
        old_endpoint,
        "endpoint_age",
        "warns",
        ("it dates from 2021-11-05", "az network private-endpoint create"),
        remake_endpoint,
    ),
    Defect(
        "addresses that are let in",
        let_in,
        "ip_rules",
        "warns",
        ("it lets in 203.0.113.0/24", "az ml workspace update", "--network-acls 203.0.113.0/24"),
        let_in_again,
    ),
    Defect(
        "the v1 legacy mode",
        lambda bench: bench.properties(str(SOURCE)).update(v1LegacyMode=True),
        "legacy_mode",
        "blocks",
        ("v1LegacyMode is true", "az rest --method patch", "30 to 60 minutes"),
        fix="leave_legacy_mode",
    ),
    Defect(
        "a deployment that reaches any host",
        lambda bench: bench.properties(DEPLOYMENT).update(egressPublicNetworkAccess="Enabled"),
        "legacy_isolation",
        "warns",
        ("can reach any host today", "target.outbound_rules", "allow_internet_outbound"),
        config("target", isolation_mode="allow_internet_outbound", outbound_rules=[]),
    ),
    Defect(
        "an image that cannot be built",
        closed_registry,
        "image_build",
        "warns",
        ("its network is closed", "target.image_build_compute"),
        config("target", image_build_compute="cpu-builder"),
    ),
    Defect(
        "Application Insights that nothing reaches",
        private_insights,
        "telemetry",
        "warns",
        (
            "takes private ingestion alone",
            "demand/main",
            "microsoft.insights/privatelinkscopes/ampls-hub, subresource_target: azuremonitor",
        ),
        config("target", outbound_rules=[_WAY_TO_LINK_SCOPE]),
    ),
    Defect(
        "an endpoint without a request",
        lambda bench: bench.configure("validation", requests={}),
        "requests",
        "warns",
        ("names no request for demand", "Add 'demand: <file>.json'"),
        config("validation", requests={"demand": "requests/demand.json"}),
    ),
    Defect(
        "a place that nobody can ask from",
        one_vantage,
        "vantages",
        "warns",
        ("probed from internet alone", "VNETFERRY_VANTAGES"),
        all_places,
    ),
    Defect(
        "something that may not be read",
        with_role("Microsoft.Insights/eventtypes/values/read"),
        "unread",
        "warns",
        ("eventtypes/management/values", "Reader"),
        as_owner,
    ),
    Defect(
        "what only Azure's diagnosis sees",
        unassigned_workspace,
        "diagnosis",
        "warns",
        ("StorageAccountPermissionMissing", "az ml workspace diagnose"),
        reassign_workspace,
    ),
)
