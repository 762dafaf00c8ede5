"""Workspaces made, deleted, recovered and purged, with what is in them, on them and around them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.sandbox.ml.workspace_world import GROUP, STORAGE, SUBSCRIPTION, associated, workspace_body
from tests.sandbox.properties.machine import LONG_S, Machine, property_settings
from vnetferry.sandbox.entra import TENANT_ID

WORKSPACES = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
names = st.sampled_from(["wsone", "wsone", "WSONE", "wstwo"])


class WorkspaceMachine(Machine):
    """Two names of workspaces in one group."""

    scenario = {"resources": associated()}

    @initialize()
    def begin_with_a_workspace(self) -> None:
        self.send("PUT", f"{WORKSPACES}/wsone", workspace_body())
        self.azure.pass_time(LONG_S)

    @rule(
        name=names,
        recover=st.sampled_from([None, None, True, False]),
        mode=st.sampled_from([None, "AllowInternetOutbound"]),
    )
    def put(self, name: str, recover: Any, mode: str | None) -> None:
        body = workspace_body()
        if mode:
            body["properties"]["managedNetwork"] = {"isolationMode": mode}
        if recover is not None:
            body["properties"]["allowRecoverSoftDeletedWorkspace"] = recover
        self.send("PUT", f"{WORKSPACES}/{name}", body)

    @rule(name=names, purge=st.booleans())
    def delete(self, name: str, purge: bool) -> None:
        self.send("DELETE", f"{WORKSPACES}/{name}", query="&forceToPurge=true" if purge else "")

    @rule(name=names)
    def delete_and_recover(self, name: str) -> None:
        self.azure.pass_time(LONG_S)
        before = self.find(f"{WORKSPACES}/{name}")
        kept = self._names_in(name)
        self.send("DELETE", f"{WORKSPACES}/{name}")
        self.azure.pass_time(LONG_S)
        assert self.find(f"{WORKSPACES}/{name}") is None
        refused = self.send("PUT", f"{WORKSPACES}/{name}", workspace_body())
        if before is None:
            return
        assert refused.status == 400
        body = workspace_body(allowRecoverSoftDeletedWorkspace=True)
        assert self.send("PUT", f"{WORKSPACES}/{name}", body).status == 202
        self.azure.pass_time(LONG_S)
        after = self.get(f"{WORKSPACES}/{name}")
        assert after["properties"]["workspaceId"] == before["properties"]["workspaceId"]
        assert self._names_in(name) == kept

    @rule(name=names, tags=st.sampled_from([{"a": "b"}, {}, 5, None]))
    def patch(self, name: str, tags: Any) -> None:
        self.send("PATCH", f"{WORKSPACES}/{name}", {"tags": tags})

    @rule(
        name=names,
        method=st.sampled_from(["PUT", "PUT", "DELETE"]),
        endpoint=st.sampled_from(["one-ep", "two-ep"]),
    )
    def write_an_endpoint(self, name: str, method: str, endpoint: str) -> None:
        body = {"location": "westeurope", "properties": {"authMode": "Key"}}
        self.send(
            method, f"{WORKSPACES}/{name}/onlineEndpoints/{endpoint}", body if method == "PUT" else None
        )

    @rule(name=names, method=st.sampled_from(["PUT", "PUT", "DELETE"]))
    def write_a_datastore(self, name: str, method: str) -> None:
        properties = {
            "datastoreType": "AzureBlob",
            "accountName": "stone",
            "containerName": "data",
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentials": {
                "credentialsType": "AccountKey",
                "secrets": {"secretsType": "AccountKey", "key": "a2V5"},
            },
        }
        body = {"properties": properties} if method == "PUT" else None
        self.send(method, f"{WORKSPACES}/{name}/datastores/extra", body)

    @rule(name=names, method=st.sampled_from(["PUT", "PUT", "DELETE"]))
    def write_a_rule(self, name: str, method: str) -> None:
        destination = {"serviceResourceId": STORAGE, "subresourceTarget": "table"}
        body = {"properties": {"type": "PrivateEndpoint", "destination": destination}}
        self.send(method, f"{WORKSPACES}/{name}/outboundRules/mine", body if method == "PUT" else None)

    @rule(name=names)
    def provision(self, name: str) -> None:
        self.send("POST", f"{WORKSPACES}/{name}/provisionManagedNetwork", {})

    @rule(name=names, version=st.sampled_from(["1", "2"]))
    def write_a_model(self, name: str, version: str) -> None:
        body = {
            "properties": {
                "modelUri": "azureml://datastores/workspaceblobstore/paths/m",
                "modelType": "custom_model",
            }
        }
        self.send("PUT", f"{WORKSPACES}/{name}/models/mod/versions/{version}", body)

    @rule(name=names, method=st.sampled_from(["PUT", "PUT", "DELETE"]), principal=st.sampled_from("ab"))
    def write_a_role_assignment(self, name: str, method: str, principal: str) -> None:
        space = UUID(TENANT_ID)
        who = str(uuid5(space, principal))
        role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        body = {
            "properties": {"roleDefinitionId": role, "principalId": who, "principalType": "ServicePrincipal"}
        }
        path = f"{WORKSPACES}/{name}/providers/Microsoft.Authorization/roleAssignments/{uuid5(space, name + principal)}"
        self.send(method, path, body if method == "PUT" else None, version="2022-04-01")

    @rule(name=names, method=st.sampled_from(["PUT", "DELETE"]))
    def write_a_diagnostic_setting(self, name: str, method: str) -> None:
        body = {
            "properties": {
                "storageAccountId": STORAGE,
                "logs": [{"category": "AmlOnlineEndpointTrafficLog", "enabled": True}],
            }
        }
        path = f"{WORKSPACES}/{name}/providers/Microsoft.Insights/diagnosticSettings/logs"
        self.send(method, path, body if method == "PUT" else None, version="2021-05-01-preview")

    def require_sound(self) -> None:
        super().require_sound()
        self._lists_agree_with_reads()
        self._secrets_are_those_of_what_exists()
        self._connections_are_of_live_rules()

    def _lists_agree_with_reads(self) -> None:
        listed = self.listed(WORKSPACES)
        everywhere = self.listed(
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/workspaces"
        )
        assert listed == everywhere
        for workspace in listed:
            assert self.get(workspace["id"]) == workspace
        ids = [each["id"].lower() for each in listed]
        assert len(ids) == len(set(ids))

    def _secrets_are_those_of_what_exists(self) -> None:
        """What is soft-deleted keeps its secrets; what is gone for good has none."""
        world = self.azure.world
        kept = [
            document["id"].lower()
            for record in world.documents.below("/")
            if "purgeAt" in record
            for document in record["documents"]
        ]
        for identifier in {*world.secrets.datastores, *world.secrets.connections}:
            assert identifier in world.documents or identifier in kept, identifier

    def _connections_are_of_live_rules(self) -> None:
        live = {
            f"{workspace['name']}.{name}".lower()
            for workspace in self.listed(WORKSPACES)
            for name in workspace["properties"]["managedNetwork"].get("outboundRules") or {}
        }
        made = {
            each["properties"]["privateEndpoint"]["id"].rpartition("/")[2].lower()
            for each in self.listed(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")
        }
        assert made <= live, (made, live)

    def _names_in(self, name: str) -> list[str]:
        kinds = ("datastores", "models")
        return [each["name"] for kind in kinds for each in self.listed(f"{WORKSPACES}/{name}/{kind}")]


TestWorkspaces = WorkspaceMachine.TestCase
TestWorkspaces.settings = property_settings(40, steps=25)
