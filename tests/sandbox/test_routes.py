"""The tree of routes finds what looking through the whole table finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vnetferry.sandbox.arm import site
from vnetferry.sandbox.routes import Call, Operation, Routes
from vnetferry.sandbox.wire import Request, Response

Found = list[tuple[Operation, dict[str, str]]]


async def _answer(call: Call) -> Response:
    return Response()


def _operation(path: str, method: str = "GET") -> Operation:
    return Operation(f"{method} {path}", method, path, _answer)


def _look_through(operations: tuple[Operation, ...], segments: tuple[str, ...]) -> Found:
    """Segment by segment, operation by operation."""
    found: Found = []
    for operation in operations:
        parts = operation.path.strip("/").split("/")
        pairs = list(zip(parts, segments, strict=False))
        if len(parts) == len(segments) and all(_fits(part, segment) for part, segment in pairs):
            found.append((operation, {p[1:-1]: s for p, s in pairs if p.startswith("{")}))
    return found


def _fits(part: str, segment: str) -> bool:
    return part.startswith("{") or part.lower() == segment.lower()


# Few different words, so that literals and names meet in every way.
_WORDS = st.sampled_from(["a", "A", "b", "ab", "{}", "{x}"])
_PARTS = st.sampled_from(["a", "A", "b", "ab", "{x}", "{y}", "{z}"])
_PATHS = st.lists(_PARTS, min_size=1, max_size=5, unique=True).map("/".join)
_TABLES = st.lists(
    st.tuples(_PATHS, st.sampled_from(["GET", "PUT"])).map(lambda row: _operation(*row)), max_size=12
)


@given(_TABLES, st.lists(_WORDS, max_size=5).map(tuple))
def test_matching_any_table_finds_what_a_look_through_it_finds(
    table: list[Operation], segments: tuple[str, ...]
) -> None:
    routes = Routes(table)

    assert routes.matching(segments) == _look_through(routes.operations, segments)


def test_matching_every_path_of_arm_finds_what_a_look_through_the_table_finds() -> None:
    routes = site.routes()
    for operation in routes.operations:
        parts = operation.path.strip("/").split("/")
        for shape in (str.lower, str.upper):
            segments = tuple(
                f"n{at}" if part.startswith("{") else shape(part) for at, part in enumerate(parts)
            )
            found = routes.matching(segments)

            assert found == _look_through(routes.operations, segments)
            assert operation in [each for each, _ in found]


def test_matching_literal_beside_a_name_finds_both_in_the_order_of_the_table() -> None:
    routes = Routes([_operation("/a/{x}"), _operation("/a/B"), _operation("/a/{y}", "PUT")])

    assert [(each.path, names) for each, names in routes.matching(("A", "b"))] == [
        ("/a/{x}", {"x": "b"}),
        ("/a/B", {}),
        ("/a/{y}", {"y": "b"}),
    ]


def test_name_of_literal_beside_a_name_is_the_literal_operation() -> None:
    group = "/subscriptions/s/resourceGroups/g"
    listed = Request("GET", "management.azure.com", f"{group}/resources")

    assert site.name_of(listed) == "Resources_ListByResourceGroup"


def test_matching_longer_and_shorter_paths_find_nothing() -> None:
    routes = Routes([_operation("/a/{x}")])

    assert [routes.matching(path) for path in ((), ("a",), ("a", "b", "c"), ("b", "a"))] == [[], [], [], []]
