"""What a migration makes that Azure Policy may deny, as it will be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnetferry.checks.facts import Facts
from vnetferry.errors import ConfigError, PersonNeeded
from vnetferry.models.base import Json, digest
from vnetferry.models.inventory import Document
from vnetferry.models.plan import Step, StepKind
from vnetferry.models.run import PLAN_TAG, SOURCE_TAG
from vnetferry.plan.approvals import approved_targets
from vnetferry.plan.build import build
from vnetferry.plan.rules import WIRE_MODES
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import plan_workspace

# The steps that send their body, and where in it they put the plan's tags: nowhere, if Azure keeps none there.
_TAGS: dict[StepKind, tuple[str, ...]] = {
    "create_associated": ("tags",),
    "set_storage_service": (),
    "create_endpoint": ("tags",),
    "create_deployment": ("tags",),
    "create_private_endpoint": ("tags",),
    "create_compute": ("tags",),
    "create_alert": ("tags",),
    "create_autoscale_setting": ("tags",),
    "copy_datastore": ("properties", "tags"),
    "copy_code": ("properties", "tags"),
    "copy_environment": ("properties", "tags"),
    "copy_model": ("properties", "tags"),
    "copy_data": ("properties", "tags"),
    "copy_container": (),
    "copy_connection": (),
    "assign_role": (),
    "create_diagnostic_setting": (),
}
# What tells resources of a kind apart, and no policy of their kind.
_OWN = (
    *("description", "displayName", "name", "properties", "tags", "isArchived"),
    *("environmentVariables", "model", "environmentId", "codeConfiguration"),
    *("modelUri", "dataUri", "codeUri", "image", "condaFile", "flavors"),
    *("accountName", "containerName", "credentials", "metadata"),
    *("principalId", "scopes", "criteria", "targetResourceUri", "profiles"),
)
_LINKED = ("storage_account", "key_vault", "container_registry")


def policy_subjects(facts: Facts) -> list[Document]:
    """The resources with their contents; of several that differ in names and content alone, the first.

    None while nothing can be planned: the checks of the configuration and of the conversion say why.
    """
    try:
        found = list(_subjects(facts))
    except (ConfigError, PersonNeeded):
        return []
    return list({_likeness(each): each for each in reversed(found)}.values())[::-1]


def _subjects(facts: Facts) -> Iterator[Document]:
    scope = facts.scope
    tags = {PLAN_TAG: "0" * 12, SOURCE_TAG: str(scope.inventory.source)}
    if facts.target is None or facts.config.in_place:
        yield Document(id=scope.target, body=_workspace(scope, tags))
    for step in build(scope.inventory, scope.config, scope.requests).steps:
        if step.kind in _TAGS and step.resource.subscription_id:  # nobody can be asked about what lies above
            yield Document(id=step.resource, body=_sent(step, tags))
    yield from _connections(facts)


def _sent(step: Step, tags: dict[str, str]) -> Json:
    """A step's body with the plan's tags, without what only carrying it out adds."""
    body: Json = {**step.body}
    inner = body
    for name in _TAGS[step.kind]:
        inner[name] = {**(inner.get(name) or {})}
        inner = inner[name]
    if _TAGS[step.kind]:
        inner.update(tags)
    return body


def _workspace(scope: Scope, tags: dict[str, str]) -> Json:
    mode = {"isolationMode": WIRE_MODES[scope.config.target.isolation_mode]}
    if scope.config.in_place:
        held = scope.inventory.workspace.body
        return {**held, "properties": {**held.get("properties", {}), "managedNetwork": mode}}
    spec = plan_workspace(scope).steps[0].spec
    used = {"storageAccount": "storage_account", "keyVault": "key_vault"}
    used |= {"containerRegistry": "container_registry", "applicationInsights": "application_insights"}
    associated = {wire: spec["associated"][name] for wire, name in used.items() if spec["associated"][name]}
    return {
        "location": spec["location"],
        "kind": "Default",
        "tags": {**spec["tags"], **tags},
        "identity": {"type": spec["identity"].get("type", "SystemAssigned")},
        "properties": {
            "friendlyName": spec["display_name"],
            "description": spec["description"],
            "publicNetworkAccess": spec["public_network_access"],
            "managedNetwork": {**mode, "firewallSku": spec["firewall_sku"]},
            "enableDataIsolation": spec["data_isolation"],
            "hbiWorkspace": spec["hbi_workspace"],
            **({"encryption": spec["encryption"]} if spec["encryption"] else {}),
            **associated,
        },
    }


def _connections(facts: Facts) -> Iterator[Document]:
    """The managed network's private endpoints, as their targets hold them: Azure's own, of which no id is known."""
    own = [facts.associated[name].id for name in _LINKED if name in facts.associated]
    state = {"privateLinkServiceConnectionState": {"status": "Approved"}}
    for target in dict.fromkeys((*own, *approved_targets(facts.scope))):
        yield Document(
            id=target.child("privateEndpointConnections", facts.scope.target.name), body={"properties": state}
        )


def _likeness(subject: Document) -> str:
    """Equal for what a policy hardly tells apart."""
    properties = {k: v for k, v in subject.body.get("properties", {}).items() if k not in _OWN}
    body = {**subject.body, "properties": properties, "name": ""}
    kinds: Iterable[str] = (str(subject.id.group_id), subject.id.type)
    parent = str(subject.id.parent) if "privateEndpointConnections" in subject.id.type else ""
    return digest([*kinds, parent, body])
