"""What a workspace's diagnosis finds, in Azure's groups: locks, DNS, and whether the workspace gets at what it uses.

Quoted are the code and text of custom DNS (how to use workspace diagnostics). The other codes and texts are assumed,
and so is what is looked at: what Azure Machine Learning documents as breaking workspaces. Nothing here changes
anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.arm.private_links import connection_status
from vnetferry.sandbox.ml.identity import principals
from vnetferry.sandbox.ml.managed_network import is_managed, rules_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

GROUPS = (
    "userDefinedRouteResults",
    "networkSecurityRuleResults",
    "resourceLockResults",
    "dnsResolutionResults",
    "storageAccountResults",
    "keyVaultResults",
    "containerRegistryResults",
    "applicationInsightsResults",
    "otherResults",
)
_LOCKS = "Microsoft.Authorization/locks"
_READS_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
_DNS_HELP = "https://learn.microsoft.com/azure/machine-learning/how-to-custom-dns"
_Findings = Iterator[Json]


def diagnose(world: World, workspace: Json) -> Json:
    """The findings by group; a group without any is an empty list."""
    found = {
        "resourceLockResults": _locks(world, workspace),
        "dnsResolutionResults": _custom_dns(world, workspace),
        "storageAccountResults": _storage(world, workspace),
        "keyVaultResults": _vault(world, workspace),
        "containerRegistryResults": _registry(world, workspace),
        "applicationInsightsResults": _present(world, workspace, "applicationInsights"),
        "otherResults": _others(world, workspace),
    }
    return {group: list(found.get(group, ())) for group in GROUPS}


def _finding(code: str, message: str, level: str = "Error") -> Json:
    return {"code": code, "level": level, "message": message}


def _locks(world: World, workspace: Json) -> _Findings:
    """Any lock on the workspace, its group or its subscription."""
    parts = workspace["id"].split("/")
    for scope in (workspace["id"], "/".join(parts[:5]), "/".join(parts[:3])):
        for lock in world.documents.collection(f"{scope}/providers/{_LOCKS}"):
            message = f"The lock '{lock['name']}' on '{scope}' blocks changes that the workspace needs."
            yield _finding("ResourceLockDetected", message)


def _custom_dns(world: World, workspace: Json) -> _Findings:
    """Private endpoints of the workspace in networks that have DNS servers of their own."""
    for connection in _connections(world, workspace["id"]):
        endpoint_id = (connection["properties"].get("privateEndpoint") or {}).get("id", "")
        network = _network_of(world, endpoint_id)
        options = ((network or {}).get("properties") or {}).get("dhcpOptions") or {}
        if network and options.get("dnsServers"):
            message = (
                f"It is detected VNet '{network['id']}' of private endpoint '{endpoint_id}' is not using Azure "
                f"default DNS. You need to configure your DNS server and check {_DNS_HELP} to make sure the "
                "custom DNS is set up correctly."
            )
            yield _finding("CustomDnsInUse", message, "Warning")


def _network_of(world: World, endpoint_id: str) -> Json | None:
    endpoint = world.documents.get(endpoint_id) or {}
    subnet = ((endpoint.get("properties") or {}).get("subnet") or {}).get("id", "")
    return world.documents.get(subnet.rpartition("/subnets/")[0])


def _storage(world: World, workspace: Json) -> _Findings:
    yield from _present(world, workspace, "storageAccount")
    if account := _used(world, workspace, "storageAccount"):
        yield from _closed(world, workspace, account)
        yield from _unreadable(world, workspace, account)


def _vault(world: World, workspace: Json) -> _Findings:
    yield from _present(world, workspace, "keyVault")
    if vault := _used(world, workspace, "keyVault"):
        yield from _closed(world, workspace, vault)


def _registry(world: World, workspace: Json) -> _Findings:
    yield from _present(world, workspace, "containerRegistry")
    registry = _used(world, workspace, "containerRegistry")
    if registry is None:
        return
    yield from _closed(world, workspace, registry)
    tier = str((registry.get("sku") or {}).get("name") or "Premium")
    if is_managed(workspace) and tier.lower() != "premium":
        message = f"The container registry '{registry['id']}' is {tier}: private endpoints need Premium."
        yield _finding("ContainerRegistryNotPremium", message)


def _present(world: World, workspace: Json, name: str) -> _Findings:
    target = workspace["properties"].get(name)
    if target and target not in world.documents:
        yield _finding("ResourceNotFound", f"The {name} '{target}' was not found.")


def _used(world: World, workspace: Json, name: str) -> Json | None:
    return world.documents.get(workspace["properties"].get(name) or "")


def _closed(world: World, workspace: Json, resource: Json) -> _Findings:
    """A firewall that keeps the service out, unless the managed network has a private endpoint for it."""
    statuses = [connection_status(each) for each in _connections(world, resource["id"])]
    for status in statuses:
        if status in ("Pending", "Rejected"):
            message = f"A private endpoint connection of '{resource['id']}' is {status.lower()}: approve it."
            yield _finding("PrivateEndpointConnectionNotApproved", message, "Warning")
    if _shuts_out(resource) and "Approved" not in statuses:
        message = (
            f"The network rules of '{resource['id']}' keep workspace '{workspace['name']}' out: it has no "
            "approved private endpoint connection, and trusted Azure services may not pass."
        )
        yield _finding("NetworkAccessDenied", message)


def _shuts_out(resource: Json) -> bool:
    """Whether neither the public nor trusted Azure services get in; registries keep their rules in another member."""
    properties = resource.get("properties") or {}
    rules = properties.get("networkAcls") or properties.get("networkRuleSet") or {}
    bypass = str(rules.get("bypass") or properties.get("networkRuleBypassOptions") or "AzureServices")
    is_closed = properties.get("publicNetworkAccess") == "Disabled" or rules.get("defaultAction") == "Deny"
    return is_closed and "AzureServices" not in bypass


def _unreadable(world: World, workspace: Json, account: Json) -> _Findings:
    """The identity's roles on blobs; a scenario that assigns it nothing says nothing of its rights."""
    for principal in principals(workspace.get("identity"))[:1]:
        if _is_described(world, principal) and not authorization.allowed(
            world, principal, _READS_BLOBS, account["id"], data=True
        ):
            message = (
                f"The identity '{principal}' of the workspace lacks a role on the blobs of '{account['id']}'."
            )
            yield _finding("StorageAccountPermissionMissing", message)


def _is_described(world: World, principal: str) -> bool:
    """Whether anything is assigned to the principal anywhere."""
    subscriptions = [f"/subscriptions/{each}" for each in world.scenario.subscriptions]
    return any(
        authorization.has_some_right_below(world, principal, subscription) for subscription in subscriptions
    )


def _others(world: World, workspace: Json) -> _Findings:
    for connection in _connections(world, workspace["id"]):
        if (status := connection_status(connection)) in ("Pending", "Rejected"):
            message = (
                f"The private endpoint connection '{connection['name']}' is {status.lower()}: approve it."
            )
            yield _finding("PrivateEndpointConnectionNotApproved", message, "Warning")
    for name, rule in rules_of(workspace).items() if is_managed(workspace) else ():
        if rule.get("status") == "Failed":
            message = f"The outbound rule '{name}' has failed: {rule.get('errorInformation')}"
            yield _finding("OutboundRuleFailed", message)
    if workspace["properties"].get("v1LegacyMode"):
        message = "The workspace is in the v1 legacy mode, which keeps the v2 API from its private endpoint."
        yield _finding("V1LegacyModeEnabled", message, "Warning")


def _connections(world: World, resource_id: str) -> list[Json]:
    return world.documents.collection(f"{resource_id}/privateEndpointConnections")
