from __future__ import annotations

import re
from pathlib import Path

import pytest

from vnetferry.sandbox.scoring import runtime


def test_runtime_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VNETFERRY_RUNTIME", str(tmp_path))
    assert runtime.locate() == tmp_path


def test_runtime_of_other_requirements_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VNETFERRY_RUNTIME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / ".vnetferry-requirements").write_text("of another release")
    with pytest.raises(runtime.RuntimeMissing, match="python -m vnetferry"):
        runtime.find_python()


def test_requirements_are_pinned_hashed_and_free_of_addresses() -> None:
    text = runtime.REQUIREMENTS.read_text()
    pins = [line for line in text.splitlines() if re.match(r"[a-z]", line)]
    assert len(pins) > 30
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert text.count("--hash=sha256:") > len(pins)
    assert "://" not in text
    assert any(line.startswith("azureml-inference-server-http==") for line in pins)
