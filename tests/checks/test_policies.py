"""What is said of policies that deny: each once, with what it denies and the exemptions that mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vnetferry.checks.facts import Denial, Facts
from vnetferry.checks.policies import check_policies
from vnetferry.models.ids import ResourceId

ML = "providers/Microsoft.MachineLearningServices/workspaces/ws"
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups"
ASSIGNMENT = "/subscriptions/00000000-0000-4000-8000-000000000001/providers/p/policyAssignments/base"


def denial(resource: str, **fields: Any) -> Denial:
    return Denial(
        resource=ResourceId(f"{GROUP}/{resource}"), assignment=ASSIGNMENT, definition="/d/closed", **fields
    )


def test_policy_of_an_initiative_is_one_finding_with_an_exemption_for_each_group(
    facts: Callable[..., Facts],
) -> None:
    access = {"expression": "M/e/publicNetworkAccess", "operator": "notEquals", "targetValue": "Disabled"}
    shown = (
        {"expression": "type", "result": "True"},
        {**access, "result": "True", "expressionValue": "Enabled"},
    )
    denials = [
        denial(f"rg-a/{ML}/onlineEndpoints/e", conditions=shown, reference="ref"),
        denial(f"rg-b/{ML}", conditions=shown, reference="ref"),
        denial(f"rg-b/{ML}", reason="no such parameter"),
    ]
    broken, found = check_policies(facts(denials=tuple(denials)))
    assert "policy '/d/closed' (assignment base) denies onlineEndpoints e, workspaces ws" in found.evidence
    assert "'publicNetworkAccess' is Enabled (notEquals Disabled is so)" in found.evidence
    assert found.remedy.count("az policy exemption create") == 2
    assert f"--policy-definition-reference-ids ref --scope {GROUP}/rg-b; or change" in found.remedy
    assert found.remedy.endswith("endpoints.public_network_access.")
    assert "its rule cannot be evaluated: no such parameter" in broken.evidence
