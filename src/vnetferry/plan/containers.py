"""What holds the versions of an asset and says things of its own: described in the target as in the source.

Azure makes a container with its first version, without a description, tags or properties. Source: REST API, model,
environment and data containers.
"""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.models.base import Json
from vnetferry.models.inventory import DATA, ENVIRONMENT, MODEL, Document
from vnetferry.models.plan import Step
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.fields import writable
from vnetferry.plan.parts import Part, join
from vnetferry.plan.scope import Scope

# Full type of a container, lower case -> the word for what it holds.
CONTAINERS = {
    kind.removesuffix("/versions").lower(): noun
    for kind, noun in ((MODEL, "model"), (ENVIRONMENT, "environment"), (DATA, "data"))
}
_OWN = ("description", "tags", "properties", "isArchived")


def plan_containers(scope: Scope, copies: Iterable[Step]) -> Part:
    """Describe each container of which a version is copied, once its versions are there."""
    planned = tuple(copies)
    return join(_plan(scope, document, planned) for document in described(scope))


def described(scope: Scope) -> list[Document]:
    """The containers of the source that say something of their own."""
    found = (d for d in scope.inventory.documents if d.type.lower() in CONTAINERS)
    return [document for document in found if any(document.get(name) for name in _OWN)]


def _plan(scope: Scope, document: Document, copies: tuple[Step, ...]) -> Part:
    versions = [step for step in copies if step.source and step.source.parent == document.id]
    if not versions:
        return Part()
    target, noun = versions[0].resource.parent, CONTAINERS[document.type.lower()]
    body: Json = scope.remap.value(writable(document.type, document.body))
    step = Step(
        id=f"copy_container:{noun}/{target.name}",
        kind="copy_container",
        title=f"describe {noun} {target.name}",
        resource=target,
        source=document.id,
        body=body,
        spec={"content": ""},
        depends_on=tuple(step.id for step in versions),
        duration_s=expected_s("copy_container"),
    )
    carried = carry_over(document, target, body)
    return Part((step,), carried.carry_over, carried.warnings)
