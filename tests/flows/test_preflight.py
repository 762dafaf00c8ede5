"""Each single defect is found, and it alone; its remedy is named, and once it is applied the defect is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.flows.preflight_bench import Bench, bench
from tests.flows.preflight_defects import DEFECTS, Defect
from vnetferry.errors import QuotaExceeded, VnetferryError
from vnetferry.gateway.azure import connect
from vnetferry.gateway.remedies import apply_fix
from vnetferry.models.finding import Finding

pytestmark = pytest.mark.xdist_group("preflight")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench") / "folder") as made:
        yield made


def mend(good: Bench, defect: Defect, finding: Finding) -> None:
    if defect.mend:
        defect.mend(good, finding)
        return
    assert finding.fix is not None
    assert apply_fix(connect(), finding.fix).changed
    assert not apply_fix(connect(), finding.fix).changed or defect.fix == "leave_legacy_mode"


def find_and_mend(good: Bench, defect: Defect) -> None:
    """Plant a defect, see it found, it alone and as it should be, mend it, and see that nothing is found any more."""
    in_good_order = good.signature()
    with good.kept():
        defect.plant(good)
        findings = good.findings()
        assert {f.check for f in findings} - set(defect.besides) == {defect.check}, findings
        found = [f for f in findings if f.check == defect.check]
        assert len(found) == 1, found
        assert found[0].severity == defect.severity
        said = f"{found[0].evidence} {found[0].remedy}"
        assert [word for word in defect.words if word not in said] == [], said
        assert (found[0].fix.kind if found[0].fix else None) == defect.fix
        mend(good, defect, found[0])
        # Of a workspace in good order nothing is found; the next test looks.
        assert good.signature() == in_good_order or good.findings() == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_preflight_finds_a_single_defect_and_nothing_once_it_is_mended(good: Bench, defect: Defect) -> None:
    find_and_mend(good, defect)


def test_preflight_of_a_workspace_in_good_order_finds_nothing(good: Bench) -> None:
    assert good.findings() == []


# --- What a defect breaks, and that it no longer does once it is mended --------------------------------------------


class Broken(NamedTuple):
    """Steps, the last of which Azure refuses in these words while there is the defect."""

    defect: str
    steps: tuple[str, ...]
    words: str


_NETWORK = ("create_workspace", "provision_network")
BEFORE = (
    Broken("a provider that is not registered", _NETWORK[:1], "MissingSubscriptionRegistration"),
    Broken("a soft-deleted target", _NETWORK[:1], "Soft-deleted workspace exists"),
    Broken("a premium storage account", _NETWORK[:1], "premium storage accounts are not supported"),
    Broken("a lock on the target's group", _NETWORK, "locked"),
    Broken("a policy that allows other regions", _NETWORK[:1], "disallowed by policy"),
    Broken("an identity that may not approve", _NETWORK, "privateEndpointConnections/read"),
    Broken("a subnet that is missing", ("create_workspace", "create_private_endpoint"), "snet-typo"),
)
AFTER = (
    Broken("a vault that lets nobody by", ("create_endpoint",), "ault"),
    Broken("a name that is taken", ("create_endpoint",), "already an endpoint with this name"),
    Broken(
        "a registry that takes no private endpoints",
        ("create_endpoint", "create_deployment"),
        "premium tier ACR",
    ),
    Broken("an identity that may not pull", ("create_endpoint", "create_deployment"), "pull permission"),
)


def named(name: str) -> Defect:
    (defect,) = [defect for defect in DEFECTS if defect.name == name]
    return defect


def finding_of(good: Bench, defect: Defect) -> Finding:
    """What the preflight finds, if it is needed to mend the defect."""
    if defect.mend and not defect.fix:
        return Finding(check="", severity="blocks", resource="", evidence="", remedy="", source="")
    (finding,) = [finding for finding in good.findings() if finding.check == defect.check]
    return finding


@pytest.mark.parametrize("broken", BEFORE, ids=lambda broken: broken.defect)
def test_step_that_azure_refuses_for_a_defect_passes_once_it_is_mended(good: Bench, broken: Broken) -> None:
    assert come_to_once_mended(good, broken) <= {"done", "already_done"}


def come_to_once_mended(bench: Bench, broken: Broken) -> set[str]:
    """Plant a defect, see Azure refuse the steps that it breaks, mend it, and tell what the steps come to then."""
    defect = named(broken.defect)
    with bench.kept():
        defect.plant(bench)
        finding = finding_of(bench, defect)
        with pytest.raises(VnetferryError, match=broken.words):
            bench.plan().carry_out(*broken.steps)
        mend(bench, defect, finding)
        return carried_out(bench, broken.steps)


def carried_out(bench: Bench, steps: tuple[str, ...]) -> set[str]:
    """What steps come to, the second time if the first error is one that their tasks retry after."""
    try:
        return {outcome.status for outcome in bench.plan().carry_out(*steps)}
    except VnetferryError as err:
        if not err.retryable:
            raise
    connect().clock.sleep(150)  # Azure holds the name of what failed and was deleted
    return {outcome.status for outcome in bench.plan().carry_out(*steps)}


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The workspace in good order, and its target, up to what its endpoints need."""
    with bench(tmp_path_factory.mktemp("moved") / "folder") as made:
        world = made.plan()
        kinds = {step.kind for step in world.plan.steps} - {
            "create_endpoint",
            "create_deployment",
            *_AFTERWARDS,
        }
        world.carry_out(*kinds)
        yield made


_AFTERWARDS = (
    "smoke_test",
    "compare_answers",
    "probe_isolation",
    "create_diagnostic_setting",
    "set_traffic",
    "create_alert",
    "hand_off",
    "create_autoscale_setting",
)


@pytest.mark.parametrize("broken", AFTER, ids=lambda broken: broken.defect)
def test_step_that_azure_refuses_for_a_defect_passes_in_the_target_once_it_is_mended(
    moved: Bench, broken: Broken
) -> None:
    assert come_to_once_mended(moved, broken) <= {"done", "already_done"}


def test_deployment_that_finds_no_cores_passes_once_there_are_enough(moved: Bench) -> None:
    """Once the target is there, the preflight no longer counts what the migration itself takes."""
    defect, steps = named("too few cores of the family"), ("create_endpoint", "create_deployment")
    with moved.kept():
        defect.plant(moved)
        with pytest.raises(QuotaExceeded):
            moved.plan().carry_out(*steps)
        mend(moved, defect, finding_of(moved, defect))
        assert {outcome.status for outcome in moved.plan().carry_out(*steps)} <= {"done", "already_done"}


def test_migration_of_the_workspace_in_good_order_passes(moved: Bench) -> None:
    """What the mended defects come to: all that is left of the migration, from the endpoints on."""
    assert {outcome.status for outcome in moved.plan().carry_out()} == {"done", "already_done"}
