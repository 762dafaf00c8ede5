"""Every request that azure-ai-ml was seen to send, sent to a sandbox: status, headers, operations, bodies.

The recording lies beside the repository of those who have it; without it these tests are skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.contract.strict import arm_faults, faults
from vnetferry.sandbox.server import Sandbox

_WIRE = Path(__file__).resolve().parents[3].parent / "shared" / "wire"
_FILE = _WIRE / "sdk_1_35_2_requests.jsonl"
HOST = "https://management.azure.com"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws1"
VERSION = "2024-10-01-preview"
# What the recording's caller did that Azure refuses, and the recorder's stand-in for Azure did not.
REFUSED = {"workspace_outbound_rules.begin_create PE": (400, "the target does not exist")}
# What the recording's caller wrote as Azure does not take it: names of two letters, modes in snake case, an FQDN
# rule in an open network.
MENDED = {
    "outboundRules/r1": "outboundRules/rule1",
    '"r1": {': '"rule1": {',
    '"r2": {': '"rule2": {',
    '"a.b.c"': '"a.b.com"',
    '"allow_internet_outbound"': '"AllowOnlyApprovedOutbound"',
    '"allow_only_approved_outbound"': '"AllowOnlyApprovedOutbound"',
}
_POLL = re.compile(r"/(\w*Operations?(?:Status|Results)|operationStatuses)/[^?]+", re.IGNORECASE)
# The answer's model by the end of the path, and whether it is a list.
MODELS = {
    r"/workspaces$": ("Workspace", True),
    r"/workspaces/ws1$": ("Workspace", False),
    r"/outboundRules$": ("OutboundRuleBasicResource", True),
    r"/outboundRules/\w+$": ("OutboundRuleBasicResource", False),
    r"/workspaces/ws1/listKeys$": ("ListWorkspaceKeysResult", False),
    r"/onlineEndpoints$": ("OnlineEndpoint", True),
    r"/onlineEndpoints/\w+$": ("OnlineEndpoint", False),
    r"/onlineEndpoints/\w+/deployments$": ("OnlineDeployment", True),
    r"/onlineEndpoints/\w+/listKeys$": ("EndpointAuthKeys", False),
    r"/onlineEndpoints/\w+/token$": ("EndpointAuthToken", False),
}
# The same of Resource Manager's own answers, by the models that the SDK brings for them.
ARM_MODELS = {
    r"/resourcegroups/\w+$": ("ResourceGroup", False),
    r"/Microsoft.Resources/deployments/[\w-]+$": ("DeploymentExtended", False),
    r"/deployments/[\w-]+/operations$": ("DeploymentOperation", True),
}
# Answered by services whose models the SDK does not bring: it looks at one member, or at the status alone.
OTHERS = r"/Microsoft.(insights|OperationalInsights|Storage|Keyvault)/"
RESULTS = {"provisionManagedNetwork": "ManagedNetworkProvisionStatus", "diagnose": "DiagnoseResponseResult"}


def _lines() -> list[dict[str, Any]]:
    if not _FILE.exists():
        return []
    text = _FILE.read_text(encoding="utf-8")
    for written, meant in MENDED.items():
        text = text.replace(written, meant)
    return [json.loads(line) for line in text.splitlines()]


LINES = _lines()
SENT = [line for line in LINES if "method" in line]
SECTIONS = {name: list(group) for name, group in groupby(SENT, key=lambda line: line["section"])}
pytestmark = pytest.mark.skipif(
    not SECTIONS, reason="the recording of the SDK's requests is not beside this clone"
)


class Client:
    """Sends a recorded request as the sandbox's own principal, and follows what it starts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.session = requests.Session()
        self.identity = identity = sandbox.world.identity
        self.session.headers["Authorization"] = f"Bearer {identity.issue(identity.client, HOST)}"
        self.session.proxies = {"https": sandbox.vantages["internet"]}
        self.session.verify = str(sandbox.world.ca_file)
        self.session.trust_env = False

    def send(self, method: str, url: str, body: Any = None) -> requests.Response:
        return self.session.request(method, url, json=body, timeout=30)

    def put(self, path: str, body: Any, version: str = VERSION) -> None:
        """Make a resource, and wait until it is there."""
        answer = self.send("PUT", f"{HOST}{path}?api-version={version}", body)
        assert answer.status_code in (200, 201, 202), answer.text
        self.finish(answer)

    def has(self, path: str) -> bool:
        """Whether it is there."""
        return self.send("GET", f"{HOST}{path}?api-version={VERSION}").status_code == 200

    def finish(self, answer: requests.Response) -> list[str]:
        """Poll to the end as the SDK does; the words that the status had on the way."""
        url = answer.headers.get("Azure-AsyncOperation")
        words: list[str] = []
        while url and words[-1:] not in (["Succeeded"], ["Failed"]):
            status = self.send("GET", url)
            assert status.status_code == 200, status.text
            words.append(status.json()["status"])
        assert words[-1:] != ["Failed"], self.send("GET", str(url)).text
        return words

    def result(self, answer: requests.Response) -> requests.Response:
        """What `Location` answers at the end."""
        for _ in range(200):
            found = self.send("GET", answer.headers["Location"])
            if found.status_code != 202:
                return found
        raise AssertionError("the operation's result does not come")


@pytest.fixture(scope="module")
def client(session_sandbox_factory: Callable[..., Sandbox]) -> Iterator[Client]:
    group = {"id": GROUP, "location": "eastus2", "properties": {}}
    made = Client(session_sandbox_factory({"resources": [group], "runtime": "echo"}, time_scale=100_000))
    yield made
    made.session.close()


@pytest.mark.parametrize("section", SECTIONS)
def test_recorded_requests_are_answered_as_the_sdk_expects(client: Client, section: str) -> None:
    _prepare(client, section)
    polls = {_shape(line["url"]) for line in SECTIONS[section] if _POLL.search(line["url"])}
    met: set[str] = set()
    for line in SECTIONS[section]:
        if _POLL.search(line["url"]):
            continue  # its operation has another id here: it is followed instead, and `met` says that it was
        answer = client.send(line["method"], line["url"], line["body"])
        refused = section in REFUSED and line["method"] != "GET"
        expected = REFUSED[section][0] if refused else line["status"]
        assert answer.status_code == expected, (line["method"], line["url"], answer.text)
        _check_headers(answer)
        if refused:
            return
        if answer.status_code < 300:
            _check_body(line["url"], answer)
            met |= _follow(client, line, answer, polls)
    assert polls <= met | {_twin(shape) for shape in met}


def test_every_recorded_line_is_replayed_followed_or_a_tokens() -> None:
    credentials = [line for line in LINES if "CREDENTIAL_get_token" in line]
    polls = [line for line in SENT if _POLL.search(line["url"])]
    replayed = [line for lines in SECTIONS.values() for line in lines if not _POLL.search(line["url"])]
    assert len(credentials) + len(polls) + len(replayed) == len(LINES)
    assert REFUSED.keys() <= SECTIONS.keys()


def test_every_recorded_answer_with_a_body_has_a_model() -> None:
    known = [*MODELS, *ARM_MODELS, *RESULTS, OTHERS, r"/resyncKeys$", r"/regenerateKeys$"]
    paths = {line["url"].partition("?")[0] for line in SENT if not _POLL.search(line["url"])}
    assert sorted(path for path in paths if not any(re.search(pattern, path) for pattern in known)) == []


def test_every_scope_that_the_sdk_asked_a_token_for_is_given_one(client: Client) -> None:
    asked = {scope for line in LINES for scope in line.get("CREDENTIAL_get_token", [])}
    identity = client.identity
    host = "https://login.microsoftonline.com"
    for scope in asked:
        form = {"grant_type": "client_credentials", "client_id": identity.client_id, "scope": scope}
        form["client_secret"] = identity.client_secret
        url = f"{host}/{identity.tenant_id}/oauth2/v2.0/token"
        answer = client.session.post(url, data=form, timeout=30)
        assert answer.status_code == 200, answer.text
    assert len(asked) > 1


def _prepare(client: Client, section: str) -> None:
    """Bring about what the section's caller had: the workspace, endpoints, rules; nothing for a creation."""
    is_creation = section.startswith("workspaces.begin_create (managed")
    if is_creation or "begin_update" in section or "already exists" in section:
        client.finish(client.send("DELETE", f"{HOST}{WORKSPACE}?api-version={VERSION}&forceToPurge=true"))
    if is_creation:
        return
    if not client.has(WORKSPACE):
        _make_workspace(client)
    if section.startswith(("workspaces.begin_provision", "workspace_outbound_rules")):
        mode = {"managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"}}
        client.finish(client.send("PATCH", f"{HOST}{WORKSPACE}?api-version={VERSION}", {"properties": mode}))
    if section.startswith("workspace_outbound_rules") and "begin_create" not in section:
        rule = {"type": "FQDN", "category": "UserDefined", "destination": "test.com"}
        client.put(f"{WORKSPACE}/outboundRules/rule1", {"properties": rule})
    if section.startswith("online_endpoints") and not client.has(f"{WORKSPACE}/onlineEndpoints/ep1"):
        client.finish(client.send("DELETE", f"{HOST}{WORKSPACE}?api-version={VERSION}&forceToPurge=true"))
        _make_workspace(client)
        _make_endpoints(client)


def _make_workspace(client: Client) -> None:
    client.finish(client.send("DELETE", f"{HOST}{WORKSPACE}?api-version={VERSION}&forceToPurge=true"))
    providers, place = f"{GROUP}/providers", {"location": "eastus2"}
    storage = f"{providers}/Microsoft.Storage/storageAccounts/stws1"
    vault = f"{providers}/Microsoft.KeyVault/vaults/kvws1"
    insights = f"{providers}/Microsoft.Insights/components/aiws1"
    logs = f"{providers}/Microsoft.OperationalInsights/workspaces/law1"
    tenant = {"tenantId": "11111111-1111-4111-8111-111111111111", "sku": {"family": "A", "name": "standard"}}
    client.put(storage, {**place, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}, "2023-01-01")
    made = {**place, "properties": {**tenant, "accessPolicies": []}}
    if client.send("PUT", f"{HOST}{vault}?api-version=2023-07-01", made).status_code == 409:
        # An earlier section deleted it, and a vault that was deleted keeps its name.
        client.put(vault, {**place, "properties": {**tenant, "createMode": "recover"}}, "2023-07-01")
    client.put(logs, {**place, "properties": {}}, "2022-10-01")
    linked = {"Application_Type": "web", "WorkspaceResourceId": logs}
    client.put(insights, {**place, "kind": "web", "properties": linked}, "2020-02-02")
    parts = {"storageAccount": storage, "keyVault": vault, "applicationInsights": insights}
    client.put(WORKSPACE, {**place, "identity": {"type": "SystemAssigned"}, "properties": parts})


def _make_endpoints(client: Client) -> None:
    environment = f"{WORKSPACE}/environments/e/versions/1"
    client.put(environment, {"properties": {"image": "mcr.microsoft.com/azureml/minimal"}})
    for name, mode in (("ep1", "Key"), ("tok1", "AMLToken"), ("aad1", "AADToken")):
        body = {
            "location": "eastus2",
            "properties": {"authMode": mode},
            "identity": {"type": "SystemAssigned"},
        }
        client.put(f"{WORKSPACE}/onlineEndpoints/{name}", body)
    wanted = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS3_v2",
        "environmentId": environment,
    }
    for name in ("blue", "green"):
        body = {"location": "eastus2", "properties": wanted, "sku": {"name": "Default", "capacity": 1}}
        client.put(f"{WORKSPACE}/onlineEndpoints/ep1/deployments/{name}", body)


def _check_headers(answer: requests.Response) -> None:
    identifier = answer.headers["x-ms-request-id"]
    assert answer.headers["x-ms-correlation-request-id"] == identifier
    assert answer.headers["x-ms-routing-request-id"].endswith(f":{identifier}")
    assert "Retry-After" not in answer.headers
    assert answer.status_code != 202 or answer.content in (b"", b"null")


def _check_body(url: str, answer: requests.Response) -> None:
    path = url.partition("?")[0]
    for pattern, (model, is_list) in MODELS.items():
        if answer.content and re.search(pattern, path):
            body = answer.json()
            for each in body["value"] if is_list else [body]:
                assert faults(model, each) == []
    for pattern, (model, is_list) in ARM_MODELS.items():
        if answer.content and re.search(pattern, path):
            body = answer.json()
            for each in body["value"] if is_list else [body]:
                assert arm_faults(model, each) == []


def _follow(client: Client, line: dict[str, Any], answer: requests.Response, polls: set[str]) -> set[str]:
    """Follow what the request began; the addresses that it announced."""
    started = [answer.headers[n] for n in ("Azure-AsyncOperation", "Location") if n in answer.headers]
    shapes = {_shape(url) for url in started if _POLL.search(url)}
    assert shapes <= polls | {_twin(shape) for shape in polls}
    words = client.finish(answer)
    assert set(words) <= {"Accepted", "Running", "InProgress", "Updating", "Succeeded"}
    action = line["url"].partition("?")[0].rpartition("/")[2]
    if line["method"] == "POST" and answer.status_code == 202:
        result = client.result(answer)
        # Recorded: the address that regenerateKeys answers leads nowhere.
        assert result.status_code == (404 if action == "regenerateKeys" else 200)
        if action in RESULTS:
            assert faults(RESULTS[action], result.json()) == []
        if action == "resyncKeys":
            assert faults("Workspace", result.json()) == []
    return shapes


def _shape(url: str) -> str:
    """A poll's address without its operation, signature and host."""
    query = re.sub(r"&?(t|c|s|h)=[^&]*", "", url.partition("?")[2])
    path = _POLL.sub(lambda found: f"/{found[1]}/ID", url.partition("?")[0])
    return f"{path}?{query}".replace(HOST, "").lower()


def _twin(shape: str) -> str:
    """The other header's address: the result's for a status's, and the reverse."""
    swaps = {"type=async": "type=location", "mfeoperationsstatus": "mfeoperationresults"}
    for one, other in [*swaps.items(), *((v, k) for k, v in swaps.items())]:
        if one in shape:
            return shape.replace(one, other)
    return shape
