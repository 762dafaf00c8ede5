"""Bad input ends with one sentence that says what, where and how to mend it, and the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell

_NO_ONE = {"AZURE_TENANT_ID": None, "AZURE_CLIENT_ID": None, "AZURE_CLIENT_SECRET": None}
_PLAN = "vnetferry-plan/1"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("target:", "target: [", ["migration.yaml, line", "not valid YAML", "Mend the YAML"]),
        (
            "firewall_sku:",
            "firewal_sku:",
            ["line 11", "'target.firewal_sku' is not a known key", "'firewall_sku'?"],
        ),
        ("soak_h: 0.25", "soak_h: long", ["'validation.soak_h' is wrong", "valid number", '(found "long")']),
        ("isolation_mode: allow_only", "isolation_mode: only", ["allow_only_approved_outbound", "line 10"]),
        ("subnet_id: /sub", "subnet_id: sub", ["'target.inbound.subnet_id' is wrong"]),
        (
            "requests/credit.json",
            "requests/gone.json",
            ["'requests/gone.json' of endpoint 'credit' does not exist"],
        ),
        ("requests/credit.json", "migration.yaml", ["of endpoint 'credit' is not readable JSON"]),
        (
            "path: handoff.json",
            "path: requests",
            ["the handoff file requests cannot be written", "handoff[].path"],
        ),
        (
            "path: handoff.json",
            "path: /proc/version/x",
            ["the handoff file /proc/version/x cannot be written"],
        ),
        ("source:", "origin:", ["'origin' is not a known key"]),
    ],
)
def test_configuration_that_cannot_be_read_names_the_line_and_key(
    shell: Shell, old: str, new: str, words: list[str]
) -> None:
    shell.edit(old, new)
    shell.type("plan").refuses(2, *words)
    assert not (shell.folder / "plan.json").exists()


@pytest.mark.parametrize("command", ["inventory", "preflight", "plan", "snapshot"])
def test_configuration_without_a_source_is_refused(shell: Shell, command: str) -> None:
    (shell.folder / "bare.yaml").write_text("target: {workspace: ws-secure}\n")
    shell.type(command, "-c", "bare.yaml").refuses(2, "names no source workspace", "Add 'source:")


@pytest.mark.parametrize("command", ["apply", "status", "retire"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["plan.json does not exist", "vnetferry plan"]),
        (b"[]", ["plan.json is not a plan", "vnetferry plan"]),
        (b"\xff\xfe", ["plan.json cannot be read as a plan"]),
        (b'{"format": "vnetferry-plan/9"}', ["plan.json is not a plan", "format", _PLAN]),
        (b'{"format": "vnetf', ["plan.json is not a plan"]),
    ],
)
def test_what_is_no_plan_is_refused(
    shell: Shell, command: str, content: bytes | None, words: list[str]
) -> None:
    if content is not None:
        (shell.folder / "plan.json").write_bytes(content)
    shell.type(command, "plan.json").refuses(2, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sandbox", "run", "--scenario", "nope", "--", "true"], ["no scenario 'nope'", "legacy-workspace"]),
        (["rehearse", "--scenario", "nope"], ["no scenario 'nope'"]),
        (["rehearse", "-c", "nope.yaml"], ["nope.yaml does not exist", "vnetferry init"]),
        (["rehearse", "--folder", "requests"], ["requests is not empty", "--folder"]),
        (["rehearse", "--folder", "/proc/mine"], ["/proc/mine cannot be made", "--folder"]),
        (["sandbox", "run", "--vantage", "vnet-x", "--", "true"], ["no vantage 'vnet-x'", "internet"]),
        (
            ["sandbox", "run", "--", "no-such-command"],
            ["'no-such-command' cannot be started", "check its name"],
        ),
        (["sandbox", "run", "--request-log", "/proc/x", "--", "true"], ["cannot start", "/proc/x"]),
        (["plan", "-o", "nowhere/plan.json"], ["cannot be written to nowhere/plan.json", "-o"]),
        (["init", "--resource-group", "a", "--workspace", "b"], ["migration.yaml exists already", "-o"]),
        (["snapshot", "-o", "migration.yaml"], ["migration.yaml exists already", "-o"]),
    ],
)
def test_what_a_command_cannot_use_is_refused(shell: Shell, arguments: list[str], words: list[str]) -> None:
    shell.type(*arguments).refuses(2, *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resources: [}", ["is not YAML", "line 1"]),
        ("resource: []", ["there is no key 'resource'", "known: resources"]),
        ("resources: [{id: 3}]", ["resource 3 has no ARM id"]),
        ("blobs: {a/b/c: {file: gone.bin}}", ["'a/b/c' needs the file", "does not exist"]),
        ("[]", ["holds no mapping"]),
    ],
)
def test_scenario_that_is_not_sound_is_refused(shell: Shell, text: str, words: list[str]) -> None:
    (shell.folder / "mine.yaml").write_text(text)
    shell.type("sandbox", "run", "--scenario", "mine.yaml", "--", "true").refuses(
        2, "mine.yaml" if "[}" in text else "", *words
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VNETFERRY_TIME_SCALE", "fast", ["VNETFERRY_TIME_SCALE is 'fast'", "positive number"]),
        ("VNETFERRY_TIME_SCALE", "-1", ["VNETFERRY_TIME_SCALE is '-1'"]),
    ],
)
def test_variable_that_cannot_be_used_is_refused(
    shell: Shell, name: str, value: str, words: list[str]
) -> None:
    shell.type("inventory", **{name: value}).refuses(2, *words)


_SECURE = """\
target: {workspace: ws-secure, resource_group: rg, location: westeurope, associated_resources: create}
"""
_ENDPOINT = "name: pricing\nauth_mode: key\n"
_BLUE = "name: blue\nendpoint_name: pricing\nmodel: azureml:m:1\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"blue.yml": _BLUE}, ["0 of the files describe an endpoint"]),
        ({"endpoint.yml": _ENDPOINT}, ["no deployment's file"]),
        ({"endpoint.yml": _ENDPOINT, "other.yml": _ENDPOINT}, ["2 of the files describe an endpoint"]),
        ({"endpoint.yml": _ENDPOINT, "blue.yml": None}, ["blue.yml", "No such file"]),
        ({"endpoint.yml": _ENDPOINT, "blue.yml": "[}"}, ["blue.yml", "it is not YAML"]),
        ({"endpoint.yml": _ENDPOINT, "blue.yml": "a text"}, ["blue.yml", "it holds no mapping"]),
        (
            {"endpoint.yml": "names: x\n", "blue.yml": _BLUE},
            ["endpoint.yml", "Missing data for required field"],
        ),
        (
            {"endpoint.yml": "name: e1\nauth_mode: key\n", "blue.yml": _BLUE.replace("pricing", "e1")},
            ["'e1' has 2"],
        ),
        (
            {"endpoint.yml": _ENDPOINT, "blue.yml": _BLUE.replace("pricing", "x-y")},
            ["'x-y', not of 'pricing'"],
        ),
        (
            {"endpoint.yml": _ENDPOINT, "blue.yml": _BLUE, "again.yml": _BLUE},
            ["two describe the same deployment"],
        ),
    ],
)
def test_secure_refuses_files_that_are_not_one_endpoint_and_its_deployments(
    shell: Shell, files: dict[str, str | None], words: list[str]
) -> None:
    (shell.folder / "secure.yaml").write_text(_SECURE)
    for name, text in files.items():
        if text is not None:
            (shell.folder / name).write_text(text)
    given = [part for name in files for part in ("-f", name)]
    shown = shell.type("secure", "-c", "secure.yaml", *given, "--yes", AZURE_SUBSCRIPTION_ID="s")
    shown.refuses(2, *words)


def test_secure_without_a_subscription_is_refused(shell: Shell) -> None:
    (shell.folder / "secure.yaml").write_text(_SECURE)
    (shell.folder / "endpoint.yml").write_text(_ENDPOINT)
    (shell.folder / "blue.yml").write_text(_BLUE)
    shown = shell.type(
        "secure", "-c", "secure.yaml", "-f", "endpoint.yml", "-f", "blue.yml", AZURE_SUBSCRIPTION_ID=None
    )
    shown.refuses(2, "no subscription is named", "AZURE_SUBSCRIPTION_ID")


def test_home_of_prefect_that_cannot_be_made_is_refused(shell: Shell) -> None:
    (shell.folder / "secure.yaml").write_text(_SECURE)
    files = ("-f", "endpoint.yml", "-f", "blue.yml")
    shown = shell.type("secure", "-c", "secure.yaml", *files, PREFECT_HOME="/proc/nowhere")
    shown.refuses(2, "PREFECT_HOME, /proc/nowhere, cannot be made", "Unset it")


def test_unexpected_error_is_one_sentence_and_can_be_traced(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise RuntimeError(f"no mistake of {path}")

    monkeypatch.setattr("vnetferry.config.load_config", fail)
    shell.type("plan").refuses(1, "RuntimeError: no mistake of migration.yaml", "VNETFERRY_DEBUG=1")
    with pytest.raises(RuntimeError):
        _traced(shell)


def _traced(shell: Shell) -> None:
    from vnetferry.cli.main import main

    shell.monkeypatch.setenv("VNETFERRY_DEBUG", "1")
    main(["plan"])


def test_full_disk_is_one_sentence(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("vnetferry.config.load_config", fail)
    shell.type("plan").refuses(1, "No space left on device: migration.yaml")


def test_nobody_signed_in_is_told_how_to_sign_in(shell: Shell, tmp_path: Path) -> None:
    shown = shell.type("inventory", **_NO_ONE, PATH=str(tmp_path), HOME=str(tmp_path), **_unreachable())
    shown.refuses(3, "nobody is signed in to Azure", "az login", "AZURE_CLIENT_SECRET")


def test_no_way_to_azure_is_told_to_be_the_network(shell: Shell) -> None:
    service = dict.fromkeys(_NO_ONE, "00000000-0000-4000-8000-000000000001")
    shown = shell.type("inventory", **service, **_unreachable())
    shown.refuses(1, "login.microsoftonline.com could not be reached", "HTTPS_PROXY")


def _unreachable() -> dict[str, str]:
    """A proxy at a port that nobody listens at."""
    return dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
