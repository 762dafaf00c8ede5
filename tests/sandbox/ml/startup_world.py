"""What a deployment needs on its way to a running container, as documents that tests take away one by one."""

from __future__ import annotations

from tests.sandbox.online_world import ENVIRONMENT, GROUP, WORKSPACE, Online, documents, role_on
from vnetferry.sandbox.wire import Json

BLUE = "onlineEndpoints/scoring/deployments/blue"
UAI = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-scoring"
OTHER_UAI = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-other"
PRINCIPALS = {UAI: "00000000-0000-0000-0000-0000000000a1", OTHER_UAI: "00000000-0000-0000-0000-0000000000a2"}
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
REPOSITORY_READER = "b93aa761-3e63-49ed-ac28-beffa264f7ac"
CONDA = '{"channels": ["conda-forge"], "dependencies": ["python=3.11"]}'


def held(changes: dict[str, Json] | None = None, **workspace: object) -> list[Json]:
    """The documents of online_world, the properties of some replaced, and two user-assigned identities."""
    found = documents(dict(workspace))
    for identifier, properties in (changes or {}).items():
        kept = [document for document in found if document["id"] != identifier]
        found = [*kept, {**_find(found, identifier), "properties": properties}]
    identities = [
        {"id": each, "name": each.rpartition("/")[2], "properties": {"principalId": principal}}
        for each, principal in PRINCIPALS.items()
    ]
    return [*found, *identities]


def _find(found: list[Json], identifier: str) -> Json:
    known = next((document for document in found if document["id"] == identifier), None)
    return known or {"id": identifier, "name": identifier.rpartition("/")[2], "location": "westeurope"}


def built(**properties: object) -> dict[str, Json]:
    """The environment with a conda file, and further documents' properties by id."""
    return {ENVIRONMENT: {"image": "mcr.microsoft.com/azureml/minimal", "condaFile": CONDA}, **properties}  # type: ignore[dict-item]


def cluster(name: str = "builder") -> dict[str, Json]:
    """A compute cluster of the workspace."""
    return {
        f"{WORKSPACE}/computes/{name}": {"computeType": "AmlCompute", "provisioningState": "Succeeded"},
    }


def make_endpoint(az: Online, *identities: str) -> Json:
    """An endpoint with these user-assigned identities, or one of its own."""
    body: Json = {"location": "westeurope", "properties": {"authMode": "Key"}}
    if identities:
        named: Json = {each: {} for each in identities}
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": named}
    az.send("PUT", "onlineEndpoints/scoring", body)
    az.settle()
    return az.get("onlineEndpoints/scoring")


def grant(az: Online, role: str, scope: str, identity: str = UAI) -> None:
    """Give a user-assigned identity a role, long ago."""
    az.world.documents.put(role_on(scope, role, PRINCIPALS[identity]))
