"""All checks that a migration must pass before it touches anything."""

from __future__ import annotations

from collections.abc import Callable

from vnetferry.checks.facts import Facts
from vnetferry.checks.image_build import check_image_build
from vnetferry.checks.key_vault import check_key_vault
from vnetferry.checks.legacy_isolation import check_legacy_isolation
from vnetferry.checks.legacy_mode import check_legacy_mode
from vnetferry.checks.locks import check_locks
from vnetferry.checks.names import check_names
from vnetferry.checks.permissions import check_permissions
from vnetferry.checks.providers import check_providers
from vnetferry.checks.quotas import check_quotas
from vnetferry.checks.registry import check_registry
from vnetferry.checks.requests import check_requests
from vnetferry.checks.storage import check_storage
from vnetferry.checks.target import check_target
from vnetferry.checks.unread import check_unread
from vnetferry.checks.vantages import check_vantages
from vnetferry.errors import ConfigError, NotOurs, PermissionDenied, PersonNeeded, VnetferryError
from vnetferry.models.finding import Finding

CHECKS: tuple[Callable[[Facts], list[Finding]], ...] = (
    check_permissions,
    check_providers,
    check_target,
    check_names,
    check_quotas,
    check_locks,
    check_registry,
    check_key_vault,
    check_storage,
    check_legacy_mode,
    check_legacy_isolation,
    check_image_build,
    check_requests,
    check_vantages,
    check_unread,
)
# What a finding that blocks is when somebody goes on in spite of it; any other needs a person.
_ERRORS: dict[str, type[VnetferryError]] = {
    "permissions": PermissionDenied,
    "target": NotOurs,
    "names": ConfigError,
}
_GRAVITY = {"blocks": 0, "warns": 1, "informs": 2}


def run_preflight(facts: Facts) -> list[Finding]:
    """What all checks find, the gravest first; ConfigError when the configuration cannot work at all."""
    findings = [finding for check in CHECKS for finding in check(facts)]
    return sorted(findings, key=lambda finding: _GRAVITY[finding.severity])


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
