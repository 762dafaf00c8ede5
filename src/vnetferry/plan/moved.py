"""Where what belongs to a source resource goes: the target of whatever moves, and nothing for what stays.

A satellite names resources by id. Unlike an endpoint's own document it may name some that do not move (another
endpoint, a compute, a storage account), and those ids stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    COMPUTE,
    CONNECTION,
    DATASTORE,
    DEPLOYMENT,
    ENDPOINT,
    WORKSPACE,
    Document,
)
from vnetferry.models.plan import Step
from vnetferry.plan.references import SYSTEM_DATASTORES
from vnetferry.plan.scope import Scope

_STEPS = {
    WORKSPACE.lower(): "create_workspace",
    ENDPOINT.lower(): "create_endpoint",
    DEPLOYMENT.lower(): "create_deployment",
    DATASTORE.lower(): "copy_datastore",
    CONNECTION.lower(): "copy_connection",
    COMPUTE.lower(): "create_compute",
}


class Moved:
    """The resources of one migration that move, and where to; pure, and made once for all satellites.

    Computes stay with the source, but in place, where they are deleted and made again; there the workspace, its own
    identity and whatever else is in it stay.
    """

    def __init__(self, scope: Scope, copies: Iterable[Step] = ()) -> None:
        """In: copies: the steps that copy versions of assets; without them assets count as what stays."""
        self._source = scope.inventory.source
        others = (
            scope.inventory.of_type(COMPUTE)
            if scope.config.in_place
            else (scope.inventory.workspace, *_stores(scope))
        )
        sources = (*scope.endpoints, *scope.all_deployments, *others)
        self._targets = {d.id.key: scope.remap.id(d.id) for d in sources}
        self._makers: dict[ResourceId, str] = {}
        for step in sorted(copies, key=lambda step: step.id):
            self._add_copy(step)
        within = (d for d in scope.inventory.documents if self.is_in_source(str(d.id)))
        left = sources if scope.config.in_place else within
        self._own = {principal_of(d) for d in left} - {""}
        self._holders = {principal_of(d): self._targets[d.id.key] for d in sources if principal_of(d)}
        self._group = (scope.inventory.source.group_id.key, scope.target.group_id)

    def target(self, resource: str) -> ResourceId | None:
        """The target of a source workspace, or of something in it, that moves; None for everything else."""
        return self._targets.get(resource.rstrip("/").lower())

    def maker(self, target: ResourceId) -> str:
        """The id of the step that makes what something moves to."""
        if found := self._makers.get(target):
            return found
        if target.type.lower() == DATASTORE.lower() and target.name.lower() in SYSTEM_DATASTORES:
            return self.maker(target.parent)  # a new workspace comes with it
        is_inner = target.type.lower() == DEPLOYMENT.lower()
        return f"{_STEPS[target.type.lower()]}:{target.parent.name + '/' if is_inner else ''}{target.name}"

    def holder(self, principal: str) -> ResourceId | None:
        """The target whose new identity takes the place of a source identity, of which `principal` is the object id."""
        return self._holders.get(principal.lower())

    def is_own(self, principal: str) -> bool:
        """Whether a principal is the system-assigned identity of something that is left, or deleted, in the source."""
        return principal.lower() in self._own

    def group(self, resource: str) -> ResourceId | None:
        """The target's resource group for the source's."""
        source, target = self._group
        return target if resource.rstrip("/").lower() == source else None

    def is_in_source(self, resource: str) -> bool:
        """Whether a resource is the source workspace or lies in it."""
        return f"{resource.lower()}/".startswith(f"{self._source.key}/")

    def _add_copy(self, step: Step) -> None:
        """A version, and what holds it, which is there as soon as the first of its versions is."""
        if step.source:
            pairs = ((step.source, step.resource), (step.source.parent, step.resource.parent))
            for source, target in pairs:
                self._targets.setdefault(source.key, target)
                self._makers.setdefault(target, step.id)

    def value(self, value: Any) -> Any:
        """A JSON value in which every string that is the id of what moves is its target's."""
        if isinstance(value, str):
            return str(self.target(value) or value) if value.startswith("/") else value
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value


def principal_of(document: Document) -> str:
    """The principal of a resource's system-assigned identity, in lower case; "" when it has none."""
    return str((document.body.get("identity") or {}).get("principalId") or "").lower()


def _stores(scope: Scope) -> tuple[Document, ...]:
    """Datastores and connections, which the target has too; in place they stay as they are."""
    return (*scope.inventory.of_type(DATASTORE), *scope.inventory.of_type(CONNECTION))


def scope_text(document: Document) -> str:
    """What an extension resource (a role assignment, a diagnostic setting) hangs on, as an id; "" for the tenant."""
    lower = document.id.text.lower()
    return document.id.text[: lower.rindex("/providers/microsoft.")]
