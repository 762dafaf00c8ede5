"""What a migration covers: the endpoints that move with their new names, and all that planning looks at.

Everything that cannot work is refused here, before anything is planned: names that Azure would not take,
endpoints that are not there, deployments that cannot run in a managed network.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from vnetferry.errors import ConfigError
from vnetferry.models.base import Value
from vnetferry.models.config import EndpointsConfig, MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.in_place import require_convertible, require_own_workspace
from vnetferry.plan.names import rename, require_endpoint_name, require_workspace_name
from vnetferry.plan.parts import attention, cannot_carry
from vnetferry.plan.remap import Remap, remap_of


class Scope(Value):
    """What planning looks at.

    endpoints:   the source endpoints that move, sorted by id.
    deployments: source endpoint's name -> its deployments that move.
    requests:    source endpoint's name -> SHA-256 of its request file.
    """

    inventory: Inventory
    config: MigrationConfig
    remap: Remap
    location: str
    endpoints: tuple[Document, ...]
    deployments: dict[str, tuple[Document, ...]]
    requests: dict[str, str]
    warnings: tuple[PlanWarning, ...]

    @property
    def target(self) -> ResourceId:
        """The target workspace."""
        return self.remap.target

    @property
    def all_deployments(self) -> tuple[Document, ...]:
        """The deployments of all endpoints that move."""
        return tuple(d for endpoint in self.endpoints for d in self.deployments[endpoint.name])


def scope_of(inventory: Inventory, config: MigrationConfig, requests: dict[str, str]) -> Scope:
    """What of `inventory` moves under `config`.

    Raises: ConfigError when something cannot work, saying what and how to mend it.
    """
    target = target_workspace(inventory.source, config)
    location = config.target.location or inventory.location
    matched = _matching(inventory, config.endpoints)
    endpoints = tuple(e for e in matched if _is_managed(inventory, e))
    if config.in_place:
        require_convertible(inventory, config, endpoints)
    _require_movable(config.endpoints, matched, endpoints)
    _require_requested(requests, endpoints)
    names = _new_names(endpoints, inventory, config, same_region=_same(location, inventory.location))
    deployments = {e.name: _serving(inventory, e) for e in endpoints}
    return Scope(
        inventory=inventory,
        config=config,
        remap=remap_of(inventory, target, names),
        location=location,
        endpoints=endpoints,
        deployments=deployments,
        requests=requests,
        warnings=(*_left_out(matched, endpoints), *_not_serving(inventory, endpoints, deployments)),
    )


def target_workspace(source: ResourceId, config: MigrationConfig) -> ResourceId:
    """The id of the target workspace; ConfigError when its name cannot work."""
    if config.in_place:
        require_own_workspace(config)
        return source
    require_workspace_name(config.target.workspace)
    group = config.target.resource_group or source.resource_group
    target = ResourceId.workspace(source.subscription_id, group, config.target.workspace)
    if target == source:
        raise ConfigError(
            "the target workspace is the source workspace",
            resource="target.workspace",
            remedy="Give the target another name, or set 'mode: in_place' to convert the workspace itself.",
        )
    return target


def moves(name: str, config: EndpointsConfig) -> bool:
    """Whether an endpoint of that name is one that moves."""
    included = any(fnmatchcase(name.lower(), pattern.lower()) for pattern in config.include)
    return included and not any(fnmatchcase(name.lower(), pattern.lower()) for pattern in config.exclude)


def _same(a: str, b: str) -> bool:
    return a.lower().replace(" ", "") == b.lower().replace(" ", "")


def _matching(inventory: Inventory, config: EndpointsConfig) -> tuple[Document, ...]:
    names = [e.name for e in inventory.endpoints]
    if not names:
        raise ConfigError(
            "the source workspace has no online endpoints",
            resource=str(inventory.source),
            remedy="Check source.workspace; there is nothing to move.",
        )
    for pattern in config.include:
        if not any(fnmatchcase(name.lower(), pattern.lower()) for name in names):
            raise ConfigError(
                f"no endpoint of the source workspace matches '{pattern}'",
                resource="endpoints.include",
                remedy=_did_you_mean(pattern, names),
            )
    matched = tuple(e for e in inventory.endpoints if moves(e.name, config))
    if not matched:
        raise ConfigError(
            "endpoints.exclude excludes every endpoint that endpoints.include names",
            resource="endpoints.exclude",
            remedy=f"Leave out a pattern of it. There are: {', '.join(names)}.",
        )
    return matched


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(choices)}."


def _is_managed(inventory: Inventory, endpoint: Document) -> bool:
    kinds = [d.get("endpointComputeType", "Managed") for d in inventory.deployments(endpoint.id)]
    return not endpoint.get("compute") and all(kind.lower() == "managed" for kind in kinds)


def _require_movable(
    config: EndpointsConfig, matched: tuple[Document, ...], managed: tuple[Document, ...]
) -> None:
    """Refuse a Kubernetes endpoint that is asked for by name, and a plan without any endpoint."""
    others = [e for e in matched if e not in managed]
    named = [e for e in others if e.name.lower() in {p.lower() for p in config.include}]
    if not managed or named:
        name = (named or others)[0].name
        raise ConfigError(
            f"endpoint '{name}' runs on attached Kubernetes compute, which a managed virtual network does not hold",
            resource="endpoints.include",
            remedy=f"Put '{name}' into endpoints.exclude, or redeploy it on managed compute first.",
        )


def _left_out(matched: tuple[Document, ...], managed: tuple[Document, ...]) -> list[PlanWarning]:
    text = "runs on attached Kubernetes compute and is left out; redeploy it on managed compute, or keep it."
    return [cannot_carry(e.id, f"Endpoint {e.name} {text}") for e in matched if e not in managed]


def _require_requested(requests: dict[str, str], endpoints: tuple[Document, ...]) -> None:
    known = {e.name for e in endpoints}
    for name in requests:
        if name not in known:
            raise ConfigError(
                f"validation.requests names '{name}', which is not an endpoint that moves",
                resource="validation.requests",
                remedy=_did_you_mean(name, known),
            )


def _new_names(
    endpoints: tuple[Document, ...], inventory: Inventory, config: MigrationConfig, *, same_region: bool
) -> dict[str, str]:
    names = {e.name: rename(e.name, config.endpoints.rename) for e in endpoints}
    if config.in_place:
        return names  # they are names already, and free again by then
    taken = {e.name.lower(): e.name for e in inventory.endpoints} if same_region else {}
    for source, new in names.items():
        require_endpoint_name(new, source)
        if new.lower() in taken:
            raise ConfigError(
                f"the new name '{new}' of endpoint '{source}' is that of '{taken[new.lower()]}' in the same region",
                resource="endpoints.rename",
                remedy="Endpoint names are unique in a region: choose another endpoints.rename.",
            )
    return names


def _serving(inventory: Inventory, endpoint: Document) -> tuple[Document, ...]:
    """The deployments that are up; ConfigError when one that is not has traffic."""
    deployments = inventory.deployments(endpoint.id)
    for deployment in deployments:
        if not _is_up(deployment) and _traffic_pct(endpoint, deployment.name):
            state = deployment.get("provisioningState", "unknown")
            raise ConfigError(
                f"deployment '{endpoint.name}/{deployment.name}' is {state} and has traffic",
                resource=str(deployment.id),
                remedy="Mend it, or take its traffic away, and plan again.",
            )
    return tuple(d for d in deployments if _is_up(d))


def _is_up(deployment: Document) -> bool:
    return str(deployment.get("provisioningState", "Succeeded")).lower() == "succeeded"


def _traffic_pct(endpoint: Document, deployment: str) -> int:
    shares = [endpoint.get("traffic", {}), endpoint.get("mirrorTraffic", {})]
    return sum(
        int(pct) for share in shares for name, pct in share.items() if name.lower() == deployment.lower()
    )


def _not_serving(
    inventory: Inventory, endpoints: tuple[Document, ...], deployments: dict[str, tuple[Document, ...]]
) -> list[PlanWarning]:
    return [
        attention(d.id, f"Deployment {e.name}/{d.name} is {d.get('provisioningState')} and is left out.")
        for e in endpoints
        for d in inventory.deployments(e.id)
        if d not in deployments[e.name]
    ]
