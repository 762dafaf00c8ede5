"""The lists that Documents keeps tell what a look at every document tells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vnetferry.sandbox.documents import Documents, resource_type
from vnetferry.sandbox.wire import Json

GROUP = "/subscriptions/s/resourceGroups/g"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws"
LOCKS = "Microsoft.Authorization/locks"
ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
IDS = [
    GROUP,
    f"{GROUP}/providers/{LOCKS}/l",
    WORKSPACE,
    WORKSPACE.upper(),
    f"{WORKSPACE}2",
    f"{WORKSPACE}/onlineEndpoints/a",
    f"{WORKSPACE}/onlineEndpoints/B",
    f"{WORKSPACE}/onlineEndpoints/a/deployments/blue",
    f"{WORKSPACE}/onlineEndpoints/a/providers/{LOCKS}/l",
    f"{WORKSPACE}2/onlineEndpoints/a",
]
SCOPES = ["/", "/subscriptions/s", GROUP, WORKSPACE, f"{WORKSPACE}/onlineEndpoints/A", "/subscriptions/other"]
KINDS = ["", ENDPOINTS, ENDPOINTS.lower(), LOCKS, "Microsoft.Network/virtualNetworks"]

_CHANGES = st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from(IDS)), max_size=25)


def _apply(changes: list[tuple[str, str]]) -> tuple[Documents, dict[str, Json]]:
    """The documents after these changes, and what a map alone would hold, by lower-case id."""
    documents, held = Documents(), dict[str, Json]()
    for number, (change, identifier) in enumerate(changes):
        key = identifier.lower()
        if change == "put":
            held[key] = documents.put({"id": identifier, "number": number})
        else:
            documents.remove(identifier)
            held = {k: d for k, d in held.items() if k != key and not k.startswith(f"{key}/")}
    return documents, held


@given(_CHANGES, st.sampled_from(SCOPES), st.sampled_from(KINDS))
def test_below_after_any_changes_finds_what_a_look_at_every_document_finds(
    changes: list[tuple[str, str]], scope: str, kind: str
) -> None:
    documents, held = _apply(changes)
    prefix = scope.rstrip("/").lower() + "/"

    assert list(documents.below(scope, kind)) == [
        document
        for key, document in held.items()
        if key.startswith(prefix) and kind.lower() in ("", resource_type(key).lower())
    ]


@given(_CHANGES)
def test_collection_after_any_changes_holds_what_is_directly_in_it(changes: list[tuple[str, str]]) -> None:
    documents, held = _apply(changes)

    for path in {identifier.rpartition("/")[0] for identifier in IDS}:
        inside = [document for key, document in held.items() if key.rpartition("/")[0] == path.lower()]
        assert documents.collection(path) == inside


def test_documents_that_come_and_go_leave_nothing_behind() -> None:
    documents = Documents()
    for identifier in IDS:
        documents.put({"id": identifier})
    documents.remove("/subscriptions/s")

    assert len(documents) == 0
    assert not documents._lists
    assert documents.below("/") == []


def test_as_of_lists_the_past_and_leaves_the_present_alone() -> None:
    documents = Documents()
    documents.put({"id": WORKSPACE, "now": True})
    documents.put({"id": f"{WORKSPACE}/onlineEndpoints/a"})
    absent = documents.as_of(WORKSPACE, None)

    assert absent.below("/", ENDPOINTS) == []
    assert documents.below("/", ENDPOINTS) == [{"id": f"{WORKSPACE}/onlineEndpoints/a"}]
    assert documents.as_of(WORKSPACE, {"id": WORKSPACE}).require(WORKSPACE) == {"id": WORKSPACE}
    assert documents.require(WORKSPACE) == {"id": WORKSPACE, "now": True}
