"""The plan file is written whole and read with care."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnetferry.errors import ConfigError
from vnetferry.models.plan import Plan
from vnetferry.plan.files import plan_text, read_plan, write_plan


def test_read_plan_gives_back_what_was_written(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_write_plan_into_a_missing_folder_says_so(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_plan(plan, tmp_path / "missing" / "plan.json")


def test_read_plan_that_was_edited_is_refused(plan: Plan, tmp_path: Path) -> None:
    edited = plan_text(plan).replace('"blue": 90', '"blue": 80')
    assert edited != plan_text(plan)
    (tmp_path / "plan.json").write_text(edited)
    with pytest.raises(ConfigError, match="edited after it was written"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "does not exist"), ("{", "is not a plan"), ("{}", "is not a plan"), ("\udcff", "cannot be read")],
)
def test_read_plan_of_something_else_says_what_it_is(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=words) as caught:
        read_plan(path)
    assert "vnetferry plan" in str(caught.value)
