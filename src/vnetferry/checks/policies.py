"""Whether Azure Policy denies what the migration is to make."""

from __future__ import annotations

from vnetferry.checks.facts import Denial, Facts
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding

_SOURCE = "https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure"
# Field (in lower case, without its alias's type) -> what of the configuration decides it.
_KEYS = {
    "location": "target.location",
    "managednetwork.isolationmode": "target.isolation_mode",
    "managednetwork.firewallsku": "target.firewall_sku",
    "storageaccount": "target.associated_resources",
    "keyvault": "target.associated_resources",
    "containerregistry": "target.associated_resources",
}
_ENDPOINT_KEYS = {"publicnetworkaccess": "endpoints.public_network_access", "name": "endpoints.rename"}


def check_policies(facts: Facts) -> list[Finding]:
    """A finding for each policy that denies anything: Azure refuses the step that makes it."""
    groups: dict[tuple[str, str, str], list[Denial]] = {}
    for denial in facts.denials:
        key = (denial.assignment.lower(), denial.definition.lower(), denial.reference.lower())
        groups.setdefault(key, []).append(denial)
    return [_finding(denials) for _, denials in sorted(groups.items())]


def _finding(denials: list[Denial]) -> Finding:
    first = denials[0]
    policy, assignment = first.title or first.definition, first.assignment.rpartition("/")[2]
    names = ", ".join(f"{_kind(each)} {each.resource.name}" for each in denials)
    return Finding(
        check="policies",
        severity="blocks",
        resource=str(first.resource),
        evidence=f"policy '{policy}' (assignment {assignment}) denies {names}: {_why(first)}",
        remedy=_remedy(denials),
        source=_SOURCE,
    )


def _kind(denial: Denial) -> str:
    return denial.resource.type.rpartition("/")[2]


def _why(denial: Denial) -> str:
    if denial.reason:
        return f"its rule cannot be evaluated: {denial.reason}"
    shown = [_condition(each) for each in denial.conditions if _field(each) != "type"]
    return ", ".join(shown) or "its type is not allowed"


def _condition(condition: Json) -> str:
    field = str(condition.get("expression", "")).rpartition("/")[2]
    value = condition.get("expressionValue", "not given")
    held = "is not so" if str(condition.get("result")).lower() == "false" else "is so"
    return f"'{field}' is {value} ({condition.get('operator', '')} {condition.get('targetValue', '')} {held})"


def _field(condition: Json) -> str:
    return str(condition.get("expression", "")).rpartition("/")[2].lower()


def _remedy(denials: list[Denial]) -> str:
    first = denials[0]
    references = f" --policy-definition-reference-ids {first.reference}" if first.reference else ""
    command = (
        f"az policy exemption create --name vnetferry --policy-assignment {first.assignment}"
        f" --exemption-category Waiver{references} --scope"
    )
    scopes = dict.fromkeys(str(each.resource.group_id) for each in denials)
    commands = "; ".join(f"{command} {scope}" for scope in scopes)
    keys = dict.fromkeys(key for each in denials for key in _keys(each))
    return f"{commands}; or change {' or '.join(keys)}." if keys else commands


def _keys(denial: Denial) -> list[str]:
    known = _KEYS | (_ENDPOINT_KEYS if _kind(denial) == "onlineEndpoints" else {})
    return [known[field] for each in denial.conditions if (field := _field(each)) in known]
