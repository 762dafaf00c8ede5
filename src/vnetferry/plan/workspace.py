"""The target workspace, its managed network, and the private endpoint that its callers come through."""

from __future__ import annotations

from typing import Any

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json
from vnetferry.models.config import BringYourOwn
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import DATASTORE, OUTBOUND_RULE, PRIVATE_ENDPOINT, Inventory
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import FIREWALL_S, expected_s
from vnetferry.plan.fields import Rule, rule_of, writable
from vnetferry.plan.parts import Part, attention
from vnetferry.plan.references import datastore_of, used_assets
from vnetferry.plan.rules import (
    WIRE_MODES,
    Destination,
    destination,
    needs_firewall,
    private_endpoint_rule,
    wire_rules,
)
from vnetferry.plan.scope import Scope

ASSOCIATED = {
    "storage_account": "storageAccount",
    "key_vault": "keyVault",
    "container_registry": "containerRegistry",
    "application_insights": "applicationInsights",
}
_SUBNET = "Microsoft.Network/virtualNetworks/subnets"


def workspace_step_id(scope: Scope) -> str:
    """The step that everything in the target waits for."""
    return f"create_workspace:{scope.target.name}"


def network_step_id(scope: Scope) -> str:
    """The step that deployments wait for."""
    return f"provision_network:{scope.target.name}"


def inbound_step_id(scope: Scope) -> str:
    """The step that makes the callers' private endpoint."""
    return f"create_private_endpoint:{_inbound_name(scope)}"


def plan_workspace(scope: Scope) -> Part:
    """Create the workspace and provision its network."""
    associated = associated_resources(scope)
    rules, warnings = outbound_rules(scope, associated)
    body = _workspace_body(scope, associated)
    create = Step(
        id=workspace_step_id(scope),
        kind="create_workspace",
        title=f"create workspace {scope.target.name}",
        resource=scope.target,
        source=scope.inventory.source,
        spec=_workspace_spec(scope, body, associated, rules),
        undo="delete",
        duration_s=expected_s("create_workspace"),
    )
    provision = Step(
        id=network_step_id(scope),
        kind="provision_network",
        title=f"provision the network of {scope.target.name}",
        resource=scope.target,
        spec={
            "include_spark": False,
            "image_build_compute": scope.config.target.image_build_compute or "",
        },
        depends_on=(create.id,),
        duration_s=expected_s("provision_network") + (FIREWALL_S if needs_firewall(rules) else 0),
    )
    carried = carry_over(scope.inventory.workspace, scope.target, body, _created(associated))
    return Part((create, provision), carried.carry_over, (*carried.warnings, *warnings))


def plan_inbound(scope: Scope) -> Part:
    """Create the private endpoint that callers come through, when the configuration asks for one."""
    inbound = scope.config.target.inbound
    if inbound is None:
        return Part(warnings=tuple(_without_inbound(scope)))
    subnet = inbound.subnet_id
    if subnet.type.lower() != _SUBNET.lower():
        raise ConfigError(
            f"target.inbound.subnet_id is a {subnet.type}, not a subnet",
            resource="target.inbound.subnet_id",
            remedy="It ends with /virtualNetworks/<name>/subnets/<name>.",
        )
    resource = ResourceId(f"{subnet.group_id}/providers/{PRIVATE_ENDPOINT}/{_inbound_name(scope)}")
    step = Step(
        id=inbound_step_id(scope),
        kind="create_private_endpoint",
        title=f"create private endpoint {resource.name}",
        resource=resource,
        body=_private_endpoint_body(scope, subnet),
        spec={"vnet": subnet.parent.name, "dns_zones": dns_zones(scope.inventory)},
        depends_on=(workspace_step_id(scope),),
        undo="delete",
        duration_s=expected_s("create_private_endpoint"),
    )
    return Part((step,), warnings=tuple(_dns_warning(scope, step)))


def associated_resources(scope: Scope) -> dict[str, str]:
    """storage_account, key_vault, container_registry, application_insights -> id, or "" for one to be
    created.
    """
    wanted = scope.config.target.associated_resources
    if isinstance(wanted, BringYourOwn):
        return {name: str(getattr(wanted, name) or "") for name in ASSOCIATED}
    if wanted == "create":
        return dict.fromkeys(ASSOCIATED, "")
    source = scope.inventory.workspace
    return {name: str(source.get(wire, "")) for name, wire in ASSOCIATED.items()}


def shares_with_source(scope: Scope) -> bool:
    """Whether the target uses a storage account, vault or registry of the source."""
    source = scope.inventory.workspace
    associated = associated_resources(scope)
    return any(
        associated[name] and associated[name].lower() == str(source.get(wire, "")).lower()
        for name, wire in ASSOCIATED.items()
        if name != "application_insights"
    )


def outbound_rules(scope: Scope, associated: dict[str, str]) -> tuple[dict[str, Json], list[PlanWarning]]:
    """All rules that the workspace is created with, and what a person should know about them."""
    mode = WIRE_MODES[scope.config.target.isolation_mode]
    system = _system_destinations(scope, associated)
    rules, warnings = wire_rules(scope.config.target.outbound_rules, mode, system)
    taken = system | {destination(rule) for rule in rules.values()}
    for name, rule, warning in (*_kept_rules(scope), *_datastore_rules(scope)):
        if destination(rule) not in taken and name not in rules:
            taken.add(destination(rule))
            rules[name] = rule
            warnings.append(warning)
    return rules, warnings


def _system_destinations(scope: Scope, associated: dict[str, str]) -> set[Destination]:
    """What Azure makes private endpoint rules to by itself, so that a second rule would be refused."""
    targets = {
        "storage_account": ("blob", "file"),
        "key_vault": ("vault",),
        "container_registry": ("registry",),
    }
    return {
        ("PrivateEndpoint", associated[name].lower(), subresource)
        for name, subresources in targets.items()
        for subresource in subresources
        if associated[name] and _is_reached_by_azure(scope, ResourceId(associated[name]))
    }


def _is_reached_by_azure(scope: Scope, resource: ResourceId) -> bool:
    """Always where only approved egress is allowed; else when the resource refuses public access."""
    if scope.config.target.isolation_mode == "allow_only_approved_outbound":
        return True
    known = scope.inventory.find(resource) if resource in scope.inventory else None
    return known is not None and str(known.get("publicNetworkAccess", "Enabled")).lower() == "disabled"


NamedRule = tuple[str, Json, PlanWarning]


def _kept_rules(scope: Scope) -> list[NamedRule]:
    """The rules that people made on a source that has a managed network already."""
    found = []
    for document in scope.inventory.of_type(OUTBOUND_RULE):
        if document.get("category") == "UserDefined":
            keys = ("type", "category", "destination", "fqdns")
            rule = {key: document.get(key) for key in keys if document.get(key)}
            warning = attention(document.id, f"Outbound rule {document.name} of the source is taken over.")
            found.append((document.name, scope.remap.value(rule), warning))
    return found


def _datastore_rules(scope: Scope) -> list[NamedRule]:
    """Rules to the storage accounts, not the workspace's own, that hold models of the endpoints that move."""
    used = {datastore_of(str(asset.get("modelUri", ""))) for asset in used_assets(scope)}
    found = []
    for store in scope.inventory.of_type(DATASTORE):
        account = store.get("accountName")
        if account and store.name.lower() in used:
            name = f"vf-{account}-blob"  # account names have 24 characters at most, rule names 33
            text = f"Outbound rule {name} is added: datastore {store.name} on {account} holds a model."
            rule = private_endpoint_rule(_account(scope, store.properties), "blob")
            found.append((name, rule, attention(store.id, text)))
    return found


def _account(scope: Scope, datastore: Json) -> ResourceId:
    source = scope.inventory.source
    subscription = datastore.get("subscriptionId") or source.subscription_id
    group = datastore.get("resourceGroup") or source.resource_group
    provider = "providers/Microsoft.Storage/storageAccounts"
    return ResourceId(
        f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{datastore['accountName']}"
    )


def _workspace_body(scope: Scope, associated: dict[str, str]) -> Json:
    """The target as a document, to compare the source with.

    It is created through the SDK, which cannot pass on what it does not know.
    """
    kind = scope.inventory.workspace.type
    body: Json = scope.remap.value(writable(kind, scope.inventory.workspace.body))
    body["location"] = scope.location
    written = body.get("properties", {})
    properties = {key: written[key] for key in written if rule_of(kind, ("properties", key)).what == "carry"}
    body["properties"] = properties
    properties["publicNetworkAccess"] = "Disabled"
    properties["enableDataIsolation"] = shares_with_source(scope) or bool(
        properties.get("enableDataIsolation")
    )
    for name, wire in ASSOCIATED.items():
        properties.pop(wire, None)
        if associated[name]:
            properties[wire] = associated[name]
    identities = body.get("identity", {}).get("userAssignedIdentities")
    if identities:
        body["identity"]["userAssignedIdentities"] = {name: {} for name in identities}
    return body


def _created(associated: dict[str, str]) -> dict[tuple[str, ...], Rule]:
    made = Rule("remake", "Azure makes a new one with the workspace")
    return {("properties", wire): made for name, wire in ASSOCIATED.items() if not associated[name]}


def _workspace_spec(scope: Scope, body: Json, associated: dict[str, str], rules: dict[str, Json]) -> Json:
    properties: dict[str, Any] = body["properties"]
    target = scope.config.target
    return {
        "isolation_mode": WIRE_MODES[target.isolation_mode],
        "firewall_sku": target.firewall_sku.capitalize(),
        "outbound_rules": rules,
        "associated": associated,
        "public_network_access": "Disabled",
        "data_isolation": properties["enableDataIsolation"],
        "identity": body.get("identity", {"type": "SystemAssigned"}),
        "primary_user_assigned_identity": properties.get("primaryUserAssignedIdentity", ""),
        "display_name": properties.get("friendlyName", ""),
        "description": properties.get("description", ""),
        "tags": body.get("tags", {}),
        "location": scope.location,
        "hbi_workspace": bool(properties.get("hbiWorkspace", False)),
        "system_datastores_auth_mode": properties.get("systemDatastoresAuthMode", ""),
        "encryption": properties.get("encryption", {}),
    }


def _inbound_name(scope: Scope) -> str:
    return f"pe-{scope.target.name}"


def _private_endpoint_body(scope: Scope, subnet: ResourceId) -> Json:
    connection = {
        "name": _inbound_name(scope),
        "properties": {"privateLinkServiceId": str(scope.target), "groupIds": ["amlworkspace"]},
    }
    return {
        "location": _vnet_location(scope, subnet),
        "properties": {"subnet": {"id": str(subnet)}, "privateLinkServiceConnections": [connection]},
    }


def _vnet_location(scope: Scope, subnet: ResourceId) -> str:
    """The VNet's region, which a private endpoint must share; the target's when nothing read tells it."""
    for document in scope.inventory.documents:
        where = document.get("subnet")
        in_subnet = isinstance(where, dict) and str(where.get("id", "")).lower() == subnet.key
        if document.id == subnet.parent or in_subnet:
            return str(document.body.get("location") or scope.location)
    return scope.location


def dns_zones(inventory: Inventory) -> list[str]:
    """The ids of the private DNS zones that the private endpoints of the source workspace itself register in."""
    zones: set[str] = set()
    for document in inventory.documents:
        is_group = document.type.lower().endswith("/privatednszonegroups")
        if is_group and _leads_to_source(inventory, document.id.parent):
            configs = document.get("privateDnsZoneConfigs", [])
            zones |= {c["properties"]["privateDnsZoneId"] for c in configs if c.get("properties")}
    return sorted(zones)


def _leads_to_source(inventory: Inventory, private_endpoint: ResourceId) -> bool:
    """Whether it is the workspace's, and not one of the storage, vault or registry that the workspace uses."""
    if private_endpoint not in inventory:
        return False
    document = inventory.find(private_endpoint)
    kinds = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
    connections = [connection for kind in kinds for connection in document.get(kind, [])]
    targets = {str(c.get("properties", {}).get("privateLinkServiceId", "")).lower() for c in connections}
    return inventory.source.key in targets


def _dns_warning(scope: Scope, step: Step) -> list[PlanWarning]:
    if step.spec["dns_zones"]:
        return []
    text = (
        "No private DNS zone group was found on the source's private endpoints. Callers in the VNet need records for "
        f"{scope.target.name} in privatelink.api.azureml.ms; add a zone group to the new private endpoint, or records "
        "to your own DNS. A wildcard that sends all endpoints of the region to the old workspace must go."
    )
    return [attention(step.resource, text)]


def _without_inbound(scope: Scope) -> list[PlanWarning]:
    if scope.config.endpoints.public_network_access == "enabled":
        return []
    text = (
        "The new endpoints refuse public callers and the plan makes no private endpoint. Set target.inbound.subnet_id, "
        "or make a private endpoint to the new workspace in each VNet that callers are in."
    )
    return [attention(scope.target, text)]
