from __future__ import annotations

from vnetferry.sandbox.scoring.names import HELD_AFTER_DELETE_S, EndpointNames


def test_name_belongs_to_one_endpoint_per_region_without_case() -> None:
    names = EndpointNames()
    names.claim("West Europe", "Scoring", "/e/1")
    assert names.owner("westeurope", "scoring") == "/e/1"
    assert names.owner("eastus", "scoring") is None
    assert (names.owners("WestEurope"), names.owners("eastus")) == (["/e/1"], [])


def test_released_name_is_held_for_a_while() -> None:
    names = EndpointNames()
    names.claim("westeurope", "scoring", "/e/1")
    names.release("westeurope", "scoring", 100.0)
    assert names.owner("westeurope", "scoring") is None
    assert names.is_held("westeurope", "scoring", 100.0 + HELD_AFTER_DELETE_S - 1)
    assert not names.is_held("westeurope", "scoring", 100.0 + HELD_AFTER_DELETE_S)
    names.claim("westeurope", "scoring", "/e/2")
    assert not names.is_held("westeurope", "scoring", 101.0)
