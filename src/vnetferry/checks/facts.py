"""What the checks look at, as plain data: no check reads Azure by itself."""

from __future__ import annotations

from functools import cached_property

from vnetferry.models.base import Json, Value
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import ENVIRONMENT, Document, Inventory
from vnetferry.plan.scope import Scope, scope_of


class Facts(Value):
    """Everything that a preflight knows.

    associated:          associated resource of the target (`container_registry`, …) -> its document. Absent: it is
                         created with the workspace, or may not be read (then its id is in `unread`).
    group_exists:        whether the target's resource group is there.
    target:              the target workspace's document, None when there is none.
    regional_endpoints:  names of the subscription's online endpoints in the target's region.
    target_endpoints:    name -> document of those that are in the target workspace.
    regional_deployments: how many online deployments the subscription has in that region.
    registrations:       resource provider namespace (lower case) -> its registration state.
    missing_actions:     scope -> actions on it that the caller lacks.
    locks:               locks that bind the target's resource group.
    usages:              usages of the target's region as GET returned them.
    vantages:            names of the places that endpoints can be probed from.
    """

    inventory: Inventory
    config: MigrationConfig
    associated: dict[str, Document] = {}
    group_exists: bool = True
    target: Json | None = None
    regional_endpoints: tuple[str, ...] = ()
    target_endpoints: dict[str, Json] = {}
    regional_deployments: int = 0
    registrations: dict[str, str] = {}
    missing_actions: dict[str, tuple[str, ...]] = {}
    locks: tuple[Json, ...] = ()
    usages: tuple[Json, ...] = ()
    vantages: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @cached_property
    def scope(self) -> Scope:
        """What moves; ConfigError when the configuration cannot work."""
        return scope_of(self.inventory, self.config, {})

    def environment_of(self, deployment: Document) -> Document | None:
        """The source environment version that a deployment runs in, when the workspace holds it."""
        asset = self.scope.remap.asset(str(deployment.get("environmentId", "")))
        if asset is None or asset.type.lower() != ENVIRONMENT.lower() or asset not in self.inventory:
            return None
        return self.inventory.find(asset)


def resource(document: Document | ResourceId) -> str:
    """How findings name a resource."""
    return str(document.id if isinstance(document, Document) else document)
