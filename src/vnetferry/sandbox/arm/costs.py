"""Microsoft.CostManagement/query: what the scenario says that resources cost, by month or day, grouped and filtered.

A scenario's `costs` are US dollars a month, evenly spent; a resource without a line costs nothing. What an online
deployment costs is its workspace's, with the tags `azuremlendpoint` and `azuremldeployment` (as documented).
"""

from __future__ import annotations

import calendar
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member
from vnetferry.sandbox.arm.extension import SCOPES, scope_of
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response, read_count

_VERSIONS = frozenset(
    {"2019-11-01", "2021-10-01", "2022-10-01", "2023-03-01", "2023-08-01", "2023-09-01", "2023-11-01"}
    | {"2024-01-01", "2024-08-01", "2025-03-01"}
)
_PAGE = 1000  # rows, as documented
_DEPLOYMENT = "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments"
_GRANULARITIES = ("None", "Daily", "Monthly")
_TYPES = ("Usage", "ActualCost", "AmortizedCost")
_TIMEFRAMES = (
    "Custom",
    "MonthToDate",
    "TheLastMonth",
    "BillingMonthToDate",
    "TheLastBillingMonth",
    "WeekToDate",
)
_DIMENSIONS = ("ResourceId", "ResourceGroupName", "ResourceGroup", "ResourceType", "SubscriptionId")
_COSTS = ("Cost", "PreTaxCost", "CostUSD", "PreTaxCostUSD")
_NUMBER, _STRING = "Number", "String"


@dataclass(frozen=True)
class _Line:
    """What one resource costs a month, in US dollars, and as what it is billed."""

    resource: str
    tags: dict[str, str]
    monthly: float

    def value(self, dimension: str) -> str:
        parts = self.resource.split("/")
        values = {
            "resourceid": self.resource,
            "resourcegroupname": parts[4] if len(parts) > 4 else "",
            "resourcegroup": parts[4] if len(parts) > 4 else "",
            "resourcetype": resource_type(self.resource).lower(),
            "subscriptionid": parts[2],
        }
        return values[dimension.lower()]


@dataclass(frozen=True)
class _Query:
    """A query as read: the days from `first` to `last`, both counted."""

    first: date
    last: date
    granularity: str
    columns: tuple[str, ...]
    groups: tuple[tuple[str, str], ...]
    keeps: Callable[[_Line], bool]


def operations() -> list[Operation]:
    """Of a subscription and of a resource group."""
    note = (
        "ResourceId, ResourceGroup(Name), ResourceType and SubscriptionId are the dimensions; two groupings by tag "
        "give two pairs of TagKey and TagValue (assumed). Who may not is refused as users report it."
    )
    return [
        Operation(
            "Query_Usage",
            "POST",
            f"/{scope}/providers/Microsoft.CostManagement/query",
            _query,
            "",
            _VERSIONS,
            note=note,
            read_body=reader({"timePeriod": {"from": str, "to": str}, "dataset": _DATASET}),
        )
        for scope in SCOPES[:2]
    ]


_DATASET = {
    "granularity": str,
    "aggregation": {"*": {"name": str, "function": str}},
    "grouping": [{"type": str, "name": str}],
    "filter": dict,
    "configuration": {"columns": [str]},
}


async def _query(call: Call) -> Response:
    scope = scope_of(call.path)
    _require_right(call, scope)
    query = _parse(call, call.json())
    rows = sorted(_rows(call, scope, query), key=lambda row: [str(cell) for cell in row[1:]])
    start = read_count(call.request.query.get("$skiptoken", "0")) or 0
    end, name, link = start + _PAGE, str(uuid.uuid4()), None
    if end < len(rows):
        base = f"https://{call.request.host}{call.request.path}?api-version={call.api_version}"
        link = f"{base}&$skiptoken={end}"
    properties = {"nextLink": link, "columns": _columns(query), "rows": rows[start:end]}
    kind = "Microsoft.CostManagement/query"
    return Response(
        200,
        {
            "id": f"{scope.lstrip('/')}/providers/{kind}/{name}",
            "name": name,
            "type": kind,
            "location": None,
            "sku": None,
            "eTag": None,
            "properties": properties,
        },
    )


def _require_right(call: Call, scope: str) -> None:
    """The service refuses by itself: 401, in words that name neither the caller nor the action."""
    principal = call.request.principal
    action = "Microsoft.CostManagement/query/read"
    if principal is None or not authorization.allowed(call.world, principal.object_id, action, scope):
        message = f"The client does not have authorization to perform action. Request ID: {uuid.uuid4()}"
        raise AzureError(401, "RBACAccessDenied", message)


def _parse(call: Call, body: Json) -> _Query:
    require_known(body, {"type", "timeframe", "timePeriod", "dataset"}, "QueryDefinition")
    require_choice(require_member(body, "type", "BadRequest"), _TYPES, "type", "BadRequest")
    timeframe = require_choice(
        require_member(body, "timeframe", "BadRequest"), _TIMEFRAMES, "timeframe", "BadRequest"
    )
    dataset = require_member(body, "dataset", "BadRequest")
    known = {"granularity", "aggregation", "grouping", "filter", "configuration", "sorting"}
    require_known(dataset, known, "QueryDataset", "dataset")
    aggregation, grouping = dataset.get("aggregation") or {}, dataset.get("grouping") or []
    if len(aggregation) > 2 or len(grouping) > 2:
        raise _bad("A query takes up to two aggregations and up to two groupings.")
    first, last = _days(timeframe, body.get("timePeriod") or {}, call.world.clock.now().date())
    return _Query(
        first,
        last,
        require_choice(dataset.get("granularity") or "None", _GRANULARITIES, "granularity", "BadRequest"),
        tuple(_cost_column(each) for each in aggregation.values()) or _COSTS[:1],
        tuple(_group(each) for each in grouping),
        _filter(dataset.get("filter") or {}),
    )


def _cost_column(aggregation: Json) -> str:
    require_choice(require_member(aggregation, "function", "BadRequest"), ("Sum",), "function", "BadRequest")
    return require_choice(require_member(aggregation, "name", "BadRequest"), _COSTS, "name", "BadRequest")


def _group(grouping: Json) -> tuple[str, str]:
    kinds = ("Dimension", "TagKey")
    kind = require_choice(require_member(grouping, "type", "BadRequest"), kinds, "type", "BadRequest")
    name = str(require_member(grouping, "name", "BadRequest"))
    if kind == "Dimension":
        name = require_choice(name, _DIMENSIONS, "grouping.name", "BadRequest")
    return kind, name


def _days(timeframe: str, period: Json, today: date) -> tuple[date, date]:
    month = today.replace(day=1)
    if timeframe.startswith("TheLast"):
        end = month - timedelta(days=1)
        return end.replace(day=1), end
    if timeframe == "WeekToDate":
        return today - timedelta(days=(today.weekday() + 1) % 7), today
    if timeframe != "Custom":
        return month, today
    first, last = (_day(require_member(period, name, "BadRequest", "timePeriod")) for name in ("from", "to"))
    if last < first:
        raise _bad("The time period's end comes before its start.")
    if (last - first).days > 366:
        raise _bad("The time period for pulling the data cannot exceed 1 year(s).")
    return first, min(last, today)


def _day(text: str) -> date:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).date()
    except ValueError as err:
        raise _bad(f"'{text}' is no time.") from err


def _filter(wanted: Any) -> Callable[[_Line], bool]:
    """What a filter keeps: `and`, `or`, and comparisons with dimensions and tags."""
    if not isinstance(wanted, dict) or len(wanted) > 1:
        raise _bad("A filter is one of and, or, dimensions, tags.")
    for word, combine in (("and", all), ("or", any)):
        if word in wanted:
            if not isinstance(wanted[word], list) or len(wanted[word]) < 2:
                raise _bad(f"The filter's '{word}' must have at least 2 items.")
            parts = [_filter(each) for each in wanted[word]]
            return lambda line: combine(part(line) for part in parts)
    if not wanted:
        return lambda _line: True
    word = require_choice(next(iter(wanted)), ("dimensions", "tags"), "filter", "BadRequest")
    return _comparison(word, wanted.get(word))


def _comparison(word: str, compared: Any) -> Callable[[_Line], bool]:
    if not isinstance(compared, dict) or not isinstance(compared.get("values"), list):
        raise _bad(f"The filter's '{word}' needs name, operator and values.")
    require_choice(compared.get("operator"), ("In",), "operator", "BadRequest")
    name = str(compared.get("name"))
    if word == "dimensions":
        name = require_choice(name, _DIMENSIONS, "dimensions.name", "BadRequest")
    values = {str(value).lower() for value in compared["values"]}
    if word == "dimensions":
        return lambda line: line.value(name).lower() in values
    return lambda line: line.tags.get(name.lower(), "").lower() in values


def _rows(call: Call, scope: str, query: _Query) -> Iterator[list[Any]]:
    sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for line in _lines(call, scope):
        if query.keeps(line):
            for when, share in _spans(query):
                key = (when, *_cells(line, query))
                sums[key] += line.monthly * share
    for (when, *cells), amount in sums.items():
        stamp = [int(when)] if query.granularity == "Daily" else [when]
        yield [*([amount] * len(query.columns)), *(stamp if when else []), *cells, "USD"]


def _lines(call: Call, scope: str) -> Iterator[_Line]:
    for identifier, monthly in call.world.scenario.costs.items():
        resource, tags = identifier.lower(), {}
        if not resource.startswith(f"{scope.lower()}/"):
            continue
        if resource_type(resource).lower() == _DEPLOYMENT:
            parts = resource.split("/")
            resource, tags = (
                "/".join(parts[:9]),
                {"azuremlendpoint": parts[10], "azuremldeployment": parts[12]},
            )
        yield _Line(resource, tags, monthly)


def _spans(query: _Query) -> Iterator[tuple[str, float]]:
    """What the rows' time column says, and which share of a month lies there."""
    day = query.first
    while day <= query.last:
        share = 1 / calendar.monthrange(day.year, day.month)[1]
        stamps = {"Daily": f"{day:%Y%m%d}", "Monthly": f"{day:%Y-%m}-01T00:00:00", "None": ""}
        yield stamps[query.granularity], share
        day += timedelta(days=1)


def _cells(line: _Line, query: _Query) -> Iterator[str]:
    for kind, name in query.groups:
        if kind == "Dimension":
            yield line.value(name)
        else:
            yield name.lower()
            yield line.tags.get(name.lower(), "")


def _columns(query: _Query) -> list[Json]:
    times = {"None": [], "Daily": [("UsageDate", _NUMBER)], "Monthly": [("BillingMonth", "Datetime")]}
    named = [(name, _NUMBER) for name in query.columns] + times[query.granularity]
    for kind, name in query.groups:
        named += [(name, _STRING)] if kind == "Dimension" else [("TagKey", _STRING), ("TagValue", _STRING)]
    return [{"name": name, "type": kind} for name, kind in [*named, ("Currency", _STRING)]]


def _bad(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)
