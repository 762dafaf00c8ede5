"""Whether a wanted body is what Azure already holds."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.gateway.difference import differs

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a"


@pytest.mark.parametrize(
    ("desired", "current"),
    [
        ({"location": "West Europe"}, {"location": "westeurope"}),
        (
            {"properties": {"publicNetworkAccess": "disabled"}},
            {"properties": {"publicNetworkAccess": "Disabled"}},
        ),
        ({"properties": {"model": ID}}, {"properties": {"model": ID.upper().replace("/SUB", "/sub")}}),
        ({"properties": {"model": ID}}, {"properties": {"model": f"azureml:{ID}"}}),
        ({"properties": {"codeUri": "https://a.b.c/d"}}, {"properties": {"codeUri": "https://a.b.c:443/d"}}),
        ({"properties": {"requestTimeout": "PT60S"}}, {"properties": {"requestTimeout": "PT1M"}}),
        ({"properties": {"condaFile": "a: [b]\n"}}, {"properties": {"condaFile": '{"a": ["b"]}'}}),
        ({"properties": {"traffic": {"blue": 0, "green": 100}}}, {"properties": {"traffic": {"green": 100}}}),
        ({"properties": {"description": None}}, {"properties": {"description": "Azure's"}}),
        ({"properties": {"instances": 1}}, {"properties": {"instances": 1.0, "more": True}}),
        ({"tags": {}}, {"tags": None}),
        ({"tags": {"Team": "a"}}, {"tags": {"team": "a", "more": ""}}),
        ({"properties": {"environmentVariables": {"A": None}}}, {"properties": {"environmentVariables": {}}}),
        (
            {"properties": {"computeType": "AmlCompute", "properties": {"osType": "linux", "ids": []}}},
            {"properties": {"computeType": "AmlCompute", "properties": {"osType": "Linux"}}},
        ),
        (
            {"properties": {"computeType": "AmlCompute", "properties": {"idle": "PT120S"}}},
            {"properties": {"computeType": "AmlCompute", "properties": {"idle": "PT2M"}}},
        ),
        ({"id": "/x", "systemData": {"createdAt": "1"}}, {}),
        (
            {"properties": {"environmentVariables": {"A": "1"}}},
            {
                "properties": {
                    "environmentVariables": {"A": "1", "AML_APP_ROOT": "/var", "AZUREML_MODEL_DIR": "/m"}
                }
            },
        ),
        (
            {"identity": {"userAssignedIdentities": {ID: {}}}},
            {"identity": {"userAssignedIdentities": {ID.lower(): {"principalId": "p"}}}},
        ),
    ],
)
def test_differs_azures_own_spelling_is_no_difference(desired: Any, current: Any) -> None:
    assert differs(desired, current) == []


@pytest.mark.parametrize(
    ("desired", "current", "path"),
    [
        ({"location": "westeurope"}, {"location": "northeurope"}, "location"),
        (
            {"properties": {"traffic": {"blue": 100}}},
            {"properties": {"traffic": {"blue": 90, "green": 10}}},
            "properties.traffic.blue",
        ),
        (
            {"properties": {"traffic": {}}},
            {"properties": {"traffic": {"green": 10}}},
            "properties.traffic.green",
        ),
        (
            {"properties": {"environmentVariables": {"A": "x"}}},
            {"properties": {"environmentVariables": {"A": "X"}}},
            "properties.environmentVariables.A",
        ),
        (
            {"properties": {"environmentVariables": {}}},
            {"properties": {"environmentVariables": {"B": "1"}}},
            "properties.environmentVariables.B",
        ),
        ({"properties": {"fqdns": ["a", "b"]}}, {"properties": {"fqdns": ["a"]}}, "properties.fqdns"),
        ({"properties": {"description": "new"}}, {}, "properties.description"),
        (
            {"properties": {"requestTimeout": "PT60S"}},
            {"properties": {"requestTimeout": "PT2M"}},
            "properties.requestTimeout",
        ),
        ({"sku": {"capacity": 2}}, {"sku": {"capacity": 1}}, "sku.capacity"),
        ({"tags": {"k": "v"}}, {"tags": None}, "tags.k"),
        ({"tags": {"k": ""}}, {"tags": {}}, "tags.k"),
        ({"tags": {"Tier": "Gold"}}, {"tags": {"Tier": "gold"}}, "tags.Tier"),
        ({"tags": {"name": "a"}}, {"tags": {"name": "b"}}, "tags.name"),
        ({"properties": {"tags": {"id": "x"}}}, {"properties": {"tags": {}}}, "properties.tags.id"),
        (
            {"properties": {"properties": {"from": ""}}},
            {"properties": {"properties": {}}},
            "properties.properties.from",
        ),
        (
            {"properties": {"metadata": {"ApiVersion": "PT60S"}}},
            {"properties": {"metadata": {"ApiVersion": "PT1M"}}},
            "properties.metadata.ApiVersion",
        ),
        (
            {"properties": {"environmentVariables": {"a": "1"}}},
            {"properties": {"environmentVariables": {"A": "1"}}},
            "properties.environmentVariables.A",
        ),
        (
            {"properties": {"environmentVariables": {}}},
            {"properties": {"environmentVariables": {"B": ""}}},
            "properties.environmentVariables.B",
        ),
    ],
)
def test_differs_real_difference_is_named(desired: Any, current: Any, path: str) -> None:
    assert path in differs(desired, current)


def test_differs_nested_read_only_names_are_compared() -> None:
    """A connection's or tag's own `name` is a value; only the document's is Azure's."""
    assert differs({"properties": {"sku": {"name": "a"}}}, {"properties": {"sku": {"name": "b"}}})
