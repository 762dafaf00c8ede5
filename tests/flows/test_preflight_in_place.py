"""Of a conversion in place, each single defect is found while everything serves, and it alone; mended, it is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.conversion_defects import HARMLESS, IN_PLACE
from tests.flows.preflight_bench import Bench, bench
from tests.flows.preflight_defects import Defect
from tests.flows.test_preflight import find_and_mend

pytestmark = pytest.mark.xdist_group("preflight-in-place")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench") / "folder", in_place=True) as made:
        yield made


def test_preflight_in_place_of_a_workspace_in_good_order_finds_nothing(good: Bench) -> None:
    assert good.findings() == []


@pytest.mark.parametrize("defect", IN_PLACE, ids=lambda defect: defect.name)
def test_preflight_in_place_finds_a_single_defect_and_nothing_once_it_is_mended(
    good: Bench, defect: Defect
) -> None:
    find_and_mend(good, defect)


@pytest.mark.parametrize("name", HARMLESS)
def test_preflight_in_place_finds_nothing_in_what_stays_as_it_is(good: Bench, name: str) -> None:
    with good.kept():
        HARMLESS[name](good)
        assert good.findings() == []
