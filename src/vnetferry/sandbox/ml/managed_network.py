"""A workspace's managed network: how it is enabled and tightened, provisioned, and what it then holds.

The network's settings and rules live in the workspace's own document (`properties.managedNetwork`), which
is the only place where they are kept. Until it is provisioned the network is Inactive, and so are its
rules.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.arm.locks import require_free
from vnetferry.sandbox.arm.policy.judge import require_connection_allowed
from vnetferry.sandbox.arm.private_links import connect, find_connection
from vnetferry.sandbox.arm.providers import require_registered
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.api_versions import MANAGED_NETWORK
from vnetferry.sandbox.ml.identity import acting_principal
from vnetferry.sandbox.ml.network_fields import ISOLATION_MODES, PROVISION_OPTIONS
from vnetferry.sandbox.ml.network_rules import Rules, destinations, new_rule, require_rule, required_rules
from vnetferry.sandbox.ml.rule_destinations import refuse
from vnetferry.sandbox.ml.scope import WORKSPACE, require_idle, require_workspace, row
from vnetferry.sandbox.ml.service_links import rule_endpoint_id
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Principal, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# Documented: about half an hour, and about ten minutes more when the first FQDN rule makes the firewall.
PROVISION_S = 1800.0
FIREWALL_S = 600.0
PROVISION = "ManagedNetworkProvisions_ProvisionManagedNetwork"


def operations() -> list[Operation]:
    """Provisioning."""
    path, right = f"{WORKSPACE}/provisionManagedNetwork", "workspaces/provisionManagedNetwork/action"
    note = (
        "that a lock above makes it fail is documented; its code and text are assumed, and so is the shape of "
        "refusals, which is that of workspaces"
    )
    versions = MANAGED_NETWORK
    return [
        row(PROVISION, "POST", path, _provision, right, api_versions=versions, evidence="recorded", note=note)
    ]


def is_managed(workspace: Json) -> bool:
    """Whether the workspace's managed network is enabled (provisioned or not)."""
    mode = str((workspace["properties"].get("managedNetwork") or {}).get("isolationMode") or "Disabled")
    return mode.lower() != "disabled"


def is_active(workspace: Json) -> bool:
    """Whether the managed network is provisioned."""
    return bool((network_of(workspace).get("status") or {}).get("status") == "Active")


def require_ready(world: World, workspace_id: str) -> None:
    """AzureError 400 `WorkspaceManagedNetworkNotReady` while the network is enabled and not provisioned."""
    workspace = world.documents.require(workspace_id)
    if is_managed(workspace) and not is_active(workspace):
        message = (
            f"The managed network of workspace '{workspace['name']}' is not ready. Provision it with "
            "'az ml workspace provision-network' and try again when provisioning has succeeded."
        )
        raise service_error(400, "WorkspaceManagedNetworkNotReady", message)


def network_of(workspace: Json) -> Json:
    """The workspace's `managedNetwork` (live; made when the document has none)."""
    properties = workspace["properties"]
    if not properties.get("managedNetwork"):
        properties["managedNetwork"] = disabled()
    network: Json = properties["managedNetwork"]
    return network


def rules_of(workspace: Json) -> Rules:
    """Its outbound rules by name: those that the document has, live; a new map while it has none."""
    return network_of(workspace).get("outboundRules") or {}


def adopt_rules(world: World, workspace: Json) -> None:
    """Give a workspace of the scenario that says nothing of rules those that the service makes itself."""
    network = network_of(workspace)
    if is_managed(workspace) and network.get("outboundRules") is None:
        state = "Active" if is_active(workspace) else "Inactive"
        rules = required_rules(world, workspace)
        network["outboundRules"] = {name: {**rule, "status": state} for name, rule in rules.items()}


def disabled() -> Json:
    """The settings of a workspace without a managed network."""
    return {
        "changeableIsolationModes": list(ISOLATION_MODES[1:]),
        "isolationMode": "Disabled",
        "enableNetworkMonitor": False,
        "enableFirewallLog": False,
    }


def require_change(world: World, workspace: Json, wanted: Json) -> None:
    """AzureError 400 unless the settings `wanted` (read by MANAGED_NETWORK) may follow the present ones."""
    before, after = network_of(workspace)["isolationMode"], _mode_after(workspace, wanted)
    _require_transition(before, after)
    _require_kind(workspace, wanted)
    if before == "Disabled" != after:
        require_network_provider(world, workspace)
        require_empty(world, workspace)
    rules = required_rules(world, _preview(workspace, after)) if after != "Disabled" else {}
    rules = rules | rules_of(workspace)
    for name, rule in _named_as_stored(rules, wanted).items():
        require_rule(world, after, rules, name, rule)
        rules[name] = rule


def apply_change(world: World, workspace: Json, wanted: Json, rules: Rules, caller: Principal | None) -> None:
    """Set the new settings; rules that `wanted` names join `rules`, which the workspace had at the start."""
    network, mode = network_of(workspace), _mode_after(workspace, wanted)
    if mode == "Disabled":
        return
    was_active = is_active(workspace)
    if network["isolationMode"] == "Disabled":
        network["networkId"] = str(uuid.uuid4())  # for good: the private endpoints of its rules lie below it
    network["isolationMode"] = mode
    network["changeableIsolationModes"] = list(ISOLATION_MODES[ISOLATION_MODES.index(mode) + 1 :])
    network.setdefault("status", {"status": "Inactive", "sparkReady": False})
    for name in ("firewallSku", "managedNetworkKind", "enableNetworkMonitor", "enableFirewallLog"):
        if wanted.get(name) is not None:
            network[name] = wanted[name]
    if mode == "AllowOnlyApprovedOutbound":
        network.setdefault("firewallSku", "Standard")
    composed = _compose(world, workspace, as_they_are(rules, rules_of(workspace)))
    named = {name: new_rule(rule) for name, rule in _named_as_stored(composed, wanted).items()}
    replace_rules(world, workspace, composed | named)
    if was_active:
        activate(world, workspace, waiting(workspace), caller)


def require_network_provider(world: World, workspace: Json) -> None:
    """AzureError 409 `MissingSubscriptionRegistration` unless Microsoft.Network is registered, as documented."""
    subscription = "/".join(workspace["id"].split("/")[:3])
    require_registered(world, f"{subscription}/providers/Microsoft.Network/privateEndpoints")


def require_empty(world: World, workspace: Json) -> None:
    """AzureError 400 while there are computes or endpoints, which must go before the network is enabled."""
    for kind in ("computes", "onlineEndpoints"):
        if names := [each["name"] for each in world.documents.collection(f"{workspace['id']}/{kind}")]:
            message = (
                f"Managed network cannot be enabled while the workspace has {kind}: {', '.join(names)}. "
                "Delete them, enable the managed network, and create them again."
            )
            raise refuse(message)


def provision_s(world: World, workspace: Json) -> float:
    """How long provisioning this workspace's network takes, in Azure seconds."""
    extra_s = FIREWALL_S if has_firewall(rules_of(workspace)) else 0.0
    return world.scenario.durations_s.get(PROVISION, PROVISION_S + extra_s)


def change_s(workspace: Json, wanted: Json) -> float:
    """How much longer a change takes because it makes the firewall of a network that is active already."""
    new = wanted.get("outboundRules") or {}
    first = has_firewall(new) and not has_firewall(rules_of(workspace)) if new else False
    return FIREWALL_S if first and is_active(workspace) else 0.0


def has_firewall(rules: Rules) -> bool:
    """Whether any rule needs the firewall, which is made with the first FQDN rule."""
    return any(rule["type"] == "FQDN" for rule in rules.values())


def complete_provisioning(
    world: World, workspace: Json, caller: Principal | None, *, include_spark: bool = False
) -> None:
    """Make the network Active with all its rules; idempotent.

    Raises: AzureError 409 `ScopeLocked` when a lock of whatever level holds on the workspace or above it, as
            the service makes and removes resources there (documented; code and text are assumed).
            AzureError 403 `AuthorizationFailed` when a rule's private endpoint may not be approved, and
            `RequestDisallowedByPolicy` when a policy denies its connection; that rule is Failed then.
    """
    require_free(world, workspace["id"], "managed network provisioning")
    network = network_of(workspace)
    network["outboundRules"] = _compose(world, workspace, rules_of(workspace))
    spark_ready = include_spark or bool((network.get("status") or {}).get("sparkReady"))
    activate(world, workspace, list(network["outboundRules"]), caller, spark=spark_ready)
    network["status"] = {"status": "Active", "sparkReady": spark_ready}


def activate(
    world: World, workspace: Json, names: list[str], caller: Principal | None, *, spark: bool = False
) -> None:
    """Make these rules Active; a private endpoint rule connects to its target, if that may be approved."""
    for name in names:
        rule = rules_of(workspace)[name]
        if rule["status"] == "Active" and not spark:
            continue
        rule["status"] = "Active"
        rule.pop("errorInformation", None)
        if rule["type"] == "PrivateEndpoint":
            _connect(world, workspace, name, rule, caller)
            enabled = spark and rule["destination"].get("sparkEnabled")
            rule["destination"]["sparkStatus"] = "Active" if enabled else "Inactive"


def waiting(workspace: Json) -> list[str]:
    """The rules that are to become active; one that failed waits for another try of its own."""
    return [name for name, rule in rules_of(workspace).items() if rule["status"] == "Inactive"]


def replace_rules(world: World, workspace: Json, rules: Rules) -> None:
    """Set the rules; the private endpoints of those that are gone, or lead elsewhere now, go with them."""
    for name, rule in rules_of(workspace).items():
        if name not in rules or destinations(rules[name]) != destinations(rule):
            disconnect(world, workspace, name, rule)
    network_of(workspace)["outboundRules"] = rules


def as_they_are(former: Rules, present: Rules) -> Rules:
    """The rules of a snapshot in the state that they have now.

    One that was deleted or led elsewhere meanwhile comes back, and has to be made again.
    """
    for name, rule in former.items():
        now = present.get(name)
        is_there = now is not None and destinations(now) == destinations(rule)
        rule["status"] = now["status"] if now and is_there else "Inactive"
    return former


def disconnect(world: World, workspace: Json, name: str, rule: Json) -> None:
    """Take back what an active rule made on its target."""
    if rule["type"] != "PrivateEndpoint":
        return
    target = rule["destination"]["serviceResourceId"]
    connection = find_connection(world, target, rule_endpoint_id(workspace, name))
    if connection:
        world.documents.remove(connection["id"])


def take_down(world: World, workspace: Json) -> None:
    """Take back everything that the network made: it goes with its workspace."""
    for name, rule in rules_of(workspace).items():
        disconnect(world, workspace, name, rule)
        rule["status"] = "Inactive"
    network_of(workspace)["status"] = {"status": "Inactive", "sparkReady": False}


async def _provision(call: Call) -> Response:
    workspace = require_workspace(call)
    options = PROVISION_OPTIONS.read(call.json()) if call.request.body else {}
    if not is_managed(workspace):
        raise refuse("Managed network is not enabled for the workspace: set its isolation mode first.")
    require_idle(call.world, workspace["id"])
    require_network_provider(call.world, workspace)
    world, caller = call.world, call.request.principal

    async def finish() -> None:
        complete_provisioning(world, workspace, caller, include_spark=bool(options.get("includeSpark")))

    operation = world.operations.start(
        "workspace",
        PROVISION,
        workspace["id"],
        workspace["location"],
        default_s=provision_s(world, workspace),
        finish=finish,
        result=lambda: deepcopy(network_of(workspace)["status"]),
    )
    return world.operations.accepted(operation, call.api_version)


def _connect(world: World, workspace: Json, name: str, rule: Json, caller: Principal | None) -> None:
    """Connect to the rule's target; the rule is Failed when that cannot be.

    A connection that is there stays as it is: one that was rejected stays so (assumed).
    """
    target = rule["destination"]["serviceResourceId"]
    if rule["category"] == "UserDefined" and not _is_own(workspace, target):
        _require_approval(world, workspace, rule, caller)
    if _is_unable(world, target):
        rule["status"] = "Failed"
        rule["errorInformation"] = f"Private endpoints need a Premium container registry: '{target}' is not."
        return
    endpoint_id = rule_endpoint_id(workspace, name)
    if find_connection(world, target, endpoint_id) is None:
        with _failing(rule):
            require_connection_allowed(world, target, endpoint_id, approved=True)
        connect(world, target, endpoint_id, [rule["destination"]["subresourceTarget"]], approved=True)


@contextmanager
def _failing(rule: Json) -> Iterator[None]:
    """A refusal is the rule's too, which says why it failed."""
    try:
        yield
    except AzureError as err:
        rule["status"], rule["errorInformation"] = "Failed", err.message
        raise


def _is_own(workspace: Json, target: str) -> bool:
    """Whether the service itself approves what leads there: the workspace and what it was made upon."""
    names = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
    own = [workspace["id"], *(workspace["properties"].get(name) for name in names)]
    return target.lower() in {str(each).lower() for each in own if each}


def _is_unable(world: World, target: str) -> bool:
    document = world.documents.get(target) or {}
    kind = resource_type(target).lower()
    return kind == "microsoft.containerregistry/registries" and _sku(document) != "premium"


def _sku(document: Json) -> str:
    return str((document.get("sku") or {}).get("name", "")).lower()


def _require_approval(world: World, workspace: Json, rule: Json, caller: Principal | None) -> None:
    """Both the workspace's identity and the caller must be allowed to approve on the target."""
    target = rule["destination"]["serviceResourceId"]
    for asker in (acting_principal(workspace), caller):
        if asker and (action := _lacking(world, asker, target)):
            with _failing(rule):
                raise authorization.denied(asker, action, target)


def _lacking(world: World, asker: Principal, target: str) -> str | None:
    """The first right that the asker has not: to read the target's connections, then to approve them."""
    kind = resource_type(target)
    rights = ("privateEndpointConnections/read", "privateEndpointConnectionsApproval/action")
    actions = [f"{kind}/{right}" for right in rights]
    lacking = (each for each in actions if not authorization.allowed(world, asker.object_id, each, target))
    return next(lacking, None)


def _compose(world: World, workspace: Json, rules: Rules) -> Rules:
    """The required rules, in the state in which `rules` has them, and everybody else's.

    Once the network is active no required rule goes, and a workspace whose public access is disabled only
    then gets no private endpoint of its own in AllowInternetOutbound.
    """
    wanted = required_rules(world, workspace)
    required = {name: rule for name, rule in rules.items() if rule.get("category") == "Required"}
    if is_active(workspace):
        if network_of(workspace)["isolationMode"] == "AllowInternetOutbound":
            wanted = {name: rule for name, rule in wanted.items() if not name.endswith("_amlworkspace")}
        wanted = wanted | required
    own = {name: rule for name, rule in rules.items() if name not in required}
    return {name: required.get(name, rule) for name, rule in wanted.items()} | own


def _named_as_stored(rules: Rules, wanted: Json) -> Rules:
    """The rules that a body names, under the names by which `rules` has them: case tells none apart.

    Without those of category Dependency that are as they were: the SDK sends them back (that they are taken is
    assumed). AzureError 400 when the body names one twice so (assumed).
    """
    known, named = {name.lower(): name for name in rules}, {}
    for written, rule in (wanted.get("outboundRules") or {}).items():
        name = known.setdefault(written.lower(), written)
        if name in named:
            raise refuse(f"Outbound rule '{written}' is given more than once.")
        named[name] = rule
    return {name: rule for name, rule in named.items() if not _is_unchanged_dependency(rules.get(name), rule)}


def _is_unchanged_dependency(stored: Json | None, rule: Json) -> bool:
    if stored is None or stored.get("category") != "Dependency" or stored["type"] != rule["type"]:
        return False
    return rule.get("category") == "Dependency" and destinations(stored) == destinations(rule)


def _mode_after(workspace: Json, wanted: Json) -> str:
    return str(wanted.get("isolationMode") or network_of(workspace)["isolationMode"])


def _require_transition(before: str, after: str) -> None:
    if ISOLATION_MODES.index(after) >= ISOLATION_MODES.index(before):
        return
    if after == "Disabled":
        raise refuse("Managed network cannot be disabled once enabled.")
    raise refuse(f"Managed network isolation mode cannot be changed from {before} to {after}.")


def _require_kind(workspace: Json, wanted: Json) -> None:
    """A network of the second kind never becomes one of the first."""
    if network_of(workspace).get("managedNetworkKind") == "V2" and wanted.get("managedNetworkKind") == "V1":
        raise refuse("Managed network kind cannot be changed from V2 to V1.")


def _preview(workspace: Json, mode: str) -> Json:
    network = {**network_of(workspace), "isolationMode": mode}
    return {**workspace, "properties": {**workspace["properties"], "managedNetwork": network}}
