"""The plan of a conversion in place: nothing is deleted before all of it is kept, and all of it is made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.errors import ConfigError, PersonNeeded, PlanStale
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import COMPUTE, DEPLOYMENT, ENDPOINT, Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.fields import leaves
from vnetferry.plan.files import plan_text
from vnetferry.plan.in_place import is_past_return
from vnetferry.plan.stale import changes, require_fresh

Edit = Callable[..., Inventory]
Json = dict[str, Any]
SECRET = "made-up-value-of-a-token"
REQUESTS = {"credit": "ab" * 32}
KEEPS = ("claim_workspace", "keep_secrets", "record_answers")
REMOVES = ("take_down_endpoint", "take_down_compute")


@pytest.fixture(scope="module")
def configure_in_place(inventory: Inventory) -> Callable[..., MigrationConfig]:
    """A configuration of a conversion; keyword arguments add sections."""

    def make(**sections: Any) -> MigrationConfig:
        source = {
            "subscription_id": inventory.source.subscription_id,
            "resource_group": inventory.source.resource_group,
            "workspace": inventory.source.name,
        }
        validation = {"requests": {"credit": "requests/credit.json"}}
        return MigrationConfig.model_validate(
            {"mode": "in_place", "source": source, "validation": validation, **sections}
        )

    return make


@pytest.fixture(scope="module")
def conversion(inventory: Inventory, configure_in_place: Callable[..., MigrationConfig]) -> Plan:
    return build(inventory, configure_in_place(), REQUESTS)


def before(plan: Plan, step_id: str) -> set[str]:
    """All steps that have ended when a step begins."""
    direct = plan.step(step_id).depends_on
    return {*direct, *(earlier for each in direct for earlier in before(plan, each))}


def ids(plan: Plan, *kinds: str) -> set[str]:
    return {step.id for step in plan.steps if step.kind in kinds}


def instance(inventory: Inventory, **inner: Any) -> Inventory:
    """The inventory with a compute instance."""
    compute = inventory.source.child("computes", "notebook")
    properties: Json = {
        "computeType": "ComputeInstance",
        "provisioningState": "Succeeded",
        "properties": {"vmSize": "STANDARD_DS3_V2", "state": "Running", **inner},
    }
    body = {"id": str(compute), "name": "notebook", "location": inventory.location, "properties": properties}
    return inventory.model_copy(update={"documents": (*inventory.documents, Document(id=compute, body=body))})


# --- Order --------------------------------------------------------------------------------------------------------


def test_build_in_place_deletes_nothing_before_all_is_kept(conversion: Plan) -> None:
    for removal in ids(conversion, *REMOVES):
        assert ids(conversion, *KEEPS) <= before(conversion, removal)
    assert {step.resource.name for step in conversion.of_kind("take_down_endpoint")} == {"churn", "credit"}
    assert {step.resource.name for step in conversion.of_kind("take_down_compute")} == {"cpu-cluster"}


def test_build_in_place_claims_the_workspace_first(conversion: Plan) -> None:
    first = conversion.steps[0]
    assert (first.kind, first.depends_on) == ("claim_workspace", ())
    for step in conversion.steps[1:]:
        assert first.id in before(conversion, step.id)


def test_build_in_place_enables_the_network_between_deleting_and_making_again(conversion: Plan) -> None:
    enable = f"enable_network:{conversion.source.name}"
    assert ids(conversion, *REMOVES) <= before(conversion, enable)
    for made in ids(
        conversion, "create_endpoint", "create_compute", "create_deployment", "provision_network"
    ):
        assert enable in before(conversion, made)
    for made in ids(conversion, "create_deployment", "create_compute"):
        assert f"provision_network:{conversion.source.name}" in before(conversion, made)


def test_build_in_place_forgets_secrets_when_everything_serves(conversion: Plan) -> None:
    forget = f"forget_secrets:{conversion.source.name}"
    assert ids(conversion, "set_traffic", "create_compute") <= before(conversion, forget)
    assert conversion.steps[-1].kind == "finish_conversion"
    assert len(before(conversion, conversion.steps[-1].id)) == len(conversion.steps) - 1


def test_build_in_place_keeps_every_id(conversion: Plan, inventory: Inventory) -> None:
    assert conversion.target == conversion.source == inventory.source
    kinds = ("create_endpoint", "create_deployment", "create_compute")
    made = {step.resource for step in conversion.steps if step.kind in kinds}
    assert made == {d.id for kind in (ENDPOINT, DEPLOYMENT, COMPUTE) for d in inventory.of_type(kind)}
    added = [step for step in conversion.steps if step.undo == "delete"]
    assert [step.kind for step in added] == [
        "assign_role"
    ]  # so that it may approve what its network leads to
    assert added[0].id in conversion.step("take_down_endpoint:churn").depends_on
    assert [entry for entry in conversion.carry_over if entry.disposition == "remapped"] == []


def test_build_in_place_copies_nothing_and_hands_nothing_off(conversion: Plan) -> None:
    kinds = {step.kind for step in conversion.steps}
    assert kinds.isdisjoint({"copy_model", "copy_code", "copy_environment", "copy_datastore", "hand_off"})
    assert kinds.isdisjoint({"create_workspace", "create_private_endpoint"})


# --- What people are told -----------------------------------------------------------------------------------------


def test_downtime_lasts_from_the_first_deletion_to_the_last_traffic(conversion: Plan, plan: Plan) -> None:
    kept_s = max(step.duration_s for step in conversion.steps if step.kind in KEEPS[1:])
    claim_s, finish_s = conversion.steps[0].duration_s, conversion.steps[-1].duration_s
    forget_s = conversion.of_kind("forget_secrets")[0].duration_s
    assert conversion.downtime_s == conversion.critical_path_s - claim_s - kept_s - forget_s - finish_s
    assert plan.downtime_s == 0


def test_build_in_place_states_the_downtime_and_that_there_is_no_way_back(conversion: Plan) -> None:
    told = [warning.text for warning in conversion.warnings if warning.kind == "irreversible"]
    assert told[0].startswith("2 endpoint(s) answer nobody for about ")
    assert "keep the plan file" in told[1]


def test_build_in_place_announces_every_property_of_what_is_deleted(
    conversion: Plan, inventory: Inventory
) -> None:
    announced = {(entry.source, entry.path) for entry in conversion.carry_over}
    missing = [
        (document.name, ".".join(path))
        for kind in (ENDPOINT, DEPLOYMENT, COMPUTE)
        for document in inventory.of_type(kind)
        for path, _ in leaves(kind, document.body)
        if (document.id, ".".join(path)) not in announced
    ]
    assert missing == []


def test_build_in_place_holds_no_secret(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit
) -> None:
    def add(body: Json) -> None:
        body["properties"].setdefault("environmentVariables", {})["STORE_TOKEN"] = SECRET

    made = build(edit(inventory, "churn/deployments/main", add), configure_in_place(), REQUESTS)

    assert SECRET not in plan_text(made)
    assert "STORE_TOKEN" in made.step("keep_secrets:churn").spec["variables"]["main"]
    assert made.step("create_deployment:churn/main").spec["vault"] == "kv-legacy"


def test_build_in_place_twice_gives_the_same_bytes(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], conversion: Plan
) -> None:
    assert plan_text(build(inventory, configure_in_place(), REQUESTS)) == plan_text(conversion)


# --- Computes -----------------------------------------------------------------------------------------------------


def test_build_in_place_tells_of_members_of_a_computes_parts_that_nobody_knows(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig]
) -> None:
    services = [{"name": "rstudio", "later": 1, "volumes": [{"type": "bind", "later": 1}], "endpoints": []}]
    schedules = {"computeStartStop": [{"action": "Stop", "cron": {"expression": "0 18 * * *", "later": 1}}]}
    made = build(
        instance(inventory, customServices=services, schedules=schedules), configure_in_place(), REQUESTS
    )
    told = [warning.text for warning in made.warnings if "later" in warning.text]
    assert told == [
        f"properties.properties.{path} is not known to vnetferry and is carried as it is; check it."
        for path in (
            "customServices[].later",
            "customServices[].volumes[].later",
            "schedules.computeStartStop[].cron.later",
        )
    ]


def test_build_in_place_instance_stays_its_makers_and_stopped(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig]
) -> None:
    owner = {"userId": "o-1", "userOrgId": "t-1", "userName": "Ada"}
    made = build(instance(inventory, createdBy=owner, state="Stopped"), configure_in_place(), REQUESTS)

    step = made.step("create_compute:notebook")
    assert step.spec["stop"] is True
    settings = step.body["properties"]["properties"]
    assert settings["personalComputeInstanceSettings"] == {
        "assignedUser": {"objectId": "o-1", "tenantId": "t-1"}
    }
    assert {"state", "createdBy"}.isdisjoint(settings)
    assert any("disk of compute instance notebook is lost" in w.text for w in made.warnings)


def test_build_in_place_account_with_a_password_alone_is_left_out(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit
) -> None:
    def add(body: Json) -> None:
        body["properties"].setdefault("properties", {})["userAccountCredentials"] = {"adminUserName": "ada"}

    made = build(edit(inventory, "computes/cpu-cluster", add), configure_in_place(), REQUESTS)

    step = made.step("create_compute:cpu-cluster")
    assert "userAccountCredentials" not in step.body["properties"]["properties"]
    dropped = [e for e in made.carry_over if e.path.endswith("userAccountCredentials.adminUserName")]
    assert [e.disposition for e in dropped] == ["dropped"]


def test_build_in_place_image_builder_is_made_before_what_it_builds_for(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig]
) -> None:
    config = configure_in_place(target={"image_build_compute": "cpu-cluster"})

    made = build(inventory, config, REQUESTS)

    assert made.step("create_compute:cpu-cluster").spec["image_build"] is True
    assert "create_compute:cpu-cluster" in made.step("create_deployment:credit/blue").depends_on


def with_role(inventory: Inventory, edit: Edit, scope: str) -> Inventory:
    """The cluster with an identity of its own, which has a role on `scope`."""
    own = {"type": "SystemAssigned", "principalId": "c-1"}
    properties: Json = {
        "principalId": "C-1",
        "principalType": "ServicePrincipal",
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "scope": scope,
    }
    name = ResourceId(f"{scope}/providers/Microsoft.Authorization/roleAssignments/r-1")
    role = Document(id=name, body={"id": str(name), "name": "r-1", "properties": properties})
    known = edit(inventory, "computes/cpu-cluster", _set("identity", own))
    return known.model_copy(update={"documents": (*known.documents, role)})


def test_build_in_place_gives_a_computes_new_identity_the_roles_of_the_old_one(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit
) -> None:
    """Azure gives it none by itself, not even the right to pull images from the workspace's own registry."""
    known = with_role(inventory, edit, str(inventory.workspace.get("containerRegistry")))
    config = configure_in_place(target={"image_build_compute": "cpu-cluster"})

    made = build(known, config, REQUESTS)

    (step,) = [s for s in made.of_kind("assign_role") if s.spec["holder"].endswith("/cpu-cluster")]
    assert "create_compute:cpu-cluster" in step.depends_on
    assert step.id in before(made, "create_deployment:credit/blue")
    assert str(step.resource) in made.step("create_deployment:credit/blue").spec["roles"]
    assert step.id in before(made, f"finish_conversion:{made.source.name}")
    assert any("hold back its jobs" in w.text for w in made.warnings)


def test_build_in_place_identity_of_the_workspace_keeps_what_it_may_on_an_endpoint(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit
) -> None:
    """The assignment ends with the endpoint; who has it stays, and so needs no waiting for anything new."""
    endpoint = inventory.source.child("onlineEndpoints", "credit")
    held = with_role(inventory, edit, str(endpoint))
    known = edit(held, "/ws-legacy", _set("identity", {"type": "SystemAssigned", "principalId": "c-1"}))
    known = edit(known, "computes/cpu-cluster", _set("identity", None))

    made = build(known, configure_in_place(), REQUESTS)

    (step,) = [s for s in made.of_kind("assign_role") if s.resource.is_under(endpoint)]
    assert (step.spec["holder"], step.spec["principal"]) == ("", "c-1")
    assert step.depends_on == ("create_endpoint:credit",)


def test_build_in_place_names_assets_by_ids_alone(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit
) -> None:
    """Azure answers other spellings, and makes no deployment from them."""
    deployment = inventory.source.child("onlineEndpoints", "credit").child("deployments", "blue")
    model = str(inventory.find(deployment).get("model"))
    changed = edit(inventory, "credit/deployments/blue", _set("properties.model", f"azureml:{model}"))

    made = build(changed, configure_in_place(), REQUESTS)

    assert made.step("create_deployment:credit/blue").body["properties"]["model"] == model
    (entry,) = [e for e in made.carry_over if e.source == deployment and e.path == "properties.model"]
    assert entry.disposition == "remapped"


# --- What cannot be converted -------------------------------------------------------------------------------------


def _set(path: str, value: Any) -> Callable[[Json], None]:
    def change(body: Json) -> None:
        *parents, last = path.split(".")
        for part in parents:
            body = body.setdefault(part, {})
        body[last] = value

    return change


_HOPELESS = {
    "cpu-cluster' is attached": ("/cpu-cluster", "properties.computeType", "Kubernetes"),
    "is in northeurope": ("/cpu-cluster", "properties.computeLocation", "northeurope"),
    "is Failed: deleted, it could not be made": ("/cpu-cluster", "properties.provisioningState", "Failed"),
    "'green' is Failed": ("/deployments/green", "properties.provisioningState", "Failed"),
    "churn would stay": ("/onlineEndpoints/churn", "properties.compute", "/subscriptions/x"),
    "built by compute 'gone', which is not there": ("/ws-legacy", "properties.imageBuildCompute", "gone"),
    "a managed network already": (
        "/ws-legacy",
        "properties.managedNetwork.isolationMode",
        "AllowInternetOutbound",
    ),
}


@pytest.mark.parametrize("said", _HOPELESS)
def test_build_in_place_refuses_what_could_not_be_made_again(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit, said: str
) -> None:
    ending, path, value = _HOPELESS[said]

    with pytest.raises(ConfigError, match=said) as caught:
        build(edit(inventory, ending, _set(path, value)), configure_in_place(), REQUESTS)

    assert caught.value.remedy


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"endpoints": {"exclude": ["churn"]}}, "churn would stay"),
        ({"endpoints": {"rename": "{name}-v2"}}, "endpoints.rename"),
        ({"target": {"workspace": "ws-other"}}, "target.workspace"),
        ({"target": {"location": "northeurope"}}, "stays in"),
        ({"target": {"image_build_compute": "builder"}}, "names 'builder'"),
        ({"target": {"associated_resources": "create"}}, "associated_resources"),
        ({"handoff": [{"kind": "file"}]}, "handoff"),
        ({"retire": {"delete_workspace": True}}, "delete_workspace"),
    ],
)
def test_build_in_place_refuses_a_configuration_of_two_workspaces(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], sections: Json, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build(inventory, configure_in_place(**sections), REQUESTS)


def test_build_in_place_while_another_plan_converts_is_refused(
    inventory: Inventory, configure_in_place: Callable[..., MigrationConfig], edit: Edit
) -> None:
    tags = {"vnetferry-plan": "0123456789ab", "vnetferry-conversion": "under-way"}

    with pytest.raises(PersonNeeded, match="being converted by plan 0123456789ab") as caught:
        build(edit(inventory, "/ws-legacy", _set("tags", tags)), configure_in_place(), REQUESTS)

    assert caught.value.exit_code == 3


# --- Going on -----------------------------------------------------------------------------------------------------


@pytest.fixture
def claimed(conversion: Plan, inventory: Inventory, edit: Edit) -> Inventory:
    """The workspace once the conversion has begun."""
    tags = {"vnetferry-plan": conversion.id, "vnetferry-conversion": "under-way"}
    return edit(inventory, "/ws-legacy", _set("tags", tags))


def gone(inventory: Inventory, resource: ResourceId) -> Inventory:
    kept = [d for d in inventory.documents if d.id != resource and not d.id.is_under(resource)]
    return inventory.model_copy(update={"documents": tuple(kept)})


def test_changes_before_the_mark_count_as_ever(conversion: Plan, inventory: Inventory) -> None:
    assert changes(conversion, inventory) == []
    without = gone(inventory, inventory.source.child("onlineEndpoints", "churn"))
    assert any("churn" in line for line in changes(conversion, without))


def test_changes_by_our_own_deletions_and_creations_are_none(
    conversion: Plan, claimed: Inventory, edit: Edit
) -> None:
    assert changes(conversion, claimed) == []
    assert not is_past_return(conversion, claimed)
    without = gone(claimed, claimed.source.child("onlineEndpoints", "churn"))
    assert changes(conversion, without) == []
    assert is_past_return(conversion, without)
    again = edit(claimed, "/onlineEndpoints/churn", _set("tags", {"vnetferry-plan": conversion.id}))
    again = edit(again, "/onlineEndpoints/churn", _set("properties.description", "made again"))
    assert changes(conversion, again) == []
    assert is_past_return(conversion, again)


def test_changes_of_what_is_still_to_be_deleted_are_told(
    conversion: Plan, claimed: Inventory, edit: Edit
) -> None:
    half = gone(claimed, claimed.source.child("onlineEndpoints", "churn"))
    changed = edit(half, "/onlineEndpoints/credit", _set("properties.description", "changed by hand"))

    with pytest.raises(PlanStale, match=r"endpoint credit changed: properties\.description") as caught:
        require_fresh(conversion, changed)

    assert "take it back" in caught.value.remedy
    assert changes(conversion, instance(half)) == ["compute notebook is new."]


def test_conversion_plan_is_a_file_like_any_other(conversion: Plan) -> None:
    assert Plan.model_validate(json.loads(plan_text(conversion))) == conversion


def test_build_in_place_depends_on_nothing_that_is_not_there(conversion: Plan) -> None:
    known = {step.id for step in conversion.steps}
    assert [(s.id, d) for s in conversion.steps for d in s.depends_on if d not in known] == []
