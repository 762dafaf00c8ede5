"""Ids of what moves become the target's wherever they stand; ids of what stays do not."""

from __future__ import annotations

import pytest

from vnetferry.models.ids import ResourceId
from vnetferry.plan.remap import Remap

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
SOURCE = ResourceId.workspace(SUBSCRIPTION, "rg-legacy", "ws-legacy")
TARGET = ResourceId.workspace(SUBSCRIPTION, "rg-secure", "ws-secure")
REMAP = Remap(source=SOURCE, target=TARGET, guid="", location="westeurope", endpoints={"Credit": "credit-v2"})


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (f"{SOURCE}", f"{TARGET}"),
        (f"see {str(SOURCE).upper()}/models/m", f"see {TARGET}/models/m"),
        (
            f"{SOURCE}/onlineEndpoints/credit/deployments/blue",
            f"{TARGET}/onlineEndpoints/credit-v2/deployments/blue",
        ),
        (f"{SOURCE}2", f"{SOURCE}2"),
    ],
)
def test_text_about_what_moves_is_about_the_target(text: str, after: str) -> None:
    assert REMAP.text(text) == after


def test_text_about_an_endpoint_that_stays_is_left_alone() -> None:
    """The target has no such endpoint, and never will."""
    text = f"{SOURCE}/onlineEndpoints/churn then {SOURCE}/onlineEndpoints/credit"
    assert REMAP.text(text) == f"{SOURCE}/onlineEndpoints/churn then {TARGET}/onlineEndpoints/credit-v2"
