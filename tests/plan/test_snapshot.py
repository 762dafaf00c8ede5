"""A snapshot is a scenario without secrets."""

from __future__ import annotations

from vnetferry.models.inventory import Inventory
from vnetferry.plan.snapshot import build_scenario, content_uris


def test_build_scenario_holds_every_document_with_its_type_and_no_secret(inventory: Inventory) -> None:
    scenario = build_scenario(inventory, [], {})
    assert [r["id"] for r in scenario["resources"]] == [str(d.id) for d in inventory.documents]
    assert all(r["type"] == d.type for r, d in zip(scenario["resources"], inventory.documents, strict=True))
    assert "s3cr3t-token-value" not in str(scenario)


def test_build_scenario_has_placeholders_for_keys_and_vault_secrets(inventory: Inventory) -> None:
    scenario = build_scenario(inventory, [], {"acc/c/b": "blobs/0"})
    assert {key.rpartition("/")[2] for key in scenario["endpoint_keys"]} == {"churn", "credit"}
    assert scenario["secrets"] == {"kv-legacy/db": "placeholder-for-db"}
    assert scenario["blobs"] == {"acc/c/b": {"file": "blobs/0"}}


def test_build_scenario_spreads_the_counted_requests_over_the_month(inventory: Inventory) -> None:
    endpoint = inventory.endpoints[0].id
    counted = inventory.model_copy(update={"requests": {endpoint.key: 43200.0}})
    assert build_scenario(counted, [], {})["metrics"] == {endpoint.key: {"RequestsPerMinute": 1.0}}


def test_content_uris_are_those_of_models_and_code(inventory: Inventory) -> None:
    uris = content_uris(inventory)
    assert len(uris) == 6
    assert uris == sorted(uris)
