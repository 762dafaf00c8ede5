"""What only Azure can tell is refused in one sentence too, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import (
    LEGACY,
    ML,
    READER,
    SECURE,
    SUBSCRIPTION,
    TARGET,
    Change,
    Json,
    Shell,
    Shown,
    document,
    with_copy,
    with_role,
    with_values,
)
from vnetferry.errors import ConfigError
from vnetferry.gateway.azure import _connect, connect
from vnetferry.gateway.endpoints import create_endpoint
from vnetferry.gateway.workspaces import create_workspace, delete_workspace
from vnetferry.models.ids import ResourceId
from vnetferry.plan.files import read_plan

Enter = Callable[..., Shell]
SOURCE = f"{LEGACY}/{ML}/ws-legacy"
_MODEL = f"{SOURCE}/models/credit-default"
_STRANGERS = "/subscriptions/11111111-1111-4111-8111-111111111111"
_NO_KEYS = "cccccccc-0000-4000-8000-000000000001"


@pytest.fixture(scope="session")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plan of the example is kept once it has been made."""
    return tmp_path_factory.mktemp("plan") / "plan.json"


@pytest.fixture
def planned(shell_in: Enter, plan_file: Path) -> Enter:
    """A sandbox of the changed example, and the plan that was made before anybody changed it."""

    def enter(*changes: Change) -> Shell:
        if not plan_file.exists():
            shell = shell_in()
            made = shell.type("plan")
            assert made.code == 0, made.err
            plan_file.write_bytes((shell.folder / "plan.json").read_bytes())
        shell = shell_in(*changes)
        (shell.folder / "plan.json").write_bytes(plan_file.read_bytes())
        return shell

    return enter


def test_source_that_does_not_exist_is_the_configurations_fault(shell_in: Enter) -> None:
    shell = shell_in()
    for old, new in [
        ("workspace: ws-legacy", "workspace: ws-nowhere"),
        ("resource_group: rg-legacy", "resource_group: rg-nowhere"),
        ("subscription_id: 3d5f7a21", "subscription_id: 00000000"),
    ]:
        shell.edit(old, new)
        for command in ("inventory", "preflight", "plan", "snapshot"):
            words = ("source workspace", "does not exist", "source.workspace", new.partition(": ")[2])
            shell.type(command).refuses(2, *words)
        shell.edit(new, old)
    assert sorted(p.name for p in shell.folder.iterdir()) == ["migration.yaml", "requests", "requests.jsonl"]


def test_sign_in_that_is_refused_says_why(shell_in: Enter) -> None:
    shell = shell_in()
    refused = shell.type("plan", AZURE_CLIENT_SECRET="wrong")
    refused.refuses(3, "AADSTS7000215: Invalid client secret", "AZURE_CLIENT_SECRET")
    unknown = shell.type("plan", AZURE_TENANT_ID="00000000-0000-0000-0000-000000000000")
    unknown.refuses(3, "Azure refused the sign-in", "AZURE_TENANT_ID")
    shell.type("plan", REQUESTS_CA_BUNDLE="/nowhere.pem").refuses(1, "REQUESTS_CA_BUNDLE")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{name}-v2", "{name}-with-a-far-too-long-ending", ["-with-a-far", "32 at most", "endpoints.rename"]),
        ("    credit: req", "    credits: req", ["names 'credits'", "Did you mean 'credit'?"]),
    ],
)
def test_plan_refuses_names_that_cannot_work(shell_in: Enter, old: str, new: str, words: list[str]) -> None:
    shell = shell_in()
    shell.edit(old, new)
    shell.type("plan").refuses(2, *words)
    assert not (shell.folder / "plan.json").exists()


def with_no_keys(data: Json) -> None:
    """A role of everything but an endpoint's keys."""
    permission = {"actions": ["*"], "notActions": [f"{ML.partition('/')[2]}/onlineEndpoints/listKeys/action"]}
    data["resources"].append(
        {
            "id": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{_NO_KEYS}",
            "properties": {
                "roleName": "no keys",
                "type": "CustomRole",
                "assignableScopes": [SUBSCRIPTION],
                "permissions": [permission],
            },
        }
    )
    with_role(_NO_KEYS, SUBSCRIPTION)(data)


def with_unregistered_network(data: Json) -> None:
    data["resources"].append(
        {
            "id": f"{SUBSCRIPTION}/providers/Microsoft.Network",
            "namespace": "Microsoft.Network",
            "registrationState": "NotRegistered",
        }
    )


def with_standard_registry(data: Json) -> None:
    for found in data["resources"]:
        if found["id"].endswith("/registries/crwslegacy7f3a"):
            found["sku"] = {"name": "Standard", "tier": "Standard"}


def with_quota(data: Json) -> None:
    data["quotas"] = {"standardDSv2Family": 30, "DSv2": 30}


_AS_TARGET = (("rg-legacy", "rg-secure"), ("ws-legacy", "ws-secure"))
_AS_OTHER = (("rg-legacy", "rg-secure"), ("ws-legacy", "ws-other"))
_RENAMED = ('"credit"', '"credit-v2"'), ("onlineEndpoints/credit", "onlineEndpoints/credit-v2")
_OURS = {"vnetferry-plan": "0123456789ab", "vnetferry-source": SOURCE}
_CLOSED = {"bypass": "None", "defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": []}
_WORKSPACE, _ENDPOINT = "/workspaces/ws-legacy", "/onlineEndpoints/credit"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (
            [with_role(READER, f"{SUBSCRIPTION}/resourceGroups/rg-network")],
            3,
            ["has no right to", "workspaces/read"],
        ),
        (
            [with_role(READER, SUBSCRIPTION)],
            3,
            ["the caller lacks", "listKeys/action", "az role assignment create"],
        ),
        ([with_no_keys], 3, ["the caller lacks", "listKeys/action", SOURCE]),
        (
            [with_copy(_WORKSPACE, *_AS_TARGET)],
            2,
            [TARGET, "no migration of this source made it", "target.workspace"],
        ),
        (
            [with_copy(_WORKSPACE, *_AS_TARGET, tags=_OURS), with_copy(_ENDPOINT, *_AS_TARGET, *_RENAMED)],
            2,
            ["credit-v2 exists in westeurope already", "endpoints.rename"],
        ),
        (
            [with_copy(_WORKSPACE, *_AS_OTHER), with_copy(_ENDPOINT, *_AS_OTHER, *_RENAMED)],
            2,
            ["credit-v2 exists in westeurope already", "endpoints.rename"],
        ),
        ([with_unregistered_network], 3, ["Microsoft.Network", "az provider register"]),
        ([with_standard_registry], 3, ["crwslegacy7f3a: its SKU is Standard", "az acr update"]),
        (
            [with_values("/vaults/kv-ws-legacy-7f3a", publicNetworkAccess="Disabled", networkAcls=_CLOSED)],
            3,
            ["kv-ws-legacy-7f3a: its firewall is closed", "--bypass AzureServices"],
        ),
        ([with_quota], 3, ["DSv2 cores are needed besides", "the limit is 30"]),
        (
            [with_values("/onlineEndpoints/credit/deployments/blue", model=f"{_MODEL}/versions/2")],
            4,
            ["deployment credit/blue changed: properties.model was", "versions/2", "'vnetferry plan'"],
        ),
    ],
    ids=[
        "no-rights",
        "reader",
        "no-keys",
        "target-not-ours",
        "endpoint-not-ours",
        "name-taken",
        "provider-not-registered",
        "registry-not-premium",
        "vault-closed",
        "too-few-cores",
        "stale",
    ],
)
def test_apply_refuses_what_cannot_work_before_it_changes_anything(
    planned: Enter, changes: list[Change], code: int, words: list[str]
) -> None:
    shell = planned(*changes)
    shell.type("apply", "plan.json", "--yes", "--json").refuses(code, *words)
    assert shell.changes() == []


def test_apply_refuses_files_that_are_not_what_they_were(planned: Enter) -> None:
    shell = planned()
    plan, audit = shell.folder / "plan.json", shell.folder / "plan.audit.jsonl"
    request = shell.folder / "requests" / "credit.json"

    def apply(name: str = "plan.json") -> Shown:
        return shell.type("apply", name, "--yes")

    text = plan.read_text()
    for command in ("apply", "retire"):
        shell.type(command, "plan.json").refuses(3, "nobody is at the terminal", "--yes")
    (shell.folder / "edited.json").write_text(text.replace('"westeurope"', '"northeurope"'))
    for command in ("apply", "status", "retire"):
        shell.type(command, "edited.json").refuses(2, "edited.json was edited", "vnetferry plan")
    audit.write_text('{"a": 1}\n')
    apply().refuses(2, "plan.audit.jsonl, line 1 is not a line of an audit file", "Move the file away")
    audit.unlink()
    audit.mkdir()
    apply().refuses(2, "plan.audit.jsonl cannot be read")
    audit.rmdir()
    (shell.folder / "handoff.json").mkdir()
    apply().refuses(2, "the handoff file handoff.json cannot be written", "handoff[].path")
    (shell.folder / "handoff.json").rmdir()
    body = request.read_bytes()
    request.write_bytes(body + b"\n")
    apply().refuses(4, "The request file of endpoint credit has changed")
    request.unlink()
    apply().refuses(2, "requests/credit.json of endpoint 'credit' cannot be read")
    assert shell.changes() == []
    assert read_plan(plan).id in text


def test_retire_with_another_name_deletes_nothing(planned: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = planned()
    monkeypatch.setattr("sys.stdin", _Typed("ws-legaci\n"))
    shell.type("retire", "plan.json").refuses(3, "'ws-legaci' is not 'ws-legacy'", "nothing was deleted")
    assert shell.changes() == []


class _Typed:
    """A terminal at which somebody typed this."""

    def __init__(self, text: str) -> None:
        self._lines = [text]

    def isatty(self) -> bool:
        return True

    def readline(self, *_: Any) -> str:
        return self._lines.pop(0)


def test_reader_gets_a_snapshot_and_one_line_about_what_is_left_out(shell_in: Enter) -> None:
    shown = shell_in(with_role(READER, SUBSCRIPTION)).type("snapshot")
    assert shown.code == 0, shown.err
    (line,) = shown.err.strip().splitlines()
    assert line.startswith("left out: 7 of the source's files: the caller (")
    assert "listsecrets/action" in line
    assert SECURE not in line


def with_name_taken_elsewhere(data: Json) -> None:
    """An endpoint `credit-v2` in a subscription that the configuration does not name."""
    for ending in ("/resourceGroups/rg-legacy", _WORKSPACE, _ENDPOINT):
        twin = json.dumps(document(data, ending))
        for old, new in (
            *_RENAMED,
            (SUBSCRIPTION, _STRANGERS),
            ("ws-legacy", "ws-elsewhere"),
            ("b6f0c3de", "b6f0c3df"),
        ):
            twin = twin.replace(old, new)
        body = json.loads(twin)
        body["properties"].pop("privateEndpointConnections", None)
        data["resources"].append(body)


def test_name_that_a_stranger_has_is_the_configurations_fault(planned: Enter) -> None:
    shell = planned(with_name_taken_elsewhere)
    step = read_plan(shell.folder / "plan.json").step("create_endpoint:credit-v2")
    _connect.cache_clear()
    there = ResourceId(SOURCE).child("onlineEndpoints", "credit-v2")
    with pytest.raises(ConfigError, match=r"unique within a region.*Change endpoints\.rename") as refused:
        create_endpoint(connect(), there, step.body, None)
    assert refused.value.exit_code == 2


def test_target_that_was_deleted_a_moment_ago_is_the_configurations_fault(planned: Enter) -> None:
    shell = planned(with_copy(_WORKSPACE, *_AS_TARGET))
    _connect.cache_clear()
    delete_workspace(connect(), ResourceId(TARGET))
    spec = read_plan(shell.folder / "plan.json").step("create_workspace:ws-secure").spec
    with pytest.raises(ConfigError, match=r"Soft-deleted workspace exists.*Purge or recover"):
        create_workspace(connect(), ResourceId(TARGET), spec, {})
