"""`vnetferry preflight --fix`: asked for, done once, written down, and looked at again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.shell import SUBSCRIPTION, Json, Shell, with_values
from vnetferry.report.audit import read

Enter = Callable[..., Shell]
VAULT = "/vaults/kv-ws-legacy-7f3a"
_CLOSED = {"bypass": "None", "defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": []}


def without_network_provider(data: Json) -> None:
    provider = f"{SUBSCRIPTION}/providers/Microsoft.Network"
    document = {"id": provider, "namespace": "Microsoft.Network", "registrationState": "NotRegistered"}
    data["resources"].append(document)


def with_closed_vault(data: Json) -> None:
    with_values(VAULT, networkAcls=_CLOSED)(data)


def test_preflight_fix_mends_what_it_can_and_writes_it_down(shell_in: Enter) -> None:
    shell = shell_in(with_closed_vault, without_network_provider)
    before = shell.type("preflight", "--json")
    assert before.code == 1
    fixes = [finding["fix"]["kind"] for finding in json.loads(before.out) if finding["fix"]]
    assert sorted(fixes) == ["let_services_by", "register_provider"]
    assert shell.changes() == []
    fixed = shell.type("preflight", "--fix", "--yes", "--json")
    assert fixed.code == 0, fixed.err
    assert [f for f in json.loads(fixed.out) if f["severity"] == "blocks" or f["fix"]] == []
    lines = read(shell.folder / "migration.audit.jsonl")
    assert [line.event for line in lines] == ["started", "done", "started", "done"]
    assert all(line.actor and line.resource for line in lines)
    methods = sorted(change.partition(" ")[0] for change in shell.changes())
    assert methods == ["PATCH", "POST"]


def test_preflight_fix_asks_about_each_and_does_what_is_wanted(
    shell_in: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = shell_in(with_closed_vault, without_network_provider)
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return "key vault" in question

    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    shown = shell.type("preflight", "--fix")
    assert shown.code == 1
    assert len(asked) == 2
    assert [change.partition(" ")[0] for change in shell.changes()] == ["PATCH"]
    assert shown.out.rstrip().endswith("before the first are mended.")


def test_preflight_fix_with_nobody_to_ask_does_nothing(shell_in: Enter) -> None:
    shell = shell_in(with_closed_vault)
    shell.type("preflight", "--fix").refuses(3, "nobody is at the terminal", "--yes")
    assert shell.changes() == []
    assert not (shell.folder / "migration.audit.jsonl").exists()


def test_preflight_yes_without_fix_is_bad_usage(shell_in: Enter) -> None:
    shown = shell_in().type("preflight", "--yes")
    assert shown.code == 2
    assert "--yes is for --fix" in shown.err
