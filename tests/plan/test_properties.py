"""What holds for the plan of any workspace, however it looks."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.files import plan_text
from vnetferry.plan.stale import changes

SOURCE = ResourceId.workspace("11111111-2222-4333-8444-555555555555", "rg-legacy", "ws-legacy")
SECRET = "hunter2-very-secret"
SETTINGS = settings(max_examples=25, deadline=None)
NAMES = st.from_regex(r"[a-z][a-z0-9]{2,8}(-[a-z0-9]{1,4})?", fullmatch=True)
SPELLINGS = st.sampled_from([str, str.lower, lambda text: text.replace("resourceGroups", "resourcegroups")])


def _config(rename: str, **target: Any) -> MigrationConfig:
    source = {
        "subscription_id": SOURCE.subscription_id,
        "resource_group": "rg-legacy",
        "workspace": "ws-legacy",
    }
    return MigrationConfig.model_validate(
        {"source": source, "target": {"workspace": "ws-secure", **target}, "endpoints": {"rename": rename}}
    )


def _document(resource: ResourceId, properties: dict[str, Any], **body: Any) -> Document:
    whole = {"id": str(resource), "name": resource.name, "location": "westeurope", "properties": properties}
    return Document(id=resource, body={**whole, **body})


@st.composite
def _deployment(draw: st.DrawFn, endpoint: ResourceId, name: str) -> list[Document]:
    spell = draw(SPELLINGS)
    model = SOURCE.child("models", draw(NAMES)).child("versions", str(draw(st.integers(1, 9))))
    variables = draw(st.dictionaries(NAMES, st.text(max_size=20), max_size=3))
    properties = {
        "model": spell(str(model)),
        "endpointComputeType": "Managed",
        "egressPublicNetworkAccess": draw(st.sampled_from(["Disabled", "Enabled", None])),
        "environmentVariables": {**variables, "MY_SECRET": SECRET, "WORKSPACE": spell(str(SOURCE))},
        "keys": {"primaryKey": SECRET},
        "instanceType": "Standard_DS3_v2",
        "provisioningState": "Succeeded",
    }
    uri = f"azureml:/{_short()}/datastores/workspaceblobstore/paths/{draw(NAMES)}"
    sku = {"name": "Default", "capacity": draw(st.integers(1, 20))}
    return [
        _document(
            endpoint.child("deployments", name), {k: v for k, v in properties.items() if k != "keys"}, sku=sku
        ),
        _document(model, {"modelUri": uri, "provisioningState": "Succeeded"}),
    ]


def _short() -> str:
    return f"/subscriptions/{SOURCE.subscription_id}/resourcegroups/rg-legacy/workspaces/ws-legacy"


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """A workspace with some endpoints, each with some deployments and a split of the traffic."""
    documents = {SOURCE: _document(SOURCE, {"publicNetworkAccess": "Disabled"})}
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        endpoint = SOURCE.child("onlineEndpoints", name)
        deployments = draw(st.lists(NAMES, max_size=3, unique=True))
        share = draw(st.integers(0, 100))
        traffic = {deployments[0]: share, deployments[-1]: 100 - share} if len(deployments) > 1 else {}
        properties = {"authMode": "Key", "traffic": traffic, "keys": {"primaryKey": SECRET}}
        documents[endpoint] = _document(endpoint, properties)
        for deployment in deployments:
            documents |= {d.id: d for d in draw(_deployment(endpoint, deployment))}
    workspace, *others = documents.values()
    return Inventory(source=SOURCE, documents=(workspace, *sorted(others, key=lambda d: d.id)))


@st.composite
def plans(draw: st.DrawFn) -> tuple[Inventory, Plan]:
    inventory = draw(inventories())
    config = _config(draw(st.sampled_from(["{name}-z9y8x", "new-{name}"])), resource_group="rg-secure")
    return inventory, build(inventory, config, {})


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_is_deterministic_and_never_stale_at_once(made: tuple[Inventory, Plan]) -> None:
    inventory, plan = made
    assert plan_text(build(inventory, plan.config, {})) == plan_text(plan)
    assert changes(plan, inventory) == []


@SETTINGS
@given(plans(), st.randoms(use_true_random=False))
def test_plan_of_any_workspace_owes_nothing_to_the_order_of_anything(
    made: tuple[Inventory, Plan], random: Random
) -> None:
    inventory, plan = made
    documents = [Document(id=d.id, body=_shuffled(d.body, random)) for d in inventory.documents]
    random.shuffle(documents)
    shuffled = inventory.model_copy(update={"documents": tuple(documents)})
    assert plan_text(build(shuffled, plan.config, {})) == plan_text(plan)


def _shuffled(value: Any, random: Random) -> Any:
    """The same JSON with the keys of its objects in another order."""
    if not isinstance(value, dict):
        return value
    items = [(key, _shuffled(item, random)) for key, item in value.items()]
    random.shuffle(items)
    return dict(items)


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_accounts_for_every_property_of_every_document(
    made: tuple[Inventory, Plan],
) -> None:
    inventory, plan = made
    announced: dict[ResourceId, set[str]] = {}
    for entry in plan.carry_over:
        announced.setdefault(entry.source, set()).add(entry.path)
    for document in inventory.documents:
        paths = announced[document.id]
        lost = [p for p in _paths(document.body) if not {"*", *_and_above(p)} & paths]
        assert lost == [], document.id


def _paths(value: Any, path: str = "") -> list[str]:
    """The dotted path of every value but null and {}."""
    if isinstance(value, dict):
        return [p for key, item in value.items() for p in _paths(item, f"{path}.{key}" if path else key)]
    return [] if value is None else [path]


def _and_above(path: str) -> set[str]:
    parts = path.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_shows_the_longest_chain(made: tuple[Inventory, Plan]) -> None:
    _, plan = made
    chain = [plan.step(step) for step in plan.critical_path]
    assert sum(step.duration_s for step in chain) == plan.critical_path_s
    assert all(before.id in after.depends_on for before, after in pairwise(chain))


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_is_a_graph_without_a_cycle(made: tuple[Inventory, Plan]) -> None:
    _, plan = made
    seen: set[str] = set()
    for step in plan.steps:
        assert step.id not in seen
        assert set(step.depends_on) <= seen
        seen.add(step.id)


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_names_the_source_in_no_body(made: tuple[Inventory, Plan]) -> None:
    _, plan = made
    for step in plan.steps:
        assert "workspaces/ws-legacy" not in json.dumps(step.body).lower(), step.id


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_holds_no_secret(made: tuple[Inventory, Plan]) -> None:
    _, plan = made
    assert SECRET not in plan_text(plan)


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_keeps_the_traffic(made: tuple[Inventory, Plan]) -> None:
    inventory, plan = made
    for endpoint in inventory.endpoints:
        step = next(s for s in plan.of_kind("set_traffic") if s.source == endpoint.id)
        assert step.spec["traffic"] == step.body["properties"]["traffic"] == endpoint.get("traffic", {})


@SETTINGS
@given(plans())
def test_plan_of_any_workspace_deploys_each_deployment_once_under_its_new_name(
    made: tuple[Inventory, Plan],
) -> None:
    inventory, plan = made
    deployed = {(s.source.key, s.resource.key) for s in plan.of_kind("create_deployment") if s.source}
    expected = {
        (
            d.id.key,
            f"/{plan.target}/onlineendpoints/{_new(plan, e.name)}/deployments/{d.name}".replace(
                "//", "/"
            ).lower(),
        )
        for e in inventory.endpoints
        for d in inventory.deployments(e.id)
    }
    assert deployed == expected


def _new(plan: Plan, name: str) -> str:
    return plan.config.endpoints.rename.replace("{name}", name)
