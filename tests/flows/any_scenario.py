"""Scenarios of any valid documents: a workspace with everything that may be in it, and what may hang on it.

What the example's workspace stands on (network, storage, registry, vault, logs) is there; what is in it is drawn.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

from tests.flows import any_documents as documents
from tests.flows import any_satellites as hanging
from tests.flows.any_computes import computes
from tests.flows.any_satellites import document
from tests.flows.legacy_world import SOURCE, legacy_scenario
from tests.flows.registry_world import ENVIRONMENT as REGISTRY_ENVIRONMENT
from tests.flows.registry_world import MODEL as REGISTRY_MODEL
from tests.flows.registry_world import registry_documents
from tests.flows.rest_values import Strategy, maps, words
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.scenario import BlobContent, Scenario

Json = dict[str, Any]
GROUP = str(SOURCE.group_id)
TENANT = "7e4a4b5c-0c5e-4a55-8e6f-000000007e11"
TEAM_STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stteamdata"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crwslegacy7f3a"
IDENTITIES = [
    f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    for name in ("id-one", "ID-Two")
]
TEAM_STORE = SOURCE.child("datastores", "Team_store")
FEATURES = SOURCE.child("connections", "features")
_PEOPLE = {"0a0a0a0a-0000-4000-8000-00000000a0a0": "User", "0b0b0b0b-0000-4000-8000-00000000b0b0": "Group"}
# What of the example's workspace gives way to what is drawn.
_DRAWN = ("onlineEndpoints", "codes", "models", "environments", "connections")
_HANGING = ("autoscalesettings", "diagnosticsettings", "metricalerts", "roleassignments")
_SYSTEM_BLOBS = "azureml-blobstore-b6f0c3de-94a7-4f52-a1c8-2d7e5b9034f6"
_SHORT = f"subscriptions/{SOURCE.subscription_id}/resourceGroups/rg-legacy/workspaces/ws-legacy"
# Folders of content: those that lie in another one, of any name, in a store of Azure's and in one of the team's.
_FOLDERS = ("LocalUpload/7438fa/src", "LocalUpload/7438fa/src/inner", "größe/an other", "x.y")
_ENDPOINT_NAMES = ["credit", "Churn", "a-1", "x1234567890123456789012345678"]
_DEPLOYMENT_NAMES = ["blue", "Green", "a-b-c", "x12345678901234567890123456789ab"]
_COMPUTE_NAMES = ["Cluster-2", "a12", "x123456789012345678901y"]
_ASSET_NAMES = ["churn-tree", "Model_1.2", "_x", "a" * 100]
_VERSIONS = st.sampled_from(["1", "3", "2024-01-01.rc1", "20260101000000"])


class Pool(NamedTuple):
    """What deployments are made of: ids by kind, those of models with their formats."""

    codes: list[str]
    environments: list[str]
    models: dict[str, str]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario of any valid documents."""
    is_private = draw(st.booleans())
    content, blobs = _content()
    found = [*_surroundings(), draw(_workspace(is_private=is_private)), *draw(_stores())]
    found += [draw(_compute(name)) for name in draw(_some(_COMPUTE_NAMES, 2, 0))]
    pool, assets = draw(_assets(content))
    found += assets
    endpoints, keys = [], {}
    for name in draw(_some(_ENDPOINT_NAMES, 3)):
        made = draw(_endpoint(name, pool, is_private=is_private))
        endpoints += made
        if made[0]["properties"]["authMode"].lower() == "key":
            keys[made[0]["id"]] = {"primaryKey": draw(words), "secondaryKey": draw(words)}
    found += endpoints
    found += draw(_satellites(found))
    return _base().model_copy(
        update={
            "resources": tuple(copy.deepcopy([*_base().resources, *found])),
            "endpoint_keys": keys,
            "blobs": {**_base().blobs, **blobs},
            "secrets": {"kv-ws-legacy-7f3a/db": "made-up-password"},
            "durations_s": {"RoleAssignments_Propagation": 0},
            "quotas": dict.fromkeys(("totalCores", "standardDSv2Family", "standardFSv2Family"), 1000),
        }
    )


def selections(scenario: Scenario) -> Strategy:
    """The part of a configuration that says which endpoints of a scenario move, one at least, and their names."""
    names = [ResourceId(each).name for each in _ids(list(scenario.resources), "onlineEndpoints")]
    excluded = st.lists(st.sampled_from(names), max_size=len(names) - 1, unique=True)
    return st.fixed_dictionaries(
        {"exclude": excluded, "rename": st.sampled_from(["{name}-v2", "b{name}", "{name}2"])}
    )


def convertible_scenarios() -> Strategy:
    """A scenario of any valid documents whose workspace can be converted in place: nothing is locked, the compute
    that is to build images is there, and v2 may make endpoints (the preflight asks for it).
    """
    return scenarios().map(_convertible)


def _convertible(scenario: Scenario) -> Scenario:
    kept = [copy.deepcopy(d) for d in scenario.resources if "/locks/" not in d["id"].lower()]
    properties = next(d for d in kept if ResourceId(d["id"]) == SOURCE)["properties"]
    properties["v1LegacyMode"] = False
    if properties.get("imageBuildCompute"):
        properties["imageBuildCompute"] = "cpu-cluster"
    return scenario.model_copy(update={"resources": tuple(kept)})


@cache
def _base() -> Scenario:
    furnished = legacy_scenario()
    kept = [d for d in furnished.resources if not _gives_way(ResourceId(d["id"]))]
    return furnished.model_copy(update={"resources": tuple(kept)})


def _gives_way(resource: ResourceId) -> bool:
    parts = str(resource)[len(str(SOURCE)) + 1 :].split("/")
    is_drawn = resource.is_under(SOURCE) and (parts[0] in _DRAWN or resource.name == "training")
    return resource == SOURCE or is_drawn or resource.type.rpartition("/")[2].lower() in _HANGING


def _ids(found: list[Json], *kinds: str) -> list[str]:
    """The ids of the documents of these kinds."""
    return [d["id"] for d in found if ResourceId(d["id"]).type.rpartition("/")[2] in kinds]


def _some(names: list[str], most: int, least: int = 1) -> Strategy:
    return st.lists(st.sampled_from(names), min_size=least, max_size=most, unique=True)


# --- What is around the workspace ------------------------------------------------------------------------------


def _surroundings() -> list[Json]:
    """A storage account of the team's, a registry of assets, identities and their rights to serve."""
    storage = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "location": "westeurope"}
    return [
        document(TEAM_STORAGE, {"isHnsEnabled": False, "publicNetworkAccess": "Enabled"}, **storage),
        *registry_documents(),
        *(document(name, _principals(name), location="westeurope", tags={}) for name in IDENTITIES),
        *(
            _assigned(scope, role, _principals(name)["principalId"])
            for name in IDENTITIES
            for scope, role in (
                (REGISTRY, "AcrPull"),
                (hanging.STORAGE, "Storage Blob Data Contributor"),
                (hanging.SUBSCRIPTION, "Contributor"),
            )
        ),
    ]


def _principals(resource: str) -> dict[str, str]:
    """The ids in the directory of a resource's identity."""
    made = {
        name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource}#{name}"))
        for name in ("principalId", "clientId")
    }
    return {**made, "tenantId": TENANT}


def _assigned(scope: str, role: str, principal: str) -> Json:
    definition = (
        f"{hanging.SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{hanging.ROLES[role]}"
    )
    properties = {
        "roleDefinitionId": definition,
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}{role}{principal}")
    return document(
        f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}", {**properties, "scope": scope}
    )


def _identity(wearer: str) -> Strategy:
    """An identity of any kind."""
    own = {name: _principals(wearer)[name] for name in ("principalId", "tenantId")}

    def users(names: Iterable[str]) -> Json:
        return {name: {key: _principals(name)[key] for key in ("principalId", "clientId")} for name in names}

    return st.one_of(
        st.just({"type": "SystemAssigned", **own}),
        _some(IDENTITIES, 2).map(
            lambda names: {"type": "UserAssigned", "userAssignedIdentities": users(names)}
        ),
        st.builds(
            lambda kind, names: {"type": kind, **own, "userAssignedIdentities": users(names)},
            st.sampled_from(["SystemAssigned,UserAssigned", "SystemAssigned, UserAssigned"]),
            _some(IDENTITIES, 2),
        ),
    )


# --- What is in it ---------------------------------------------------------------------------------------------


@st.composite
def _workspace(draw: st.DrawFn, *, is_private: bool) -> Json:
    """The example's workspace, with other properties, tags and identity; perhaps with one of a later api-version."""
    was = next(d for d in legacy_scenario().resources if ResourceId(d["id"]) == SOURCE)
    identity = draw(_identity(str(SOURCE)))
    properties = {**was["properties"], **draw(documents.workspaces(IDENTITIES))}
    properties["publicNetworkAccess"] = "Disabled" if is_private else draw(st.sampled_from(["Enabled", None]))
    if "userAssignedIdentities" in identity:
        properties["primaryUserAssignedIdentity"] = next(iter(identity["userAssignedIdentities"]))
    if draw(st.booleans()):
        properties["setting2030"] = {"level": 3}
        identity["setting2030"] = True
        if properties.get("encryption"):
            properties["encryption"]["setting2030"] = "x"
    return {**was, "tags": draw(st.none() | maps), "identity": identity, "properties": properties}


@st.composite
def _stores(draw: st.DrawFn) -> list[Json]:
    """Datastores and connections; one store, with content, and one connection are always there."""
    team = {
        "datastoreType": "AzureBlob",
        "accountName": "stteamdata",
        "containerName": "training",
        "subscriptionId": SOURCE.subscription_id,
        "resourceGroup": SOURCE.resource_group,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "serviceDataAccessAuthIdentity": "None",
        "credentials": {
            "credentialsType": "AccountKey",
            "secrets": {"secretsType": "AccountKey", "key": "bWFkZS11cA=="},
        },
    }
    found = [document(str(TEAM_STORE), {"isDefault": False, **team})]
    for name in draw(_some(["a", "Training_2"], 2, 0)):
        properties = {"isDefault": False, **draw(documents.datastores())}
        found.append(document(str(SOURCE.child("datastores", name)), properties))
    names = ["features", *draw(_some(["Git_1", "x" * 33], 2, 0))]
    for name in names:
        properties = {
            "group": "GenericProtocol",
            "createdByWorkspaceArmId": str(SOURCE),
            **draw(documents.connections()),
        }
        found.append(document(str(SOURCE.child("connections", name)), properties, tags=None, location=None))
    return found


def _compute(name: str) -> Strategy:
    identities = st.none() | _identity(str(SOURCE.child("computes", name)))
    return identities.flatmap(lambda identity: computes(name, identity))


def _content() -> tuple[list[str], dict[str, BlobContent]]:
    """URIs of folders, in every spelling, and the blobs in them."""
    system, team = f"stwslegacy7f3a/{_SYSTEM_BLOBS}", "stteamdata/training"
    blobs = {
        f"{container}/{folder}/{file}": BlobContent(text=f"{folder}: {file}")
        for container in (system, team)
        for folder in _FOLDERS
        for file in ("score.py", "Dockerfile", "größe/ü b.bin")
    }
    host = f"https://stwslegacy7f3a.blob.core.windows.net:443/{_SYSTEM_BLOBS}"
    uris = [
        uri
        for folder in _FOLDERS
        for uri in (
            f"azureml://{_SHORT}/datastores/workspaceblobstore/paths/{folder}",
            f"azureml://{_SHORT.lower()}/datastores/workspaceblobstore/paths/{folder}",
            f"azureml://{_SHORT}/datastores/{TEAM_STORE.name}/paths/{folder}",
            f"{host}/{quote(folder)}",
        )
    ]
    return uris, blobs


@st.composite
def _assets(draw: st.DrawFn, content: list[str]) -> tuple[Pool, list[Json]]:
    """Versions of every kind of asset, and what holds them; some that no deployment will use."""
    found: list[Json] = []

    def make(kind: str, name: str, properties: Json) -> str:
        holder = SOURCE.child(kind, name)
        if kind != "codes" and draw(st.booleans()):
            found.append(document(str(holder), draw(documents.containers())))
        version = holder.child("versions", draw(_VERSIONS))
        by_azure = {"environmentType": "UserCreated"} if kind == "environments" else {}
        found.append(document(str(version), {**properties, **by_azure, "provisioningState": "Succeeded"}))
        return str(version)

    uris = st.sampled_from(content)
    codes = [
        make("codes", name, draw(documents.codes_at(draw(uris)))) for name in draw(_some(_ASSET_NAMES, 2))
    ]
    environments = [
        make("environments", name, draw(documents.environments(draw(st.just("") | uris))))
        for name in draw(_some(_ASSET_NAMES, 2))
    ]
    models = {}
    for name in draw(_some(_ASSET_NAMES, 3)):
        properties = draw(documents.models_at(draw(uris), ["custom_model", "mlflow_model", "triton_model"]))
        models[make("models", name, properties)] = properties["modelType"]
    return Pool(codes, environments, models), found


@st.composite
def _endpoint(draw: st.DrawFn, name: str, pool: Pool, *, is_private: bool) -> list[Json]:
    """An endpoint, its deployments, and the data versions that they collect into."""
    resource = SOURCE.child("onlineEndpoints", name)
    properties = draw(documents.endpoints())
    identity = draw(_identity(str(resource)))
    values = [
        str(SOURCE),
        str(resource).lower(),
        f"https://{name.lower()}.westeurope.inference.ml.azure.com/score",
    ]
    values += ["/var/azureml-app/azureml-models/churn-tree/3", "9007199254740993", "1e400"]
    if identity["type"] == "SystemAssigned" and draw(st.booleans()):
        # Azure then lets the endpoint read what connections keep.
        properties["properties"] = {
            **(properties.get("properties") or {}),
            "enforce_access_to_default_secret_stores": "enabled",
        }
        values.append(f"${{{{azureml://connections/{FEATURES.name}/target}}}}")
    deployments: list[Json] = []
    for each in draw(_some(_DEPLOYMENT_NAMES, 3)):
        deployments += draw(
            _deployment(resource.child("deployments", each), pool, values, is_private=is_private)
        )
    names = [ResourceId(each).name for each in _ids(deployments, "deployments")]
    live, mirror = draw(_traffic(names))
    properties |= {"traffic": live, "mirrorTraffic": mirror, "provisioningState": "Succeeded"}
    whole = document(
        str(resource),
        properties,
        location="westeurope",
        tags=draw(st.none() | maps),
        kind="Managed",
        identity=identity,
    )
    rights = [
        _assigned(scope, role, identity["principalId"])
        for scope, role in _RIGHTS
        if "principalId" in identity
    ]
    return [whole, *deployments, *rights]


# What Azure gives an endpoint's own identity.
_RIGHTS = (
    (REGISTRY, "AcrPull"),
    (hanging.STORAGE, "Storage Blob Data Reader"),
)


@st.composite
def _deployment(
    draw: st.DrawFn, resource: ResourceId, pool: Pool, values: list[str], *, is_private: bool
) -> list[Json]:
    parts = draw(_parts(pool, is_private=is_private))
    properties = draw(documents.deployments(parts, values, is_private=is_private))
    data: list[Json] = []
    targets: dict[str, str] = {}
    for name in draw(_some(["model_inputs", "größe"], 2, 0)):
        kind = draw(st.sampled_from(["own", "given", "none"]))
        own = f"{resource.parent.name}-{resource.name}-model_inputs"
        called = own if kind == "own" else f"data_{resource.parent.name}_{resource.name}_{len(data)}"
        version = SOURCE.child("data", called).child("versions", "1")
        store = draw(st.sampled_from(["workspaceblobstore", TEAM_STORE.name]))
        uri = (
            f"azureml://{_SHORT}/datastores/{store}/paths/modelDataCollector/{resource.parent.name}/x/{name}"
        )
        targets[name] = "" if kind == "none" else str(version)
        if kind != "none" and str(version) not in [d["id"] for d in data]:
            data.append(document(str(version), draw(documents.folders_at(uri))))
            holder = {"dataType": "uri_folder", **draw(documents.containers())}
            data.append(document(str(version.parent), holder))
    if targets:
        properties["dataCollector"] = draw(documents.collectors(targets))
    sku = {"name": "Default", "tier": "Standard", "capacity": draw(st.integers(1, 3))}
    more = {
        "location": "westeurope",
        "tags": draw(st.none() | maps),
        "kind": "Managed",
        "identity": None,
        "sku": sku,
    }
    return [document(str(resource), {**properties, "provisioningState": "Succeeded"}, **more), *data]


def _parts(pool: Pool, *, is_private: bool) -> Strategy:
    """Model, code and environment of a deployment: own code, a container of its own, or a model that needs neither."""
    environments = st.sampled_from([*pool.environments, REGISTRY_ENVIRONMENT]).flatmap(documents.spelled)
    models = st.sampled_from([*pool.models, REGISTRY_MODEL]).flatmap(documents.spelled)
    codes = st.builds(
        lambda code, script: {"codeId": code, "scoringScript": script},
        st.sampled_from(pool.codes).flatmap(documents.spelled),
        st.sampled_from(["score.py", "größe/score.py"]),
    )

    def of(code: Strategy, environment: Strategy, model: Strategy) -> Strategy:
        return st.fixed_dictionaries(
            {"codeConfiguration": code, "environmentId": environment, "model": model}
        ).map(lambda drawn: {name: st.just(value) for name, value in drawn.items()})

    bare = [model for model, kind in pool.models.items() if kind == "mlflow_model"]
    others = st.sampled_from([*(m for m in pool.models if m not in bare), REGISTRY_MODEL])
    forms = [
        of(codes, environments, st.none() | models),
        of(st.none(), environments, st.none() | others.flatmap(documents.spelled)),
    ]
    if bare and not is_private:  # legacy isolation takes no MLflow model without code
        alone = st.sampled_from(bare).flatmap(documents.spelled)
        forms.append(of(st.none(), st.none() | environments, alone))
    return st.one_of(forms)


@st.composite
def _traffic(draw: st.DrawFn, names: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Shares of the traffic as Azure takes them: 0 or 100 in all, and half at most mirrored to one that has none."""
    named = [name.lower() for name in names]
    order = draw(st.permutations(named))
    live: dict[str, int] = {}
    if draw(st.booleans()):
        first = draw(st.integers(0, 100))
        live = {order[0]: first, order[1]: 100 - first} if len(order) > 1 else {order[0]: 100}
    elif draw(st.booleans()):
        live = dict.fromkeys(named, 0)
    idle = [name for name in named if not live.get(name)]
    mirror = {draw(st.sampled_from(idle)): draw(st.integers(0, 50))} if idle and draw(st.booleans()) else {}
    return live, mirror


# --- What hangs on it ------------------------------------------------------------------------------------------


@st.composite
def _satellites(draw: st.DrawFn, found: list[Json]) -> list[Json]:
    endpoints, deployments = _ids(found, "onlineEndpoints"), _ids(found, "deployments")
    insights = f"{draw(st.sampled_from([GROUP, hanging.ELSEWHERE]))}/providers/Microsoft.Insights"
    tracked = {"location": "westeurope", "tags": draw(st.none() | maps)}
    made = draw(_roles(found))
    for on in draw(_some([str(SOURCE), *endpoints, *deployments], 2, 0)):
        made.append(
            document(
                f"{on}/providers/Microsoft.Insights/diagnosticSettings/to logs",
                draw(hanging.diagnostics()),
                location=None,
            )
        )
    for number, target in enumerate(draw(_some(deployments, 2, 0))):
        name = f"Skala größe ({number})"
        properties = draw(hanging.autoscales(name, target, [target, *endpoints]))
        made.append(document(f"{insights}/autoscaleSettings/{name}", properties, **tracked))
    for number, scopes in enumerate(
        [draw(_some(endpoints, 3)), [str(SOURCE)]] if draw(st.booleans()) else []
    ):
        properties = draw(hanging.metric_alerts(scopes))
        made.append(
            document(
                f"{insights}/metricAlerts/zu langsam {number}",
                properties,
                **{**tracked, "location": "global"},
            )
        )
    if draw(st.booleans()):
        names = [SOURCE.name, *(ResourceId(each).name for each in endpoints)]
        properties = draw(
            hanging.log_alerts(draw(st.sampled_from([hanging.LOGS, str(SOURCE), endpoints[0]])), names)
        )
        made.append(
            document(f"{insights}/scheduledQueryRules/fehler", properties, kind="LogAlert", **tracked)
        )
    made += draw(_alert_rules([str(SOURCE), *endpoints, *deployments], tracked))
    if draw(st.booleans()):
        on = draw(st.sampled_from([str(SOURCE), endpoints[0]]))
        made.append(document(f"{on}/providers/Microsoft.Authorization/locks/stays", draw(hanging.locks)))
    return made


@st.composite
def _alert_rules(draw: st.DrawFn, watched: list[str], tracked: Json) -> list[Json]:
    """Activity log alerts and alert processing rules about some of the source's resources."""
    made = []
    for kind, properties in (
        ("Microsoft.Insights/activityLogAlerts", hanging.activity_alerts),
        ("Microsoft.AlertsManagement/actionRules", hanging.processing_rules),
    ):
        for number in range(draw(st.integers(0, 2))):
            named = draw(_some(watched, 3))
            where = f"{GROUP}/providers/{kind}/prüfen {number}"
            made.append(document(where, draw(properties(named)), **{**tracked, "location": "global"}))
    return made


@st.composite
def _roles(draw: st.DrawFn, found: list[Json]) -> list[Json]:
    """Assignments to people, groups and identities, on the workspace, what is in it, and far from it."""
    identities = [d.get("identity") or {} for d in found]
    principals = {
        **_PEOPLE,
        **{i["principalId"]: "ServicePrincipal" for i in identities if "principalId" in i},
    }
    principals |= {_principals(name)["principalId"]: "ServicePrincipal" for name in IDENTITIES}
    within = _ids(found, "workspaces", "onlineEndpoints", "deployments", "datastores", "connections")
    scopes = [*within, GROUP, hanging.ELSEWHERE, documents.VAULT, hanging.STORAGE, hanging.SUBSCRIPTION]
    what = st.tuples(
        st.sampled_from(scopes), st.sampled_from(sorted(hanging.ROLES)), st.sampled_from(sorted(principals))
    )
    given = [d["properties"] for d in found if d["id"] in _ids(found, "roleAssignments")]
    taken = {(p["scope"], p["roleDefinitionId"], p["principalId"]) for p in given}
    made = []
    for number, (scope, role, principal) in enumerate(draw(st.lists(what, max_size=4, unique=True))):
        properties = draw(hanging.assignments(role, principal, principals[principal], scope))
        if (scope, properties["roleDefinitionId"], principal) not in taken:
            name = f"{number}0000000-0000-4000-8000-000000000001"
            made.append(
                document(f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}", properties)
            )
    return made
