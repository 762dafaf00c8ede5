"""Whether the region has room for the new endpoints, deployments and cores beside the old ones.

Azure counts a fifth more instances than a deployment has, in reserve for upgrades, except for the largest GPU sizes.
Source: Manage and increase quotas; Virtual machine quota allocation for deployment (FACTS 3.3).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from vnetferry.checks.facts import Facts
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document

ENDPOINTS_MAX = 100
DEPLOYMENTS_MAX = 500
WORKSPACES_MAX = 800  # in a resource group
ROLE_ASSIGNMENTS_MAX = 4000  # in a subscription
_ROLES_OF_ENDPOINT = 3  # that Azure assigns to each new system-assigned identity
_RESERVE = 1.2
_UNRESERVED = re.compile(r"A100_v4|H100_v5|^Standard_ND40rs_v2", re.IGNORECASE)
_SIZE = re.compile(r"^Standard_([A-Z]+)(\d+)([a-z]*)((?:_[A-Z]+\d+)?)((?:_v\d+)?)$")
# The number in a size's name is its cores, but in the oldest families it only counts the sizes up.
_COUNTED_CORES = {"1": 1, "2": 2, "3": 4, "4": 8, "5": 16, "11": 2, "12": 4, "13": 8, "14": 16, "15": 20}
_TOTALS = ("total cluster dedicated regional vCPUs",)  # as usages name what all families share
_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas"


def check_quotas(facts: Facts) -> list[Finding]:
    """Old and new run at once, so everything is needed twice for a while; in place only the roles of identities are.

    What an earlier run has made is in use already.
    """
    new = () if facts.config.in_place else facts.missing_deployments
    found = [_exceeded(facts, *count) for count in _counts(facts, new) if count[1] + count[2] > count[3]]
    return [*found, *_cores(facts, new)]


def _counts(facts: Facts, new: tuple[Document, ...]) -> list[tuple[str, int, int, int]]:
    """(what, how many are needed, how many there are, the limit) of what is counted one by one."""
    there = {name.lower() for name in facts.target_endpoints}
    missing = [
        e for e in facts.scope.endpoints if facts.scope.remap.endpoint(e.name).name.lower() not in there
    ]
    endpoints = [] if facts.config.in_place else missing
    # In place the assignments of the old identities stay too: Azure deletes none.
    wearers = facts.scope.endpoints if facts.config.in_place else endpoints
    own = [e for e in wearers if "systemassigned" in str((e.body.get("identity") or {}).get("type")).lower()]
    return [
        (
            "online endpoints",
            len(endpoints),
            len(facts.regional_endpoints),
            _limit(facts, "onlineEndpoints", ENDPOINTS_MAX),
        ),
        (
            "online deployments",
            len(new),
            facts.regional_deployments,
            _limit(facts, "onlineDeployments", DEPLOYMENTS_MAX),
        ),
        ("workspaces", 1 if facts.target is None else 0, facts.group_workspaces, WORKSPACES_MAX),
        ("role assignments", len(own) * _ROLES_OF_ENDPOINT, facts.role_assignments, ROLE_ASSIGNMENTS_MAX),
    ]


def _limit(facts: Facts, name: str, documented: int) -> int:
    """What the region's usages say, if they say it; else what is documented."""
    usage = _usage(facts.usages, name)
    return int(usage["limit"]) if usage else documented


def cores_by_family(deployments: tuple[Document, ...]) -> dict[str, int]:
    """Quota family (`DSv2`) -> cores that its deployments need, the upgrade reserve included."""
    needed: Counter[str] = Counter()
    for deployment in deployments:
        size = str(deployment.get("instanceType", ""))
        match = _SIZE.match(size)
        if match:
            instances = int((deployment.body.get("sku") or {}).get("capacity") or 1)
            counted = instances if _UNRESERVED.search(size) else math.ceil(instances * _RESERVE)
            needed[_family(match)] += counted * _cores_of(match)
    return dict(needed)


def _family(size: re.Match[str]) -> str:
    letters, _, features, accelerator, version = size.groups()
    return f"{letters}{features.upper()}{version.lstrip('_')}{accelerator}"


def _cores_of(size: re.Match[str]) -> int:
    letters, number, features, _, version = size.groups()
    counts_up = letters in ("D", "DS") and not features and version == "_v2"
    return _COUNTED_CORES.get(number, int(number)) if counts_up else int(number)


def _cores(facts: Facts, deployments: tuple[Document, ...]) -> Iterator[Finding]:
    needed = cores_by_family(deployments)
    wanted = [
        (f"{family} cores", f"standard{family}family", cores) for family, cores in sorted(needed.items())
    ]
    wanted += [("cores of all families", name, sum(needed.values())) for name in _TOTALS]
    for what, name, cores in wanted:
        usage = _usage(facts.usages, name)
        if usage and cores + usage["currentValue"] > usage["limit"]:
            wanted_limit = cores + usage["currentValue"]
            how = _update(facts, str((usage.get("name") or {}).get("value") or name), wanted_limit)
            yield _exceeded(facts, what, cores, usage["currentValue"], usage["limit"], how)


def _update(facts: Facts, name: str, limit: int) -> str:
    """The command that asks for a limit of cores. Source: Quota REST API (dedicated cores of Azure ML)."""
    provider = "providers/Microsoft.MachineLearningServices"
    where = (
        f"/subscriptions/{facts.inventory.source.subscription_id}/{provider}/locations/{facts.scope.location}"
    )
    quoted = f"'{name}'" if " " in name else name
    return (
        f"az quota update --resource-name {quoted} --scope {where} --resource-type dedicated "
        f"--limit-object limit-object-type=LimitValue value={limit}"
    )


def _usage(usages: tuple[Json, ...], name: str) -> Json | None:
    """The usage of that name, whether Azure writes `standardDSv2Family` or `Standard DSv2 Family … vCPUs`."""
    for usage in usages:
        names = usage.get("name") or {}
        known = {_plain(str(names.get(key, ""))) for key in ("value", "localizedValue")}
        if any(text.startswith(_plain(name)) for text in known):
            return usage
    return None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _exceeded(
    facts: Facts, what: str, needed: int, used: int, limit: int, how: str = "a support request"
) -> Finding:
    fewer = "" if facts.config.in_place else ", or migrate fewer endpoints at once (endpoints.exclude)"
    return Finding(
        check="quotas",
        severity="blocks",
        resource=f"/subscriptions/{facts.inventory.source.subscription_id}/locations/{facts.scope.location}",
        evidence=f"{needed} {what} are needed besides {used} in use, and the limit is {limit}",
        remedy=f"{_room(facts, what, needed + used - limit, how)}{fewer}.",
        source=_SOURCE,
    )


def _room(facts: Facts, what: str, short: int, how: str) -> str:
    """How to come by `short` more; role assignments are what Azure's troubleshooting has people delete instead."""
    if what == "role assignments":
        return (
            f"Delete {short} {what} of subscription {facts.inventory.source.subscription_id} that nobody needs "
            "(az role assignment list --all, then az role assignment delete --ids <id>)"
        )
    return f"Request {short} more {what} in {facts.scope.location} ({how})"
