"""What a plan says of a property is what becomes of it, and every property that a client may write is known."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.ai.ml._restclient.arm_ml_service import models

from tests.flows.drops import OF_PROPERTIES
from tests.flows.rest_values import model_in, writable_fields
from tests.flows.unknown_members import UNKNOWN, unknown_paths, with_unknown
from tests.flows.whole_documents import WHOLE
from vnetferry.models.inventory import (
    AUTOSCALE,
    CODE,
    COMPUTE,
    CONNECTION,
    DATASTORE,
    DEPLOYMENT,
    ENDPOINT,
    ENVIRONMENT,
    METRIC_ALERT,
    MODEL,
    STORAGE_ACCOUNT,
    WORKSPACE,
)
from vnetferry.plan.carry_over import _WITHOUT_A_RULE
from vnetferry.plan.field_rules import CARRY, READ_ONLY
from vnetferry.plan.fields import _FIELDS, leaves, rule_of, strangers, writable

MODELS = pytest.mark.parametrize(
    ("kind", "model"),
    [
        (WORKSPACE, models.WorkspaceProperties),
        (ENDPOINT, models.OnlineEndpointProperties),
        (DEPLOYMENT, models.ManagedOnlineDeployment),
        (CODE, models.CodeVersionProperties),
        (ENVIRONMENT, models.EnvironmentVersionProperties),
        (MODEL, models.ModelVersionProperties),
        (COMPUTE, models.ComputeInstance),
        (COMPUTE, models.AmlCompute),
        *((DATASTORE, kind) for kind in models.DatastoreProperties.__subclasses__()),
        *((CONNECTION, kind) for kind in models.WorkspaceConnectionPropertiesV2.__subclasses__()),
    ],
)
# What the definition leaves open to clients, although it is Azure's to say.
_AZURES = {"associatedWorkspaces", "discoveryUrl", "error", "peStatus"}


@MODELS
def test_rule_of_every_field_of_the_rest_models_is_known(kind: str, model: type[Any]) -> None:
    """A field that a new version of the SDK brings fails here, until somebody says what becomes of it.

    What is carried is known to its last member, in elements of arrays too; else new members of it would go unseen.
    """
    assert list(_unknown(kind, model, ("properties",))) == []


@MODELS
def test_rule_of_what_clients_write_says_never_that_azure_does(kind: str, model: type[Any]) -> None:
    fields = set(writable_fields(model)) - _AZURES
    assert [field for field in sorted(fields) if rule_of(kind, ("properties", field)) == READ_ONLY] == []


def test_rules_drop_nothing_without_a_reason_that_the_facts_explain() -> None:
    """A new reason is explained in the list before it is in a rule; one that no rule has any more goes from it."""
    rules = [rule for table in _FIELDS.values() for rule in table.values() if rule.what == "drop"]
    assert {rule.reason for rule in (*rules, _WITHOUT_A_RULE)} == set(OF_PROPERTIES)


def _unknown(kind: str, model: type[Any], path: tuple[str, ...]) -> Iterator[str]:
    """Fields without a rule, those of an object where it has none, and objects that are carried by one rule."""
    for name, hint in writable_fields(model).items():
        where, nested, shape = (*path, name), model_in(hint), str(hint).lower()
        what = rule_of(kind, where).what
        if nested and "list[" in shape and what == "carry":
            yield from _unknown(kind, nested, (*path, f"{name}[]"))
        elif nested and what == "unknown":
            yield from _unknown(kind, nested, (*where, "a-name") if "dict[" in shape else where)
        elif what == "unknown" or (nested and what == "carry"):
            yield ".".join(where)


@pytest.mark.parametrize("kind", WHOLE)
def test_strangers_are_none_in_a_document_of_its_definition(kind: str) -> None:
    assert list(_strangers(kind, WHOLE[kind])) == []


@pytest.mark.parametrize("kind", WHOLE)
def test_strangers_are_told_of_every_object_that_is_carried(kind: str) -> None:
    added = set(unknown_paths(with_unknown(WHOLE[kind])))
    found = {path[:-1] for path in _strangers(kind, with_unknown(WHOLE[kind]))}
    carried = {path for path in added if rule_of(kind, _outside(path)).what in ("carry", "unknown")}
    assert found == carried
    assert (UNKNOWN,) in carried


@pytest.mark.parametrize(
    ("kind", "properties", "path"),
    [
        (
            AUTOSCALE,
            {"profiles": [{"x": 1}, {"x": 2, "rules": [{"x": 1}]}]},
            "profiles[].x profiles[].rules[].x",
        ),
        (AUTOSCALE, {"profiles": [{"x": None, "rules": [], "fixedDate": {}}, {"x": {}}, 7]}, ""),
        (AUTOSCALE, {"profiles": [[{"name": 1}]]}, "profiles[]"),
        (AUTOSCALE, {"notifications": [{"webhooks": [{"properties": {"x": [{"y": 1}]}}]}]}, ""),
        (METRIC_ALERT, {"scopes": ["a", {"id": "b"}]}, "scopes[].id"),
        (
            METRIC_ALERT,
            {"criteria": {"allOf": [{"dimensions": [{"x": 1}]}]}},
            "criteria.allOf[].dimensions[].x",
        ),
        (STORAGE_ACCOUNT, {"networkAcls": "all"}, "networkAcls"),
        (STORAGE_ACCOUNT, {"networkAcls": {"ipRules": [{"state": 1}]}}, "networkAcls.ipRules[].state"),
        (STORAGE_ACCOUNT, {"customDomain": {"x": 1}, "primaryEndpoints": [{"x": 1}]}, ""),
        (
            MODEL,
            {"flavors": {"a": {"x": 1, "data": {"b": "c"}}}, "datasets": [{"x": 1}]},
            "datasets[].x flavors.a.x",
        ),
    ],
)
def test_strangers_are_told_by_the_path_to_them_once(kind: str, properties: Any, path: str) -> None:
    found = [".".join(each) for each in _strangers(kind, {"properties": properties})]
    assert found == [f"properties.{each}" for each in path.split()]


def test_rules_of_elements_carry_alone() -> None:
    """An array is written whole, so any other rule would tell what does not happen."""
    rules = [(name, rule) for table in _FIELDS.values() for name, rule in table.items() if "[]" in name]
    assert {rule for _, rule in rules} == {CARRY}


def _outside(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path to the array that a member is in, or to the member itself."""
    arrays = [number for number, name in enumerate(path, 1) if name.endswith("[]")]
    return (*path[: arrays[0] - 1], path[arrays[0] - 1].removesuffix("[]")) if arrays else path


def _strangers(kind: str, body: Any) -> Iterator[tuple[str, ...]]:
    return (path for leaf in leaves(kind, body) for path in strangers(kind, *leaf))


def test_rule_of_the_key_s_identity_is_an_announced_drop() -> None:
    body = {"properties": {"encryption": {"status": "Enabled", "identity": {"userAssignedIdentity": "u"}}}}
    assert rule_of(WORKSPACE, ("properties", "encryption", "identity", "userAssignedIdentity")).what == "drop"
    assert writable(WORKSPACE, body) == {"properties": {"encryption": {"status": "Enabled"}}}
