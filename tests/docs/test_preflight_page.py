"""The page about the preflight lists the checks that there are, with the severities and fixes that they have."""

from __future__ import annotations

import re
from pathlib import Path

from tests.flows.conversion_defects import OWN
from tests.flows.preflight_defects import DEFECTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "preflight.md"
CHECKS = ROOT / "src" / "vnetferry" / "checks"


def rows() -> dict[str, tuple[set[str], bool]]:
    """Check -> its severities, and whether --fix mends it, as the page says."""
    lines = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {
        cells[1].strip().replace(" ", "_"): (
            set(re.split(r",\s*", cells[2].strip())),
            cells[5].strip() == "yes",
        )
        for cells in lines
        if cells[1].strip() != "check"
    }


def test_page_lists_every_check_and_no_other() -> None:
    named = {name for file in CHECKS.glob("*.py") for name in re.findall(r'check="(\w+)"', file.read_text())}
    named |= {"identities", "approvers"}  # whose findings are made in one place
    assert set(rows()) == named


def test_page_says_which_severities_and_fixes_there_are() -> None:
    known = rows()
    for defect in (*DEFECTS, *OWN):
        severities, fixable = known[defect.check]
        assert defect.severity in severities, defect.name
        assert fixable or defect.fix is None, defect.name
    fixed = {defect.check for defect in DEFECTS if defect.fix}
    assert {check for check, (_, fixable) in known.items() if fixable} == fixed
