"""ARM's budget of requests: a caller who is too fast is refused with 429 until its bucket fills again.

Every request that ARM knows the caller of takes one token: reads (GET, HEAD), writes (PUT, PATCH, POST) or
deletes, of a subscription or, where the path names none, of the tenant. One bucket is the caller's own, one,
15 times as large, is shared by all callers of the subscription. They fill in Azure's time. Refused requests
take nothing.

A scenario's `quotas` may set the sizes: `armReads`, `armWrites` and `armDeletes` (250, 200 and 200 otherwise);
the rate of filling and the shared buckets keep their proportion to the size.

Source: Understand how Azure Resource Manager throttles requests. That page gives no texts: those of a caller's
own bucket, and its 10 seconds, are as users report them; those of the shared and the tenant's are assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Principal, Request

if TYPE_CHECKING:
    from vnetferry.sandbox.clock import Clock
    from vnetferry.sandbox.scenario import Scenario

Kind = Literal["read", "write", "delete"]

RETRY_AFTER_S = 10
_SHARED = 15
_KINDS: Mapping[str, Kind] = {"GET": "read", "HEAD": "read", "DELETE": "delete"}


class Rate(NamedTuple):
    """A bucket of `size` tokens that gains `size / fill_s` each second of Azure's time."""

    size: int
    fill_s: float


# The quota's name, and what it is without one: 250 and 25/s, 200 and 10/s, 200 and 10/s.
_RATES: Mapping[Kind, tuple[str, Rate]] = {
    "read": ("armReads", Rate(250, 10)),
    "write": ("armWrites", Rate(200, 20)),
    "delete": ("armDeletes", Rate(200, 20)),
}
_RESOURCE = Rate(25, 60)


class Bucket:
    """A token bucket; full at first."""

    def __init__(self, clock: Clock, rate: Rate) -> None:
        self._clock, self._rate = clock, rate
        self._level, self._at_s = float(rate.size), clock.elapsed_s()

    def level(self) -> int:
        """How many whole tokens there are now."""
        now_s = self._clock.elapsed_s()
        gained = (now_s - self._at_s) * self._rate.size / self._rate.fill_s
        self._level, self._at_s = min(self._rate.size, self._level + gained), now_s
        return int(self._level)

    def take(self) -> None:
        """Take one, which must be there."""
        self._level -= 1


@dataclass(frozen=True)
class _Budget:
    """What one request is counted against: the caller's own bucket, and the subscription's if it has one."""

    kind: Kind
    subscription: str
    own: Bucket
    shared: Bucket | None

    def remaining(self) -> Iterator[tuple[str, int]]:
        """The headers that tell what is left."""
        scope = "subscription" if self.subscription else "tenant"
        yield f"x-ms-ratelimit-remaining-{scope}-{self.kind}s", self.own.level()
        if self.shared is not None:
            yield f"x-ms-ratelimit-remaining-{scope}-global-{self.kind}s", self.shared.level()


class Throttle:
    """The buckets of all callers of one sandbox."""

    def __init__(self, clock: Clock, scenario: Scenario) -> None:
        self._clock, self._scenario = clock, scenario
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    def spend(self, request: Request, caller: Principal) -> dict[str, str]:
        """Count one request; the headers that say what remains. AzureError 429 when nothing does."""
        budget = self._budget(request, caller)
        buckets = [bucket for bucket in (budget.own, budget.shared) if bucket is not None]
        short = next((bucket for bucket in buckets if bucket.level() < 1), None)
        if short is not None:
            raise _refusal(budget, caller, is_shared=short is budget.shared)
        for bucket in buckets:
            bucket.take()
        return _headers(budget)

    def count_resource_request(self, subscription: str, caller: Principal | None) -> dict[str, str]:
        """What remains of the requests that a deployment's PUT is counted among besides; it refuses nothing.

        Recorded: the header's name, and 24 after one. That they are 25 a minute is assumed.
        """
        who = caller.object_id if caller else ""
        bucket = self._buckets.setdefault(
            (subscription.lower(), who, "resource"), Bucket(self._clock, _RESOURCE)
        )
        if bucket.level():
            bucket.take()
        return {"x-ms-ratelimit-remaining-subscription-resource-requests": str(bucket.level())}

    def _budget(self, request: Request, caller: Principal) -> _Budget:
        kind = _KINDS.get(request.method, "write")
        subscription, rate = self._subscription(request), self._rate(kind)
        own = self._bucket(subscription, caller.object_id, kind, rate)
        if not subscription:
            return _Budget(kind, "", own, None)
        whole = rate._replace(size=rate.size * _SHARED)
        return _Budget(kind, subscription, own, self._bucket(subscription, "", kind, whole))

    def _subscription(self, request: Request) -> str:
        """The one that the path names; "" when it names none that exists (whose buckets would never end)."""
        first, named = (*request.segments, "", "")[:2]
        is_known = first.lower() == "subscriptions" and named.lower() in self._scenario.subscriptions
        return named.lower() if is_known else ""

    def _rate(self, kind: Kind) -> Rate:
        quota, rate = _RATES[kind]
        return rate._replace(size=self._scenario.quotas.get(quota, rate.size))

    def _bucket(self, subscription: str, caller_id: str, kind: Kind, rate: Rate) -> Bucket:
        key = (subscription, caller_id, kind)
        if key not in self._buckets:
            self._buckets[key] = Bucket(self._clock, rate)
        return self._buckets[key]


def _headers(budget: _Budget) -> dict[str, str]:
    return {name: str(left) for name, left in budget.remaining()}


def _refusal(budget: _Budget, caller: Principal, *, is_shared: bool) -> AzureError:
    actor = "" if is_shared else f" actor '{caller.object_id}'"
    code, where = "TenantRequestsThrottled", f"tenant '{caller.tenant_id}'"
    if budget.subscription:
        code, where = "SubscriptionRequestsThrottled", f"subscription '{budget.subscription}'"
    message = (
        f"Number of '{budget.kind}' requests for {where}{actor} exceeded. Please try again after "
        f"'{RETRY_AFTER_S}' seconds after additional tokens are available. Refer to "
        "https://aka.ms/arm-throttling for additional information."
    )
    return AzureError(429, code, message, headers={"Retry-After": str(RETRY_AFTER_S), **_headers(budget)})
