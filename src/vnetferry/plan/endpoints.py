"""Endpoints, their deployments, what proves that they serve and are isolated, and their traffic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document
from vnetferry.models.plan import PlanWarning, Step, StepKind
from vnetferry.plan.assets import asset_steps, connection_steps
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.collectors import collections, collector_steps
from vnetferry.plan.durations import IMAGE_BUILD_S, expected_s
from vnetferry.plan.field_rules import Path, Rule
from vnetferry.plan.fields import writable
from vnetferry.plan.inbound import inbound_step_ids
from vnetferry.plan.injection import injection_warnings
from vnetferry.plan.moved import principal_of
from vnetferry.plan.parts import Part, attention, cannot_carry, join
from vnetferry.plan.references import needs_image_build
from vnetferry.plan.roles import roles_are_unread
from vnetferry.plan.scope import Scope
from vnetferry.plan.secrets import secret_variables
from vnetferry.plan.workspace import network_step_id, workspace_step_id

# What Azure injects into a deployment's variables; sent back, they would name the old model's folder. WIRE 6.
_INJECTED = {
    "AZUREML_MODEL_DIR": "/var/azureml-app/",
    "AML_APP_ROOT": "/var/azureml-app",
    "AZUREML_ENTRY_SCRIPT": "/var/",
}
_INJECTED_RULE = Rule("remake", "Azure injects it anew")
_SECRET_RULE = Rule("carry", "a secret: read from the source when deployed, never written down")


def plan_endpoints(scope: Scope) -> Part:
    """Everything of every endpoint that moves."""
    parts = [_plan_endpoint(scope, endpoint) for endpoint in scope.endpoints]
    return join([*parts, Part(warnings=tuple(_common_warnings(scope)))])


def hand_off_dependencies(scope: Scope) -> tuple[str, ...]:
    """The steps after which callers may be told."""
    return tuple(_id("set_traffic", scope, endpoint) for endpoint in scope.endpoints)


def _plan_endpoint(scope: Scope, endpoint: Document) -> Part:
    body = _endpoint_body(scope, endpoint)
    target = scope.remap.endpoint(endpoint.name)
    created = {key: body[key] for key in body if key != "properties"}
    created["properties"] = {
        k: v for k, v in body["properties"].items() if k not in ("traffic", "mirrorTraffic")
    }
    create = _step(
        "create_endpoint",
        scope,
        endpoint,
        title=f"create endpoint {target.name}",
        body=created,
        spec={"copy_keys": str(endpoint.get("authMode", "")).lower() == "key"},
        depends_on=(workspace_step_id(scope),),
        undo="delete",
    )
    deployments = [_plan_deployment(scope, endpoint, d) for d in scope.deployments[endpoint.name]]
    carried = carry_over(endpoint, target, body)
    parts = [Part((create,), carried.carry_over, carried.warnings), *deployments]
    return join(
        [*parts, Part(_proofs(scope, endpoint, body), warnings=tuple(_endpoint_warnings(scope, endpoint)))]
    )


def _endpoint_body(scope: Scope, endpoint: Document) -> Json:
    """The endpoint as it is in the end, with its traffic."""
    body: Json = scope.remap.value(writable(endpoint.type, endpoint.body))
    body["location"] = scope.location
    properties = body.setdefault("properties", {})
    if scope.config.endpoints.public_network_access != "as_is":
        properties["publicNetworkAccess"] = public_access(scope, endpoint)
    properties["traffic"] = endpoint.get("traffic", {})
    properties["mirrorTraffic"] = endpoint.get("mirrorTraffic", {})
    return without_principals(body)


def public_access(scope: Scope, endpoint: Document) -> str:
    """Whether the internet reaches what is made of a source endpoint: "Enabled" (Azure's default) or "Disabled"."""
    access = scope.config.endpoints.public_network_access
    return (endpoint.get("publicNetworkAccess", "Enabled") if access == "as_is" else access).capitalize()


def without_principals(body: Json) -> Json:
    """A body whose user-assigned identities say nothing but their ids; it is changed."""
    identities = body.get("identity", {}).get("userAssignedIdentities")
    if identities:
        body["identity"]["userAssignedIdentities"] = {name: {} for name in identities}
    return body


def _plan_deployment(scope: Scope, endpoint: Document, deployment: Document) -> Part:
    body, special = _deployment_body(scope, deployment)
    variables = deployment.get("environmentVariables", {})
    target = scope.remap.id(deployment.id)
    label = f"{target.parent.name}/{target.name}"
    deploy = Step(
        id=f"create_deployment:{label}",
        kind="create_deployment",
        title=f"deploy {label}",
        resource=target,
        source=deployment.id,
        body=body,
        spec={"secret_variables": secret_variables(variables)},
        depends_on=(
            network_step_id(scope),
            _id("create_endpoint", scope, endpoint),
            *dict.fromkeys(asset_steps(scope, deployment)),
            *collector_steps(scope, deployment),
            *connection_steps(scope, deployment),
        ),
        undo="delete",
        duration_s=expected_s("create_deployment")
        + (IMAGE_BUILD_S if needs_image_build(scope, deployment) else 0),
    )
    test = Step(
        id=f"smoke_test:{label}",
        kind="smoke_test",
        title=f"smoke test {label}",
        resource=target,
        source=deployment.id,
        spec={**_request(scope, endpoint), "deployment": target.name, "endpoint": target.parent.name},
        depends_on=(deploy.id, *inbound_step_ids(scope)),
        duration_s=expected_s("smoke_test"),
    )
    carried = carry_over(deployment, target, body, special)
    warnings = (*carried.warnings, *_deployment_warnings(scope, deployment))
    return Part((deploy, test), carried.carry_over, warnings)


def _deployment_body(scope: Scope, deployment: Document) -> tuple[Json, dict[Path, Rule]]:
    """The PUT body without secrets, and the rules of what is missing from it."""
    body: Json = scope.remap.value(writable(deployment.type, deployment.body))
    body["location"] = scope.location
    properties = body["properties"]
    _remap_references(scope, deployment, properties)
    special: dict[Path, Rule] = {}
    variables = properties.get("environmentVariables", {})
    for name in [*_injected(deployment), *secret_variables(variables)]:
        rule = _INJECTED_RULE if name in _INJECTED else _SECRET_RULE
        special["properties", "environmentVariables", name] = rule
        variables.pop(name, None)
    written = properties.get("dataCollector", {}).get("collections", {})
    for each in collections(scope, deployment):
        written[each.name]["dataId"] = str(each.target)
    return without_principals(body), special


def _remap_references(scope: Scope, deployment: Document, properties: Json) -> None:
    """Assets by their plain ids, in whichever of Azure's spellings the source names them."""
    code = deployment.get("codeConfiguration", {})
    for holder, was, key in (
        (properties, deployment.properties, "model"),
        (properties, deployment.properties, "environmentId"),
        (properties.get("codeConfiguration", {}), code, "codeId"),
    ):
        if isinstance(holder.get(key), str):
            holder[key] = scope.remap.reference(was[key])
    collected = deployment.get("dataCollector", {}).get("collections", {})
    for name, collection in properties.get("dataCollector", {}).get("collections", {}).items():
        if "dataId" in collection:
            collection["dataId"] = scope.remap.reference(collected[name]["dataId"])


def _injected(deployment: Document) -> list[str]:
    """The variables that Azure, and not a person, wrote: one for a model, two for code."""
    code, model = deployment.get("codeConfiguration", {}), deployment.get("model")
    variables: dict[str, Any] = deployment.get("environmentVariables", {})
    return [
        name
        for name, prefix in _INJECTED.items()
        if (model if name == "AZUREML_MODEL_DIR" else code)
        and name in variables
        and (str(variables[name]).startswith(prefix) or variables[name] == code.get("scoringScript"))
    ]


def _proofs(scope: Scope, endpoint: Document, body: Json) -> tuple[Step, ...]:
    """Compare answers, probe the isolation, and only then set the traffic."""
    target = scope.remap.endpoint(endpoint.name)
    tests = tuple(f"smoke_test:{target.name}/{d.name}" for d in scope.deployments[endpoint.name])
    ready = tests or (_id("create_endpoint", scope, endpoint), *inbound_step_ids(scope))
    probe = _step(
        "probe_isolation",
        scope,
        endpoint,
        title=f"probe the isolation of {target.name}",
        spec={"public_network_access": body["properties"].get("publicNetworkAccess", "Enabled")},
        depends_on=ready,
    )
    compare = _compare(scope, endpoint, tests)
    traffic = _step(
        "set_traffic",
        scope,
        endpoint,
        title=f"set the traffic of {target.name}",
        body=body,
        spec={"traffic": body["properties"]["traffic"], "mirror": body["properties"]["mirrorTraffic"]},
        depends_on=tuple(step.id for step in (*compare, probe)),
    )
    return (*compare, probe, traffic)


def _compare(scope: Scope, endpoint: Document, tests: tuple[str, ...]) -> tuple[Step, ...]:
    if endpoint.name not in scope.requests or not tests:
        return ()
    names = [d.name for d in scope.deployments[endpoint.name]]
    spec = {
        **_request(scope, endpoint),
        "deployments": [[name, name] for name in names],
        "tolerance": scope.config.validation.tolerance.model_dump(),
    }
    title = f"compare answers of {endpoint.name} and {scope.remap.endpoints[endpoint.name]}"
    return (_step("compare_answers", scope, endpoint, title=title, spec=spec, depends_on=tests),)


def _request(scope: Scope, endpoint: Document) -> Json:
    path = scope.config.validation.requests.get(endpoint.name, "")
    return {"request": path, "request_sha256": scope.requests.get(endpoint.name, "")}


def _id(kind: StepKind, scope: Scope, endpoint: Document) -> str:
    return f"{kind}:{scope.remap.endpoints[endpoint.name]}"


def _step(kind: StepKind, scope: Scope, endpoint: Document, **fields: Any) -> Step:
    """A step on one endpoint as a whole."""
    target = scope.remap.endpoint(endpoint.name)
    step_id = _id(kind, scope, endpoint)
    return Step(
        id=step_id, kind=kind, resource=target, source=endpoint.id, duration_s=expected_s(kind), **fields
    )


def _endpoint_warnings(scope: Scope, endpoint: Document) -> list[PlanWarning]:
    new = scope.remap.endpoints[endpoint.name]
    warnings = []
    if principal_of(endpoint) and roles_are_unread(scope):
        text = (
            f"{new} gets a principal of its own, and the roles of {endpoint.name}'s could not be read; "
            "give it those that it was given."
        )
        warnings.append(cannot_carry(endpoint.id, text))
    return warnings


def _common_warnings(scope: Scope) -> Iterator[PlanWarning]:
    """What is true of many endpoints alike, said once: forty such lines would hide the one that is not."""
    unproven = [e for e in scope.endpoints if e.name not in scope.requests]
    if unproven:
        names = ", ".join(e.name for e in unproven)
        new = scope.remap.endpoints[unproven[0].name]
        fate = (
            f"{new} is not scored and its" if len(unproven) == 1 else "the new ones are not scored and their"
        )
        text = f"validation.requests has no request for {names}, so {fate} answers are not compared with the source's."
        yield attention(_about(scope, unproven), text)
    aad = [e for e in scope.endpoints if str(e.get("authMode", "")).lower() == "aadtoken"]
    if aad:
        names = ", ".join(scope.remap.endpoints[e.name] for e in aad)
        olds, news = ("endpoint", "one") if len(aad) == 1 else ("endpoints", "ones")
        text = (
            f"Callers of {names} need the role that lets them score. Those who have it on the source's {olds} or "
            f"workspace get it on the new {news}; who has it from above needs it there before the handoff."
        )
        yield attention(_about(scope, aad), text)


def _about(scope: Scope, endpoints: list[Document]) -> ResourceId:
    """The one endpoint that it is about, or the workspace of several."""
    return endpoints[0].id if len(endpoints) == 1 else scope.inventory.source


def _deployment_warnings(scope: Scope, deployment: Document) -> list[PlanWarning]:
    label = f"{deployment.id.parent.name}/{deployment.name}"
    variables: dict[str, Any] = deployment.get("environmentVariables", {})
    old_uris = [] if scope.config.in_place else [f"//{e.name}.".lower() for e in scope.endpoints]
    named = [
        attention(
            deployment.id, f"Variable {name} of {label} names the scoring URI of an endpoint that moves."
        )
        for name, value in sorted(variables.items())
        if any(
            uri in str(value).lower() and ".inference.ml.azure.com" in str(value).lower() for uri in old_uris
        )
    ]
    return [*named, *injection_warnings(scope, deployment)]
