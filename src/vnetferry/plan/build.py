"""Build the plan of a migration. Pure: the same inventory and configuration give the same bytes.

A plan's steps hold everything that carrying them out needs but secrets and tags. `body` is the PUT body of the target
resource. Whoever carries out a step adds `Run.tags` (which hold the plan's id, so they cannot be part of what that id
is a digest of) to `body.tags` of tracked resources and to `body.properties.tags` of datastores and asset versions;
connections have no tags. Paths in `spec` are relative to the plan file's folder. What `spec` holds, by kind:

create_associated        no spec: body is that of what the target is to stand on.
set_storage_service      guid (the source workspace's, which body names and the target's takes the place of, "" for
                         none), workspace (the target's id, "" for none). source: the same service of the source's.
create_workspace         isolation_mode ("AllowOnlyApprovedOutbound" | "AllowInternetOutbound"), firewall_sku ("Basic" |
                         "Standard"), outbound_rules {name: wire properties}, associated {storage_account, key_vault,
                         container_registry, application_insights: id, or "" for one that Azure makes},
                         public_network_access ("Disabled"), data_isolation (bool; true when shared with the source),
                         identity {type, userAssignedIdentities}, primary_user_assigned_identity, display_name,
                         description, tags, location, hbi_workspace (bool), system_datastores_auth_mode,
                         encryption (wire, {} for none), serverless_without_public_ip (bool, or null). body is {}.
provision_network        include_spark (bool), image_build_compute ("" for none; named once the workspace has it), roles
                         [ids of the assignments that are made for the workspace's identity].
create_private_endpoint  vnet (name of the callers' VNet), dns_zone_groups [{name, zones [{name (of the configuration),
                         id (of the private DNS zone)}…]}…] to register in. source: the source's in that VNet, if any.
copy_datastore           content "". body.properties.credentials holds the credentials' type; secrets are added.
copy_connection          content "". Credentials are added from the source.
copy_code,               content (URI in the source of what is copied, "" for nothing to copy), content_field (dotted
copy_environment,        path in body of the URI of the copy, "" for none). When body has that property, the content
copy_model               goes to where it points; when not, the target decides and the property is set from there.
                         content_root: URI of another asset's content that this one's lies in, "" for none.
copy_data                content "": what a data collector writes to; nothing is copied.
copy_container           content "": what holds the versions of an asset, described as the source's.
create_endpoint          copy_keys (bool: key authentication). body has neither keys nor traffic.
create_deployment        secret_variables [names of environment variables that look like secrets: not in body, to be
                         added from the source's document], autoscaled (bool: autoscale decides the instance count,
                         so it is the source's when the deployment is made, and let be afterwards), roles [ids of the
                         assignments that are made for its endpoint's identity].
smoke_test               request (path, "" for none), request_sha256, deployment, endpoint (target names).
compare_answers          request, request_sha256, deployments [[source name, target name]…], tolerance {relative,
                         absolute}. source and resource are the endpoints. Only for endpoints that have a request.
probe_isolation          public_network_access ("Disabled" | "Enabled").
set_traffic              traffic {deployment: percent}, mirror {deployment: percent}. body is the endpoint's full PUT
                         body with both: a traffic update that omits a property resets it.
assign_role              holder (id of the target endpoint or workspace whose identity gets the role, "" for another
                         principal), principal (object id, "" for the holder's own), and of approvals needless_with
                         [actions: who may do all of them on what the role is on does not need it].
create_diagnostic_setting, create_alert,
create_autoscale_setting secrets [paths in body, as lists of keys and positions, at which the source's values are put].
hand_off                 handoff (one of the configuration's), entries [{endpoint (source name), source_uri, target
                         (endpoint id)}]. resource is the target workspace, on which is noted what callers were told.

In place (plan/convert.py), where source and target are one:

claim_workspace,         no spec: the mark on the workspace that says which plan converts it, and how far it is.
finish_conversion
keep_secrets             vault (name), keys (bool), variables {deployment: [names]}: what is kept in the vault.
record_answers           request, request_sha256, deployments [names], answers (path of the file to write).
take_down_endpoint        what keep_secrets has, or nothing: it is kept once more just before.
take_down_compute           nothing.
enable_network           isolation_mode, firewall_sku, outbound_rules, as create_workspace has them.
create_compute           stop (bool: it was stopped), image_build (bool: it becomes what builds images).
create_endpoint,         and vault (name): where the secrets are kept by then ("" for none).
create_deployment
compare_answers          and answers (path): the file of record_answers, as the old endpoint is gone by then.
forget_secrets           vault (name), endpoints [names].
"""

from __future__ import annotations

from typing import Any

from vnetferry.models.base import digest
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan, critical_path
from vnetferry.plan.assets import plan_stores
from vnetferry.plan.associated import plan_associated
from vnetferry.plan.collectors import copies
from vnetferry.plan.containers import plan_containers
from vnetferry.plan.convert import plan_conversion
from vnetferry.plan.costs import costs
from vnetferry.plan.endpoints import plan_endpoints
from vnetferry.plan.fingerprint import fingerprint
from vnetferry.plan.handoff import plan_handoff
from vnetferry.plan.inbound import plan_inbound
from vnetferry.plan.left_behind import irreversible, left_behind, unread
from vnetferry.plan.parts import Part, in_order, join
from vnetferry.plan.satellites import held_back, plan_satellites
from vnetferry.plan.scope import Scope, scope_of
from vnetferry.plan.staying import staying
from vnetferry.plan.storage_services import plan_storage_services
from vnetferry.plan.strategies import strategy_warnings
from vnetferry.plan.workspace import plan_workspace, workspace_step_id

ID_DIGITS = 12


def build(inventory: Inventory, config: MigrationConfig, requests: dict[str, str]) -> Plan:
    """Plan the migration of `inventory` under `config`.

    In:     requests: source endpoint -> SHA-256 of its request file (`config.request_digests`).
    Out:    steps in an order that respects their dependencies.
    Raises: ConfigError when something cannot work, saying what, where and how to mend it.
    """
    inventory = ordered(inventory)
    scope = scope_of(inventory, config, requests)
    whole = plan_conversion(scope) if config.in_place else _side_by_side(scope)
    plan = Plan(
        id="",
        config=config,
        source=inventory.source,
        target=scope.target,
        location=scope.location,
        fingerprint=fingerprint(scope),
        steps=whole.steps,
        critical_path=critical_path(whole.steps),
        costs=costs(scope),
        carry_over=whole.carry_over,
        warnings=whole.warnings,
    )
    return plan.model_copy(update={"id": plan_id(plan)})


def ordered(inventory: Inventory) -> Inventory:
    """The same inventory with everything in it sorted, so that a plan owes nothing to the order of Azure's answers."""
    workspace = inventory.workspace
    others = sorted((d for d in inventory.documents if d.id != workspace.id), key=lambda d: d.id)
    documents = tuple(Document(id=d.id, body=_sorted(d.body)) for d in (workspace, *others))
    return inventory.model_copy(
        update={
            "documents": documents,
            "requests": dict(sorted(inventory.requests.items())),
            "unread": tuple(sorted(inventory.unread)),
        }
    )


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in sorted(value.items())}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def plan_id(plan: Plan) -> str:
    """The id that a plan must have: the first digits of the digest of everything else in it."""
    return digest(plan.model_dump(mode="json", exclude={"id"}))[:ID_DIGITS]


def _side_by_side(scope: Scope) -> Part:
    copied = copies(scope)
    whole = join(
        [
            plan_associated(scope),
            plan_storage_services(scope, workspace_step_id(scope)),
            plan_workspace(scope),
            plan_inbound(scope),
            plan_stores(scope),
            copied,
            plan_containers(scope, copied.steps),
            plan_endpoints(scope),
            plan_satellites(scope),
            plan_handoff(scope),
        ]
    )
    steps = in_order(held_back(whole.steps))
    stays = staying(scope, whole.carry_over, steps)
    notes = (
        *scope.warnings,
        *strategy_warnings(scope),
        *left_behind(scope, stays),
        *unread(scope),
        *irreversible(scope),
    )
    return Part(steps, (*whole.carry_over, *stays), (*whole.warnings, *notes))
