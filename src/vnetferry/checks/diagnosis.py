"""What Azure itself finds wrong with the workspaces: its own diagnosis, each result a finding.

Source: How to use workspace diagnostics (groups of results; each has a code, a level and a message). FACTS 3.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vnetferry.checks.facts import Facts
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding

_CUSTOM_DNS = "CustomDnsInUse"
# Group of results -> the checks of ours that say the same, and better how to mend it.
_COVERED: dict[str, tuple[str, ...]] = {
    "resourceLockResults": ("locks",),
    "dnsResolutionResults": ("dns",),
    "storageAccountResults": ("storage", "connections", "associated", "identities", "service_endpoints"),
    "keyVaultResults": ("key_vault", "connections", "associated"),
    "containerRegistryResults": ("registry", "connections", "associated"),
    "applicationInsightsResults": ("associated",),
    "otherResults": ("legacy_mode", "connections"),
}


def check_diagnosis(facts: Facts, found: Collection[str]) -> list[Finding]:
    """The results of groups about which no check in `found` has found anything, but for what was asked and is well."""
    known = {_CUSTOM_DNS} if _is_every_server_asked(facts) else set()
    return [
        _finding(workspace, group, result)
        for workspace, group, result in _results(facts)
        if not set(_COVERED.get(group, ())) & set(found) and result.get("code") not in known
    ]


def _is_every_server_asked(facts: Facts) -> bool:
    """Whether all DNS servers that callers' networks have of their own told what they answer, which `dns` judged."""
    own = [each for each in facts.networks if each.get("dhcpOptions", {}).get("dnsServers")]
    return bool(own) and all(each.id.key in facts.stray_answers for each in own)


def _results(facts: Facts) -> Iterator[tuple[str, str, Json]]:
    for workspace, groups in sorted(facts.diagnoses.items()):
        for group, results in sorted(groups.items()):
            for result in results or ():
                yield workspace, group, result


def _finding(workspace: str, group: str, result: Json) -> Finding:
    is_news = str(result.get("level", "")).lower() == "information"
    what = group.removesuffix("Results")
    return Finding(
        check="diagnosis",
        severity="informs" if is_news else "warns",
        resource=workspace,
        evidence=f"Azure's diagnosis ({what}): {result.get('code', '')}: {result.get('message', '')}",
        remedy="Do what the message says, and see what is left: az ml workspace diagnose "
        f"--name {workspace.rpartition('/')[2]} --resource-group {workspace.split('/')[4]}",
        source="https://learn.microsoft.com/azure/machine-learning/how-to-workspace-diagnostic-api",
    )
