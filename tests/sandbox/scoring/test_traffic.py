from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vnetferry.sandbox.scoring.traffic import Splitter


@given(st.integers(0, 100), st.integers(1, 5))
def test_splitter_holds_every_percentage_exactly_over_each_hundred(blue: int, hundreds: int) -> None:
    weights = {"blue": blue, "green": 100 - blue}
    splitter = Splitter()
    counts = Counter(splitter.choose(weights) for _ in range(100 * hundreds))
    assert (counts["blue"], counts["green"]) == (blue * hundreds, (100 - blue) * hundreds)


def test_splitter_spreads_the_smaller_share_out() -> None:
    splitter = Splitter()
    chosen = [splitter.choose({"blue": 90, "green": 10}) for _ in range(20)]
    first, second = (index for index, name in enumerate(chosen) if name == "green")
    assert second - first == 10


def test_splitter_starts_anew_when_the_weights_change() -> None:
    splitter = Splitter()
    for _ in range(7):
        splitter.choose({"blue": 50, "green": 50})
    counts = Counter(splitter.choose({"blue": 20, "green": 80}) for _ in range(100))
    assert counts == {"blue": 20, "green": 80}


def test_splitter_without_traffic_chooses_none() -> None:
    assert Splitter().choose({}) is None
    assert Splitter().choose({"blue": 0}) is None


@given(st.integers(0, 50))
def test_mirror_copies_exactly_its_share(share: int) -> None:
    splitter = Splitter()
    copies = [name for _ in range(100) for name in splitter.mirrored({"green": share})]
    assert copies == ["green"] * share
