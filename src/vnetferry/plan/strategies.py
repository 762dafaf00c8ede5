"""What it means that the target shares, creates or is given what it stands on: for people to know.

Source: Secure managed online endpoints (a registry must be Premium). FACTS 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.errors import ConfigError
from vnetferry.models.config import BringYourOwn
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.associated import ASSOCIATED, ASSOCIATED_TYPES, associated_resources, made_anew
from vnetferry.plan.parts import attention
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import shares_with_source


def strategy_warnings(scope: Scope) -> list[PlanWarning]:
    """The consequences of the strategy.

    Raises: ConfigError when a resource that is given cannot be the target's.
    """
    _require_fit(scope)
    found = associated_resources(scope)
    return [
        *_shared(scope, found),
        *_anew(scope),
        *([] if found["container_registry"] else _no_registry(scope)),
    ]


def _require_fit(scope: Scope) -> None:
    """Raise ConfigError unless what the configuration names is of its kind and in the target's subscription."""
    own = scope.config.target.associated_resources
    for name in ASSOCIATED if isinstance(own, BringYourOwn) else ():
        resource: ResourceId | None = getattr(own, name)
        if resource is None:
            continue
        key, wanted = f"target.associated_resources.{name}", ASSOCIATED_TYPES[name]
        if resource.type.lower() != wanted.lower():
            what = f"{key} is a {resource.type}, not a {wanted}"
            raise ConfigError(
                what, resource=key, remedy="Copy the id from the resource's page in the portal."
            )
        if resource.subscription_id.lower() != scope.target.subscription_id.lower():
            what = f"{key} lies in subscription {resource.subscription_id}, and the workspace in another"
            remedy = f"Name one of subscription {scope.target.subscription_id}; Azure takes no other."
            raise ConfigError(what, resource=key, remedy=remedy)


def _shared(scope: Scope, found: dict[str, str]) -> Iterator[PlanWarning]:
    if shares_with_source(scope):
        source = scope.inventory.workspace
        names = ", ".join(
            ResourceId(found[name]).name
            for name, wire in ASSOCIATED.items()
            if found[name] and found[name].lower() == str(source.get(wire, "")).lower()
        )
        text = (
            f"{scope.target.name} shares {names} with {source.name}, with data isolation: containers of its own. They "
            "must stay when the source is retired; vnetferry never deletes them."
        )
        yield attention(scope.target, text)


def _anew(scope: Scope) -> Iterator[PlanWarning]:
    made = [f"{each.noun} {each.resource.name}" for each in made_anew(scope)]
    if made:
        text = (
            f"{scope.target.name} gets {', '.join(made)}, made after the source's: with the same firewall, protection, "
            "tags and settings, and a private endpoint in each network that has one to the source's. The source's "
            "resources stay; vnetferry never deletes them."
        )
        yield attention("target.associated_resources", text)


def _no_registry(scope: Scope) -> Iterator[PlanWarning]:
    text = (
        f"There is no container registry, so Azure makes one for {scope.target.name} when it first needs it. Private "
        "endpoints take a Premium one: make it (az acr create --sku Premium) and name it as "
        "target.associated_resources.container_registry."
    )
    yield attention("target.associated_resources", text)
