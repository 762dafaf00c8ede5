"""Reading what the preflight checks look at, beyond the inventory. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from vnetferry.checks.approvers import approver_needs
from vnetferry.checks.facts import Facts, Grant
from vnetferry.checks.identities import identity_needs
from vnetferry.checks.policy_subjects import policy_subjects
from vnetferry.checks.providers import needed_providers
from vnetferry.checks.regions import plain
from vnetferry.checks.rights import (
    CONVERSION_ACTIONS,
    COPIED_ACTIONS,
    IDENTITY_ACTIONS,
    SOURCE_ACTIONS,
    SUBNET_ACTIONS,
    TARGET_ACTIONS,
    WAY_IN_ACTIONS,
    ZONE_ACTIONS,
    approval_actions,
)
from vnetferry.errors import ConfigError, NotFound, PersonNeeded
from vnetferry.gateway import api_versions
from vnetferry.gateway.activity import read_deletions
from vnetferry.gateway.associated import obstacle
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.conversion_facts import with_conversion
from vnetferry.gateway.locks import read_locks
from vnetferry.gateway.name_servers import answers_for_nobody
from vnetferry.gateway.policies import read_denials
from vnetferry.gateway.rbac import missing_actions, permissions_of
from vnetferry.gateway.readings import Readings
from vnetferry.gateway.scoring import vantages
from vnetferry.gateway.surroundings import (
    caller_networks,
    read_creation_times,
    read_diagnosis,
    read_networks,
    read_zones,
)
from vnetferry.gateway.workspaces import find_workspace
from vnetferry.models.base import Json
from vnetferry.models.config import BringYourOwn, MigrationConfig
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.run import SOURCE_TAG
from vnetferry.plan.approvals import approved_targets
from vnetferry.plan.associated import ASSOCIATED, made_anew
from vnetferry.plan.inbound import all_ways_in, new_zone_groups
from vnetferry.plan.satellites import needed_actions
from vnetferry.plan.scope import target_workspace
from vnetferry.plan.storage_services import changed_settings

_THREADS = 12
_CONNECTED = ("storage_account", "key_vault", "container_registry")
_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
Rights = dict[ResourceId, tuple[str, ...]]


def read_facts(azure: Azure, inventory: Inventory, config: MigrationConfig) -> Facts:
    """Everything that a preflight knows, as far as it may be read; what may not be is named in `unread`.

    Raises: ConfigError when the target's name cannot work; PermissionDenied when nobody is signed in.
    """
    target = target_workspace(inventory.source, config)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="facts") as pool:
        readings = Readings(azure, pool)
        found = find_workspace(azure, target)
        workspaces = [inventory.source, *([target] if found else [])]

        def diagnose(workspace: ResourceId) -> Json | None:
            return readings.attempt(lambda: read_diagnosis(azure, workspace), f"diagnosis of {workspace}")

        # The slowest reading begins first, and is asked for last.
        diagnoses = {str(each): pool.submit(diagnose, each) for each in workspaces}
        facts = _read(readings, Facts(inventory=inventory, config=config, target=found), target, workspaces)
        facts = _read_rights(readings, facts, target)
        facts = with_conversion(readings, facts) if config.in_place else facts
        results = {each: future.result() for each, future in diagnoses.items()}
        known = {each: result for each, result in results.items() if result is not None}
        return facts.model_copy(update={"diagnoses": known, "unread": tuple(sorted(readings.unread))})


def _read(readings: Readings, facts: Facts, target: ResourceId, workspaces: list[ResourceId]) -> Facts:
    """What does not depend on other facts."""
    inventory, config, azure = facts.inventory, facts.config, readings.azure
    location = config.target.location or inventory.location
    subscription = f"/subscriptions/{target.subscription_id}"
    associated, absent = _associated(readings, inventory, config)
    known = readings.items(f"{subscription}/providers/{ML}/workspaces", api_versions.ML)
    endpoints = _regional_endpoints(readings, known, location)
    deployments = readings.collections((endpoint.id, "deployments") for endpoint in endpoints)
    providers = _providers(readings, subscription, config)
    networks = caller_networks(inventory, config)
    connected = [associated[name].id for name in _CONNECTED if name in associated]
    path = f"{subscription}/providers/{ML}/locations/{location}"
    assignments = f"{subscription}/providers/Microsoft.Authorization/roleAssignments"
    own = readings.attempt(lambda: azure.arm.get(subscription, api_versions.RESOURCES), subscription) or {}
    return facts.model_copy(
        update={
            "tenant": str(own.get("tenantId") or ""),
            "associated": associated,
            "absent": absent,
            "untakeable": _untakeable(readings, facts),
            "connections": tuple(
                readings.collections(
                    (each, "privateEndpointConnections") for each in (*connected, *workspaces)
                )
            ),
            "group_exists": azure.arm.find(target.group_id, api_versions.RESOURCES) is not None,
            "regional_endpoints": tuple(endpoint.name for endpoint in endpoints),
            "target_endpoints": {e.name: e.body for e in endpoints if e.id.parent == target},
            "target_deployments": tuple(d.id.key for d in deployments if d.id.is_under(target)),
            "regional_deployments": len(deployments),
            "group_workspaces": sum(ResourceId(w["id"]).group_id == target.group_id for w in known),
            "role_assignments": len(readings.items(assignments, api_versions.AUTHORIZATION)),
            "registrations": {name: str(body["registrationState"]) for name, body in providers.items()},
            "locations": _locations(providers.get(ML.lower(), {})),
            "sizes": _sizes(readings, f"{path}/vmSizes"),
            "locks": _locks(azure, target.group_id),
            "usages": tuple(readings.items(f"{path}/usages", api_versions.ML)),
            "networks": tuple(read_networks(readings, networks)),
            "zones": tuple(read_zones(readings, inventory, networks)),
            "stray_answers": _stray_answers(networks, location),
            "created": read_creation_times(readings, target.subscription_id),
            "deletions": tuple(read_deletions(readings, target)),
            "vantages": tuple(vantages()),
        }
    )


def _stray_answers(networks: Iterable[ResourceId], location: str) -> dict[str, tuple[str, ...]]:
    """Of each network whose name server answers: what it answers for endpoints that nobody has."""
    found = {network.key: answers_for_nobody(network.name, location) for network in networks}
    return {network: answers for network, answers in found.items() if answers is not None}


def _read_rights(readings: Readings, facts: Facts, target: ResourceId) -> Facts:
    """What the caller and the identities may do where it matters, which the other facts say, and what nobody may."""

    def missing(scope: ResourceId) -> tuple[str, tuple[str, ...]]:
        return str(scope), tuple(missing_actions(readings.azure, scope, wanted[scope]))

    def granted(which: tuple[str, ResourceId]) -> Grant:
        permissions = permissions_of(readings.azure, *which)
        return Grant(principal=which[0], scope=which[1], permissions=tuple(permissions))

    wanted = _wanted_actions(facts, target)
    needed = _needed(facts)
    lacking = dict(readings.each(missing, wanted, "permissions on"))
    return facts.model_copy(
        update={
            "missing_actions": {scope: actions for scope, actions in lacking.items() if actions},
            "grants": tuple(readings.each(granted, needed, "roles of")),
            "denials": tuple(read_denials(readings, policy_subjects(facts))),
        }
    )


def _needed(facts: Facts) -> list[tuple[str, ResourceId]]:
    """(principal, scope) of every role that an identity needs; none while the configuration cannot work."""
    try:
        needs = [*identity_needs(facts), *approver_needs(facts)]
    except (ConfigError, PersonNeeded):
        return []
    return sorted({(need.principal, need.scope) for need in needs})


def _wanted_actions(facts: Facts, target: ResourceId) -> Rights:
    """Scope -> the actions on it that a migration takes."""
    wanted: defaultdict[ResourceId, tuple[str, ...]] = defaultdict(tuple)
    wanted[facts.inventory.source] += SOURCE_ACTIONS
    if facts.config.in_place:
        wanted[facts.inventory.source] += CONVERSION_ACTIONS
    else:
        wanted[facts.inventory.source] += COPIED_ACTIONS
        wanted[target.group_id] += TARGET_ACTIONS
    for identity in facts.inventory.of_type(_IDENTITIES):
        wanted[identity.id] += IDENTITY_ACTIONS
    try:
        for way in all_ways_in(facts.scope):
            wanted[way.resource.group_id] += WAY_IN_ACTIONS
            wanted[way.subnet.group_id] += SUBNET_ACTIONS
            for zone in (zone for group in new_zone_groups(facts.scope, way) for zone in group["zones"]):
                wanted[ResourceId(zone["id"])] += ZONE_ACTIONS
        made = [each.resource for each in made_anew(facts.scope)]
        for resource in (*made, *(each.resource for each in changed_settings(facts.scope))):
            wanted[target.group_id] += (f"{resource.type}/write",)
        for approved in approved_targets(facts.scope):
            wanted[approved] += approval_actions(approved.type)
        for scope, actions in needed_actions(facts.scope).items():
            wanted[scope] += actions
    except (ConfigError, PersonNeeded):
        pass  # the checks say what is wrong with the configuration
    return {scope: tuple(dict.fromkeys(actions)) for scope, actions in wanted.items()}


def _associated(
    readings: Readings, inventory: Inventory, config: MigrationConfig
) -> tuple[dict[str, Document], tuple[str, ...]]:
    """The associated resources that the target is to use, by name, and the ids of those that do not exist."""
    wanted = config.target.associated_resources
    own = wanted if isinstance(wanted, BringYourOwn) else None
    texts = {
        name: getattr(own, name) if own else inventory.workspace.get(wire)
        for name, wire in ASSOCIATED.items()
    }
    ids = {name: ResourceId(str(text)) for name, text in texts.items() if text and wanted != "create"}

    def read(name: str) -> tuple[str, Json | None]:
        return name, readings.azure.arm.find(ids[name], api_versions.api_version(ids[name].type))

    found = dict(readings.each(read, ids, "associated"))
    documents = {name: Document(id=ids[name], body=body) for name, body in found.items() if body is not None}
    return documents, tuple(sorted(ids[name].key for name, body in found.items() if body is None))


def _untakeable(readings: Readings, facts: Facts) -> dict[str, str]:
    """What is to be made for the target, and cannot be under its name; nothing while the configuration cannot work."""
    try:
        wanted = {each.resource: str(each.body["location"]) for each in made_anew(facts.scope)}
    except (ConfigError, PersonNeeded):
        return {}
    tags = {SOURCE_TAG: str(facts.inventory.source)}

    def read(resource: ResourceId) -> tuple[str, str]:
        return str(resource), obstacle(readings.azure, resource, wanted[resource], tags)

    found = dict(readings.each(read, wanted, "the name of"))
    return {identifier: why for identifier, why in found.items() if why}


def _regional_endpoints(readings: Readings, workspaces: list[Json], location: str) -> list[Document]:
    """Every online endpoint of the subscription in the region: their names cannot be used again."""
    there = [ResourceId(w["id"]) for w in workspaces if plain(w.get("location", "")) == plain(location)]
    return readings.collections((workspace, "onlineEndpoints") for workspace in there)


def _providers(readings: Readings, subscription: str, config: MigrationConfig) -> dict[str, Json]:
    """The resource providers that are written to, by their namespace in lower case."""

    def read(namespace: str) -> tuple[str, Json]:
        path = f"{subscription}/providers/{namespace}"
        return namespace.lower(), readings.azure.arm.get(path, api_versions.RESOURCES)

    return dict(readings.each(read, needed_providers(config), "provider registration"))


def _locations(provider: Json) -> dict[str, tuple[str, ...]]:
    """Resource type (lower case) of the provider -> the regions that have it."""
    return {
        f"{ML}/{kind['resourceType']}".lower(): tuple(kind.get("locations") or ())
        for kind in provider.get("resourceTypes") or ()
    }


def _sizes(readings: Readings, path: str) -> tuple[str, ...]:
    return tuple(str(size["name"]).lower() for size in readings.items(path, api_versions.ML))


def _locks(azure: Azure, group: ResourceId) -> tuple[Json, ...]:
    """The locks that bind the target's resource group; none when it does not exist."""
    try:
        return tuple(read_locks(azure, group))
    except NotFound:
        return ()
