"""What a plan says of a property is what becomes of it, and every property that a client may write is known."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.ai.ml._restclient.arm_ml_service import models

from tests.flows.drops import OF_PROPERTIES
from tests.flows.rest_values import model_in, writable_fields
from vnetferry.models.inventory import (
    CODE,
    CONNECTION,
    DATASTORE,
    DEPLOYMENT,
    ENDPOINT,
    ENVIRONMENT,
    MODEL,
    WORKSPACE,
)
from vnetferry.plan.carry_over import _WITHOUT_A_RULE
from vnetferry.plan.field_rules import READ_ONLY
from vnetferry.plan.fields import _FIELDS, rule_of, writable

MODELS = pytest.mark.parametrize(
    ("kind", "model"),
    [
        (WORKSPACE, models.WorkspaceProperties),
        (ENDPOINT, models.OnlineEndpointProperties),
        (DEPLOYMENT, models.ManagedOnlineDeployment),
        (CODE, models.CodeVersionProperties),
        (ENVIRONMENT, models.EnvironmentVersionProperties),
        (MODEL, models.ModelVersionProperties),
        *((DATASTORE, kind) for kind in models.DatastoreProperties.__subclasses__()),
        *((CONNECTION, kind) for kind in models.WorkspaceConnectionPropertiesV2.__subclasses__()),
    ],
)
# What the definition leaves open to clients, although it is Azure's to say.
_AZURES = {"associatedWorkspaces", "discoveryUrl", "error", "peStatus"}


@MODELS
def test_rule_of_every_field_of_the_rest_models_is_known(kind: str, model: type[Any]) -> None:
    """A field that a new version of the SDK brings fails here, until somebody says what becomes of it."""
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
    """Fields without a rule; those of an object where it has none as a whole."""
    for name, hint in writable_fields(model).items():
        where = (*path, name)
        if rule_of(kind, where).what == "unknown":
            nested = model_in(hint)
            inside = (*where, "a-name") if "dict[" in str(hint).lower() else where
            yield from _unknown(kind, nested, inside) if nested else [".".join(where)]


def test_rule_of_the_key_s_identity_is_an_announced_drop() -> None:
    body = {"properties": {"encryption": {"status": "Enabled", "identity": {"userAssignedIdentity": "u"}}}}
    assert rule_of(WORKSPACE, ("properties", "encryption", "identity", "userAssignedIdentity")).what == "drop"
    assert writable(WORKSPACE, body) == {"properties": {"encryption": {"status": "Enabled"}}}
