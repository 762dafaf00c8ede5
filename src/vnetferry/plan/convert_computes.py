"""Clusters and instances that a conversion deletes and makes again, and what of them nothing can keep."""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.models.base import Json
from vnetferry.models.inventory import Document
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.endpoints import without_principals
from vnetferry.plan.field_rules import Path, Rule
from vnetferry.plan.fields import writable
from vnetferry.plan.parts import Part, attention, cannot_carry
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import network_step_id

_INNER = ("properties", "properties")
_ADMIN: Path = (*_INNER, "userAccountCredentials")
_NO_ADMIN = Rule("drop", "Azure answers no password, and the account has no public key")


def compute_step_id(compute: Document) -> str:
    """The step that makes a compute again."""
    return f"create_compute:{compute.name}"


def plan_compute(scope: Scope, compute: Document) -> Part:
    """Make one compute again, after the network: it joins it."""
    body, special = _body(scope, compute)
    wanted = scope.config.target.image_build_compute or ""
    step = Step(
        id=compute_step_id(compute),
        kind="create_compute",
        title=f"create compute {compute.name}",
        resource=compute.id,
        source=compute.id,
        body=body,
        spec={"stop": _is_stopped(compute), "image_build": wanted.lower() == compute.name.lower()},
        depends_on=(network_step_id(scope),),
        duration_s=expected_s("create_compute"),
    )
    carried = carry_over(compute, compute.id, body, special)
    return Part((step,), carried.carry_over, (*carried.warnings, *_warnings(compute)))


def _body(scope: Scope, compute: Document) -> tuple[Json, dict[Path, Rule]]:
    body = without_principals(writable(compute.type, compute.body))
    body.setdefault("location", scope.location)
    inner = body["properties"].setdefault("properties", {})
    special: dict[Path, Rule] = {}
    account = inner.get("userAccountCredentials") or {}
    if account and not account.get("adminUserSshPublicKey"):
        special |= {(*_ADMIN, key): _NO_ADMIN for key in inner.pop("userAccountCredentials")}
    owner = _inner(compute).get("createdBy") or {}
    if owner.get("userId") and not inner.get("personalComputeInstanceSettings"):
        # Else it would belong to whoever carries out the plan.
        assigned = {"objectId": owner["userId"], "tenantId": owner.get("userOrgId")}
        inner["computeInstanceAuthorizationType"] = "personal"
        inner["personalComputeInstanceSettings"] = {"assignedUser": assigned}
    return body, special


def running_nodes(compute: Document) -> int:
    """How many nodes of a cluster run jobs."""
    return int((_inner(compute).get("nodeStateCounts") or {}).get("runningNodeCount") or 0)


def _inner(compute: Document) -> Json:
    inner: Json = compute.get("properties", {})
    return inner


def _is_instance(compute: Document) -> bool:
    return str(compute.get("computeType", "")).lower() == "computeinstance"


def _is_stopped(compute: Document) -> bool:
    return _is_instance(compute) and str(_inner(compute).get("state", "")).lower() == "stopped"


def _warnings(compute: Document) -> Iterator[PlanWarning]:
    inner = _inner(compute)
    if _is_instance(compute):
        text = (
            f"What is on the disk of compute instance {compute.name} is lost (its own files, packages and containers); "
            "what is in the workspace's file share stays. Have its owner save the rest."
        )
        yield cannot_carry(compute.id, text)
    if running := running_nodes(compute):
        text = f"Jobs run on {running} node(s) of {compute.name}; deleting it ends them. Wait for them, or cancel them."
        yield attention(compute.id, text)
    if inner.get("subnet"):
        text = f"{compute.name} is in a subnet of your own. Made again, it is in the managed network and reaches what"
        yield attention(compute.id, f"{text} that reaches.")
    account = inner.get("userAccountCredentials") or {}
    if account and not account.get("adminUserSshPublicKey"):
        text = f"The administrator account of {compute.name} is not made again: Azure never answers its password."
        yield cannot_carry(compute.id, text)
    if (compute.body.get("identity") or {}).get("principalId"):
        text = (
            f"{compute.name} gets a new principal. It is given the roles that can be seen of the old one, which Azure "
            "may take an hour to know: hold back its jobs until then. Access policies, databases and the like that "
            "name the old one must be told of the new one."
        )
        yield attention(compute.id, text)
