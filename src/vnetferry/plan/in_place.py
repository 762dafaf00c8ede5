"""Whether a workspace can be converted in place, and how far a conversion is.

What Azure would refuse once everything is deleted must be refused here, while everything still serves.

Source: Workspace managed virtual network isolation (what must be deleted and made again, and what a managed network
        does not hold). FACTS 2.1, 2.5.
"""

from __future__ import annotations

from vnetferry.config import in_place_problems
from vnetferry.errors import ConfigError, PersonNeeded
from vnetferry.models.base import Json
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import COMPUTE, DEPLOYMENT, ENDPOINT, Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.models.run import CONVERSION_TAG, PLAN_TAG, UNDER_WAY

REMOVED_KINDS = (ENDPOINT, DEPLOYMENT, COMPUTE)
_MADE_AGAIN = ("amlcompute", "computeinstance")


def require_own_workspace(config: MigrationConfig) -> None:
    """Raise ConfigError when the configuration of a conversion asks for what has no place in one."""
    if problems := in_place_problems(config):
        loc, sentence = problems[0]
        raise ConfigError(sentence, resource=".".join(map(str, loc)))


def require_convertible(
    inventory: Inventory, config: MigrationConfig, endpoints: tuple[Document, ...]
) -> None:
    """Raise unless everything that must be deleted can be made again, and the network be enabled then.

    In:     endpoints: the managed endpoints that the configuration names.
    Raises: PersonNeeded while another plan's conversion is under way; ConfigError for everything else.
    """
    _require_no_other(inventory)
    _require_region(inventory, config)
    _require_all(inventory, endpoints)
    for document in removed(inventory):
        _require_healthy(document)
    for compute in inventory.of_type(COMPUTE):
        _require_own_compute(inventory, compute)
    _require_image_build(inventory, config.target.image_build_compute)


def removed(inventory: Inventory) -> tuple[Document, ...]:
    """What a conversion deletes and makes again."""
    return tuple(d for kind in REMOVED_KINDS for d in inventory.of_type(kind))


def is_claimed(plan: Plan, workspace: Json) -> bool:
    """Whether the conversion by this plan has begun on its workspace: its mark is the first thing that is written."""
    tags = workspace.get("tags") or {}
    return tags.get(PLAN_TAG) == plan.id and CONVERSION_TAG in tags


def is_past_return(plan: Plan, inventory: Inventory) -> bool:
    """Whether anything has been deleted, so that there is only the way forward."""
    if not (plan.config.in_place and is_claimed(plan, inventory.workspace.body)):
        return False
    there = {d.id for d in removed(inventory) if not is_made_by(plan, d)}
    steps = (*plan.of_kind("take_down_endpoint"), *plan.of_kind("take_down_compute"))
    return any(step.resource not in there for step in steps)


def without_own_mark(plan: Plan, inventory: Inventory) -> Inventory:
    """The inventory as a preflight is to see it: to a plan that goes on, its own mark is nobody's conversion."""
    if not (plan.config.in_place and is_claimed(plan, inventory.workspace.body)):
        return inventory
    workspace = inventory.workspace
    tags = {name: value for name, value in workspace.body["tags"].items() if name != CONVERSION_TAG}
    unmarked = Document(id=workspace.id, body={**workspace.body, "tags": tags})
    others = (document for document in inventory.documents if document is not workspace)
    return inventory.model_copy(update={"documents": (unmarked, *others)})


def is_made_by(plan: Plan, document: Document) -> bool:
    """Whether a resource is one that this plan has made (again)."""
    return (document.body.get("tags") or {}).get(PLAN_TAG) == plan.id


def _require_no_other(inventory: Inventory) -> None:
    tags = inventory.workspace.body.get("tags") or {}
    if tags.get(CONVERSION_TAG) == UNDER_WAY:
        raise PersonNeeded(
            f"{inventory.source.name} is being converted by plan {tags.get(PLAN_TAG)}",
            resource=str(inventory.source),
            remedy="Go on with that plan: 'vnetferry apply' with its file. What was deleted is in it alone.",
        )
    mode = str((inventory.workspace.get("managedNetwork") or {}).get("isolationMode") or "Disabled")
    if mode.lower() != "disabled":
        raise ConfigError(
            f"{inventory.source.name} has a managed network already ({mode})",
            resource=str(inventory.source),
            remedy="There is nothing to convert; migrate side by side to leave it.",
        )


def _require_region(inventory: Inventory, config: MigrationConfig) -> None:
    wanted = config.target.location
    if wanted and _plain(wanted) != _plain(inventory.location):
        raise ConfigError(
            f"target.location is {wanted}, and a workspace that is converted in place stays in {inventory.location}",
            resource="target.location",
            remedy="Leave it out, or migrate side by side.",
        )


def _require_all(inventory: Inventory, endpoints: tuple[Document, ...]) -> None:
    left = [e for e in inventory.endpoints if e not in endpoints]
    if left:
        raise ConfigError(
            f"{left[0].name} would stay, and a network can only be enabled once every endpoint is deleted",
            resource=str(left[0].id),
            remedy="In place all managed endpoints move (leave endpoints.include and exclude out), and there may be no "
            "Kubernetes endpoint. Otherwise migrate side by side.",
        )


def _require_healthy(document: Document) -> None:
    state = str(document.get("provisioningState", "Succeeded"))
    if state.lower() != "succeeded":
        raise ConfigError(
            f"{document.type.rpartition('/')[2].lower().removesuffix('s')} '{document.name}' is {state}: "
            "deleted, it could not be made again as it is",
            resource=str(document.id),
            remedy="Mend it, or delete it if nobody needs it, and plan again.",
        )


def _require_own_compute(inventory: Inventory, compute: Document) -> None:
    kind, place = str(compute.get("computeType", "")), str(compute.get("computeLocation", ""))
    if kind.lower() not in _MADE_AGAIN:
        raise ConfigError(
            f"compute '{compute.name}' is attached ({kind}), and Azure's pages differ on whether such may stay while a "
            "network is enabled",
            resource=str(compute.id),
            remedy=f"Detach it (az ml compute detach --name {compute.name}), attach it again afterwards; or migrate "
            "side by side.",
        )
    if place and _plain(place) != _plain(inventory.location):
        raise ConfigError(
            f"compute '{compute.name}' is in {place}; a managed network holds computes of {inventory.location} alone",
            resource=str(compute.id),
            remedy="Delete it if it is not needed, or migrate side by side.",
        )


def _require_image_build(inventory: Inventory, name: str | None) -> None:
    names = [compute.name for compute in inventory.of_type(COMPUTE)]
    if name and name.lower() not in {known.lower() for known in names}:
        raise ConfigError(
            f"target.image_build_compute names '{name}', which is not a compute of {inventory.source.name}",
            resource="target.image_build_compute",
            remedy=f"Make it first, or name one of: {', '.join(sorted(names)) or 'none'}.",
        )


def _plain(location: str) -> str:
    return location.lower().replace(" ", "")
