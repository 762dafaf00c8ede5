"""The target workspace and its managed network."""

from __future__ import annotations

from typing import Any

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.associated import ASSOCIATED, associated_resources, associated_step_ids, made_anew
from vnetferry.plan.build_hosts import pip_environments
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.derived_rules import DerivedRule, announced, approves, derived_rules
from vnetferry.plan.durations import FIREWALL_S, expected_s
from vnetferry.plan.field_rules import Rule
from vnetferry.plan.fields import known
from vnetferry.plan.parts import Part, attention
from vnetferry.plan.reach import reach_warnings
from vnetferry.plan.rules import (
    WIRE_MODES,
    Destination,
    destination,
    is_reached,
    needs_firewall,
    wire_rules,
)
from vnetferry.plan.scope import Scope
from vnetferry.plan.storage_services import service_step_ids


def workspace_step_id(scope: Scope) -> str:
    """The step that everything in the target waits for."""
    kind = "enable_network" if scope.config.in_place else "create_workspace"
    return f"{kind}:{scope.target.name}"


def network_step_id(scope: Scope) -> str:
    """The step that deployments wait for."""
    return f"provision_network:{scope.target.name}"


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
        depends_on=(*associated_step_ids(scope), *service_step_ids(scope)),
        undo="delete",
        duration_s=expected_s("create_workspace"),
    )
    provision = provision_step(scope, rules, scope.config.target.image_build_compute or "")
    carried = carry_over(scope.inventory.workspace, scope.target, body, _created(associated))
    return Part((create, provision), carried.carry_over, (*carried.warnings, *warnings))


def provision_step(scope: Scope, rules: dict[str, Json], image_build_compute: str) -> Step:
    """Provision the network once the workspace has it, and then name the compute that builds images ("" for none)."""
    return Step(
        id=network_step_id(scope),
        kind="provision_network",
        title=f"provision the network of {scope.target.name}",
        resource=scope.target,
        spec={"include_spark": False, "image_build_compute": image_build_compute},
        depends_on=(workspace_step_id(scope),),
        duration_s=expected_s("provision_network") + (FIREWALL_S if needs_firewall(rules) else 0),
    )


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
    system = system_destinations(scope, associated)
    rules, warnings = wire_rules(scope.config.target.outbound_rules, mode, system)
    taken = system | {destination(rule) for rule in rules.values()}
    added: list[DerivedRule] = []
    left_out: list[DerivedRule] = []
    for derived in derived_rules(scope):
        where, there = destination(derived.rule), map(str.lower, rules)
        if is_reached(where, taken) or derived.name.lower() in there:
            continue
        taken.add(where)
        if derived.kept or scope.config.target.derive_outbound_rules:
            rules[derived.name] = derived.rule
            added.append(derived)
        else:
            left_out.append(derived)
    warnings += [
        *announced(added),
        *_not_derived(left_out),
        *_package_index(scope),
        *_firewalls_reason(scope, rules),
    ]
    return rules, [*warnings, *reach_warnings(scope)]


def _not_derived(left_out: list[DerivedRule]) -> list[PlanWarning]:
    if not left_out:
        return []
    missing = "; ".join(f"{rule.what} ({rule.why})" for rule in left_out)
    text = f"target.derive_outbound_rules is false, so no rule is made for: {missing}."
    return [attention("target.derive_outbound_rules", text)]


def _package_index(scope: Scope) -> list[PlanWarning]:
    """That the index of Python packages, which only its users know, needs rules of theirs."""
    environments = pip_environments(scope) if approves(scope) else []
    if not environments:
        return []
    text = (
        f"Building {', '.join(environments)} loads Python packages from pip's own index. No rule to it is derived: "
        "unless target.outbound_rules has them, add FQDN rules for the hosts of the index that you allow "
        "(https://learn.microsoft.com/azure/machine-learning/how-to-managed-network lists the public one's)."
    )
    return [attention("target.outbound_rules", text)]


def _firewalls_reason(scope: Scope, rules: dict[str, Json]) -> list[PlanWarning]:
    """That the firewall is there for rules that nobody asked for by name, and how to do without."""
    asked = {str(rule.get("name")) for rule in scope.config.target.outbound_rules}
    fqdn = [name for name, rule in rules.items() if rule["type"] == "FQDN"]
    if not fqdn or asked & set(fqdn):
        return []
    text = (
        f"Only rules that were added ({', '.join(fqdn)}) call for the firewall, which is billed by the hour. "
        "Environments with finished images need no hosts for builds; target.derive_outbound_rules: false makes none."
    )
    return [attention(scope.target, text)]


def system_destinations(scope: Scope, associated: dict[str, str]) -> set[Destination]:
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
    planned = {each.resource: each.body["properties"] for each in made_anew(scope)}
    read = scope.inventory.find(resource).properties if resource in scope.inventory else {}
    known = planned.get(resource, read)
    return str(known.get("publicNetworkAccess") or "Enabled").lower() == "disabled"


def _workspace_body(scope: Scope, associated: dict[str, str]) -> Json:
    """The target as a document, to compare the source with.

    It is created through the SDK, which cannot pass on what it does not know.
    """
    kind = scope.inventory.workspace.type
    body: Json = scope.remap.value(known(kind, scope.inventory.workspace.body))
    body["location"] = scope.location
    properties = body.setdefault("properties", {})
    for name in ("friendlyName", "description"):  # the SDK's template leaves neither empty
        properties[name] = properties.get(name) or scope.target.name
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
        "serverless_without_public_ip": properties.get("serverlessComputeSettings", {}).get(
            "serverlessComputeNoPublicIP"
        ),
    }
