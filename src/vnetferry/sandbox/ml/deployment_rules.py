"""What Azure demands of an online deployment before it starts to build one.

Checked in this order: the workspace's network, what the deployment refers to, its machine, and what cannot
be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.endpoint_rules import BUSY
from vnetferry.sandbox.ml.images import is_curated_anywhere
from vnetferry.sandbox.ml.instances import find_size
from vnetferry.sandbox.ml.managed_network import is_managed, require_ready
from vnetferry.sandbox.ml.online_errors import conflict, refused
from vnetferry.sandbox.ml.service_links import is_callers
from vnetferry.sandbox.scoring.egress import is_private
from vnetferry.sandbox.scoring.specification import name_of, parse_duration_s, workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# The two texts that a managed network's workspace answers to a legacy deployment, from public reports.
_EGRESS_UNSUPPORTED = (
    "The EgressPublicNetworkAccess under online deployment is no longer supported when your workspace is "
    "secured with "
    "managed virtual network. Please avoid setting EgressPublicNetworkAccess on the deployment in this case."
)
_PREMIUM_NEEDED = (
    "Deployments with enabled private networking require a premium tier ACR which supports private "
    "networking "
    "capabilities."
)
_MAX_TIMEOUT_S = 180.0
_REFERENCES = {"model": "models", "environmentId": "environments"}
_REGISTRIES = "azureml://registries/"
# What the service itself notes, and what the SDK adds to what it read when it writes it back.
_SERVICE_NOTES = frozenset({"AzureAsyncOperationUri", "createdAt", "createdBy", "lastModifiedAt"})


def check_network(world: World, workspace: Json, body: Json) -> None:
    """No egress setting where the workspace's network decides; a premium registry where it is private."""
    managed = is_managed(workspace)
    reasons = []
    if managed and body["properties"].get("egressPublicNetworkAccess"):
        reasons.append(_EGRESS_UNSUPPORTED)
    if (managed or is_private(body)) and not _has_private_registry(world, workspace):
        reasons.append(_PREMIUM_NEEDED)
    if reasons:
        raise refused(*reasons, field="Validation")
    if managed:
        require_ready(world, workspace["id"])


def check_private_link(world: World, workspace: Json, body: Json) -> None:
    """A deployment with egress disabled needs a workspace that has a private link (documented; the text is assumed).

    Those of other legacy deployments are none.
    """
    shown = world.documents.collection(f"{workspace['id']}/privateEndpointConnections")
    if is_private(body) and not any(is_callers(each) for each in shown):
        raise refused(
            f"Workspace '{workspace['name']}' has no private endpoint: deployments with EgressPublicNetworkAccess "
            "disabled need a workspace with a private link.",
            field="EgressPublicNetworkAccess",
        )


def check_references(world: World, workspace: Json, properties: Json) -> None:
    """Code, model and environment exist, in this workspace or in a registry."""
    code = (properties.get("codeConfiguration") or {}).get("codeId")
    if code:
        _check_reference(world, workspace, code, "codes")
    for field, kind in _REFERENCES.items():
        if properties.get(field) is not None:
            _check_reference(world, workspace, properties[field], kind)
    for collection in ((properties.get("dataCollector") or {}).get("collections") or {}).values():
        if collection.get("dataId"):
            _check_reference(world, workspace, collection["dataId"], "data")
    if not properties.get("environmentId") and not _brings_environment(world, properties):
        raise refused(
            "A deployment needs an environment, or a model that brings its own.", field="EnvironmentId"
        )


def _brings_environment(world: World, properties: Json) -> bool:
    """MLflow and Triton models do, if nobody scores them by code; so may a registry's, which nobody here knows."""
    reference = str(properties.get("model") or "")
    model = world.documents.get(reference) or {"properties": {}}
    has_code = bool((properties.get("codeConfiguration") or {}).get("codeId"))
    known = model["properties"].get("modelType") in ("mlflow_model", "triton_model")
    return (known or reference.lower().startswith(_REGISTRIES)) and not has_code


def check_sku(sku: Json | None) -> None:
    """The only sku is Default: it is what the service lists of a deployment (the text is assumed)."""
    name = (sku or {}).get("name") or "Default"
    if name.lower() != "default":
        raise refused(f"The sku '{name}' is not supported for managed online deployments.", field="Sku")


def check_machine(properties: Json) -> None:
    """An instance type that managed endpoints offer, and request settings within the service's limits."""
    instance_type = properties.get("instanceType")
    if not instance_type:
        raise refused("The InstanceType field is required.", field="InstanceType")
    if find_size(instance_type) is None:
        raise refused(
            f"The instance type {instance_type} is not supported for managed endpoints.", field="VmSize"
        )
    timeout = (properties.get("requestSettings") or {}).get("requestTimeout")
    if timeout and (parse_duration_s(timeout) or 0.0) > _MAX_TIMEOUT_S:
        raise refused(f"RequestTimeout must not exceed {_MAX_TIMEOUT_S:g} seconds.", field="RequestTimeout")


def check_probes(properties: Json) -> None:
    """Probes wait and time out for a second at least; a liveness probe succeeds at its first success.

    Source: managed online deployment YAML schema (probe settings). The texts are assumed.
    """
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = properties.get(name) or {}
        for field in ("initialDelay", "timeout"):
            if probe.get(field) and (parse_duration_s(probe[field]) or 0.0) < 1:
                raise refused(f"The {field} of {name} must be 1 second at least.", field=name)
    if ((properties.get("livenessProbe") or {}).get("successThreshold") or 1) != 1:
        raise refused("The successThreshold of livenessProbe must be 1.", field="livenessProbe")


def check_immutable(before: Json, body: Json) -> None:
    """The machine and the network are as they were created. An egress setting left out counts as enabled."""
    old, new = before["properties"], body["properties"]
    if str(new.get("instanceType")).lower() != str(old.get("instanceType")).lower():
        raise refused(
            f"The instance type cannot be changed from {old.get('instanceType')} to "
            f"{new.get('instanceType')} after the "
            "deployment was created.",
            field="InstanceType",
        )
    if is_private(before) != is_private(body):
        raise refused(
            "The EgressPublicNetworkAccess of a deployment cannot be changed after it was created.",
            field="EgressPublicNetworkAccess",
        )
    _check_notes(_own_notes(old), _own_notes(new))


def _check_notes(before: Json, wanted: Json) -> None:
    """Source: the API definition (the property dictionary of an endpoint's deployment)."""
    if gone := sorted(before.keys() - wanted.keys()):
        raise refused(f"Properties can be added but not removed: {', '.join(gone)}.", field="Properties")
    altered = sorted(name for name, value in before.items() if wanted[name] != value)
    if altered:
        raise refused(f"Properties can be added but not altered: {', '.join(altered)}.", field="Properties")


def _own_notes(properties: Json) -> Json:
    """The property dictionary without what the service and the SDK write into it."""
    notes = properties.get("properties") or {}
    return {k: v for k, v in notes.items() if k not in _SERVICE_NOTES and not k.startswith("azureml.")}


def check_endpoint_idle(endpoint: Json, verb: str) -> None:
    """409 while the endpoint is busy: its deployments stay as they are.

    The text is quoted for creation (Azure/azure-sdk-for-net#36961), and assumed for the rest; so is the status.
    """
    state, name = endpoint["properties"]["provisioningState"], endpoint["name"]
    if state in BUSY:
        raise conflict(
            f"Cannot {verb} a deployment in endpoint {name} because it is in {state} provisioning state."
        )


def check_deployment_idle(deployment: Json, verb: str) -> None:
    """409 while the deployment is being created, updated or deleted."""
    state = deployment["properties"]["provisioningState"]
    if state in BUSY:
        raise conflict(
            f"Cannot {verb} deployment {deployment['name']} because it is in {state} provisioning state."
        )


def check_recoverable(deployment: Json) -> None:
    """A deployment that never came up can only be deleted; its probes are filled in when it first does."""
    properties = deployment["properties"]
    if properties["provisioningState"] == "Failed" and properties.get("livenessProbe") is None:
        raise refused(
            f"Specified deployment [{deployment['name']}] failed during initial provisioning and is in an "
            "unrecoverable "
            "state. Delete and re-create."
        )


def check_without_traffic(endpoint: Json, deployment: Json) -> None:
    """A deployment that receives live or mirrored traffic cannot be deleted."""
    name, properties = deployment["name"].lower(), endpoint["properties"]
    for kind in ("traffic", "mirrorTraffic"):
        shares = {key.lower(): share for key, share in (properties.get(kind) or {}).items()}
        if share := shares.get(name):
            raise refused(
                f"Deployment {deployment['name']} has {share} percent of the {kind} of endpoint "
                f"{endpoint['name']}. "
                "Set it to 0 before deleting the deployment.",
                field="Traffic",
            )


def _has_private_registry(world: World, workspace: Json) -> bool:
    """A workspace without a registry gets one when it needs one.

    One in another subscription cannot be looked at.
    """
    registry = world.documents.get(workspace["properties"].get("containerRegistry") or "")
    return registry is None or str((registry.get("sku") or {}).get("name")).lower() == "premium"


def _check_reference(world: World, workspace: Json, reference: str, kind: str) -> None:
    if reference.lower().startswith(_REGISTRIES):
        return  # registry_use checks these
    if resource_type(reference).lower() != f"microsoft.machinelearningservices/workspaces/{kind}/versions":
        raise refused(f"'{reference}' is not the id of a version in {kind}.", field=kind)
    if workspace_id_of(reference).lower() != workspace["id"].lower():
        raise refused(
            f"'{reference}' belongs to another workspace: a deployment uses what its own workspace or a "
            "registry holds.",
            field=kind,
        )
    if reference not in world.documents and not is_curated_anywhere(world, reference):
        raise _missing(reference, kind)


def _missing(reference: str, kind: str) -> AzureError:
    name, version = reference.rstrip("/").split("/")[-3::2]
    title = kind.removesuffix("s").capitalize()
    message = f"{title} with name: {name} and version: {version} not found."
    detail = {"code": f"{title}NotFound", "message": message}
    return service_error(
        404, "UserError", f"{message} ({name_of(workspace_id_of(reference))})", details=[detail]
    )
