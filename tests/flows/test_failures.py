"""What fails stops what depends on it and nothing else, and running again goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.migrate_workspace import migrate_workspace
from tasks.steps import TASKS
from tests.flows.legacy_world import TARGET, World, legacy_scenario, legacy_world
from vnetferry.errors import VerificationFailed, VnetferryError
from vnetferry.gateway import api_versions, endpoints
from vnetferry.gateway.azure import connect
from vnetferry.report.audit import read
from vnetferry.sandbox.scenario import Fault

CRASH = Fault(
    match="PUT */onlineEndpoints/churn-v2/deployments/main",
    kind="lro_failure",
    body={"error": {"code": "ResourceNotReady", "message": "User container has crashed or terminated."}},
)
UNTIL_PROVEN = (
    "create_workspace",
    "provision_network",
    "create_private_endpoint",
    "copy_code",
    "copy_environment",
    "copy_model",
    "create_endpoint",
    "create_deployment",
    "smoke_test",
)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A migration up to the smoke tests; no endpoint has traffic."""
    with legacy_world(tmp_path_factory.mktemp("proven")) as world:
        world.carry_out(*UNTIL_PROVEN)
        yield world


def _traffic(world: World, name: str) -> dict[str, int]:
    properties = world.get(TARGET.child("onlineEndpoints", name))["properties"]
    return {deployment: pct for deployment, pct in (properties["traffic"] or {}).items() if pct}


@pytest.mark.whole
@pytest.mark.xdist_group("prefect")
@pytest.mark.usefixtures("prefect_server")
def test_migrate_failing_deployment_stops_only_what_depends_on_it(tmp_path: Path) -> None:
    with legacy_world(tmp_path, legacy_scenario(CRASH)) as world:
        config, plan_file = world.plan.config, str(world.plan_file)

        with pytest.raises(VnetferryError, match="User container has crashed") as caught:
            migrate_workspace(config, plan_file, str(world.folder))

        assert caught.value.exit_code == 1
        assert caught.value.step == "create_deployment:churn-v2/main"
        assert "\n" not in str(caught.value)
        assert _traffic(world, "credit-v2") == {"blue": 90, "green": 10}
        assert _traffic(world, "demand-v2") == {"main": 100}
        assert _traffic(world, "churn-v2") == {}
        assert not (world.folder / "handoff.json").exists()
        ended = {line.step: line.event for line in read(Path(world.run.audit_file))}
        assert [step for step, event in ended.items() if event == "failed"] == [caught.value.step]
        assert {step.id for step in world.plan.steps} - ended.keys() == {
            "smoke_test:churn-v2/main",
            "compare_answers:churn-v2",
            "probe_isolation:churn-v2",
            "set_traffic:churn-v2",
            "hand_off:handoff.json",
            # Scaling waits for the handoff.
            *(step.id for step in world.plan.of_kind("create_autoscale_setting")),
        }

        outcomes = migrate_workspace(config, plan_file, str(world.folder))

        assert len(outcomes) == len(world.plan.steps)
        assert _traffic(world, "churn-v2") == {"main": 100}
        assert (world.folder / "handoff.json").is_file()


@pytest.mark.xdist_group("failures")
def test_probe_isolation_of_an_endpoint_opened_by_another_hand_fails(proven: World) -> None:
    endpoint = TARGET.child("onlineEndpoints", "credit-v2")
    closed = endpoints.writable(proven.get(endpoint))
    opened = {**closed, "properties": {**closed["properties"], "publicNetworkAccess": "Enabled"}}
    connect().arm.wait(connect().arm.put(endpoint, api_versions.ML, opened), "endpoint")
    step = proven.plan.step("probe_isolation:credit-v2")

    with pytest.raises(VerificationFailed, match="credit-v2 can be reached from the internet") as caught:
        TASKS[step.kind].fn(step, proven.run)

    assert caught.value.exit_code == 1
    assert step.id in proven.plan.step("set_traffic:credit-v2").depends_on
    assert _traffic(proven, "credit-v2") == {}
    connect().arm.wait(connect().arm.put(endpoint, api_versions.ML, closed), "endpoint")
    assert TASKS[step.kind].fn(step, proven.run).facts == {
        "reached_from": ["vnet-callers"],
        "refused_from": ["internet"],
    }


@pytest.mark.xdist_group("failures")
def test_compare_answers_that_differ_fails(proven: World) -> None:
    """Each echo names its deployment, so blue and green answer differently."""
    planned = proven.plan.step("compare_answers:credit-v2")
    crossed = planned.model_copy(update={"spec": {**planned.spec, "deployments": [["blue", "green"]]}})

    with pytest.raises(
        VerificationFailed, match="the answers of credit/blue and credit-v2/green differ"
    ) as caught:
        TASKS[crossed.kind].fn(crossed, proven.run)

    assert caught.value.exit_code == 1
    assert planned.id in proven.plan.step("set_traffic:credit-v2").depends_on
    assert TASKS[planned.kind].fn(planned, proven.run).status == "done"


@pytest.mark.xdist_group("failures")
def test_smoke_test_of_a_request_that_changed_after_planning_is_refused(proven: World) -> None:
    file = proven.folder / "requests" / "churn.json"
    text = file.read_text()
    file.write_text(text + " ")
    step = proven.plan.step("smoke_test:churn-v2/main")

    with pytest.raises(VnetferryError, match="changed after the plan was made") as caught:
        TASKS[step.kind].fn(step, proven.run)

    assert caught.value.exit_code == 2
    file.write_text(text)
