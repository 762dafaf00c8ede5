"""The HTML report stands alone, escapes what it shows, and shows what happened."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html.parser import HTMLParser

from vnetferry.models.finding import Finding
from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Plan
from vnetferry.report.html import render_html, timeline
from vnetferry.report.progress import step_states
from vnetferry.report.summary import summarize

MADE = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
_VOID = {"meta", "br", "link", "img", "input", "hr"}


class _Balanced(HTMLParser):
    """Fails on a tag that is not closed, and remembers every address that the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _render(plan: Plan, lines: list[AuditLine], findings: tuple[Finding, ...] = ()) -> str:
    return render_html(plan, lines, summarize(plan, lines, real_s=60), made=MADE, findings=findings)


def test_render_html_is_balanced_and_loads_nothing(plan: Plan, whole_run: list[AuditLine]) -> None:
    page = _Balanced()
    text = _render(plan, whole_run)
    page.feed(text)
    assert page.open == []
    assert page.loaded == []
    assert "<script" not in text
    assert not re.search(r"@import|url\(", text)


def test_render_html_shows_verdict_endpoints_and_every_step(plan: Plan, whole_run: list[AuditLine]) -> None:
    text = _render(plan, whole_run)
    assert "2 of 2 endpoints moved from ws-legacy to ws-secure." in text
    assert "https://credit.westeurope.inference.ml.azure.com/score" in text
    for step in plan.steps:
        assert step.title in text


def test_render_html_escapes_what_azure_and_people_wrote(plan: Plan) -> None:
    finding = Finding(
        check="x",
        severity="blocks",
        resource="r",
        evidence="<img src=x onerror=alert(1)>",
        remedy="r",
        source="s",
    )
    text = _render(plan, [], (finding,))
    assert "<img" not in text
    assert "&lt;img" in text


def test_render_html_before_any_run_has_no_timeline(plan: Plan) -> None:
    text = _render(plan, [])
    assert "When each step ran" not in text
    assert "0 of 2 endpoints moved" in text


def test_timeline_bars_lie_within_the_whole_and_in_order(plan: Plan, whole_run: list[AuditLine]) -> None:
    bars = timeline(step_states(plan.steps, whole_run))
    assert len(bars) == len(plan.steps)
    assert [bar.left_pct for bar in bars] == sorted(bar.left_pct for bar in bars)
    assert all(0 <= bar.left_pct <= 100 and bar.width_pct > 0 for bar in bars)
    assert bars[0].title == "create workspace ws-secure"
