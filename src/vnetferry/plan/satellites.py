"""What hangs on a workspace and its endpoints without being part of them, made again for the target.

Role assignments come as soon as the new identity is there, and what needs a role waits for its assignment. Diagnostic
settings come with what they watch, because Azure may take an hour to begin. Alerts come when the traffic is set and
before callers are told, so nobody is served unwatched and no smoke test rings a bell. Autoscale settings come last of
all, after the handoff: without callers they would at once lower the new deployments to their minimum, and scaling
beside the migration's own writes collides with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnetferry.models.alert_rules import named
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    AUTOSCALE,
    COMPUTE,
    DIAGNOSTIC_SETTING,
    ROLE_ASSIGNMENT,
    Document,
    Inventory,
)
from vnetferry.models.plan import Step
from vnetferry.plan.alert_rules import plan_activity_alerts, plan_processing_rules
from vnetferry.plan.approvals import plan_approvals
from vnetferry.plan.associated import made_anew
from vnetferry.plan.collectors import copies
from vnetferry.plan.monitors import ALERTS, plan_alerts, plan_autoscale, plan_diagnostics
from vnetferry.plan.moved import Moved, principal_of, scope_text
from vnetferry.plan.parts import Part, join
from vnetferry.plan.roles import assigned_to, plan_roles
from vnetferry.plan.scope import Scope

_BEFORE_HAND_OFF = ("assign_role", "create_diagnostic_setting", "create_alert")
_SENT_BY = {
    "workspaceId": "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    "storageAccountId": "Microsoft.Storage/storageAccounts/listKeys/action",
    "eventHubAuthorizationRuleId": "Microsoft.EventHub/namespaces/authorizationRules/listkeys/action",
}
# What an identity does with its roles.
_ACTING = ("create_deployment", "provision_network")


def plan_satellites(scope: Scope) -> Part:
    """Everything that hangs on what moves; in place, of that what goes with what is deleted, and the approvals."""
    if scope.config.in_place:
        moved = Moved(scope)
        return join([_going(scope, moved), plan_approvals(scope, moved)])
    moved = Moved(scope, copies(scope).steps)
    plans = (plan_roles, plan_approvals, plan_diagnostics, plan_autoscale)
    alerts = join([plan_alerts(scope, moved), plan_activity_alerts(scope, moved)])
    rules = plan_processing_rules(scope, moved, alerts.steps)
    return join([*(plan(scope, moved) for plan in plans), alerts, rules])


def _going(scope: Scope, moved: Moved) -> Part:
    """Settings and assignments on what a conversion deletes, and the roles of its identities.

    Autoscale settings and alerts are resources of their own. They stay, and hold for whatever gets the same id again.
    """
    part = join([plan_roles(scope, moved), plan_diagnostics(scope, moved)])
    deleted = (*scope.endpoints, *scope.inventory.of_type(COMPUTE))
    lost = {document.id for document in orphans(scope.inventory, (each.id for each in deleted))}
    steps = [step for step in part.steps if step.source in lost]
    sources = {step.source for step in steps}
    return Part(
        steps=tuple(step.model_copy(update={"undo": "none"}) for step in steps),
        carry_over=tuple(entry for entry in part.carry_over if entry.source in sources),
        warnings=tuple(w for w in part.warnings if any(str(source) == w.resource for source in sources)),
    )


def held_back(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, with those that need a role, and the handoff, waiting for the satellites that they need.

    The `spec` of what needs roles says besides which those are, and a deployment's whether autoscale decides its
    instance count.
    """
    roles: dict[str, list[str]] = {}
    worn: dict[str, list[str]] = {}
    for step in steps:
        if step.kind != "assign_role" or _waits_for_deployments(step):
            continue
        if holder := step.spec["holder"]:
            roles.setdefault(str(holder).lower(), []).append(step.id)
        for wearer in step.spec.get("wearers", ()):
            worn.setdefault(str(wearer).lower(), []).append(step.id)
    merged = {key: [*roles.get(key, ()), *worn.get(key, ())] for key in (*roles, *worn)}
    ready = [step.id for step in steps if step.kind in _BEFORE_HAND_OFF]
    by_id = {step.id: step for step in steps}
    scaled = {step.body["properties"]["targetResourceUri"].lower() for step in steps if _scales(step)}

    def hold(step: Step) -> Step:
        if step.kind == "hand_off":
            needed = ready
        elif step.kind == "create_workspace":
            needed = worn.get(step.resource.key, [])
        else:
            needed = _roles_needed(step, merged, by_id)
        step = step.model_copy(update={"depends_on": tuple(dict.fromkeys([*step.depends_on, *needed]))})
        if step.kind not in _ACTING:
            return step
        known: Json = {"roles": [str(by_id[each].resource) for each in needed]}
        if step.kind == "create_deployment":
            known["autoscaled"] = step.resource.key in scaled
        return step.model_copy(update={"spec": {**step.spec, **known}})

    return tuple(hold(step) for step in steps)


def _waits_for_deployments(step: Step) -> bool:
    """Whether a role is on a deployment: no deployment can need it before it is there."""
    return any(needed.startswith("create_deployment:") for needed in step.depends_on)


def _scales(step: Step) -> bool:
    return step.kind == "create_autoscale_setting" and bool(step.body["properties"].get("enabled"))


def _roles_needed(step: Step, roles: dict[str, list[str]], by_id: dict[str, Step]) -> list[str]:
    """A deployment starts as its endpoint's identity, and its image is built as that of the compute which it waits for;
    the workspace's own asks for its network's connections.
    """
    if step.kind == "provision_network":
        return roles.get(step.resource.key, [])
    if step.kind != "create_deployment":
        return []
    awaited = (by_id[each] for each in step.depends_on if each in by_id)
    builders = (each.resource.key for each in awaited if each.kind == "create_compute")
    return [role for holder in (step.resource.parent.key, *builders) for role in roles.get(holder, [])]


def needed_actions(scope: Scope) -> dict[ResourceId, tuple[str, ...]]:
    """What making the satellites takes: where -> Azure's actions there; what is not there yet stands for its group."""
    found: dict[ResourceId, tuple[str, ...]] = {}
    anew = {each.resource for each in made_anew(scope)}
    for step in plan_satellites(scope).steps:
        on = ResourceId(scope_text(Document(id=step.resource, body={})) or str(scope.target))
        if step.kind != "assign_role" or on == scope.target or on in anew or on.is_under(scope.target):
            on = scope.target.group_id
        if on.subscription_id:  # nobody can be asked about what lies above subscriptions
            found[on] = tuple(dict.fromkeys((*found.get(on, ()), f"{step.resource.type}/write")))
        for sink, action in _sinks(step):
            where = scope.target.group_id if sink in anew else sink
            found[where] = tuple(dict.fromkeys((*found.get(where, ()), action)))
    return found


def _sinks(step: Step) -> Iterator[tuple[ResourceId, str]]:
    """What a diagnostic setting sends to, and the action that Azure asks for there: it sends with its keys.

    Source: reports of `LinkedAuthorizationFailed` (MicrosoftDocs/azure-docs#80159, JimGBritt/AzurePolicy#17).
    """
    sent = step.body.get("properties") or {} if step.kind == "create_diagnostic_setting" else {}
    yield from ((ResourceId(str(sent[name])), action) for name, action in _SENT_BY.items() if sent.get(name))


def orphans(inventory: Inventory, deleted: Iterable[ResourceId]) -> tuple[Document, ...]:
    """What of an inventory is left without a purpose when some of its resources are deleted, sorted by id.

    In:  deleted: the workspace, endpoints or deployments; what lies in them goes with them.
    Out: autoscale settings of theirs, alerts that watch nothing else, diagnostic settings on them, and role
         assignments on them or to their identities. Azure deletes none of these by itself: settings and assignments of
         a deleted resource stay, and hold for whatever gets its id again.
    """
    gone = tuple(deleted)
    principals = {principal_of(d) for d in inventory.documents if _is_gone(str(d.id), gone)} - {""}
    return tuple(d for d in inventory.documents if _is_orphan(d, gone, principals))


def _is_orphan(document: Document, gone: tuple[ResourceId, ...], principals: set[str]) -> bool:
    kind = document.type.lower()
    if kind == ROLE_ASSIGNMENT.lower():
        return assigned_to(document) in principals or _is_gone(scope_text(document), gone)
    if kind == DIAGNOSTIC_SETTING.lower():
        return _is_gone(scope_text(document), gone)
    if kind == AUTOSCALE.lower():
        return _is_gone(str(document.get("targetResourceUri", "")), gone)
    if kind in ALERTS:
        watched = (document.get("scopes", []), named(document.properties))
        return any(ids and all(_is_gone(str(each), gone) for each in ids) for ids in watched)
    return False


def _is_gone(resource: str, gone: tuple[ResourceId, ...]) -> bool:
    return any(f"{resource.lower()}/".startswith(f"{each.key}/") for each in gone)


def autoscaled(inventory: Inventory) -> frozenset[str]:
    """The deployments (ids in lower case) whose instance count an autoscale setting decides."""
    settings = inventory.of_type(AUTOSCALE)
    return frozenset(str(d.get("targetResourceUri", "")).lower() for d in settings if d.get("enabled"))
