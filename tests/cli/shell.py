"""A folder with the example's configuration, and commands typed in it: in this process, so that many are cheap."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vnetferry.cli.main import main
from vnetferry.gateway.azure import _connect
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.scenario_file import load

Json = dict[str, Any]
Change = Callable[[Json], None]

EXAMPLE = Path(__file__).parents[2] / "examples" / "legacy-workspace"
SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
LEGACY = f"{SUBSCRIPTION}/resourceGroups/rg-legacy"
SECURE = f"{SUBSCRIPTION}/resourceGroups/rg-secure"
ML = "providers/Microsoft.MachineLearningServices/workspaces"
TARGET = f"{SECURE}/{ML}/ws-secure"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
_READS = (
    "/listsecrets",
    "/listkeys",
    "/listnodes",
    "/query",
    "/diagnose",
    "/checkpolicyrestrictions",
)  # by POST, and changing nothing
_ONE_SENTENCE = 1000  # characters: what, where and how to mend it


@dataclass(frozen=True)
class Shown:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str

    def refuses(self, code: int, *words: str) -> None:
        """Assert this exit code and one sentence on stderr that holds these words."""
        assert (self.code, "Traceback" in self.err) == (code, False), self.err
        said = self.err.strip()
        assert said.startswith("vnetferry: "), said
        assert said.count("\nvnetferry: ") == 0
        assert len(said) < _ONE_SENTENCE
        assert [word for word in words if word not in said] == [], said


@dataclass(frozen=True)
class Shell:
    """A folder, and the commands that are typed in it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def type(self, *arguments: str, **environment: str | None) -> Shown:
        """Run one command with these variables set (None: unset)."""
        _connect.cache_clear()  # a process of its own would begin without
        self.capsys.readouterr()
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            for name, value in environment.items():
                patch.setenv(name, value) if value is not None else patch.delenv(name, raising=False)
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
        shown = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Shown(ended.value.code, shown.out, shown.err)

    def edit(self, old: str, new: str) -> None:
        """Replace text in migration.yaml."""
        path = self.folder / "migration.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def changes(self) -> list[str]:
        """Requests that could have changed something in Azure."""
        entries = map(json.loads, (self.folder / "requests.jsonl").read_text().splitlines())
        return [
            f"{e['method']} {e['path']}"
            for e in entries
            if e["method"] not in ("GET", "HEAD")
            and not e["host"].startswith("login.")
            and not e["path"].lower().endswith(_READS)
        ]


@cache
def example() -> Scenario:
    """The example's scenario; its deployments echo."""
    return load(str(EXAMPLE / "scenario.yaml")).model_copy(update={"runtime": "echo"})


def changed(*changes: Change) -> Scenario:
    """The example's scenario after these changes of its data."""
    data = example().model_dump(mode="json")
    for change in changes:
        change(data)
    return Scenario.model_validate(data)


def document(data: Json, ending: str) -> Json:
    """The one document whose id ends so."""
    (found,) = [d for d in data["resources"] if d["id"].endswith(ending)]
    return dict(found)


def with_copy(ending: str, *renamed: tuple[str, str], tags: Json | None = None) -> Change:
    """Add a copy of the document whose id ends so, with these texts replaced in it."""

    def change(data: Json) -> None:
        text = json.dumps(document(data, ending))
        for old, new in renamed:
            text = text.replace(old, new)
        twin = json.loads(text)
        twin["tags"] = tags or {}
        twin["properties"].pop("privateEndpointConnections", None)
        data["resources"].append(twin)

    return change


def with_role(role: str, scope: str) -> Change:
    """Give the client this role instead of Owner."""
    name = "00000000-0000-4000-8000-00000000a551"
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    assignment = {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "properties": {
            "roleDefinitionId": definition,
            "principalId": CLIENT_OBJECT_ID,
            "principalType": "ServicePrincipal",
            "scope": scope,
        },
    }
    return lambda data: data["resources"].append(copy.deepcopy(assignment))


def with_values(ending: str, **values: Any) -> Change:
    """Set properties of the document whose id ends so."""

    def change(data: Json) -> None:
        (found,) = [d for d in data["resources"] if d["id"].endswith(ending)]
        found["properties"] = {**found["properties"], **values}

    return change
