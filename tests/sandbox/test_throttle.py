from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tests.sandbox.fault_client import Client
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.scenario import DEFAULT_SUBSCRIPTION, Scenario
from vnetferry.sandbox.throttle import Throttle
from vnetferry.sandbox.wire import Principal, Request

OWN = "x-ms-ratelimit-remaining-subscription-{}"
SHARED = "x-ms-ratelimit-remaining-subscription-global-{}"
TENANT = "x-ms-ratelimit-remaining-tenant-{}"
ALICE, BOB = (Principal(name, "app", "tenant") for name in ("alice", "bob"))
Start = Callable[..., Client]


class _HandClock(Clock):
    """A clock that is moved by hand."""

    now_s = 0.0

    def elapsed_s(self) -> float:
        return self.now_s


class _Caller:
    """Spends the budget of one scenario; the headers of the last answer, and whether it was a refusal."""

    def __init__(self, **quotas: int) -> None:
        self.clock = _HandClock()
        self._throttle = Throttle(self.clock, Scenario(quotas=quotas))

    def spend(self, method: str = "GET", who: Principal = ALICE, path: str = "") -> dict[str, str]:
        where = path or f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups"
        return self._throttle.spend(Request(method, "management.azure.com", where), who)

    def refused(self, *args: Any, **kwargs: Any) -> AzureError:
        with pytest.raises(AzureError) as caught:
            self.spend(*args, **kwargs)
        return caught.value


@pytest.mark.parametrize(
    ("method", "kind", "size", "per_s"),
    [
        ("GET", "reads", 250, 25),
        ("HEAD", "reads", 250, 25),
        ("PUT", "writes", 200, 10),
        ("PATCH", "writes", 200, 10),
        ("POST", "writes", 200, 10),
        ("DELETE", "deletes", 200, 10),
    ],
)
def test_spend_more_than_the_bucket_holds_is_refused_until_it_fills(
    method: str, kind: str, size: int, per_s: int
) -> None:
    caller = _Caller()
    left = [caller.spend(method)[OWN.format(kind)] for _ in range(size)]
    refusal = caller.refused(method)
    caller.clock.now_s += 1
    after_a_second = [caller.spend(method) for _ in range(per_s)]

    assert left == [str(size - 1 - spent) for spent in range(size)]
    assert (refusal.status, refusal.code) == (429, "SubscriptionRequestsThrottled")
    assert (refusal.headers["Retry-After"], refusal.headers[OWN.format(kind)]) == ("10", "0")
    assert len(after_a_second) == per_s
    assert caller.refused(method).status == 429


def test_spend_refused_names_kind_subscription_and_caller() -> None:
    caller = _Caller(armWrites=1)
    caller.spend("PUT")
    assert caller.refused("PUT").message.startswith(
        f"Number of 'write' requests for subscription '{DEFAULT_SUBSCRIPTION}' actor 'alice' exceeded. "
        "Please try again after '10' seconds"
    )


def test_spend_by_one_caller_or_kind_leaves_the_others_theirs() -> None:
    caller = _Caller(armReads=1, armWrites=1)
    caller.spend("GET")
    caller.refused("GET")
    assert caller.spend("GET", BOB)[OWN.format("reads")] == "0"
    assert caller.spend("PUT")[OWN.format("writes")] == "0"


def test_spend_by_many_callers_empties_what_they_share() -> None:
    caller = _Caller(armReads=2)
    people = [Principal(f"person-{number}", "app", "tenant") for number in range(16)]
    left = [caller.spend("GET", who)[SHARED.format("reads")] for who in people[:15] for _ in range(2)]
    refusal = caller.refused("GET", people[15])

    assert left == [str(29 - spent) for spent in range(30)]
    assert "actor" not in refusal.message
    assert (refusal.headers[OWN.format("reads")], refusal.headers[SHARED.format("reads")]) == ("2", "0")


@pytest.mark.parametrize("path", ["/", "/subscriptions", "/tenants", "/subscriptions/unknown/resourceGroups"])
def test_spend_beside_every_subscription_counts_for_the_tenant(path: str) -> None:
    caller = _Caller(armReads=1)
    assert caller.spend(path=path) == {TENANT.format("reads"): "0"}
    assert caller.refused(path=path).code == "TenantRequestsThrottled"
    caller.spend()


@pytest.mark.parametrize(
    "path", ["//subscriptions//{}", "/SUBSCRIPTIONS/{}", "/%73ubscriptions/{}/", "/subscriptions/{}/x/y"]
)
def test_spend_in_a_subscription_counts_for_it_however_it_is_written(path: str) -> None:
    caller = _Caller(armReads=1)
    caller.spend()
    assert caller.refused(path=path.format(DEFAULT_SUBSCRIPTION)).code == "SubscriptionRequestsThrottled"


def test_spend_refused_takes_nothing() -> None:
    caller = _Caller(armReads=2)
    for _ in range(2):
        caller.spend()
    for _ in range(50):
        caller.refused()
    caller.clock.now_s += 5  # half of what two tokens take
    caller.spend()
    caller.refused()


def test_bucket_gains_no_more_than_its_size() -> None:
    caller = _Caller(armReads=3)
    caller.clock.now_s += 1e9
    assert caller.spend()[OWN.format("reads")] == "2"


@pytest.mark.parametrize("name", ["armReads", "armWrites", "armDeletes"])
def test_quota_of_no_requests_at_all_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"the limit of '{name}' is 0; give it a greater number"):
        Scenario(quotas={name: 0})


def test_answers_count_down_and_the_refusal_is_arms(client_of: Start) -> None:
    client = client_of(time_scale=0.001, quotas={"armReads": 3})
    answers = [client.get() for _ in range(4)]
    error = answers[3].json()["error"]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers[OWN.format("reads")] for answer in answers] == ["2", "1", "0", "0"]
    assert [answer.headers[SHARED.format("reads")] for answer in answers] == ["44", "43", "42", "42"]
    assert (error["code"], answers[3].headers["Retry-After"]) == ("SubscriptionRequestsThrottled", "10")
    assert answers[3].headers["x-ms-failure-cause"] == "gateway"
    assert answers[3].headers["x-ms-request-id"]
    assert client.put("rg").headers[OWN.format("writes")] == "199"


def test_request_without_a_token_costs_and_tells_nothing(client_of: Start) -> None:
    client = client_of(time_scale=0.001)
    del client.session.headers["Authorization"]
    refused = client.get()
    client.sign_in()

    assert not any(name.lower().startswith("x-ms-ratelimit") for name in refused.headers)
    assert client.get().headers[OWN.format("reads")] == "249"
