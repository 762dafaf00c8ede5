"""The audit file survives crashes and threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vnetferry.errors import ConfigError
from vnetferry.models.outcome import AuditLine
from vnetferry.report.audit import append, read

Make = Callable[..., AuditLine]


def test_read_gives_back_what_was_appended_in_order(tmp_path: Path, line: Make) -> None:
    lines = [line("a", "started", 0), line("a", "done", 1, uri="https://x")]
    for each in lines:
        append(tmp_path / "audit.jsonl", each)
    assert read(tmp_path / "audit.jsonl") == tuple(lines)


def test_read_of_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "audit.jsonl") == ()


def test_append_keeps_the_file_to_its_owner(tmp_path: Path, line: Make) -> None:
    append(tmp_path / "audit.jsonl", line("a", "started", 0))
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o077 == 0


def test_append_after_a_torn_line_loses_that_line_alone(tmp_path: Path, line: Make) -> None:
    path, lines = tmp_path / "audit.jsonl", [line("a", "started", 0), line("a", "done", 1)]
    append(path, lines[0])
    path.write_bytes(path.read_bytes() + b'{"time": "2026-03-0')
    assert read(path) == (lines[0],)
    append(path, lines[1])
    assert read(path) == tuple(lines)


def test_append_from_many_threads_mixes_no_lines(tmp_path: Path, line: Make) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda n: append(tmp_path / "a.jsonl", line(f"step-{n}", "done", n, "x" * 500)), range(200)
            )
        )
    assert {each.step for each in read(tmp_path / "a.jsonl")} == {f"step-{n}" for n in range(200)}


def test_read_of_a_foreign_line_says_which(tmp_path: Path, line: Make) -> None:
    append(tmp_path / "a.jsonl", line("a", "started", 0))
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"hello": 1}\n')
    with pytest.raises(ConfigError, match="line 2 is not a line of an audit file"):
        read(tmp_path / "a.jsonl")
