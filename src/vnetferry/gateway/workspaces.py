"""Workspaces and their managed networks.

A workspace is created through the SDK, whose template also makes what a workspace needs. Its network is only
ever tightened: isolation is one-way in Azure, so nothing in here sends less than there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from vnetferry.errors import ConfigError, Conflict, NotFound, OperationFailed, OperationTimeout, PersonNeeded
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.difference import differs
from vnetferry.gateway.documents import Written, deciding_anew, delete, find_settled, require_ours
from vnetferry.gateway.faults import error_of_operation, translated
from vnetferry.gateway.poll import is_settled, pace, pauses, state_of, wait_resource
from vnetferry.gateway.propagation import caller_grant, either, identity_grant, until_known
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

if TYPE_CHECKING:
    from azure.ai.ml.entities import CustomerManagedKey, IdentityConfiguration, OutboundRule, Workspace

_TEMPLATES = "providers/Microsoft.Resources/deployments"


def find_workspace(azure: Azure, workspace: ResourceId) -> Json | None:
    """The workspace's document; None when there is none."""
    return azure.arm.find(workspace, api_versions.ML)


def create_workspace(
    azure: Azure, workspace: ResourceId, spec: Json, tags: Mapping[str, str] | None = None
) -> Written:
    """Create the workspace with its managed network and all outbound rules in one request (a minute).

    In:      spec: as the plan's `create_workspace` step has it; an associated id of "" is created.
    Raises:  NotOurs; ConfigError when ours exists with another isolation mode; OperationFailed.
    Effects: at most one template deployment; one that already runs for the workspace is waited for instead, and so is
             that of another run which came first by a moment.
             Of a workspace of ours that is there, only outbound rules that differ are written.
    """
    return deciding_anew(azure, lambda: _create_once(azure, workspace, spec, tags))


def _create_once(azure: Azure, workspace: ResourceId, spec: Json, tags: Mapping[str, str] | None) -> Written:
    before = find_settled(azure, workspace, "workspace")
    if before is not None:
        _require_usable(before, workspace, spec, tags)
        changed = ensure_outbound_rules(azure, workspace, spec["outbound_rules"])
        return Written(bool(changed), before, find_workspace(azure, workspace) or {} if changed else before)
    template = _running_template(azure, workspace) or _submit(azure, workspace, spec, tags or {})
    try:
        _finish(azure, template)
    except OperationFailed as err:
        # Of two runs that begin at once, one's template loses; what the other's makes is as good.
        if not err.retryable or find_workspace(azure, workspace) is None:
            raise
    after = wait_resource(azure, workspace, api_versions.ML, "workspace")
    _require_usable(after, workspace, spec, tags)
    return Written(True, before, after)


def isolation_mode(document: Json) -> str:
    """A workspace's isolation mode in Azure's words; Disabled when it has no managed network."""
    return str(_network(document).get("isolationMode") or "Disabled")


def network_state(azure: Azure, workspace: ResourceId) -> str:
    """Active, Inactive (not provisioned yet) or Disabled (the workspace has no managed network)."""
    return _network_state(azure.arm.get(workspace, api_versions.ML))


def provision_network(
    azure: Azure, workspace: ResourceId, *, include_spark: bool = False, roles: Iterable[ResourceId] = ()
) -> Written:
    """Provision the managed network and wait until it is active (half an hour, more with FQDN rules).

    What fails because the workspace's identity, or the caller, was given the right to approve connections a moment ago
    is tried again for an hour.

    In:      roles: the assignments that are made for its identity.
    Raises:  ConfigError when the workspace has none; OperationFailed when a rule could not be made.
    Effects: at most one POST a try; a provisioning that already runs is waited for instead.
    """
    granted = either(identity_grant(azure, workspace, roles), caller_grant(azure, workspace.subscription_id))
    tries = count()

    def attempt() -> Written:
        if next(tries):
            _make_failed_rules_again(azure, workspace)
        return _provision_once(azure, workspace, include_spark)

    return until_known(azure, attempt, granted)


def _make_failed_rules_again(azure: Azure, workspace: ResourceId) -> None:
    """Once a network is active, Azure tries a rule that failed again only when it is written again."""
    document = azure.arm.get(workspace, api_versions.ML)
    if _network_state(document) == "Active":
        keys = ("type", "category", "destination", "fqdns")
        rules = (_network(document).get("outboundRules") or {}).items()
        failed = {
            name: {k: rule[k] for k in keys if rule.get(k)} for name, rule in rules if _has_failed(rule)
        }
        ensure_outbound_rules(azure, workspace, failed)


def _provision_once(azure: Azure, workspace: ResourceId, include_spark: bool) -> Written:
    before = azure.arm.get(workspace, api_versions.ML)
    state = _network_state(before)
    if state == "Disabled":
        remedy = "Name another target.workspace, which is made with one."
        raise ConfigError("the workspace has no managed network", resource=str(workspace), remedy=remedy)
    if state == "Active":
        _require_rules(before, workspace)  # a run before this one may have left failed ones
        return Written(False, before, before)
    request_id = _provision(azure, workspace, include_spark)
    after = _wait_active(azure, workspace)
    _require_rules(after, workspace)
    return Written(True, before, after, request_id)


def ensure_outbound_rules(azure: Azure, workspace: ResourceId, rules: Mapping[str, Json]) -> tuple[str, ...]:
    """Make each rule what it should be; the names of those that were written.

    Effects: one PUT for each that differs or failed, one after the other, because Azure loses rules that are
             written at once.
    """
    changed = []
    for name, rule in rules.items():
        path = workspace.child("outboundRules", name)
        current = azure.arm.find(path, api_versions.ML)
        failed = current is not None and current["properties"].get("status") == "Failed"
        if current is None or failed or differs({"properties": rule}, current):
            answer = azure.arm.put(path, api_versions.ML, {"properties": rule})
            azure.arm.wait(answer, "outbound_rule")
            changed.append(name)
    return tuple(changed)


def set_image_build_compute(azure: Azure, workspace: ResourceId, compute: str) -> Written:
    """Name the compute that builds images, which Azure takes only when the workspace has it.

    Raises:  PersonNeeded when it has not: computes are for people to make.
    Effects: at most one PATCH.
    """
    if azure.arm.find(workspace.child("computes", compute), api_versions.ML) is None:
        raise PersonNeeded(
            f"the compute '{compute}' that is to build images is not in the workspace",
            resource=str(workspace),
            remedy=f"Make it (az ml compute create --type AmlCompute --name {compute} --workspace-name "
            f"{workspace.name} --resource-group {workspace.resource_group} --max-instances 2), and run again.",
        )
    return deciding_anew(azure, lambda: _set_image_build_compute_once(azure, workspace, compute))


def _set_image_build_compute_once(azure: Azure, workspace: ResourceId, compute: str) -> Written:
    before = wait_resource(azure, workspace, api_versions.ML, "workspace")
    wanted = {"properties": {"imageBuildCompute": compute}}
    if not differs(wanted, before):
        return Written(False, before, before)
    answer = azure.arm.patch(workspace, api_versions.ML, wanted)
    return Written(True, before, azure.arm.wait(answer, "workspace"), answer.request_id)


def note(azure: Azure, workspace: ResourceId, notes: Mapping[str, str]) -> Written:
    """Have the workspace carry these tags beside its own. Effects: at most one PATCH."""
    return deciding_anew(azure, lambda: _note_once(azure, workspace, notes))


def _note_once(azure: Azure, workspace: ResourceId, notes: Mapping[str, str]) -> Written:
    before = find_settled(azure, workspace, "workspace")
    if before is None:
        raise NotFound("the workspace does not exist", resource=str(workspace), remedy="Run apply first.")
    tags = before.get("tags") or {}
    if all(tags.get(name) == value for name, value in notes.items()):
        return Written(False, before, before)
    answer = azure.arm.patch(workspace, api_versions.ML, {"tags": {**tags, **notes}})
    return Written(True, before, azure.arm.wait(answer, "workspace"), answer.request_id)


def delete_workspace(azure: Azure, workspace: ResourceId, *, purge: bool = False) -> Written:
    """Delete the workspace, for good with `purge`; else Azure keeps it, and its name, for 14 days."""
    query = {"forceToPurge": "true" if purge else "false"}
    return delete(azure, workspace, query=query)


def _network(document: Json) -> Json:
    network: Json = (document.get("properties") or {}).get("managedNetwork") or {}
    return network


def _network_state(document: Json) -> str:
    network = _network(document)
    if isolation_mode(document) == "Disabled":
        return "Disabled"
    return str((network.get("status") or {}).get("status") or "Inactive")


def _provision(azure: Azure, workspace: ResourceId, include_spark: bool) -> str:
    body = {"includeSpark": include_spark}
    try:
        answer = azure.arm.post(f"{workspace}/provisionManagedNetwork", api_versions.ML, body)
    except Conflict as err:
        if not err.retryable:
            raise  # a lock, not another run
        return ""  # somebody else's provisioning runs; its end is ours too
    azure.arm.wait(answer, "network")
    return answer.request_id


def _wait_active(azure: Azure, workspace: ResourceId) -> Json:
    """The workspace once its network is active; the document lags behind the operation."""
    began_s = azure.clock.elapsed_s()
    for pause_s in pauses(1):
        document = azure.arm.get(workspace, api_versions.ML)
        if _network_state(document) == "Active":
            return document
        if azure.clock.elapsed_s() - began_s > pace("network").deadline_s:
            break
        azure.clock.sleep(pause_s)
    remedy = "Azure may still finish it: look at it in the portal, then run again."
    raise OperationTimeout(
        "the managed network did not become active", resource=str(workspace), remedy=remedy
    )


def _require_rules(document: Json, workspace: ResourceId) -> None:
    """Raise OperationFailed for rules that Azure could not make: the network's own status does not tell."""
    rules = _network(document).get("outboundRules") or {}
    failed = sorted(name for name, rule in rules.items() if _has_failed(rule))
    if failed:
        reasons = "; ".join(
            f"{name}: {rules[name].get('errorInformation') or 'no reason given'}" for name in failed
        )
        raise OperationFailed(
            f"outbound rules failed: {reasons}",
            resource=str(workspace),
            code="AuthorizationFailed" if "does not have authorization" in reasons else "",
            remedy="Grant what the reason asks for and run again; or mend them in target.outbound_rules, plan and apply"
            " anew; those that are not needed: az ml workspace outbound-rule remove.",
        )


def _has_failed(rule: Json | None) -> bool:
    return (rule or {}).get("status") == "Failed"


def _require_usable(
    document: Json, workspace: ResourceId, spec: Json, tags: Mapping[str, str] | None
) -> None:
    """Raise unless a workspace that is there already can be the one that the spec wants."""
    if tags is not None:
        require_ours(document, tags, workspace)
    if state_of(document) != "succeeded":
        raise Conflict(
            f"the workspace exists and is {state_of(document)}",
            resource=str(workspace),
            remedy="Delete it for good (az ml workspace delete --permanently-delete), and run again.",
        )
    mode = isolation_mode(document)
    if mode.lower() != str(spec["isolation_mode"]).lower():
        raise ConfigError(
            f"the workspace exists with isolation mode {mode}, not {spec['isolation_mode']}",
            resource=str(workspace),
            remedy="Set target.isolation_mode to what it has, or name another workspace.",
        )


def _running_template(azure: Azure, workspace: ResourceId) -> ResourceId | None:
    """A template deployment of this workspace that has not ended: a run that was killed left it behind."""
    running = [t for t in _templates(azure, workspace) if not is_settled(t)]
    return ResourceId(running[-1]["id"]) if running else None


def _templates(azure: Azure, workspace: ResourceId) -> list[Json]:
    """The SDK's template deployments of this workspace, the oldest first."""
    try:
        found = list(azure.arm.list(f"{workspace.group_id}/{_TEMPLATES}", api_versions.TEMPLATES))
    except NotFound as err:
        err.remedy = "Create the resource group, or mend its name in the configuration."
        raise
    name = re.compile(re.escape(workspace.name) + r"-\d+", re.IGNORECASE)
    ours = [template for template in found if name.fullmatch(str(template.get("name")))]
    return sorted(ours, key=lambda template: str(template["properties"].get("timestamp")))


def _submit(azure: Azure, workspace: ResourceId, spec: Json, tags: Mapping[str, str]) -> ResourceId:
    """Send the SDK's template. We wait for it in our way: the SDK's poller would not survive this process."""
    with translated(workspace, "creating the workspace"):
        azure.ml_client(workspace).workspaces.begin_create(_entity(workspace, spec, tags))
    newest = _templates(azure, workspace)
    if not newest:
        # The SDK updates a workspace that it finds, instead of sending a template.
        raise Conflict("another run made the workspace", resource=str(workspace), retryable=True)
    return ResourceId(newest[-1]["id"])


def _finish(azure: Azure, template: ResourceId) -> None:
    document = wait_resource(azure, template, api_versions.TEMPLATES, "template")
    if state_of(document) != "succeeded":
        error = document["properties"].get("error") or {}
        raise error_of_operation({"error": error}, resource=str(template), doing="creating the workspace")


def _entity(workspace: ResourceId, spec: Json, tags: Mapping[str, str]) -> Workspace:
    from azure.ai.ml.entities import ManagedNetwork, ServerlessComputeSettings, Workspace

    associated = {name: resource or None for name, resource in spec["associated"].items()}
    closed = spec.get("serverless_without_public_ip")
    network = ManagedNetwork(
        isolation_mode=spec["isolation_mode"],  # the wire's words: the SDK sends any other as it stands
        outbound_rules=[_rule(name, rule) for name, rule in spec["outbound_rules"].items()],
        firewall_sku=spec["firewall_sku"],
    )
    return Workspace(
        name=workspace.name,
        resource_group=workspace.resource_group,
        location=spec["location"],
        display_name=spec.get("display_name") or None,
        description=spec.get("description") or None,
        tags={**spec.get("tags", {}), **tags},
        managed_network=network,
        public_network_access=spec["public_network_access"],
        enable_data_isolation=bool(spec.get("data_isolation")),
        hbi_workspace=bool(spec.get("hbi_workspace")),
        customer_managed_key=_customer_managed_key(spec.get("encryption") or {}),
        serverless_compute=(None if closed is None else ServerlessComputeSettings(no_public_ip=closed)),
        identity=_identity(spec.get("identity") or {}),
        primary_user_assigned_identity=spec.get("primary_user_assigned_identity") or None,
        system_datastores_auth_mode=spec.get("system_datastores_auth_mode") or None,
        **associated,
    )


def _customer_managed_key(encryption: Json) -> CustomerManagedKey | None:
    from azure.ai.ml.entities import CustomerManagedKey

    key = encryption.get("keyVaultProperties") or {}
    if str(encryption.get("status")).lower() != "enabled" or not key:
        return None
    return CustomerManagedKey(
        key_vault=key["keyVaultArmId"],
        key_uri=key["keyIdentifier"],
        cosmosdb_id=encryption.get("cosmosDbResourceId"),
        storage_id=encryption.get("storageAccountResourceId"),
        search_id=encryption.get("searchAccountResourceId"),
    )


def _identity(identity: Json) -> IdentityConfiguration | None:
    from azure.ai.ml.entities import IdentityConfiguration, ManagedIdentityConfiguration

    users = [
        ManagedIdentityConfiguration(resource_id=name)
        for name in identity.get("userAssignedIdentities") or {}
    ]
    if not users:
        return None  # the SDK's own default: a system-assigned one
    kind = (
        "system_assigned,user_assigned" if "system" in str(identity.get("type")).lower() else "user_assigned"
    )
    return IdentityConfiguration(type=kind, user_assigned_identities=users)


def _rule(name: str, rule: Json) -> OutboundRule:
    """The SDK's entity of one outbound rule in the wire's form."""
    from azure.ai.ml import entities

    destination: Any = rule["destination"]
    if rule["type"] == "FQDN":
        return entities.FqdnDestination(name=name, destination=destination)
    if rule["type"] == "PrivateEndpoint":
        return entities.PrivateEndpointDestination(
            name=name,
            service_resource_id=destination["serviceResourceId"],
            subresource_target=destination["subresourceTarget"],
            spark_enabled=bool(destination.get("sparkEnabled")),
            fqdns=rule.get("fqdns"),
        )
    return entities.ServiceTagDestination(
        name=name,
        service_tag=destination.get("serviceTag"),
        protocol=destination["protocol"],
        port_ranges=destination["portRanges"],
        address_prefixes=destination.get("addressPrefixes"),
    )
