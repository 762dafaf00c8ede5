"""What Azure Policy would deny of resources that are yet to be made. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from vnetferry.checks.facts import Denial
from vnetferry.errors import VnetferryError
from vnetferry.gateway import api_versions
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.plan.moved import scope_text

_CHECK = "providers/Microsoft.PolicyInsights/checkPolicyRestrictions"


def read_denials(readings: Readings, subjects: Iterable[Document]) -> list[Denial]:
    """One for each policy that denies one of the subjects; lines of `unread` where it may not be asked.

    Effects: one POST for each subject, which changes nothing.
    """

    @cache
    def title(definition: str) -> str:
        try:
            properties = readings.azure.arm.get(definition, api_versions.POLICY).get("properties") or {}
        except VnetferryError:
            return ""
        return str(properties.get("displayName") or "")

    def read(subject: Document) -> list[Denial]:
        found = readings.attempt(lambda: _evaluations(readings, subject), "what Azure Policy denies")
        return [_denial(subject.id, each, title) for each in found or ()]

    return [denial for found in readings.each(read, list(subjects)) for denial in found]


def _evaluations(readings: Readings, subject: Document) -> list[Json]:
    content = {**subject.body, "type": subject.id.type, "name": subject.id.name}
    group, subscription = subject.id.group_id, f"/subscriptions/{subject.id.subscription_id}"
    where = str(group) if subject.id.resource_group else subscription
    scope = str(subject.id.parent) if subject.id.type.count("/") > 1 else scope_text(subject)
    details: Json = {"resourceContent": content} | ({"scope": scope} if scope != where else {})
    answer = readings.azure.arm.post(
        f"{where}/{_CHECK}", api_versions.POLICY_RESTRICTIONS, {"resourceDetails": details}
    )
    result: Json = answer.body.get("contentEvaluationResult") or {}
    return [each for each in result.get("policyEvaluations") or () if _denies(each)]


def _denies(evaluation: Json) -> bool:
    """A rule that cannot be evaluated denies, whatever its effect."""
    effect = str((evaluation.get("effectDetails") or {}).get("policyEffect")).lower()
    return effect == "deny" or str(evaluation.get("evaluationResult")).lower() != "noncompliant"


def _denial(resource: ResourceId, evaluation: Json, title: Callable[[str], str]) -> Denial:
    policy, details = evaluation.get("policyInfo") or {}, evaluation.get("evaluationDetails") or {}
    definition = str(policy.get("policyDefinitionId", ""))
    return Denial(
        resource=resource,
        assignment=str(policy.get("policyAssignmentId", "")),
        definition=definition,
        title=title(definition),
        reference=str(policy.get("policyDefinitionReferenceId") or ""),
        conditions=tuple(details.get("evaluatedExpressions") or ()),
        reason=str(details.get("reason") or ""),
    )
