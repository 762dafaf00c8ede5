"""Every mistake in migration.yaml is one sentence with the place and the mend."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from vnetferry.config import load_config, rebase_config, request_digests, require_source
from vnetferry.errors import ConfigError

GOOD = """\
source: {subscription_id: s, resource_group: rg-legacy, workspace: ws-legacy}
target:
  workspace: ws-secure
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "migration.yaml"
    path.write_text(text)
    return path


def test_load_config_of_the_least_fills_in_every_default(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, GOOD))
    assert config.endpoints.rename == "{name}-v2"
    assert config.target.associated_resources == "share"
    assert config.handoff[0].path == "handoff.json"


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("handof: []", ["line 4", "'handof' is not a known key", "Did you mean 'handoff'?"]),
        ("  isolation_mode: open", ["line 4", "target.isolation_mode", "allow_internet_outbound"]),
        ("  worksapce: x", ["line 4", "Did you mean 'workspace'?"]),
        ("  associated_resources: shared", ["line 4", "share, create, or a mapping", "shared"]),
        ("  associated_resources: {storage: /x}", ["line 4", "storage_account"]),
        ("  associated_resources: {key_vault: kv}", ["line 4", "key_vault", "not an ARM resource id"]),
        ("  inbound: {subnet: /x}", ["line 4", "Did you mean 'subnet_id'?"]),
        ("endpoints: {rename: fixed}", ["endpoints.rename", "must contain {name}"]),
        ("retire: {purge: perhaps}", ["retire.purge", "boolean", "perhaps"]),
        ("handoff: [{kind: fax}]", ["handoff.0", "key_vault_secret", "webhook"]),
        ("handoff: [{kind: webhook, url: 'http://a.b/c', secret: {environment: A}}]", ["line 4", "https://"]),
        ("handoff: [{kind: webhook, url: 'https://a.b/c', secret: {}}]", ["{environment: NAME}"]),
        ("handoff: [{kind: webhook, secret: {environment: A}}]", ["either url or url_environment"]),
        ("handoff: [{kind: app_configuration_key, store: abcde, lable: x}]", ["Did you mean 'label'?"]),
        ("handoff: [{kind: key_vault_secret, vault: 'https://kv'}]", ["handoff.0.vault", "not a URL"]),
        ("handoff: [{path: a.json}, {path: a.json}]", ["names a.json twice"]),
        ("retire: {delete_resource_group: true}", ["needs delete_workspace"]),
        ("concurrency: {deployments: 0}", ["concurrency.deployments", "greater than or equal to 1"]),
        ("target: {workspace: b}", ["line 4", "'target' stands there twice"]),
        ("x: [1", ["not valid YAML", "line 5"]),
        ("x: !!python/object:os.system {}", ["plain YAML"]),
        ("validation: {requests: {a: missing.json}}", ["line 4", "missing.json", "does not exist"]),
    ],
)
def test_load_config_with_a_mistake_names_place_and_mend(
    tmp_path: Path, extra: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, GOOD + extra + "\n"))
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert message.startswith(str(tmp_path / "migration.yaml"))


def test_load_config_with_a_signed_url_does_not_repeat_it(tmp_path: Path) -> None:
    webhook = "{kind: webhook, url: 'https://a.b/c?sig=made-up', secret: {environment: A}}"
    with pytest.raises(ConfigError, match="url_environment") as caught:
        load_config(_write(tmp_path, f"{GOOD}handoff: [{webhook}]\n"))
    assert "made-up" not in str(caught.value)


def test_load_config_with_a_number_for_a_name_says_to_quote_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 2: 'target.workspace' .*Put it in quotes"):
        load_config(_write(tmp_path, "source: {}\ntarget: {workspace: 42}\n"))


def test_load_config_with_three_mistakes_says_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, "source: {}\ntarget: {}\nsoak: 1\n"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 5  # three keys of source, one of target, and soak
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist.*vnetferry init"), (b"", "holds no mapping"), (b"\xff\xfe", "not UTF-8")],
)
def test_load_config_of_no_configuration_says_what_it_is(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "migration.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        load_config(path)


def test_load_config_of_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


def test_load_config_with_a_request_that_is_not_json_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ConfigError, match=r"a\.json.*not readable JSON"):
        load_config(_write(tmp_path, GOOD + "validation: {requests: {a: a.json}}\n"))


def test_request_digests_are_those_of_the_files_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"x": 1}')
    config = load_config(_write(tmp_path, GOOD + "validation: {requests: {a: a.json}}\n"))
    assert request_digests(config, tmp_path) == {"a": hashlib.sha256(b'{"x": 1}').hexdigest()}


def test_rebase_config_makes_paths_relative_to_the_other_folder(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    config = load_config(_write(tmp_path, GOOD + "validation: {requests: {a: a.json}}\n"))
    moved = rebase_config(config, tmp_path, tmp_path / "plans" / "one")
    assert moved.validation.requests == {"a": "../../a.json"}
    assert moved.handoff[0].path == "../../handoff.json"
    assert rebase_config(config, tmp_path, tmp_path) == config


def test_require_source_without_one_says_what_to_add(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, "target: {workspace: ws-secure}\n"))
    with pytest.raises(ConfigError, match=r"names no source workspace.*source:"):
        require_source(config)
