"""What deployments hold on to beside their models: shared content, collected data, injected secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.stale import changes

REQUESTS = {"credit": "ab" * 32}
Json = dict[str, Any]
Configure = Callable[..., MigrationConfig]
Edit = Callable[..., Inventory]
STORE = "https://stlegacy.blob.core.windows.net/azureml-blobstore-cccccccc"


def _set(edit: Edit, inventory: Inventory, ending: str, **properties: Any) -> Inventory:
    return edit(inventory, ending, lambda body: body["properties"].update(properties))


def _texts(plan: Plan) -> str:
    return " ".join(w.text for w in plan.warnings)


# --- Content that assets share ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        "azureml://datastores/workspaceblobstore/paths/models/all",
        f"{STORE}/models/all",
        f"{STORE}/models/all/green.pkl",
    ],
)
def test_assets_that_share_content_share_its_copy(
    inventory: Inventory, configure: Configure, edit: Edit, other: str
) -> None:
    known = _set(edit, inventory, "credit-blue/versions/1", modelUri=f"{STORE}/models/all")
    known = _set(edit, known, "credit-green/versions/1", modelUri=other)
    plan = build(known, configure(), REQUESTS)
    blue, green = (plan.step(f"copy_model:credit-{name}/1") for name in ("blue", "green"))
    assert blue.spec["content_root"] == ""
    assert green.spec["content_root"] == f"{STORE}/models/all"
    assert blue.id in green.depends_on


def test_assets_whose_paths_only_begin_alike_do_not_share(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    known = _set(edit, inventory, "credit-blue/versions/1", modelUri=f"{STORE}/models/all")
    known = _set(edit, known, "credit-green/versions/1", modelUri=f"{STORE}/models/all-2")
    plan = build(known, configure(), REQUESTS)
    assert plan.step("copy_model:credit-green/1").spec["content_root"] == ""


def test_assets_are_copied_in_their_own_spelling_whichever_they_are_named_in(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    model = inventory.source.child("models", "Credit_Blue.A").child("versions", "RC1")
    known = _set(edit, inventory, "credit/deployments/blue", model=str(model).lower())
    added = Document(id=model, body={"properties": {"modelUri": f"{STORE}/models/all"}})
    known = known.model_copy(update={"documents": (*known.documents, added)})
    plan = build(known, configure(), REQUESTS)
    copy = plan.step("copy_model:Credit_Blue.A/RC1")
    assert str(copy.resource).endswith("/models/Credit_Blue.A/versions/RC1")
    assert copy.id in plan.step("create_deployment:credit-v2/blue").depends_on


def test_what_holds_collected_data_is_described_under_its_new_name(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    uri = _workspace_uri(inventory, "workspaceblobstore/paths/modelDataCollector/churn/main/model_inputs")
    known = _collecting(inventory, edit, "churn-main-model_inputs", uri)
    holder = Document(
        id=inventory.source.child("data", "churn-main-model_inputs"),
        body={"properties": {"dataType": "uri_folder", "description": "what churn was asked"}},
    )
    known = known.model_copy(update={"documents": (*known.documents, holder)})
    (step,) = build(known, configure(), REQUESTS).of_kind("copy_container")
    assert step.id == "copy_container:data/churn-v2-main-model_inputs"
    assert step.depends_on == ("copy_data:churn-v2-main-model_inputs/1",)


# --- Data collectors -------------------------------------------------------------------------------------------


def _collecting(inventory: Inventory, edit: Edit, data: str, uri: str = "") -> Inventory:
    """churn/main collects its inputs into version 1 of `data`, which was read when it has a URI."""
    asset = inventory.source.child("data", data).child("versions", "1")
    collector = {"collections": {"model_inputs": {"dataCollectionMode": "Enabled", "dataId": str(asset)}}}
    known = _set(edit, inventory, "churn/deployments/main", dataCollector=collector)
    body = {"properties": {"dataType": "uri_folder", "dataUri": uri, "tags": {"by": "ops"}}}
    found = (Document(id=asset, body=body),) if uri else ()
    return known.model_copy(update={"documents": (*known.documents, *found)})


def _workspace_uri(inventory: Inventory, path: str) -> str:
    source = inventory.source
    group = f"subscriptions/{source.subscription_id}/resourcegroups/{source.resource_group}"
    return f"azureml://{group}/workspaces/{source.name}/datastores/{path}"


def test_collected_data_goes_to_a_version_named_after_the_new_endpoint(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    uri = _workspace_uri(inventory, "workspaceblobstore/paths/modelDataCollector/churn/main/model_inputs")
    known = _collecting(inventory, edit, "churn-main-model_inputs", uri)
    plan = build(known, configure(), REQUESTS)
    step = plan.step("copy_data:churn-v2-main-model_inputs/1")
    assert step.body["properties"]["dataUri"].endswith(
        "/workspaces/ws-secure/datastores/workspaceblobstore/paths/modelDataCollector/churn-v2/main/model_inputs"
    )
    assert step.body["properties"]["tags"] == {"by": "ops"}
    deploy = plan.step("create_deployment:churn-v2/main")
    assert step.id in deploy.depends_on
    collections = deploy.body["properties"]["dataCollector"]["collections"]
    assert collections["model_inputs"] == {"dataCollectionMode": "Enabled", "dataId": str(step.resource)}
    path = "properties.dataCollector.collections.model_inputs.dataId"
    (entry,) = [e for e in plan.carry_over if e.path == path]
    assert entry.disposition == "remapped"
    assert "stays in the source's storage" in _texts(plan)


def test_collected_data_in_a_place_of_ones_own_keeps_its_name_and_reaches_its_account(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    uri = _workspace_uri(inventory, "shared_models/paths/collected")
    known = _collecting(inventory, edit, "our-inputs", uri)
    step = build(known, configure(), REQUESTS).step("copy_data:our-inputs/1")
    assert step.body["properties"]["dataUri"].endswith("/ws-secure/datastores/shared_models/paths/collected")
    assert "copy_datastore:shared_models" in step.depends_on


def test_collected_data_is_made_once_whichever_spelling_names_it(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    uri = _workspace_uri(inventory, "shared_models/paths/collected")
    known = _collecting(inventory, edit, "Our-Inputs", uri)
    lower = str(inventory.source.child("data", "our-inputs").child("versions", "1")).lower()
    collector = {"collections": {"all": {"dataId": lower}}}
    known = _set(edit, known, "credit/deployments/blue", dataCollector=collector)
    plan = build(known, configure(), REQUESTS)
    assert [step.id for step in plan.of_kind("copy_data")] == ["copy_data:Our-Inputs/1"]
    assert "copy_data:Our-Inputs/1" in plan.step("create_deployment:credit-v2/blue").depends_on


def test_collected_data_that_could_not_be_read_is_registered_as_the_sdk_would(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    known = _collecting(inventory, edit, "churn-main-model_inputs")
    step = build(known, configure(), REQUESTS).step("copy_data:churn-v2-main-model_inputs/1")
    assert step.body["properties"]["dataType"] == "uri_folder"
    assert step.body["properties"]["dataUri"].endswith("/modelDataCollector/churn-v2/main/model_inputs")


def test_plan_is_stale_when_collected_data_moved(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    known = _collecting(inventory, edit, "our-inputs", "azureml://datastores/shared_models/paths/one")
    moved = _collecting(inventory, edit, "our-inputs", "azureml://datastores/shared_models/paths/two")
    plan = build(known, configure(), REQUESTS)
    assert changes(plan, known) == []
    assert any("our-inputs" in line for line in changes(plan, moved))


# --- Secret injection ------------------------------------------------------------------------------------------


def test_deployment_waits_for_the_connection_that_is_injected(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    variables = {"SEARCH_KEY": "${{azureml://connections/search/credentials/key}}"}
    known = _set(edit, inventory, "churn/deployments/main", environmentVariables=variables)
    plan = build(known, configure(), REQUESTS)
    deploy = plan.step("create_deployment:churn-v2/main")
    assert "copy_connection:search" in deploy.depends_on
    assert deploy.body["properties"]["environmentVariables"] == variables
    assert "copy_connection:search" not in plan.step("create_deployment:credit-v2/blue").depends_on


def test_plan_names_a_connection_that_is_injected_and_not_there(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    variables = {"KEY": "${{azureml://connections/gone/credentials/key}}"}
    known = _set(edit, inventory, "churn/deployments/main", environmentVariables=variables)
    assert "secrets of connection gone, which could not be read" in _texts(
        build(known, configure(), REQUESTS)
    )


def test_plan_warns_of_a_vault_that_the_target_does_not_share(
    inventory: Inventory, configure: Configure
) -> None:
    """churn/main is given a secret of the source workspace's own vault."""
    text = "kv-legacy, the source workspace's own vault, which ws-secure does not share"
    assert text not in _texts(build(inventory, configure(), REQUESTS))
    own = {"key_vault": f"{inventory.source.group_id}/providers/Microsoft.KeyVault/vaults/kv-new"}
    assert text in _texts(build(inventory, configure(target={"associated_resources": own}), REQUESTS))


def test_endpoint_that_enforces_access_to_secret_stores_stays_so(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    mark = {"enforce_access_to_default_secret_stores": "enabled"}
    plan = build(_set(edit, inventory, "onlineEndpoints/churn", properties=mark), configure(), REQUESTS)
    assert plan.step("create_endpoint:churn-v2").body["properties"]["properties"] == mark
    assert "churn enforces access to the workspace's secret stores" in _texts(plan)
