"""The documented path as steps: workspace, network, endpoint, deployments, smoke test, traffic, logs. Pure.

Endpoint and deployments come from the SDK's and CLI's own YAML files. The first deployment gets all traffic
once it has answered. Source: Secure managed online endpoints with network isolation.
"""

from __future__ import annotations

from collections.abc import Sequence

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json, Value, digest
from vnetferry.models.config import BringYourOwn, MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import PRIVATE_ENDPOINT
from vnetferry.models.plan import Step, StepKind
from vnetferry.plan.approvals import approval_step, connected, takes_approver
from vnetferry.plan.associated import ASSOCIATED
from vnetferry.plan.durations import FIREWALL_S, expected_s
from vnetferry.plan.inbound import zone_group
from vnetferry.plan.names import require_own_endpoint_name, require_workspace_name
from vnetferry.plan.rules import WIRE_MODES, needs_firewall, wire_rules


class YamlFile(Value):
    """An endpoint's or deployment's YAML file, by the name that it gives."""

    name: str
    path: str


class SecureFiles(Value):
    """What the path is walked for. `request` is a scoring request ("" for none), `request_sha256` its
    digest.
    """

    endpoint: YamlFile
    deployments: tuple[YamlFile, ...]
    request: str = ""
    request_sha256: str = ""


def build_secure(
    config: MigrationConfig,
    subscription_id: str,
    files: SecureFiles,
    source: Json | None,
    zones: Sequence[str] = (),
) -> tuple[Step, ...]:
    """The steps of the documented path, in an order that respects their dependencies.

    In:     source: the source workspace's document, whose storage, vault and registry are shared when the
            configuration says so; None when it names no source. zones: the private DNS zones (ids) in which
            the workspace's private endpoint is to be registered.

    Raises: ConfigError when a name or a rule cannot work.
    """
    target = secure_target(config, subscription_id)
    _require_ours_to_choose(config, source)
    require_own_endpoint_name(files.endpoint.name, files.endpoint.path)
    location = config.target.location or str((source or {}).get("location") or "")
    workspace, approvals, network = _workspace(config, target, _associated(config, source), location)
    inbound = _inbound(config, target, workspace, zones)
    endpoint = _step("apply_endpoint", target.child("onlineEndpoints", files.endpoint.name), (workspace.id,))
    endpoint = endpoint.model_copy(update={"spec": {"file": files.endpoint.path}})
    first = files.deployments[0].name
    deployments = [_deployment(endpoint, file, network) for file in files.deployments]
    way_in = tuple(step.id for step in inbound)
    smoke_tests = [_smoke_test(step, files, way_in) for step in deployments]
    proven = tuple(step.id for step in smoke_tests)
    probe = _step("probe_isolation", endpoint.resource, proven).model_copy(
        update={"spec": {"public_network_access": "", "deployment": first, **_request(files)}}
    )
    traffic = _step("set_traffic", endpoint.resource, (probe.id,)).model_copy(
        update={"spec": {"traffic": {first: 100}, "mirror": {}}}
    )
    logs = [_step("read_logs", step.resource, (traffic.id,)) for step in deployments]
    return (
        workspace,
        *approvals,
        network,
        *inbound,
        endpoint,
        *deployments,
        *smoke_tests,
        probe,
        traffic,
        *logs,
    )


def _require_ours_to_choose(config: MigrationConfig, source: Json | None) -> None:
    """Refuse `share` with nobody to share with: the default would else create storage that uploads cannot
    reach.
    """
    if config.target.associated_resources == "share" and source is None:
        raise ConfigError(
            "target.associated_resources is 'share', but no source workspace is named",
            resource="target.associated_resources",
            remedy="Name a source, or a storage_account, key_vault and container_registry, or 'create' "
            "(Azure then closes the new storage to the public, so run vnetferry where it can be reached).",
        )


def secure_target(config: MigrationConfig, subscription_id: str) -> ResourceId:
    """The workspace that the path leads to."""
    require_workspace_name(config.target.workspace)
    group = config.target.resource_group or (config.source.resource_group if config.source else "")
    return ResourceId.workspace(subscription_id, group, config.target.workspace)


def steps_id(steps: tuple[Step, ...]) -> str:
    """The id that these steps are carried out under, as a plan's."""
    return digest([step.model_dump(mode="json") for step in steps])[:12]


def _associated(config: MigrationConfig, source: Json | None) -> dict[str, str]:
    """What the workspace is made with: name -> id, "" for what is to be created."""
    wanted = config.target.associated_resources
    if wanted == "share" and source is not None:
        return {name: str(source["properties"].get(wire) or "") for name, wire in ASSOCIATED.items()}
    own = wanted if isinstance(wanted, BringYourOwn) else BringYourOwn()
    return {name: str(getattr(own, name) or "") for name in ASSOCIATED}


def _workspace(
    config: MigrationConfig, target: ResourceId, associated: dict[str, str], location: str
) -> tuple[Step, tuple[Step, ...], Step]:
    """The workspace, the rights to approve what its network connects to, and the network."""
    wanted = config.target
    mode = WIRE_MODES[wanted.isolation_mode]
    rules, _ = wire_rules(wanted.outbound_rules, mode, set())
    spec: Json = {
        "isolation_mode": mode,
        "firewall_sku": wanted.firewall_sku.capitalize(),
        "outbound_rules": rules,
        "associated": associated,
        "public_network_access": "Disabled",
        "data_isolation": config.target.associated_resources == "share" and any(associated.values()),
        "identity": {"type": "SystemAssigned"},
        "primary_user_assigned_identity": "",
        "display_name": "",
        "description": "",
        "tags": {},
        "location": location,  # the resource group's when "" is all that is known
        "hbi_workspace": False,
        "system_datastores_auth_mode": "",
        "encryption": {},
        "serverless_without_public_ip": None,
    }
    workspace = _step("create_workspace", target).model_copy(update={"spec": spec})
    connects_to = connected(rules, (*associated.values(), str(target)))
    approvals = tuple(approval_step(target, on, workspace.id) for on in connects_to if takes_approver(on))
    needed = (workspace.id, *(step.id for step in approvals))
    network = _step("provision_network", target, needed).model_copy(
        update={
            "spec": {
                "include_spark": False,
                "image_build_compute": wanted.image_build_compute or "",
                "roles": [str(step.resource) for step in approvals],
            },
            "duration_s": expected_s("provision_network") + (FIREWALL_S if needs_firewall(rules) else 0),
        }
    )
    return workspace, approvals, network


def _inbound(
    config: MigrationConfig, target: ResourceId, workspace: Step, zones: Sequence[str]
) -> tuple[Step, ...]:
    subnet = config.target.inbound.subnet_id if config.target.inbound else None
    if subnet is None:
        return ()
    name = f"pe-{target.name}"
    connection = {
        "name": name,
        "properties": {"privateLinkServiceId": str(target), "groupIds": ["amlworkspace"]},
    }
    body: Json = {
        "location": config.target.location or "",
        "properties": {"subnet": {"id": str(subnet)}, "privateLinkServiceConnections": [connection]},
    }
    resource = ResourceId(f"{subnet.group_id}/providers/{PRIVATE_ENDPOINT}/{name}")
    step = _step("create_private_endpoint", resource, (workspace.id,))
    groups = [zone_group("default", list(zones))] if zones else []
    spec: Json = {"vnet": subnet.parent.name, "dns_zone_groups": groups}
    return (step.model_copy(update={"body": body, "spec": spec}),)


def _deployment(endpoint: Step, file: YamlFile, network: Step) -> Step:
    resource = endpoint.resource.child("deployments", file.name)
    step = _step("apply_deployment", resource, (endpoint.id, network.id))
    return step.model_copy(update={"spec": {"file": file.path}})


def _smoke_test(deployment: Step, files: SecureFiles, way_in: tuple[str, ...]) -> Step:
    step = _step("smoke_test", deployment.resource, (deployment.id, *way_in))
    names = {"deployment": deployment.resource.name, "endpoint": files.endpoint.name}
    return step.model_copy(update={"spec": {**_request(files), **names}})


def _request(files: SecureFiles) -> Json:
    return {"request": files.request, "request_sha256": files.request_sha256}


_DOING: dict[StepKind, str] = {
    "create_workspace": "create workspace",
    "provision_network": "provision the network of",
    "create_private_endpoint": "create private endpoint",
    "apply_endpoint": "create endpoint",
    "apply_deployment": "deploy",
    "smoke_test": "smoke-test",
    "probe_isolation": "probe the isolation of",
    "set_traffic": "send all traffic of",
    "read_logs": "read the logs of",
}


def _step(kind: StepKind, resource: ResourceId, depends_on: tuple[str, ...] = ()) -> Step:
    deployment = resource.type.lower().endswith("/deployments")
    name = f"{resource.parent.name}/{resource.name}" if deployment else resource.name
    title = f"{_DOING[kind]} {name}" + (" to the first deployment" if kind == "set_traffic" else "")
    return Step(
        id=f"{kind}:{name}",
        kind=kind,
        title=title,
        resource=resource,
        depends_on=depends_on,
        undo="delete" if kind in ("create_workspace", "apply_endpoint", "apply_deployment") else "none",
        duration_s=expected_s(kind),
    )
