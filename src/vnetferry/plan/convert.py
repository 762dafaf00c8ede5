"""In place: delete what the managed network cannot take over, enable it on the same workspace, make all of it again.

Everything that a deletion would lose is kept before the first of them: documents in the plan, secrets in the
workspace's own vault, answers in files beside the plan. Assets, datastores and connections stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    COMPUTE,
    LEGACY_CONNECTION,
    ROLE_ASSIGNMENT,
    WORKSPACE,
    Document,
)
from vnetferry.models.plan import (
    WHOLE_DOCUMENT,
    CarryOver,
    Disposition,
    PlanWarning,
    Step,
    StepKind,
    downtime_s,
)
from vnetferry.plan.associated import associated_resources
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.convert_computes import compute_step_id, plan_compute
from vnetferry.plan.durations import expected_s
from vnetferry.plan.endpoints import plan_endpoints, without_principals
from vnetferry.plan.field_rules import CARRY, READ_ONLY, Rule
from vnetferry.plan.fields import leaves, rule_of
from vnetferry.plan.inbound import plan_inbound
from vnetferry.plan.left_behind import unread
from vnetferry.plan.moved import principal_of
from vnetferry.plan.parts import Part, in_order, join
from vnetferry.plan.references import needs_image_build
from vnetferry.plan.render import duration
from vnetferry.plan.roles import assigned_to
from vnetferry.plan.rules import WIRE_MODES
from vnetferry.plan.satellites import autoscaled, held_back, plan_satellites
from vnetferry.plan.scope import Scope
from vnetferry.plan.secrets import secret_variables
from vnetferry.plan.workspace import outbound_rules, provision_step


def plan_conversion(scope: Scope) -> Part:
    """Everything that a conversion does, in an order that respects its dependencies."""
    _require_image_builder(scope)
    rules, warnings = outbound_rules(scope, associated_resources(scope))
    computes = scope.inventory.of_type(COMPUTE)
    kept = [step for endpoint in scope.endpoints if (step := _keep_secrets(scope, endpoint))]
    recorded = [step for endpoint in scope.endpoints if (step := _record_answers(scope, endpoint))]
    claim = _step(scope, "claim_workspace", f"mark {scope.target.name} as being converted")
    before = _after([*kept, *recorded], claim)
    inbound = plan_inbound(scope)
    ways_in = _after(inbound.steps, claim)
    satellites = plan_satellites(scope)
    approvals = _after((step for step in satellites.steps if step.source is None), claim)
    hanging = satellites._replace(steps=tuple(step for step in satellites.steps if step.source))
    safe = tuple(step.id for step in (*before, *ways_in, *approvals)) or (claim.id,)
    removals = [
        *(_take_down_endpoint(scope, e, safe) for e in scope.endpoints),
        *(_take_down_compute(c, safe) for c in computes),
    ]
    made = join([*(plan_compute(scope, compute) for compute in computes), _endpoints(scope), hanging])
    whole = join(
        [
            Part((claim, *before)),
            inbound._replace(steps=tuple(ways_in)),
            Part(tuple(approvals)),
            Part(tuple(removals)),
            _network(scope, rules, tuple(step.id for step in removals)),
            made,
            Part(_endings(scope, _last(made.steps), [step.resource.name for step in kept])),
            Part(warnings=(*scope.warnings, *warnings, *unread(scope))),
        ]
    )
    return whole._replace(
        steps=tuple(_as_scaled(scope, step) for step in in_order(held_back(whole.steps))),
        carry_over=(*whole.carry_over, *_staying(scope, whole.carry_over)),
        warnings=(*_irreversible(scope, whole.steps, removals[0].id), *whole.warnings),
    )


def keeps_secrets(scope: Scope) -> bool:
    """Whether any endpoint has what only a vault can keep."""
    return any(_secrets(scope, endpoint) for endpoint in scope.endpoints)


# --- Before anything is deleted -----------------------------------------------------------------------------------


def _keep_secrets(scope: Scope, endpoint: Document) -> Step | None:
    """Keep the endpoint's keys and secret variables; None when it has neither."""
    spec = _secrets(scope, endpoint)
    if not spec:
        return None
    title = f"keep the secrets of {endpoint.name} in {_vault(scope).name}"
    return _step(scope, "keep_secrets", title, endpoint.id, spec=spec)


def _secrets(scope: Scope, endpoint: Document) -> Json:
    """What must be kept of an endpoint besides its documents; {} for nothing."""
    found = {
        d.name: names
        for d in scope.deployments[endpoint.name]
        if (names := secret_variables(d.get("environmentVariables", {})))
    }
    has_keys = str(endpoint.get("authMode", "")).lower() == "key"
    return {"vault": _vault(scope).name, "keys": has_keys, "variables": found} if has_keys or found else {}


def _vault(scope: Scope) -> ResourceId:
    return ResourceId(str(scope.inventory.workspace.get("keyVault")))


def _record_answers(scope: Scope, endpoint: Document) -> Step | None:
    names = [d.name for d in scope.deployments[endpoint.name]]
    if endpoint.name not in scope.requests or not names:
        return None
    spec = {
        "request": scope.config.validation.requests[endpoint.name],
        "request_sha256": scope.requests[endpoint.name],
        "deployments": names,
        "answers": _answers_file(scope, endpoint.name),
    }
    return _step(scope, "record_answers", f"record the answers of {endpoint.name}", endpoint.id, spec=spec)


def _answers_file(scope: Scope, endpoint: str) -> str:
    return f"answers-{scope.target.name}-{endpoint}.json"


# --- The workspace --------------------------------------------------------------------------------------------------


def _take_down_endpoint(scope: Scope, endpoint: Document, after: tuple[str, ...]) -> Step:
    title, spec = f"delete endpoint {endpoint.name}", _secrets(scope, endpoint)
    return _step(scope, "take_down_endpoint", title, endpoint.id, spec=spec, after=after)


def _take_down_compute(compute: Document, after: tuple[str, ...]) -> Step:
    return Step(
        id=f"take_down_compute:{compute.name}",
        kind="take_down_compute",
        title=f"delete compute {compute.name}",
        resource=compute.id,
        source=compute.id,
        depends_on=after,
        duration_s=expected_s("take_down_compute"),
    )


def _network(scope: Scope, rules: dict[str, Json], after: tuple[str, ...]) -> Part:
    """Enable the network once nothing is in its way, and provision it; all else of the workspace stays."""
    spec = {
        "isolation_mode": WIRE_MODES[scope.config.target.isolation_mode],
        "firewall_sku": scope.config.target.firewall_sku.capitalize(),
        "outbound_rules": rules,
    }
    title = f"enable the managed network of {scope.target.name}"
    enable = _step(scope, "enable_network", title, spec=spec, after=after)
    workspace = scope.inventory.workspace
    stays = {
        path: _rule_in_place(path, scope.config.target.image_build_compute)
        for path, _ in leaves(workspace.type, workspace.body)
    }
    carried = carry_over(workspace, scope.target, without_principals(deepcopy(workspace.body)), stays)
    # The compute that builds images is made after the network: naming it is that step's.
    return Part((enable, provision_step(scope, rules, "")), carried.carry_over, carried.warnings)


def _rule_in_place(path: tuple[str, ...], image_build_compute: str | None) -> Rule:
    if path[:2] == ("properties", "managedNetwork"):
        return Rule("remake", "this is what the conversion adds")
    if path == ("properties", "privateEndpointConnections"):
        return Rule(
            "remake", "callers' stay; those of the legacy deployments go, and the managed network's comes"
        )
    if path == ("properties", "imageBuildCompute") and image_build_compute:
        return Rule("remake", "target.image_build_compute names one")
    return READ_ONLY if rule_of(WORKSPACE, path) == READ_ONLY else CARRY


# --- Afterwards -----------------------------------------------------------------------------------------------------


def _endpoints(scope: Scope) -> Part:
    """The endpoints as a migration makes them, but from what was kept instead of from a source that is there."""
    part = plan_endpoints(scope)
    return part._replace(steps=tuple(_from_what_was_kept(scope, step) for step in part.steps))


def _as_scaled(scope: Scope, step: Step) -> Step:
    """A deployment's step that leaves its instance count to the autoscale setting which stays."""
    if step.kind != "create_deployment" or step.resource.key not in autoscaled(scope.inventory):
        return step
    return step.model_copy(update={"spec": {**step.spec, "autoscaled": True}})


def _from_what_was_kept(scope: Scope, step: Step) -> Step:
    name = step.resource.parent.name if step.kind == "create_deployment" else step.resource.name
    update: Json = {"undo": "none"}
    if step.kind in ("create_endpoint", "create_deployment"):
        kept = _secrets(scope, next(e for e in scope.endpoints if e.name == name))
        update["spec"] = {**step.spec, "vault": kept.get("vault", "")}
    if step.kind == "create_deployment":
        update["depends_on"] = (*step.depends_on, *_image_build(scope, step))
    if step.kind == "compare_answers":
        update["spec"] = {**step.spec, "answers": _answers_file(scope, name)}
        update["title"] = f"compare the answers of {name} with those before"
    return step.model_copy(update=update)


def _require_image_builder(scope: Scope) -> None:
    """Raise ConfigError when an image is to be built by a compute that the workspace names and has not.

    Azure would refuse it only once the deployment is deleted (FACTS 2.7).
    """
    name = _image_builder(scope)
    known = sorted(compute.name for compute in scope.inventory.of_type(COMPUTE))
    if not name or name.lower() in map(str.lower, known):
        return
    built = [d for d in scope.all_deployments if needs_image_build(scope, d)]
    if built:
        raise ConfigError(
            f"the workspace has its images built by compute '{name}', which is not there, and deployment "
            f"'{built[0].id.parent.name}/{built[0].name}' needs one built",
            resource="target.image_build_compute",
            remedy=f"Set it to a compute of the workspace: {', '.join(known) or 'make one first'}.",
        )


def _image_builder(scope: Scope) -> str:
    """The compute that builds images in the end; "" when none is named."""
    return str(
        scope.config.target.image_build_compute or scope.inventory.workspace.get("imageBuildCompute") or ""
    )


def _image_build(scope: Scope, step: Step) -> tuple[str, ...]:
    """The step that makes the compute which builds the deployment's image, when Azure has to build one."""
    deployment = scope.inventory.find(step.resource)
    known = {compute.name.lower(): compute for compute in scope.inventory.of_type(COMPUTE)}
    found = known.get(_image_builder(scope).lower())
    return (compute_step_id(found),) if found and needs_image_build(scope, deployment) else ()


def _last(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """The steps that no other of them waits for."""
    waited_for = {before for step in steps for before in step.depends_on}
    return tuple(step.id for step in steps if step.id not in waited_for)


def _endings(scope: Scope, made: tuple[str, ...], kept: list[str]) -> tuple[Step, ...]:
    """Forget the secrets once everything serves, and say on the workspace that it is converted."""
    title = f"mark {scope.target.name} as converted"
    if not kept:
        return (_step(scope, "finish_conversion", title, after=made),)
    forget = _step(
        scope,
        "forget_secrets",
        f"delete the kept secrets from {_vault(scope).name}",
        spec={"vault": _vault(scope).name, "endpoints": kept},
        after=made,
    )
    return forget, _step(scope, "finish_conversion", title, after=(forget.id,))


def _staying(scope: Scope, accounted: Iterable[CarryOver]) -> tuple[CarryOver, ...]:
    """One line for each document that no step is made from: it stays, but for what Azure ends and makes itself."""
    known = {entry.source for entry in accounted}
    others = sorted((d for d in scope.inventory.documents if d.id not in known), key=lambda d: d.id)
    return tuple(
        CarryOver(source=document.id, path=WHOLE_DOCUMENT, disposition=fate, reason=reason)
        for document in others
        for fate, reason in [_fate(scope, document)]
    )


def _fate(scope: Scope, document: Document) -> tuple[Disposition, str]:
    kind = document.type.lower()
    if kind.endswith("/privateendpointconnections") and LEGACY_CONNECTION in str(document.properties):
        return "dropped", "of a legacy deployment, with which it ends; the managed network has its own"
    if kind == ROLE_ASSIGNMENT.lower() and assigned_to(document) in {
        principal_of(e) for e in scope.endpoints
    }:
        return "re-created", "Azure gives the new endpoint's identity the same role"
    return "carried", "stays where it is: the workspace is the same"


def _irreversible(scope: Scope, steps: tuple[Step, ...], first_deletion: str) -> list[PlanWarning]:
    workspace, count = scope.target, len(scope.endpoints)
    down = (
        f"{count} endpoint(s) answer nobody for about {duration(downtime_s(steps))} at best, from the first deletion "
        "to the last traffic. Tell their callers before."
    )
    forward = (
        "From the first deletion on there is no way back, only forward: run apply again until it is done, and keep the "
        "plan file. Nothing else holds what was deleted."
    )
    network = f"The managed network of {workspace.name} cannot be switched off, nor its isolation loosened, afterwards."
    names = (
        "While they are deleted, the endpoints' names are free for anybody in the region, and Azure gives each out "
        "again only after a while."
    )
    texts = (down, forward, network, names)
    return [
        PlanWarning(kind="irreversible", resource=str(workspace), text=text, step=first_deletion)
        for text in texts
    ]


def _after(steps: Iterable[Step], claim: Step) -> list[Step]:
    return [step.model_copy(update={"depends_on": (claim.id,)}) for step in steps]


def _step(
    scope: Scope,
    kind: StepKind,
    title: str,
    resource: ResourceId | None = None,
    *,
    spec: Json | None = None,
    after: tuple[str, ...] = (),
) -> Step:
    """A step on the workspace, or on one endpoint of it."""
    where = resource or scope.target
    return Step(
        id=f"{kind}:{where.name}",
        kind=kind,
        title=title,
        resource=where,
        source=where,
        spec=spec or {},
        depends_on=after,
        duration_s=expected_s(kind),
    )
