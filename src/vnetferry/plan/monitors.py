"""Diagnostic settings, alerts and autoscale settings of what moves, made again for the target's ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from vnetferry.models.alert_rules import named
from vnetferry.models.base import Json, digest
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    ACTIVITY_ALERT,
    AUTOSCALE,
    DEPLOYMENT,
    DIAGNOSTIC_SETTING,
    ENDPOINT,
    LOG_ALERT,
    METRIC_ALERT,
    PROCESSING_RULE,
    Document,
)
from vnetferry.models.plan import PlanWarning, Step, StepKind
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.field_rules import Rule
from vnetferry.plan.fields import writable
from vnetferry.plan.handoff import hand_off_ids
from vnetferry.plan.moved import Moved, scope_text
from vnetferry.plan.parts import Part, attention, cannot_carry, join
from vnetferry.plan.queries import rewritten
from vnetferry.plan.scope import Scope
from vnetferry.plan.secrets import redact, redacted_paths

_NAME_MAX = 120  # of the source's name in the new one; Azure takes 260 characters
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 ._()-]")
ALERTS = tuple(kind.lower() for kind in (METRIC_ALERT, LOG_ALERT, ACTIVITY_ALERT, PROCESSING_RULE))
_FALLING = ("LessThan", "LessThanOrEqual")


def plan_diagnostics(scope: Scope, moved: Moved) -> Part:
    """The same settings, under the same names, on the new workspace, endpoints and deployments."""
    return join(
        made_again(
            document,
            "create_diagnostic_setting",
            _on(target, document),
            (moved.maker(target),),
            moved.value,
        )
        for document in scope.inventory.of_type(DIAGNOSTIC_SETTING)
        if (target := moved.target(scope_text(document)))
    )


def plan_alerts(scope: Scope, moved: Moved) -> Part:
    """Metric alerts and log alerts that watch what moves; enabled or not, as the source's are."""
    return join([*_metric_alerts(scope, moved), *_log_alerts(scope, moved)])


def plan_autoscale(scope: Scope, moved: Moved) -> Part:
    """The autoscale settings of the deployments that move, for the new deployments."""
    parts = []
    for document in scope.inventory.of_type(AUTOSCALE):
        target = moved.target(str(document.get("targetResourceUri", "")))
        if target and target.type.lower() == DEPLOYMENT.lower():
            resource = renamed(scope, document)

            def change(body: Json, name: str = resource.name) -> Json:
                body = _in_region(moved.value(body), scope.location)
                body["properties"]["name"] = name
                return body

            part = made_again(
                document,
                "create_autoscale_setting",
                resource,
                (*watched(scope, [target]), *hand_off_ids(scope)),
                change,
            )
            parts.append(
                part._replace(warnings=(*part.warnings, *_autoscale_warnings(document, target, moved)))
            )
    return join(parts)


def monitor_fate(moved: Moved, document: Document) -> Rule | None:
    """What becomes of a setting or an alert that is not made again; None for other documents."""
    kind = document.type.lower()
    if kind == DIAGNOSTIC_SETTING.lower():
        return Rule("drop", "what it is on stays with the source")
    if kind == AUTOSCALE.lower():
        return Rule("drop", "what it scales stays with the source")
    if kind not in ALERTS:
        return None
    if any(
        moved.is_in_source(str(text)) for text in (*document.get("scopes", []), *named(document.properties))
    ):
        return Rule("drop", "what it watches stays with the source")
    return Rule("carry", "stays as it is: it watches what source and target share")


def _on(target: ResourceId, setting: Document) -> ResourceId:
    return ResourceId(f"{target}/providers/{DIAGNOSTIC_SETTING}/{setting.name}")


def renamed(scope: Scope, document: Document) -> ResourceId:
    """The id in the target's resource group, under a name that no other setting or alert there can have."""
    mark = digest([document.id.key, scope.target.key])[:6]
    name = _NOT_IN_NAMES.sub("-", document.name)[:_NAME_MAX]
    return ResourceId(f"{scope.target.group_id}/providers/{document.type}/{name}-{mark}")


def made_again(
    document: Document,
    kind: StepKind,
    resource: ResourceId,
    needs: tuple[str, ...],
    change: Callable[[Json], Json],
) -> Part:
    """The step that makes `document` again as `resource`, changed.

    Values that may be secrets, such as the addresses of webhooks, are not in the plan: the step's spec says where in
    the body the source's are to be put.
    """
    body = _without_principals(change(writable(document.type, document.body)))
    noun = document.type.rpartition("/")[2].removesuffix("s").lower()
    title = {
        "autoscalesetting": "autoscale setting",
        "metricalert": "metric alert",
        "scheduledqueryrule": "log alert",
        "activitylogalert": "activity log alert",
        "actionrule": "alert processing rule",
    }
    step = Step(
        id=f"{kind}:{_label(resource)}",
        kind=kind,
        title=f"create {title.get(noun, 'diagnostic setting')} {_label(resource)}",
        resource=resource,
        source=document.id,
        body=redact(body),
        spec={"secrets": redacted_paths(body)},
        depends_on=needs,
        undo="delete",
        duration_s=expected_s(kind),
    )
    carried = carry_over(document, resource, body)
    return Part((step,), carried.carry_over, (*carried.warnings, *_identity_warnings(document)))


def _label(resource: ResourceId) -> str:
    """Its name; that of a diagnostic setting with what it is on."""
    if resource.type.lower() != DIAGNOSTIC_SETTING.lower():
        return resource.name
    on = ResourceId(scope_text(Document(id=resource, body={})))
    return (
        f"{on.parent.name}/{on.name}/{resource.name}"
        if on.type.lower() == DEPLOYMENT.lower()
        else f"{on.name}/{resource.name}"
    )


def _in_region(body: Json, location: str) -> Json:
    """What names the region of the resource it is about, in the target's region."""
    body = {**body, "location": location} if str(body.get("location", "")).lower() != "global" else body
    properties = dict(body["properties"])
    for name in ("targetResourceLocation", "targetResourceRegion"):
        if properties.get(name):
            properties[name] = location
    return {**body, "properties": properties}


def _metric_alerts(scope: Scope, moved: Moved) -> Iterator[Part]:
    for document in scope.inventory.of_type(METRIC_ALERT):
        on_ml = (
            str(document.get("targetResourceType", ""))
            .lower()
            .startswith("microsoft.machinelearningservices/")
        )
        scopes = [
            t
            for text in document.get("scopes", [])
            if (t := moved.target(text) or (moved.group(text) if on_ml else None))
        ]
        if not scopes or [str(s).lower() for s in scopes] == [
            str(s).lower() for s in document.get("scopes", [])
        ]:
            continue

        def change(body: Json, scopes: list[ResourceId] = scopes) -> Json:
            body = _in_region(moved.value(body), scope.location)
            body["properties"]["scopes"] = [str(each) for each in scopes]
            return body

        part = made_again(
            document, "create_alert", renamed(scope, document), tuple(watched(scope, scopes)), change
        )
        yield part._replace(warnings=(*part.warnings, *alert_warnings(document, scopes)))


def _log_alerts(scope: Scope, moved: Moved) -> Iterator[Part]:
    """Log alerts that watch what moves, by their scopes or by what their queries name."""
    for document in scope.inventory.of_type(LOG_ALERT):
        before = [str(text) for text in document.get("scopes", [])]
        kept = [text for text in before if moved.target(text) or not moved.is_in_source(text)]
        targets = [t for text in kept if (t := moved.target(text))]
        criteria, asked = rewritten(scope, document.get("criteria", {}))
        if not kept or not (targets or asked):
            continue  # it watches what stays, or all that a shared log holds: the target's too

        def change(body: Json, kept: list[str] = kept, criteria: Any = criteria) -> Json:
            body = moved.value(body)
            body["properties"].update(scopes=[str(moved.target(t) or t) for t in kept], criteria=criteria)
            # A rule lives where what it asks lives; shared logs have not moved.
            return _in_region(body, scope.location) if all(map(moved.target, kept)) else body

        on = targets or [scope.target]
        part = made_again(
            document,
            "create_alert",
            renamed(scope, document),
            tuple(watched(scope, on)),
            change,
        )
        text = f"The query of log alert {document.name} is rewritten for {', '.join(asked)}; check it."
        more = [attention(document.id, text)] if asked else []
        yield part._replace(warnings=(*part.warnings, *alert_warnings(document, targets), *more))


def watched(scope: Scope, targets: list[ResourceId]) -> Iterator[str]:
    """The steps after which what is watched serves as planned: the traffic of endpoints, the making of all else."""
    found = []
    for target in targets:
        kind = target.type.lower()
        if kind in (ENDPOINT.lower(), DEPLOYMENT.lower()):
            found.append(f"set_traffic:{target.name if kind == ENDPOINT.lower() else target.parent.name}")
        else:
            found += [f"set_traffic:{name}" for name in scope.remap.endpoints.values()]
    yield from dict.fromkeys(found)


def _without_principals(body: Json) -> Json:
    identities = (body.get("identity") or {}).get("userAssignedIdentities")
    if not identities:
        return body
    return {
        **body,
        "identity": {**body["identity"], "userAssignedIdentities": {name: {} for name in identities}},
    }


def _identity_warnings(document: Document) -> Iterator[PlanWarning]:
    if (document.body.get("identity") or {}).get("principalId"):
        text = f"The new {document.name} gets an identity of its own; give it the roles that the source's was given."
        yield cannot_carry(document.id, text)


def alert_warnings(document: Document, targets: list[ResourceId]) -> Iterator[PlanWarning]:
    """What to know of the twin of an alert, which watches `targets`."""
    left = [
        text
        for text in document.get("scopes", [])
        if str(text).lower() not in {str(t).lower() for t in targets}
    ]
    if targets and len(left) > len(targets):
        text = f"Alert {document.name} watches what stays too; the new one watches what moves alone."
        yield attention(document.id, text)
    criteria = document.get("criteria", {})
    falling = [c for c in criteria.get("allOf") or [] if c.get("operator") in _FALLING]
    if falling and document.get("enabled"):
        text = f"Alert {document.name} fires when there is too little of something: its twin may until callers come."
        yield attention(document.id, text)


def _autoscale_warnings(document: Document, target: ResourceId, moved: Moved) -> Iterator[PlanWarning]:
    if not document.get("enabled"):
        return
    label = f"{target.parent.name}/{target.name}"
    text = (
        f"{label} begins with the instances that the source has when it is deployed. After the handoff its autoscale "
        "setting lowers them to its minimum until callers come; raise the minimum first if all of them come at once."
    )
    yield attention(document.id, text)
    for text in sorted(_metrics_of_what_stays(document, moved)):
        yield attention(
            document.id,
            f"A rule of autoscale setting {document.name} goes by a metric of {text}, which stays.",
        )


def _metrics_of_what_stays(document: Document, moved: Moved) -> set[str]:
    rules = [rule for profile in document.get("profiles", []) for rule in profile.get("rules") or []]
    named = {str((rule.get("metricTrigger") or {}).get("metricResourceUri") or "") for rule in rules}
    return {text for text in named if moved.is_in_source(text) and not moved.target(text)}
