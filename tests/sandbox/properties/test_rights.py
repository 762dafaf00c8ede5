"""What a second principal sees and does: what its role assignments give, and nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.sandbox.properties.machine import LONG_S, Machine, property_settings
from tests.sandbox.properties.still_sandbox import Answer
from vnetferry.sandbox.entra import TENANT_ID
from vnetferry.sandbox.wire import Principal

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
ML = "providers/Microsoft.MachineLearningServices/workspaces"
OTHER = Principal(str(uuid5(UUID(TENANT_ID), "other")), str(uuid5(UUID(TENANT_ID), "app")), TENANT_ID)
# In tags and descriptions, which no refusal repeats.
MARK = "seen-by-rights-alone"


def _group(name: str) -> str:
    return f"{SUBSCRIPTION}/resourceGroups/rg-{name}"


def _workspace(name: str) -> str:
    return f"{_group(name)}/{ML}/ws-{name}"


def _storage(name: str) -> str:
    return f"{_group(name)}/providers/Microsoft.Storage/storageAccounts/st{name}"


def _vault(name: str) -> str:
    return f"{_group(name)}/providers/Microsoft.KeyVault/vaults/kv{name}"


def _resources() -> list[dict[str, Any]]:
    """The same in two groups: a workspace with an endpoint, on storage and a vault."""
    marked = {"location": "westeurope", "tags": {"mark": MARK}}
    found = []
    for name in ("a", "b"):
        linked = {"storageAccount": _storage(name), "keyVault": _vault(name), "description": MARK}
        endpoint = f"{_workspace(name)}/onlineEndpoints/ep-{name}"
        found += [
            {"id": _group(name), "properties": {}, **marked},
            {
                "id": _storage(name),
                "kind": "StorageV2",
                "sku": {"name": "Standard_LRS"},
                "properties": {},
                **marked,
            },
            {"id": _vault(name), "properties": {"enableRbacAuthorization": True}, **marked},
            {"id": _workspace(name), "properties": linked, **marked},
            {"id": endpoint, "properties": {"authMode": "Key", "description": MARK}, **marked},
        ]
    return found


READER, CONTRIBUTOR, OWNER, SCIENTIST = (
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121",
)
MAY_WRITE = {CONTRIBUTOR, OWNER}
SCOPES = [SUBSCRIPTION, _group("a"), _group("b"), _workspace("a"), _workspace("b"), _storage("a")]
# What is read, the scope of the right that it needs, and its api-version.
READS = {
    **dict.fromkeys((_group("a"), _group("b")), "2021-04-01"),
    **dict.fromkeys((_workspace("a"), _workspace("b")), "2024-10-01"),
    **{f"{_workspace(n)}/onlineEndpoints/ep-{n}": "2024-10-01" for n in "ab"},
    **dict.fromkeys((_storage("a"), _storage("b")), "2023-01-01"),
    **dict.fromkeys((_vault("a"), _vault("b")), "2022-07-01"),
}
LISTS = {
    f"{SUBSCRIPTION}/resourceGroups": "2021-04-01",
    f"{SUBSCRIPTION}/resources": "2021-04-01",
    f"{SUBSCRIPTION}/{ML}": "2024-10-01",
    f"{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts": "2023-01-01",
    **{f"{_group(n)}/resources": "2021-04-01" for n in "ab"},
    **{f"{_group(n)}/{ML}": "2024-10-01" for n in "ab"},
    **{f"{_workspace(n)}/onlineEndpoints": "2024-10-01" for n in "ab"},
}
SECRETS = {
    **{f"{_workspace(n)}/onlineEndpoints/ep-{n}/listKeys": "2024-10-01" for n in "ab"},
    **{f"{_storage(n)}/listKeys": "2023-01-01" for n in "ab"},
    **{f"{_workspace(n)}/listKeys": "2024-10-01" for n in "ab"},
}


class RightsMachine(Machine):
    """`held` are the other principal's assignments: assignment's id -> (scope, role)."""

    scenario = {"resources": _resources(), "secrets": {"kva/s": MARK, "kvb/s": MARK}}

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, tuple[str, str]] = {}

    @rule(
        scope=st.sampled_from(SCOPES), role=st.sampled_from([READER, READER, CONTRIBUTOR, OWNER, SCIENTIST])
    )
    def grant(self, scope: str, role: str) -> None:
        path = self._assignment(scope, role)
        answer = self.send("PUT", path, self._wanted(role), version="2022-04-01")
        assert answer.status == (200 if path in self.held else 201), answer.raw
        self.held[path] = (scope, role)
        self.azure.pass_time(LONG_S)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        if self.held:
            path = data.draw(st.sampled_from(sorted(self.held)))
            assert self.send("DELETE", path, version="2022-04-01").status == 200
            del self.held[path]
            self.azure.pass_time(LONG_S)

    @rule(path=st.sampled_from(list(READS)))
    def read(self, path: str) -> None:
        answer = self._as_other("GET", path, READS[path])
        self._judge(answer, self._roles(path) - {SCIENTIST} if _is_apart(path) else self._roles(path))

    @rule(path=st.sampled_from(list(LISTS)))
    def ask_for_a_list(self, path: str) -> None:
        answer = self._as_other("GET", path, LISTS[path])
        if answer.status != 200:
            assert answer.status in (403, 404), answer.raw
            assert MARK.encode() not in answer.raw
            return
        for each in answer.body["value"]:
            assert self._roles(each["id"]), (path, each["id"], self.held)

    @rule(path=st.sampled_from(list(SECRETS)))
    def ask_for_secrets(self, path: str) -> None:
        answer = self._as_other("POST", path, SECRETS[path])
        roles = self._roles(path.rpartition("/")[0])
        if not roles & (MAY_WRITE | {SCIENTIST}):
            assert answer.status in (403, 404), (answer.status, self.held)

    @rule(path=st.sampled_from(list(READS)), method=st.sampled_from(["PATCH", "DELETE"]))
    def write(self, path: str, method: str) -> None:
        """By those who may not; what the others may is for other machines."""
        if not self._roles(path) & (MAY_WRITE | {SCIENTIST}):
            answer = self._as_other(method, path, READS[path], {"tags": {"taken": "over"}})
            assert answer.status in (403, 404), (answer.status, self.held)

    @rule(scope=st.sampled_from(SCOPES))
    def grant_itself_more(self, scope: str) -> None:
        if OWNER not in self._roles(scope):
            path = self._assignment(scope, OWNER, "self")
            answer = self._as_other("PUT", path, "2022-04-01", self._wanted(OWNER))
            assert answer.status in (403, 404), (answer.status, self.held)

    @rule(name=st.sampled_from("ab"), host=st.sampled_from(["vault", "blob"]))
    def ask_a_data_plane(self, name: str, host: str) -> None:
        """No role of Resource Manager's gives data; a vault that decides by roles shows a secret to none of these."""
        if host == "vault":
            answer = self.azure.send(
                "GET", "/secrets/s?api-version=7.4", None, OTHER, f"kv{name}.vault.azure.net"
            )
            assert answer.status in (401, 403), answer.raw
        else:
            place = f"st{name}.blob.core.windows.net"
            answer = self.azure.send("GET", "/data?restype=container&comp=list", None, OTHER, place)
            assert answer.status in (401, 403, 404), answer.raw
        assert MARK.encode() not in answer.raw

    def _judge(self, answer: Answer, roles: set[str]) -> None:
        if roles:
            assert answer.status == 200, (answer.raw, self.held)
        else:
            assert answer.status in (403, 404), (answer.status, self.held)
            assert MARK.encode() not in answer.raw

    def _roles(self, path: str) -> set[str]:
        """The roles that hold on an id: those granted there and above."""
        below = path.lower() + "/"
        return {role for scope, role in self.held.values() if below.startswith(scope.lower() + "/")}

    def _as_other(self, method: str, path: str, version: str, body: Any = None) -> Answer:
        return self.send(method, path, body, version=version, principal=OTHER)

    def _assignment(self, scope: str, role: str, salt: str = "") -> str:
        name = uuid5(UUID(TENANT_ID), scope + role + salt)
        return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"

    def _wanted(self, role: str) -> dict[str, Any]:
        definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        who = {"principalId": OTHER.object_id, "principalType": "ServicePrincipal"}
        return {"properties": {"roleDefinitionId": definition, **who}}


def _is_apart(path: str) -> bool:
    """Whether a data scientist's role, which is about workspaces, has nothing to say of it."""
    return ML not in path


TestRights = RightsMachine.TestCase
TestRights.settings = property_settings(60, steps=25)
