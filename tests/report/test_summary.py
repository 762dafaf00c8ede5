"""The summary says what moved, what was proven and how long it took; it claims nothing that did not happen."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from rich.console import Console

from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Plan
from vnetferry.report.calls import count_calls
from vnetferry.report.summary import summarize, summary_view, verdict

Make = Callable[..., AuditLine]


def test_summarize_a_whole_run_tells_each_endpoints_proofs(plan: Plan, whole_run: list[AuditLine]) -> None:
    summary = summarize(plan, whole_run, real_s=62)
    credit = next(e for e in summary.endpoints if e.source == "credit")
    assert credit.moved
    assert credit.source_uri == "https://credit.westeurope.inference.ml.azure.com/score"
    assert credit.target_uri == "https://new.westeurope.inference.ml.azure.com/score"
    assert credit.traffic == "blue 90 %, green 10 %"
    assert credit.answers == "equal for 2 deployments"
    assert credit.isolation == "refused from internet; served from vnet-callers"
    assert summary.azure_s == summary.least_s == plan.critical_path_s
    assert verdict(summary) == "2 of 2 endpoints moved from ws-legacy to ws-secure."


def test_summary_shows_each_scoring_uri_in_one_piece_on_80_columns(
    plan: Plan, whole_run: list[AuditLine]
) -> None:
    written = StringIO()
    summary = summarize(plan, whole_run, real_s=62)
    Console(width=80, file=written).print(summary_view(summary))
    words = written.getvalue().split()
    uris = [uri for each in summary.endpoints for uri in (each.source_uri, each.target_uri)]
    assert len(uris) == 4
    assert [uri for uri in uris if uri not in words] == []


def test_summarize_without_a_request_claims_no_comparison(plan: Plan, whole_run: list[AuditLine]) -> None:
    churn = next(e for e in summarize(plan, whole_run, real_s=1).endpoints if e.source == "churn")
    assert churn.answers == "no request to compare"


def test_summarize_a_broken_run_says_what_failed_and_how_to_go_on(
    plan: Plan, whole_run: list[AuditLine], line: Make
) -> None:
    broken = [each for each in whole_run if "credit-v2" not in each.step and "hand_off" not in each.step]
    broken.append(line("create_endpoint:credit-v2", "failed", 99, "name taken"))
    summary = summarize(plan, broken, real_s=1)
    assert not summary.finished
    assert summary.failures == ("create endpoint credit-v2: name taken",)
    assert verdict(summary).startswith("1 of 2 endpoints moved")
    assert "Run apply again" in verdict(summary)
    credit = next(e for e in summary.endpoints if e.source == "credit")
    assert (credit.traffic, credit.answers, credit.isolation) == ("not set", "not compared", "not proven")


def test_summarize_a_second_run_keeps_what_the_first_proved(
    plan: Plan, whole_run: list[AuditLine], line: Make
) -> None:
    again = [
        each
        for step in plan.steps
        for each in (line(step.id, "started", 9000), line(step.id, "already_done", 9001))
    ]
    credit = next(e for e in summarize(plan, whole_run + again, real_s=1).endpoints if e.source == "credit")
    assert credit.answers == "equal for 2 deployments"


def test_summarize_ignores_the_lines_of_another_plan(plan: Plan, whole_run: list[AuditLine]) -> None:
    foreign = [each.model_copy(update={"plan": "another"}) for each in whole_run]
    assert summarize(plan, foreign, real_s=1).statuses == {"waiting": len(plan.steps)}


def test_count_calls_tells_classes_apart() -> None:
    arm = {"host": "management.azure.com"}
    entries = [
        {**arm, "method": "GET", "path": "/subscriptions/s/x"},
        {**arm, "method": "POST", "path": "/subscriptions/s/x/listKeys"},
        {**arm, "method": "PUT", "path": "/subscriptions/s/x"},
        {**arm, "method": "GET", "path": "/subscriptions/s/providers/p/locations/l/mfeOperationsStatus/od:1"},
        {"host": "acc.blob.core.windows.net", "method": "PUT", "path": "/c/b"},
        {"host": "login.microsoftonline.com", "method": "POST", "path": "/t/oauth2/v2.0/token"},
        {"host": "e.westeurope.inference.ml.azure.com", "method": "POST", "path": "/score"},
    ]
    assert count_calls(entries) == {
        "reads": 2,
        "writes": 1,
        "waiting for operations": 1,
        "storage": 1,
        "sign-in": 1,
        "scoring": 1,
    }
