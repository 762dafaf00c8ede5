"""Variables that name secrets: who must be allowed to read them, and what the container gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.ml.startup_world import BLUE, PRINCIPALS, UAI, grant, held
from tests.sandbox.online_world import (
    GROUP,
    VAULT,
    WORKSPACE,
    Online,
    deployment_body,
    online,
    role_on,
    texts,
)
from vnetferry.sandbox.arm.authorization import allowed
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.endpoint_roles import assign_roles
from vnetferry.sandbox.scoring.secret_references import injected
from vnetferry.sandbox.vault.secrets import keep_secret
from vnetferry.sandbox.wire import Json, Principal

SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
CONNECTION_READER = "ea01e6af-a1c1-4350-9563-ad00f8c72ec5"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
CONNECTION = f"{WORKSPACE}/connections/prices"
VARIABLES = {
    "FROM_VAULT": "${{keyvault:https://kvlegacy.vault.azure.net/secrets/db}}",
    "KEY": "${{azureml://connections/prices/credentials/key}}",
    "WHERE": "${{azureml://connections/prices/target}}",
    "PLAIN": "kept",
}


def _world(folder: Path, **vault: Any) -> Any:
    changes: dict[str, Json] = {
        GROUP: {},
        VAULT: {"enableRbacAuthorization": True, **vault},
        CONNECTION: {"target": "https://prices.contoso.com", "authType": "ApiKey", "category": "ApiKey"},
    }
    return online(folder, held=held(changes))


def _deploy(az: Online, *roles: tuple[str, str], stores: str = "", **variables: str) -> Json:
    """The error that a deployment with these variables ends with; {} when it serves."""
    own = {"properties": {"enforce_access_to_default_secret_stores": stores}} if stores else {}
    az.send(
        "PUT", "onlineEndpoints/scoring", {"location": "westeurope", "properties": {"authMode": "Key", **own}}
    )
    az.settle()
    principal = az.get("onlineEndpoints/scoring")["identity"]["principalId"]
    for role, scope in roles:
        az.world.documents.put(role_on(scope, role, principal))
    keep_secret(az.world, "kvlegacy/db", "made-up-password")
    az.world.secrets.connections[CONNECTION.lower()] = {"key": "made-up-key"}
    answer = az.send("PUT", BLUE, deployment_body(environmentVariables=variables))
    az.settle()
    return {} if az.get(BLUE)["properties"]["provisioningState"] == "Succeeded" else az.error_of(answer)


BOTH = ((SECRETS_USER, VAULT), (CONNECTION_READER, WORKSPACE))


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        (BOTH, ""),
        (((SECRETS_USER, GROUP), (CONTRIBUTOR, GROUP)), ""),
        (BOTH[1:], "vaults/secrets/getSecret/action"),
        (BOTH[:1], "connections/listsecrets/action"),
    ],
)
def test_deployment_needs_the_right_to_each_secret(
    tmp_path: Path, roles: tuple[tuple[str, str], ...], says: str
) -> None:
    with _world(tmp_path) as az:
        error = _deploy(az, *roles, **VARIABLES)
        assert error.get("code", "") == ("SecretsInjectionError" if says else "")
        assert says in error.get("message", "")


def test_deployment_of_an_endpoint_with_the_default_stores_needs_no_more(tmp_path: Path) -> None:
    with _world(tmp_path) as az:
        own = {name: value for name, value in VARIABLES.items() if name != "FROM_VAULT"}
        assert _deploy(az, stores="enabled", **own) == {}


def test_default_stores_are_the_connections_and_not_the_vault(tmp_path: Path) -> None:
    with _world(tmp_path) as az:
        error = _deploy(az, stores="enabled", **VARIABLES)
        assert "vaults/secrets/getSecret/action" in error["message"]


def test_endpoint_gets_the_default_stores_only_of_who_may_read_them(tmp_path: Path) -> None:
    somebody = Principal(PRINCIPALS[UAI], PRINCIPALS[UAI], "t")
    endpoint: Json = {
        "id": f"{WORKSPACE}/onlineEndpoints/other",
        "identity": {"principalId": "00000000-0000-0000-0000-0000000000b1"},
        "properties": {"properties": {"enforce_access_to_default_secret_stores": "enabled"}},
    }
    with _world(tmp_path) as az:
        workspace = az.world.documents.require(WORKSPACE)
        may = "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action"
        for role, expected in ((None, False), (CONNECTION_READER, True)):
            if role:
                grant(az, role, WORKSPACE)
            assign_roles(az.world, workspace, endpoint, somebody)
            assert allowed(az.world, endpoint["identity"]["principalId"], may, WORKSPACE) == expected


def test_endpoint_with_user_assigned_identities_is_not_given_the_default_stores(tmp_path: Path) -> None:
    properties = {
        "authMode": "Key",
        "properties": {"enforce_access_to_default_secret_stores": "enabled"},
    }
    identity = {"type": "UserAssigned", "userAssignedIdentities": {UAI: {}}}
    body = {"location": "westeurope", "identity": identity, "properties": properties}
    with _world(tmp_path) as az, pytest.raises(AzureError, match="The request is invalid") as raised:
        az.send("PUT", "onlineEndpoints/scoring", body)
    assert "enforce_access_to_default_secret_stores needs a system-assigned identity" in texts(raised)


def test_rights_to_one_connection_and_one_secret_are_enough_for_them(tmp_path: Path) -> None:
    roles = ((CONNECTION_READER, CONNECTION), (SECRETS_USER, f"{VAULT}/secrets/db"))
    with _world(tmp_path) as az:
        assert _deploy(az, *roles, **VARIABLES) == {}


@pytest.mark.parametrize(
    ("reference", "vault", "says"),
    [
        ("${{keyvault:https://kvlegacy.vault.azure.net/secrets/none}}", {}, "could not be found"),
        ("${{keyvault:https://kvother.vault.azure.net/secrets/db}}", {}, "'kvother' could not be found"),
        ("${{keyvault:https://kvlegacy.vault.azure.net/secrets/db/1}}", {}, "could not be found"),
        ("${{azureml://connections/none/target}}", {}, "could not be found"),
        (VARIABLES["FROM_VAULT"], {"enableRbacAuthorization": False}, "role-based access control"),
    ],
)
def test_deployment_whose_secret_cannot_be_had_fails(
    tmp_path: Path, reference: str, vault: dict[str, Any], says: str
) -> None:
    with _world(tmp_path, **vault) as az:
        error = _deploy(az, *BOTH, X=reference)
        assert (error["code"], says in error["message"]) == ("SecretsInjectionError", True)


def test_container_gets_the_secrets_and_the_document_does_not(tmp_path: Path) -> None:
    with _world(tmp_path) as az:
        assert _deploy(az, *BOTH, **VARIABLES) == {}
        document = az.get(BLUE)
        assert document["properties"]["environmentVariables"]["KEY"] == VARIABLES["KEY"]
        assert injected(az.world, document) == {
            "FROM_VAULT": "made-up-password",
            "KEY": "made-up-key",
            "WHERE": "https://prices.contoso.com",
        }
        az.world.secrets.connections[CONNECTION.lower()] = {"keys": {"TOKEN": "made-up-token"}}
        variables = {"WHOLE": "${{azureml://connections/prices}}"}
        variables["CUSTOM"] = "${{azureml://connections/prices/credentials/TOKEN}}"
        found = injected(az.world, {"id": document["id"], **deployment_body(environmentVariables=variables)})
        assert found["CUSTOM"] == "made-up-token"
        whole = json.loads(found["WHOLE"])
        assert (whole["name"], whole["properties"]["target"]) == ("prices", "https://prices.contoso.com")
        assert whole["properties"]["credentials"] == {"keys": {"TOKEN": "made-up-token"}}
        az.world.secrets.vaults["kvlegacy/db"][-1]["enabled"] = "false"
        assert "FROM_VAULT" not in injected(az.world, document)
