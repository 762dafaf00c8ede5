"""Endpoints, their deployments, what proves that they serve and are isolated, and their traffic."""

from __future__ import annotations

from typing import Any

from vnetferry.models.base import Json
from vnetferry.models.inventory import Document
from vnetferry.models.plan import PlanWarning, Step, StepKind
from vnetferry.plan.assets import asset_steps
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import IMAGE_BUILD_S, expected_s
from vnetferry.plan.fields import Path, Rule, writable
from vnetferry.plan.parts import Part, attention, cannot_carry, join
from vnetferry.plan.references import needs_image_build
from vnetferry.plan.roles import holds_lost_roles, principal_of
from vnetferry.plan.scope import Scope
from vnetferry.plan.secrets import secret_variables
from vnetferry.plan.workspace import inbound_step_id, network_step_id, workspace_step_id

# What Azure injects into a deployment's variables; sent back, they would name the old model's folder. WIRE 6.
_INJECTED = {
    "AZUREML_MODEL_DIR": "/var/azureml-app/",
    "AML_APP_ROOT": "/var/azureml-app",
    "AZUREML_ENTRY_SCRIPT": "/var/",
}
_INJECTED_RULE = Rule("remake", "Azure injects it anew")
_SECRET_RULE = Rule("carry", "a secret: read from the source when deployed, never written down")
_DATA_RULE = Rule("drop", "the data asset stays in the source workspace")


def plan_endpoints(scope: Scope) -> Part:
    """Everything of every endpoint that moves."""
    return join(_plan_endpoint(scope, endpoint) for endpoint in scope.endpoints)


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
    properties["publicNetworkAccess"] = scope.config.endpoints.public_network_access.capitalize()
    properties["traffic"] = endpoint.get("traffic", {})
    properties["mirrorTraffic"] = endpoint.get("mirrorTraffic", {})
    return _without_principals(body)


def _without_principals(body: Json) -> Json:
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
        depends_on=(deploy.id, *_inbound(scope)),
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
    _remap_references(scope, properties)
    special: dict[Path, Rule] = {}
    variables = properties.get("environmentVariables", {})
    for name in [*_injected(deployment), *secret_variables(variables)]:
        rule = _INJECTED_RULE if name in _INJECTED else _SECRET_RULE
        special["properties", "environmentVariables", name] = rule
        variables.pop(name, None)
    for name, collection in properties.get("dataCollector", {}).get("collections", {}).items():
        if collection.pop("dataId", None):
            special["properties", "dataCollector", "collections", name, "dataId"] = _DATA_RULE
    return _without_principals(body), special


def _remap_references(scope: Scope, properties: Json) -> None:
    for holder, key in (
        (properties, "model"),
        (properties, "environmentId"),
        (properties.get("codeConfiguration", {}), "codeId"),
    ):
        if isinstance(holder.get(key), str):
            holder[key] = scope.remap.reference(holder[key])


def _injected(deployment: Document) -> list[str]:
    """The variables that Azure, and not a person, wrote."""
    script = deployment.get("codeConfiguration", {}).get("scoringScript")
    variables: dict[str, Any] = deployment.get("environmentVariables", {})
    return [
        name
        for name, prefix in _INJECTED.items()
        if name in variables and (str(variables[name]).startswith(prefix) or variables[name] == script)
    ]


def _proofs(scope: Scope, endpoint: Document, body: Json) -> tuple[Step, ...]:
    """Compare answers, probe the isolation, and only then set the traffic."""
    target = scope.remap.endpoint(endpoint.name)
    tests = tuple(f"smoke_test:{target.name}/{d.name}" for d in scope.deployments[endpoint.name])
    ready = tests or (_id("create_endpoint", scope, endpoint), *_inbound(scope))
    probe = _step(
        "probe_isolation",
        scope,
        endpoint,
        title=f"probe the isolation of {target.name}",
        spec={"public_network_access": body["properties"]["publicNetworkAccess"]},
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


def _inbound(scope: Scope) -> tuple[str, ...]:
    return (inbound_step_id(scope),) if scope.config.target.inbound else ()


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
    if endpoint.name not in scope.requests:
        text = (
            f"validation.requests has no request for {endpoint.name}, so {new} is not scored and its answers "
            "are not compared with the source's."
        )
        warnings.append(attention(endpoint.id, text))
    if principal_of(endpoint) and holds_lost_roles(scope, endpoint):
        text = f"{new} gets a principal of its own; give it the roles that {endpoint.name}'s principal was given."
        warnings.append(cannot_carry(endpoint.id, text))
    if str(endpoint.get("authMode", "")).lower() == "aadtoken":
        text = f"Callers of {new} need the role that lets them score on the new endpoint; assign it before the handoff."
        warnings.append(attention(endpoint.id, text))
    return warnings


def _deployment_warnings(scope: Scope, deployment: Document) -> list[PlanWarning]:
    label = f"{deployment.id.parent.name}/{deployment.name}"
    variables: dict[str, Any] = deployment.get("environmentVariables", {})
    old_uris = [f"//{e.name}.".lower() for e in scope.endpoints]
    warnings = [
        attention(
            deployment.id, f"Variable {name} of {label} names the scoring URI of an endpoint that moves."
        )
        for name, value in sorted(variables.items())
        if any(
            uri in str(value).lower() and ".inference.ml.azure.com" in str(value).lower() for uri in old_uris
        )
    ]
    if deployment.get("dataCollector"):
        text = f"The data assets that {label} collects into are not moved; Azure collects into its default place."
        warnings.append(cannot_carry(deployment.id, text))
    return warnings
