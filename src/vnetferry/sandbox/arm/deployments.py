"""Microsoft.Resources/deployments at resource group scope: templates in, resources made by the same rules as
requests.

A deployment is checked when it is submitted (template, rights, providers: 400, 403, 409), then runs: each
resource is sent as a request of the deployment's caller once what it waits for is there, and its own long-
running operation is waited for. When one fails, those under way end, no further one starts, and the
deployment fails as Azure's does.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import authorization, tracked
from vnetferry.sandbox.arm.api_versions import RESOURCES
from vnetferry.sandbox.arm.bodies import (
    require_choice,
    require_known,
    require_member,
    require_object,
    require_tags,
)
from vnetferry.sandbox.arm.deployment_run import DEPLOYMENTS, Run, end_state
from vnetferry.sandbox.arm.groups import DEPLOYMENT_DELETED
from vnetferry.sandbox.arm.policy.judge import require_template_allowed
from vnetferry.sandbox.arm.providers import (
    NAMESPACES,
    require_offered,
    require_registered,
    subscription_document,
)
from vnetferry.sandbox.arm.regions import require_region
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.arm.template import Planned, Scope, expand, templates_hash
from vnetferry.sandbox.arm.template.failures import TemplateError, invalid_template, too_deep
from vnetferry.sandbox.arm.template.scope import NeedsResource
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Evidence, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}"
_MANY = f"{_GROUP}/providers/{DEPLOYMENTS}"
_ONE = f"{_MANY}/{{deployment}}"
_NAME = re.compile(r"^[-\w._()]{1,64}$")
_PROPERTIES = frozenset(
    {"template", "parameters", "mode", "debugSetting", "onErrorDeployment", "expressionEvaluationOptions"}
    | {"templateLink", "parametersLink", "validationLevel"}
)
_STATE_IS = re.compile(r"^\s*provisioningState\s+eq\s+'([^']*)'\s*$", re.IGNORECASE)
_EXPIRES = timedelta(days=7)
_OFFERED = frozenset(namespace.lower() for namespace in NAMESPACES)
_BOUNDS = ("minValue", "maxValue", "minLength", "maxLength")
_RESOURCE: dict[str, Shape] = {
    "type": str,
    "name": str,
    "apiVersion": str,
    "scope": str,
    "subscriptionId": str,
    "resourceGroup": str,
    "dependsOn": [str],
    "copy": {"name": str},
}
_RESOURCE["resources"] = [_RESOURCE]
_PARAMETER = {"type": str, "allowedValues": list, **dict.fromkeys(_BOUNDS, int)}
_SHAPE = {
    "properties": {
        "mode": str,
        "expressionEvaluationOptions": {"scope": str},
        "parameters": {"*": dict},
        "template": {
            "$schema": str,
            "contentVersion": str,
            "parameters": {"*": _PARAMETER},
            "variables": dict,
            "functions": [
                {
                    "namespace": str,
                    "members": {"*": {"parameters": [{"name": str, "type": str}], "output": {"type": str}}},
                }
            ],
            "resources": [_RESOURCE],
            "outputs": {"*": {"type": str, "copy": {"name": str}}},
        },
    }
}


# What azure-ai-ml's recordings show of a deployment; the rest is from the API definition.
_RECORDED = frozenset(
    {
        "Deployments_CreateOrUpdate",
        "Deployments_Get",
        "Deployments_OperationStatus",
        "DeploymentOperations_ListByShortPath",
    }
)


def operations() -> list[Operation]:
    """Deployments, their operations, and their status."""

    def row(name: str, method: str, path: str, handle: Any, right: str) -> Operation:
        read = reader(_SHAPE) if handle in (_put, _validate) else None
        evidence: Evidence = "recorded" if name in _RECORDED else "specified"
        return Operation(
            name, method, path, handle, f"{DEPLOYMENTS}/{right}", RESOURCES, evidence, read_body=read
        )

    short = f"{_GROUP}/deployments/{{deployment}}/operations"
    return [
        replace(
            row("Deployments_CreateOrUpdate", "PUT", _ONE, _put, "write"),
            note="Incremental mode; no links, no symbolic names, no rollback, no parameters from Key Vault.",
        ),
        row("Deployments_Validate", "POST", f"{_ONE}/validate", _validate, "validate/action"),
        row("Deployments_Get", "GET", _ONE, _get, "read"),
        row("Deployments_Delete", "DELETE", _ONE, _delete, "delete"),
        row("Deployments_Cancel", "POST", f"{_ONE}/cancel", _cancel, "cancel/action"),
        row("Deployments_ListByResourceGroup", "GET", _MANY, _list, "read"),
        row(
            "Deployments_OperationStatus",
            "GET",
            f"{_ONE}/operationStatuses/{{id}}",
            _status,
            "operationstatuses/read",
        ),
        row("DeploymentOperations_List", "GET", f"{_ONE}/operations", _list_operations, "operations/read"),
        row(
            "DeploymentOperations_Get", "GET", f"{_ONE}/operations/{{id}}", _get_operation, "operations/read"
        ),
        row("DeploymentOperations_ListByShortPath", "GET", short, _list_operations, "operations/read"),
    ]


async def _put(call: Call) -> Response:
    run = _prepare(call, call.json())
    before = call.world.documents.get(call.path)
    if before and not end_state(before):
        begun = datetime.fromisoformat(before["properties"]["timestamp"])
        message = (
            f"Unable to edit or replace deployment '{call.params['deployment']}': previous deployment from "
            f"'{_american(begun)}' is still active (expiration time is '{_american(begun + _EXPIRES)}'). "
            "Please see https://aka.ms/arm-deploy for usage details."
        )
        raise AzureError(409, "DeploymentActive", message)
    call.world.documents.remove(run.document["id"])
    call.world.documents.put(run.document)
    call.world.documents.put({"id": f"{run.document['id']}/operationStatuses/{run.status_id}"})
    call.world.operations.spawn(run.execute())
    status = f"https://management.azure.com{run.document['id']}/operationStatuses/{run.status_id}"
    headers = {
        "Azure-AsyncOperation": f"{status}?api-version={call.api_version}",
        "x-ms-deployment-engine-version": "1.136.0",
        **call.world.operations.pace(),
    }
    return Response(200 if before else 201, deepcopy(run.document), headers)


def _american(moment: datetime) -> str:
    """`4/14/2021 4:50:46 AM`, as the refusals of deployments have it."""
    hour = moment.hour % 12 or 12
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment:%M:%S %p}"


async def _validate(call: Call) -> Response:
    run = _prepare(call, call.json())
    properties = {**run.document["properties"], "provisioningState": "Succeeded"}
    properties["validatedResources"] = [{"id": resource.id} for resource in run.planned if resource.enabled]
    return Response(200, {**deepcopy(run.document), "properties": properties})


def _prepare(call: Call, body: Json) -> Run:
    """Everything that Azure checks before it accepts a deployment."""
    name = call.params["deployment"]
    if not _NAME.fullmatch(name):
        message = (
            f"The provided deployment name '{name}' has invalid characters or a wrong length: it may hold "
            "letters, digits, "
            "'-', '.', '(', ')' and '_', and at most 64 of them."
        )
        raise AzureError(400, "InvalidDeploymentName", message)
    require_known(body, {"properties", "tags", "location"}, "DeploymentContent")
    if body.get("location"):
        message = (
            f"The 'location' property is not allowed for '{name}' at resource group scope. Please see "
            "https://aka.ms/arm-deployment-subscription for usage details."
        )
        raise AzureError(400, "InvalidDeployment", message)
    properties = require_object(body.get("properties"), "properties")
    require_known(properties, _PROPERTIES, "DeploymentPropertiesDefinition", "properties")
    _require_served(properties)
    mode = require_choice(
        properties.get("mode"), ("Incremental", "Complete"), "properties.mode", "InvalidDeploymentMode"
    )
    if mode == "Complete":
        message = "The vnetferry sandbox runs deployments in Incremental mode only."
        raise AzureError(400, "InvalidDeploymentMode", message)
    template = require_object(require_member(properties, "template"), "properties.template")
    given = require_object(properties.get("parameters"), "properties.parameters")
    try:
        planned, scope, parameters = expand(template, given, _scope(call, mode))
        _require_regions(call, planned)
    except TemplateError as err:
        raise invalid_template(str(err)) from err
    except NeedsResource as err:
        raise invalid_template(str(err.misplaced())) from err
    except RecursionError as err:
        raise invalid_template(str(too_deep())) from err
    _preflight(call, planned)
    document = _document(call, mode, template, parameters, planned)
    if tags := require_tags(body.get("tags")):
        document["tags"] = tags
    return Run(call, document, template, planned, scope)


def _require_served(properties: Json) -> None:
    """What the sandbox leaves out is refused, not overlooked."""
    for name in ("templateLink", "parametersLink", "onErrorDeployment"):
        if properties.get(name) is not None:
            message = f"The vnetferry sandbox does not serve the '{name}' of a deployment."
            raise AzureError(400, "InvalidTemplate", message)


def _require_regions(call: Call, planned: list[Planned]) -> None:
    """Regions that the types have, also of resources whose condition is false.

    Recorded of a refusal: that it is answered to the PUT. That conditions do not count is a public report
    (Azure/azure-resource-manager-schemas#1790).
    """
    for resource in planned:
        location = resource.scope.value(resource.template.get("location"))
        namespace = resource.type.partition("/")[0].lower()
        if isinstance(location, str) and location.lower() not in ("", "global") and namespace in _OFFERED:
            require_offered(call.world, resource.id, require_region(location, resource.type))


def _scope(call: Call, mode: str) -> Scope:
    """What subscription(), resourceGroup() and deployment() answer."""
    group = call.world.documents.require(call.path.partition("/providers/")[0])
    deployment = {
        "name": call.params["deployment"],
        "properties": {"mode": mode, "provisioningState": "Accepted"},
    }
    subscription = subscription_document(call, call.params["subscriptionId"])
    return Scope(subscription, deepcopy(group), deployment, now=call.world.clock.now())


def _preflight(call: Call, planned: list[Planned]) -> None:
    """Rights, providers and policies of every resource, before any is made.

    Reported in public: 400 for a missing right, and its text (Azure-Samples/azure-search-openai-demo#242).
    """
    refused = [text for resource in planned if resource.enabled for text in _refusals(call, resource)]
    if len(refused) == 1:
        raise AzureError(
            400, "InvalidTemplateDeployment", f"The template deployment failed with error: '{refused[0]}'."
        )
    if refused:
        message = f"The template deployment failed with multiple errors: '{':'.join(refused)}'."
        raise AzureError(400, "InvalidTemplateDeployment", message)
    for resource in planned:
        if resource.enabled:
            require_registered(call.world, resource.id)
    require_template_allowed(call.world, _known_bodies(planned))


def _known_bodies(planned: list[Planned]) -> Iterator[tuple[str, Json]]:
    """What is to be sent, but for bodies that ask for the state of another resource."""
    for resource in planned:
        if resource.enabled and resource.type != DEPLOYMENTS:
            with suppress(NeedsResource, TemplateError):
                yield resource.id, resource.body({})


def _refusals(call: Call, resource: Planned) -> list[str]:
    principal, action = call.request.principal, f"{resource.type}/write"
    if principal and authorization.allowed(call.world, principal.object_id, action, resource.id):
        return []
    message = (
        f"Authorization failed for template resource '{resource.name}' of type '{resource.type}'. "
        f"{authorization.named(principal)} does not have permission to perform action '{action}' at "
        f"scope '{resource.id}'."
    )
    return [message]


def _document(call: Call, mode: str, template: Json, parameters: Json, planned: list[Planned]) -> Json:
    group = call.path.partition("/providers/")[0]
    name = call.params["deployment"]
    return {
        "id": f"{group.replace('/resourcegroups/', '/resourceGroups/')}/providers/{DEPLOYMENTS}/{name}",
        "name": name,
        "type": DEPLOYMENTS,
        "properties": {
            "templateHash": templates_hash(template),
            "parameters": parameters,
            "mode": mode,
            "provisioningState": "Accepted",
            "timestamp": call.world.clock.stamp(),
            "duration": "PT0S",
            "correlationId": tracked.new_guid(),
            "providers": _providers(planned),
            "dependencies": _dependencies(planned),
        },
    }


def _providers(planned: list[Planned]) -> list[Json]:
    kinds: dict[str, dict[str, Json]] = {}
    for resource in planned:
        namespace, _, kind = resource.type.partition("/")
        location = resource.template.get("location")
        where = [resource.scope.value(location) if resource.enabled and location else None]
        kinds.setdefault(namespace, {})[kind] = {"resourceType": kind, "locations": where}
    return [
        {"namespace": namespace, "resourceTypes": list(entries.values())}
        for namespace, entries in kinds.items()
    ]


def _dependencies(planned: list[Planned]) -> list[Json]:
    known = {resource.key: resource for resource in planned}

    def named(resource: Planned) -> Json:
        return {"id": resource.id, "resourceType": resource.type, "resourceName": resource.name}

    return [
        {"dependsOn": [named(known[key]) for key in sorted(resource.waits_for)], **named(resource)}
        for resource in planned
        if resource.waits_for
    ]


def _require(world: World, path: str, call: Call) -> Json:
    document = world.documents.get(path)
    if document is None:
        raise AzureError(
            404, "DeploymentNotFound", f"Deployment '{call.params['deployment']}' could not be found."
        )
    return document


async def _get(call: Call) -> Response:
    return Response(200, deepcopy(_require(call.world, call.path, call)))


async def _list(call: Call) -> Response:
    found = call.world.documents.collection(call.path)
    if asked := call.request.query.get("$filter"):
        state = _STATE_IS.match(asked)
        if state is None:
            message = f"The filter '{asked}' is not valid: only provisioningState can be asked for."
            raise AzureError(400, "InvalidFilterInQueryString", message)
        found = [
            each for each in found if each["properties"]["provisioningState"].lower() == state[1].lower()
        ]
    return tracked.paged(call, deepcopy(found))


async def _delete(call: Call) -> Response:
    document = call.world.documents.get(call.path)
    if document is None:
        return Response(204)
    if not end_state(document):
        message = f"The deployment '{document['name']}' is running and cannot be deleted. Cancel it first."
        raise AzureError(409, "DeploymentActive", message)
    call.world.documents.remove(call.path)
    base = f"https://management.azure.com/subscriptions/{call.params['subscriptionId']}/operationresults"
    location = f"{base}/{DEPLOYMENT_DELETED}{secrets.token_hex(16).upper()}?api-version={call.api_version}"
    return Response(202, None, {"Location": location, **call.world.operations.pace()})


async def _cancel(call: Call) -> Response:
    document = _require(call.world, call.path.rpartition("/")[0], call)
    if end_state(document):
        message = f"The deployment '{document['name']}' has ended and cannot be cancelled."
        raise AzureError(409, "DeploymentCannotBeCancelled", message)
    document["properties"]["provisioningState"] = "Canceled"
    return Response(204)


async def _status(call: Call) -> Response:
    document = _require(call.world, call.path.partition("/operationStatuses/")[0], call)
    if f"{document['id']}/operationStatuses/{call.params['id']}" not in call.world.documents:
        message = f"The deployment operation status '{call.params['id']}' could not be found."
        raise AzureError(404, "DeploymentOperationStatusNotFound", message)
    properties = document["properties"]
    body: Json = {"status": properties["provisioningState"]}
    if "error" in properties:
        body["error"] = properties["error"]
    return Response(200, body, call.world.operations.pace())


def _full_path(call: Call) -> str:
    group = f"/subscriptions/{call.params['subscriptionId']}/resourceGroups/{call.params['resourceGroup']}"
    return f"{group}/providers/{DEPLOYMENTS}/{call.params['deployment']}"


async def _list_operations(call: Call) -> Response:
    document = _require(call.world, _full_path(call), call)
    return tracked.paged(call, deepcopy(call.world.documents.collection(f"{document['id']}/operations")))


async def _get_operation(call: Call) -> Response:
    document = _require(call.world, _full_path(call), call)
    operation = call.world.documents.get(f"{document['id']}/operations/{call.params['id']}")
    if operation is None:
        message = f"Deployment operation '{call.params['id']}' could not be found."
        raise AzureError(404, "DeploymentOperationNotFound", message)
    return Response(200, deepcopy(operation))
