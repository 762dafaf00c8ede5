from pathlib import Path

import pytest

from vnetferry.sandbox import coverage
from vnetferry.sandbox.absent import ABSENT
from vnetferry.sandbox.arm.site import routes

PAGE = Path(__file__).resolve().parents[2] / "COVERAGE.md"


def test_coverage_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == coverage.render(), (
        "COVERAGE.md is stale; run `python -m vnetferry.sandbox.coverage`."
    )


def test_coverage_names_every_operation() -> None:
    text = coverage.render()
    assert [row.name for row in routes().operations if f"| {row.name} | {row.method} |" not in text] == []


@pytest.mark.parametrize("service", [name for name in ABSENT if name.startswith("Microsoft.")])
def test_what_is_listed_as_absent_is_not_served(service: str) -> None:
    served = {row.name for row in routes().operations if f"/{service}/" in row.path}
    assert sorted(served & set(ABSENT[service])) == []
    groups = {name.removesuffix("*") for name in ABSENT[service] if name.endswith("*")}
    assert sorted(name for name in served if any(name.startswith(group) for group in groups)) == []


def test_what_is_assumed_says_what_was_chosen() -> None:
    assert [row.name for row in routes().operations if row.evidence == "assumed" and not row.note] == []
