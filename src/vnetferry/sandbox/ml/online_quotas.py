"""Quotas of online endpoints: how many of them, of deployments, of instances and of cores a region gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.compute_cores import cores_taken
from vnetferry.sandbox.ml.instances import (
    DEFAULT_FAMILY_CORES,
    LIMITS,
    Size,
    cores_needed,
    deployments_in,
    find_size,
    instances_of,
)
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


def limit_of(world: World, name: str) -> int:
    """A limit by its name in LIMITS or a family's name; the scenario's `quotas` win."""
    return world.scenario.quotas.get(name, LIMITS.get(name, DEFAULT_FAMILY_CORES))


def check_endpoint_quota(world: World, workspace: Json) -> None:
    """Room for one more endpoint in the subscription and region; AzureError 400 `OutOfQuota` otherwise."""
    owner = f"/subscriptions/{_subscription(workspace)}/".lower()
    found = world.endpoint_names.owners(workspace["location"])
    _check_count(
        world, workspace, "onlineEndpoints", sum(1 for each in found if each.lower().startswith(owner))
    )


def check_deployment_quota(world: World, workspace: Json, siblings: int) -> None:
    """Room for one more deployment in the subscription and in the endpoint, which has `siblings` already."""
    found = deployments_in(world, _subscription(workspace), workspace["location"])
    _check_count(world, workspace, "onlineDeployments", sum(1 for _ in found))
    limit = limit_of(world, "deploymentsPerEndpoint")
    if siblings >= limit:
        raise out_of_quota(
            f"The endpoint has {siblings} deployments, and {limit} is the most that it can have."
        )


def check_cores(world: World, workspace: Json, wanted: Json, before: Json | None) -> None:
    """Room for the deployment's instances, upgrade reserve included, in place of those it has (`before`)."""
    size, instances = find_size(wanted["properties"]["instanceType"]), instances_of(wanted)
    limit = limit_of(world, "instancesPerDeployment")
    if instances > limit:
        raise out_of_quota(
            f"{instances} instances were asked for, and {limit} is the most that a deployment can have."
        )
    if size is None or (before is not None and instances_of(before) >= instances):
        return
    held = cores_needed(size, instances_of(before)) if before else 0
    subscription = _subscription(workspace)
    used = cores_taken(world, subscription, workspace["location"])
    needed = cores_needed(size, instances) - held
    for in_use, cap in (
        (used[size.family], limit_of(world, size.family)),
        (used.total(), limit_of(world, "totalCores")),
    ):
        if in_use + needed > cap:
            raise _not_enough(size, subscription, f"{in_use}/{cap}", needed)


def out_of_quota(reason: str) -> AzureError:
    """400 `OutOfQuota`."""
    return service_error(400, "OutOfQuota", reason, details=[{"code": "OutOfQuota", "message": reason}])


def _not_enough(size: Size, subscription: str, usage: str, needed: int) -> AzureError:
    return out_of_quota(
        f"Not enough quota available for {size.name} in SubscriptionId {subscription}. Current "
        f"usage/limit: {usage}. "
        f"Additional needed: {needed} Please see troubleshooting guide, available here: "
        "https://aka.ms/oe-tsg#error-outofquota"
    )


def _check_count(world: World, workspace: Json, name: str, found: int) -> None:
    limit = limit_of(world, name)
    if found >= limit:
        raise out_of_quota(
            f"The subscription has reached its limit of {limit} {name} in {workspace['location']}."
        )


def _subscription(workspace: Json) -> str:
    return str(workspace["id"].split("/")[2])
