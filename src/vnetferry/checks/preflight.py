"""All checks that a migration must pass before it touches anything."""

from __future__ import annotations

from collections.abc import Callable

from vnetferry.checks.approvers import check_approvers
from vnetferry.checks.associated import check_associated
from vnetferry.checks.connections import check_connections
from vnetferry.checks.conversion import check_conversion, check_convertible
from vnetferry.checks.deletions import check_deletions
from vnetferry.checks.diagnosis import check_diagnosis
from vnetferry.checks.dns import check_dns
from vnetferry.checks.endpoint_age import check_endpoint_age
from vnetferry.checks.facts import Facts
from vnetferry.checks.identities import check_identities
from vnetferry.checks.image_build import check_image_build
from vnetferry.checks.ip_rules import check_ip_rules
from vnetferry.checks.key_vault import check_injecting_vaults, check_key_vault
from vnetferry.checks.left_out import check_left_out
from vnetferry.checks.legacy_isolation import check_legacy_isolation
from vnetferry.checks.legacy_mode import check_legacy_mode
from vnetferry.checks.locks import check_locks
from vnetferry.checks.names import check_names, check_renames
from vnetferry.checks.networks import check_networks
from vnetferry.checks.permissions import check_permissions
from vnetferry.checks.policies import check_policies
from vnetferry.checks.providers import check_providers
from vnetferry.checks.quotas import check_quotas
from vnetferry.checks.regions import check_regions
from vnetferry.checks.registry import check_registry
from vnetferry.checks.requests import check_requests
from vnetferry.checks.service_endpoints import check_service_endpoints
from vnetferry.checks.sizes import check_sizes
from vnetferry.checks.storage import check_storage
from vnetferry.checks.target import check_target
from vnetferry.checks.telemetry import check_telemetry
from vnetferry.checks.unread import check_unread
from vnetferry.checks.vantages import check_vantages
from vnetferry.errors import ConfigError, NotOurs, PermissionDenied, PersonNeeded, VnetferryError
from vnetferry.models.finding import Finding

Check = Callable[[Facts], list[Finding]]
CHECKS: tuple[Check, ...] = (
    check_permissions,
    check_providers,
    check_target,
    check_deletions,
    check_names,
    check_regions,
    check_sizes,
    check_quotas,
    check_locks,
    check_policies,
    check_associated,
    check_registry,
    check_key_vault,
    check_injecting_vaults,
    check_storage,
    check_service_endpoints,
    check_connections,
    check_identities,
    check_approvers,
    check_networks,
    check_dns,
    check_endpoint_age,
    check_ip_rules,
    check_legacy_mode,
    check_legacy_isolation,
    check_image_build,
    check_telemetry,
    check_requests,
    check_vantages,
    check_left_out,
    check_unread,
    check_conversion,
)
# Those that can speak while the new names or the conversion cannot work, and nobody knows what moves whither.
_WITHOUT_NAMES = (
    check_permissions,
    check_providers,
    check_locks,
    check_key_vault,
    check_storage,
    check_service_endpoints,
    check_networks,
    check_endpoint_age,
    check_ip_rules,
    check_legacy_mode,
    check_unread,
)
# What only a workspace and endpoints that are yet to be made must fulfil.
_OF_THE_NEW: tuple[Check, ...] = (check_target, check_names, check_deletions, check_dns)
# What a finding that blocks is when somebody goes on in spite of it; any other needs a person.
_ERRORS: dict[str, type[VnetferryError]] = {
    "permissions": PermissionDenied,
    "target": NotOurs,
    "names": ConfigError,
}
_GRAVITY = {"blocks": 0, "warns": 1, "informs": 2}


def run_preflight(facts: Facts) -> list[Finding]:
    """What all checks find, the gravest first; ConfigError when the configuration cannot work at all."""
    hopeless = check_convertible(facts) if facts.config.in_place else check_renames(facts)
    checks = _WITHOUT_NAMES if hopeless else CHECKS
    findings = [
        *hopeless,
        *(finding for check in checks if _applies(check, facts) for finding in check(facts)),
    ]
    findings += check_diagnosis(facts, {finding.check for finding in findings})
    return sorted(findings, key=lambda finding: _GRAVITY[finding.severity])


def _applies(check: Check, facts: Facts) -> bool:
    return not (facts.config.in_place and check in _OF_THE_NEW)


def blocks(findings: list[Finding]) -> bool:
    """Whether any finding forbids the migration."""
    return any(finding.severity == "blocks" for finding in findings)


def require_unblocked(findings: list[Finding]) -> None:
    """Raise an error of the first finding that forbids the migration, if any does.

    Raises: PermissionDenied, NotOurs, ConfigError or PersonNeeded, by what was found.
    """
    blocking = [finding for finding in findings if finding.severity == "blocks"]
    if blocking:
        first, others = blocking[0], len(blocking) - 1
        more = f" (and {others} more: see 'vnetferry preflight')" if others else ""
        kind = _ERRORS.get(first.check, PersonNeeded)
        name = first.resource.rpartition("/")[2]
        raise kind(f"{name}: {first.evidence}{more}", resource=first.resource, remedy=_sentence(first.remedy))


def _sentence(remedy: str) -> str:
    """A remedy as a sentence: some are commands to run."""
    return remedy if remedy.endswith(".") else f"Run: {remedy}"
