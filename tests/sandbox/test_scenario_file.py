from pathlib import Path

import pytest

from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.server import running

WORKSPACE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/e"


def _write(folder: Path, text: str) -> str:
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_load_keeps_dates_as_text(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        "resources: [{id: /subscriptions/s/resourceGroups/rg, properties: {at: 2024-01-02T03:04:05Z}}]",
    )
    assert scenario_file.load(file).resources[0]["properties"] == {"at": "2024-01-02T03:04:05Z"}


def test_load_finds_blobs_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("x")
    file = _write(tmp_path, "blobs: {account1/container/score.py: {file: score.py}}")
    assert scenario_file.load(file).blobs["account1/container/score.py"].file == str(tmp_path / "score.py")


def test_load_of_a_built_in_name_finds_the_example() -> None:
    assert scenario_file.load("legacy-workspace").resources


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("resources: [}", "is not YAML: .* line 1, column 13"),
        ("resourses: []", r"there is no key 'resourses' \(known: resources, blobs"),
        ("- a", "holds no mapping"),
        ("faults: [{match: '* *', kind: explode}]", "'faults.0.kind'"),
        ("faults: [{match: '* *', kind: reset, status: 500}]", "'faults.0': 'status' means nothing to"),
        ("quotas: {armReads: 0}", "'quotas': the limit of 'armReads' is 0; give it a greater number"),
        ("resources: []\nresources: []", "the key 'resources' stands twice in line 2"),
        ("blobs: {a/b/c: {file: missing.py}}", "blob 'a/b/c' needs the file .*missing.py"),
    ],
)
def test_load_of_a_bad_file_says_where_and_what(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SandboxError, match=sentence):
        scenario_file.load(_write(tmp_path, text))


def test_load_of_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(SandboxError, match=r"no scenario 'nowhere': .*legacy-workspace"):
        scenario_file.load("nowhere")


_POLICY = "providers/Microsoft.Authorization/policy"
_ASSIGNING = f"{{policyDefinitionId: /{_POLICY}Definitions/absent}}"
_APPENDING = "{if: {field: type, exists: 'true'}, then: {effect: append}}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("resources: [{name: x}]", "resource 'x' has no ARM id"),
        ("resources: [{id: /subscriptions/s/resourceGroups/rg, type: A/b}]", "says type 'A/b'"),
        (
            f"resources: [{{id: {ENDPOINT}, properties: {{}}}}]",
            "is not as Azure returns it: .*workspaces/ws' .*not found",
        ),
        (
            f"resources: [{{id: /subscriptions/s/{_POLICY}Assignments/p, properties: {_ASSIGNING}}}]",
            "policyAssignments/p' cannot be enforced: .*absent' could not be found",
        ),
        (
            f"resources: [{{id: /{_POLICY}Definitions/p, properties: {{policyRule: {_APPENDING}}}}}]",
            "policyDefinitions/p' .*does not implement the policy effect 'append'",
        ),
        ("blobs: {nowhere: {text: a}}", "'nowhere' is not account/container/path"),
        ("blobs: {a/b/c: {}}", "needs either `file` or `text`"),
        ("secrets: {nowhere: a}", "'nowhere' has no vault"),
    ],
)
def test_sandbox_of_an_unsound_scenario_does_not_start_and_says_why(
    tmp_path: Path, text: str, sentence: str
) -> None:
    scenario = scenario_file.load(_write(tmp_path, text))
    with pytest.raises(SandboxError, match=sentence), running(scenario):
        pass
