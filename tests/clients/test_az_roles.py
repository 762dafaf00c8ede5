"""Azure CLI: roles, given to principals that Microsoft Graph knows by id, application id or name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID

pytestmark = pytest.mark.xdist_group("az-roles")

SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
LEGACY = f"{SUBSCRIPTION}/resourceGroups/rg-legacy"
SECURE = f"{SUBSCRIPTION}/resourceGroups/rg-secure"
WORKSPACE = f"{LEGACY}/providers/Microsoft.MachineLearningServices/workspaces/ws-legacy"
ABSENT = "11111111-2222-4333-8444-555555555555"


def _held(az: Any, scope: str) -> list[tuple[str, str]]:
    found = az.sandbox.world.documents.collection(
        f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    )
    return [(r["properties"]["principalId"], r["properties"]["principalType"]) for r in found]


def test_role_is_given_to_an_application_listed_and_taken(az: Any) -> None:
    client = az.sandbox.world.identity.client_id
    given = az(f"role assignment create --assignee {client} --role Reader --scope {SECURE}")
    assert given["principalId"] == CLIENT_OBJECT_ID
    assert _held(az, SECURE) == [(CLIENT_OBJECT_ID, "ServicePrincipal")]
    (listed,) = az(f"role assignment list --assignee {client} --scope {SECURE}")
    assert (listed["roleDefinitionName"], listed["principalName"]) == ("Reader", client)
    az(f"role assignment delete --assignee {client} --role Reader --scope {SECURE}")
    assert _held(az, SECURE) == []


def test_role_is_given_to_a_managed_identity_by_its_object_id(az: Any) -> None:
    principal = az.held(WORKSPACE)["identity"]["principalId"]
    scope = f"{SUBSCRIPTION}/resourceGroups/rg-network"
    az(f"role assignment create --assignee {principal} --role 'Network Contributor' --scope {scope}")
    assert _held(az, scope) == [(principal, "ServicePrincipal")]
    assert az(f"ad sp show --id {principal} --query displayName") == "ws-legacy"


@pytest.mark.parametrize("assignee", [ABSENT, "nobody@example.com"])
def test_role_is_not_given_to_whom_the_directory_lacks(az: Any, assignee: str) -> None:
    command = f"role assignment create --assignee {assignee} --role Reader --scope {SECURE}"
    az.refused(command, f"Cannot find user or service principal in graph database for '{assignee}'")
    assert _held(az, SECURE) == []


def test_principal_that_is_not_there_is_not_found_in_graphs_words(az: Any) -> None:
    az.refused(f"ad sp show --id {ABSENT}", f"Resource '{ABSENT}' does not exist", code=3)


def test_role_that_comes_with_vnetferry_is_made_and_listed(az: Any, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "deployments" / "azure-role.json"
    role = json.loads(shipped.read_text().replace("<subscription id>", SUBSCRIPTION.rpartition("/")[2]))
    file = tmp_path / "role.json"
    file.write_text(json.dumps(role))
    made = az(f"role definition create --role-definition @{file}")
    assert made["roleName"] == role["Name"]
    (listed,) = az("role definition list --custom-role-only")
    assert sorted(listed["permissions"][0]["actions"]) == sorted(role["Actions"])
