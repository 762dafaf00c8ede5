"""What the checks look at, as plain data: no check reads Azure by itself."""

from __future__ import annotations

from functools import cached_property

from vnetferry.models.base import Json, Value
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import ENVIRONMENT, Document, Inventory
from vnetferry.plan.associated import associated_resources, made_anew
from vnetferry.plan.scope import Scope, scope_of


class Grant(Value):
    """What the roles of one principal grant at one scope: permissions as role definitions list them."""

    principal: str
    scope: ResourceId
    permissions: tuple[Json, ...]


class Deletion(Value):
    """A deletion that Azure's activity log holds, of a resource that nobody has written since.

    count: how often it was deleted since it was last written; the second time purges a workspace.
    """

    resource: ResourceId
    time: str
    count: int = 1


class Denial(Value):
    """A policy that denies what the migration is to make.

    resource:   what would be refused. title: the definition's display name, "" when it may not be read.
    reference:  of the definition in the initiative that brings it, "" when it is assigned by itself.
    conditions: Azure's evaluated expressions. reason: why a rule could not be evaluated, which denies; "" if it could.
    """

    resource: ResourceId
    assignment: str
    definition: str
    title: str = ""
    reference: str = ""
    conditions: tuple[Json, ...] = ()
    reason: str = ""


class Facts(Value):
    """Everything that a preflight knows.

    tenant:              the tenant of the subscription; "" when it may not be read.
    associated:          associated resource of the target (`container_registry`, …) -> its document. Absent: it is
                         yet to be made, does not exist, or may not be read (then its id is in `unread`).
    untakeable:          id of what is to be made for the target to stand on -> why it cannot be, under that name.
    absent:              ids (lower case) of named associated resources that do not exist.
    connections:         private endpoint connections of the associated resources and of both workspaces.
    group_exists:        whether the target's resource group is there.
    target:              the target workspace's document, None when there is none.
    regional_endpoints:  names of the subscription's online endpoints in the target's region.
    target_endpoints:    name -> document of those that are in the target workspace.
    target_deployments:  ids (lower case) of the deployments that are in the target workspace.
    regional_deployments: how many online deployments the subscription has in that region.
    group_workspaces:    how many workspaces the target's resource group has.
    role_assignments:    how many role assignments the subscription has.
    registrations:       resource provider namespace (lower case) -> its registration state.
    locations:           resource type (lower case) -> display names of the regions that have it.
    sizes:               virtual machine sizes (lower case) of the target's region; empty when not known.
    missing_actions:     scope -> actions on it that the caller lacks.
    grants:              what the identities that move may do on what they need.
    locks:               locks that bind the target's resource group.
    usages:              usages of the target's region as GET returned them.
    networks:            virtual networks that callers are in, and the configured one's if it exists.
    zones:               private DNS zones that answer for endpoints' names, their records and links.
    stray_answers:       network id (lower case) -> what its name server answers for endpoints that nobody has; only
                         of networks whose name server was asked.
    created:             private endpoint id (lower case) -> when it was made.
    denials:             what Azure Policy denies of what the migration is to make.
    deletions:           what was deleted lately and may still hold its name.
    diagnoses:           workspace id -> group of Azure's own diagnosis -> its results.
    vault_refusal:       in place: why the caller may not read the secrets of the workspace's vault; "" when it may.
    vantages:            names of the places that endpoints can be probed from.
    """

    inventory: Inventory
    config: MigrationConfig
    tenant: str = ""
    associated: dict[str, Document] = {}
    untakeable: dict[str, str] = {}
    absent: tuple[str, ...] = ()
    connections: tuple[Document, ...] = ()
    group_exists: bool = True
    target: Json | None = None
    regional_endpoints: tuple[str, ...] = ()
    target_endpoints: dict[str, Json] = {}
    target_deployments: tuple[str, ...] = ()
    regional_deployments: int = 0
    group_workspaces: int = 0
    role_assignments: int = 0
    registrations: dict[str, str] = {}
    locations: dict[str, tuple[str, ...]] = {}
    sizes: tuple[str, ...] = ()
    missing_actions: dict[str, tuple[str, ...]] = {}
    grants: tuple[Grant, ...] = ()
    locks: tuple[Json, ...] = ()
    usages: tuple[Json, ...] = ()
    networks: tuple[Document, ...] = ()
    zones: tuple[Document, ...] = ()
    stray_answers: dict[str, tuple[str, ...]] = {}
    created: dict[str, str] = {}
    denials: tuple[Denial, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    diagnoses: dict[str, Json] = {}
    vault_refusal: str = ""
    vantages: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @cached_property
    def scope(self) -> Scope:
        """What moves; ConfigError when the configuration cannot work."""
        return scope_of(self.inventory, self.config, {})

    @cached_property
    def missing_deployments(self) -> tuple[Document, ...]:
        """The source's deployments that move and are not in the target yet."""
        there = set(self.target_deployments)
        return tuple(d for d in self.scope.all_deployments if self.scope.remap.id(d.id).key not in there)

    @cached_property
    def associated_ids(self) -> dict[str, str]:
        """Associated resource of the target -> its id, "" for one that is yet to be made."""
        anew = {str(each.resource) for each in made_anew(self.scope)}
        named = associated_resources(self.scope)
        return {name: "" if text in anew else text for name, text in named.items()}

    def environment_of(self, deployment: Document) -> Document | None:
        """The source environment version that a deployment runs in, when the workspace holds it."""
        asset = self.scope.remap.asset(str(deployment.get("environmentId", "")))
        if asset is None or asset.type.lower() != ENVIRONMENT.lower() or asset not in self.inventory:
            return None
        return self.inventory.find(asset)


def resource(document: Document | ResourceId) -> str:
    """How findings name a resource."""
    return str(document.id if isinstance(document, Document) else document)


def is_closed(document: Document) -> bool:
    """Whether a resource's firewall keeps the public out, wholly or but for some."""
    rules = document.get("networkAcls") or document.get("networkRuleSet") or {}
    access = str(document.get("publicNetworkAccess", "Enabled"))
    return access.lower() == "disabled" or str(rules.get("defaultAction", "Allow")).lower() == "deny"
