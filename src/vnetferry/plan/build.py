"""Build the plan of a side-by-side migration. Pure: the same inventory and configuration give the same bytes.

A plan's steps hold everything that carrying them out needs but secrets and tags. `body` is the PUT body of the target
resource. Whoever carries out a step adds `Run.tags` (which hold the plan's id, so they cannot be part of what that id
is a digest of) to `body.tags` of tracked resources and to `body.properties.tags` of datastores and asset versions;
connections have no tags. Paths in `spec` are relative to the plan file's folder. What `spec` holds, by kind:

create_workspace         isolation_mode ("AllowOnlyApprovedOutbound" | "AllowInternetOutbound"), firewall_sku ("Basic" |
                         "Standard"), outbound_rules {name: wire properties}, associated {storage_account, key_vault,
                         container_registry, application_insights: id, or "" for one to be created},
                         public_network_access ("Disabled"), data_isolation (bool; true when shared with the source),
                         identity {type, userAssignedIdentities}, primary_user_assigned_identity, display_name,
                         description, tags, location, hbi_workspace (bool), system_datastores_auth_mode,
                         encryption (wire, {} for none). body is {}.
provision_network        include_spark (bool), image_build_compute ("" for none; named once the workspace has it).
create_private_endpoint  vnet (name of the callers' VNet), dns_zones [ids of private DNS zones to register in].
copy_datastore           content "". body.properties.credentials holds the credentials' type; secrets are added.
copy_connection          content "". Credentials are added from the source.
copy_code,               content (URI in the source of what is copied, "" for nothing to copy), content_field (dotted
copy_environment,        path in body of the URI of the copy, "" for none). When body has that property, the content
copy_model               goes to where it points; when not, the target decides and the property is set from there.
create_endpoint          copy_keys (bool: key authentication). body has neither keys nor traffic.
create_deployment        secret_variables [names of environment variables that look like secrets: not in body, to be
                         added from the source's document].
smoke_test               request (path, "" for none), request_sha256, deployment, endpoint (target names).
compare_answers          request, request_sha256, deployments [[source name, target name]…], tolerance {relative,
                         absolute}. source and resource are the endpoints. Only for endpoints that have a request.
probe_isolation          public_network_access ("Disabled" | "Enabled").
set_traffic              traffic {deployment: percent}, mirror {deployment: percent}. body is the endpoint's full PUT
                         body with both: a traffic update that omits a property resets it.
hand_off                 files [paths], entries [{endpoint (source name), source_uri, target (endpoint id)}].
"""

from __future__ import annotations

from vnetferry.models.base import digest
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.models.plan import Plan, Step
from vnetferry.plan.assets import plan_assets, plan_stores
from vnetferry.plan.durations import expected_s
from vnetferry.plan.endpoints import hand_off_dependencies, plan_endpoints
from vnetferry.plan.fingerprint import fingerprint
from vnetferry.plan.left_behind import costs, irreversible, left_behind, unread
from vnetferry.plan.parts import Part, join
from vnetferry.plan.scope import Scope, scope_of
from vnetferry.plan.workspace import plan_inbound, plan_workspace

ID_DIGITS = 12


def build(inventory: Inventory, config: MigrationConfig, requests: dict[str, str]) -> Plan:
    """Plan the migration of `inventory` under `config`.

    In:     requests: source endpoint -> SHA-256 of its request file (`config.request_digests`).
    Out:    steps in an order that respects their dependencies.
    Raises: ConfigError when something cannot work, saying what, where and how to mend it.
    """
    scope = scope_of(inventory, config, requests)
    whole = join(
        [
            plan_workspace(scope),
            plan_inbound(scope),
            plan_stores(scope),
            plan_assets(scope),
            plan_endpoints(scope),
            Part((_hand_off(scope),)),
            Part(warnings=scope.warnings),
            Part(warnings=(*left_behind(scope), *unread(scope), *costs(scope), *irreversible(scope))),
        ]
    )
    plan = Plan(
        id="",
        config=config,
        source=inventory.source,
        target=scope.target,
        location=scope.location,
        fingerprint=fingerprint(scope),
        steps=whole.steps,
        carry_over=whole.carry_over,
        warnings=whole.warnings,
    )
    return plan.model_copy(update={"id": plan_id(plan)})


def plan_id(plan: Plan) -> str:
    """The id that a plan must have: the first digits of the digest of everything else in it."""
    return digest(plan.model_dump(mode="json", exclude={"id"}))[:ID_DIGITS]


def _hand_off(scope: Scope) -> Step:
    entries = [
        {
            "endpoint": endpoint.name,
            "source_uri": endpoint.get("scoringUri", ""),
            "target": str(scope.remap.endpoint(endpoint.name)),
        }
        for endpoint in scope.endpoints
    ]
    return Step(
        id=f"hand_off:{scope.target.name}",
        kind="hand_off",
        title="hand the new scoring URIs to the callers",
        resource=scope.target,
        source=scope.inventory.source,
        spec={"files": [handoff.path for handoff in scope.config.handoff], "entries": entries},
        depends_on=hand_off_dependencies(scope),
        duration_s=expected_s("hand_off"),
    )
