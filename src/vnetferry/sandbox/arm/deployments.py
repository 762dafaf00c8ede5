"""Microsoft.Resources/deployments at resource group scope: templates in, resources made by the same rules as
requests.

A deployment is checked when it is submitted (template, rights, providers: 400, 403, 409), then runs: each
resource is sent as a request of the deployment's caller once what it waits for is there, and its own long-
running operation is waited for. When one fails, those under way end, no further one starts, and the
deployment fails as Azure's does.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import authorization, tracked
from vnetferry.sandbox.arm.api_versions import RESOURCES
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member, require_object
from vnetferry.sandbox.arm.deployment_run import DEPLOYMENTS, Run, end_state
from vnetferry.sandbox.arm.providers import require_registered, subscription_document
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.arm.template import Planned, Scope, expand, templates_hash
from vnetferry.sandbox.arm.template.failures import TemplateError, invalid_template
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
_RESOURCE["resources"] = ([_RESOURCE], {"*": _RESOURCE})
_PARAMETER = {"type": str, "allowedValues": list, **dict.fromkeys(_BOUNDS, int)}
_SHAPE = {
    "properties": {
        "mode": str,
        "parameters": {"*": dict},
        "template": {
            "$schema": str,
            "contentVersion": str,
            "parameters": {"*": _PARAMETER},
            "variables": dict,
            "resources": ([_RESOURCE], {"*": _RESOURCE}),
            "outputs": {"*": {"type": str}},
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
            note="Incremental mode; no template links, no parameters from Key Vault.",
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
    if before and before["properties"]["provisioningState"] in ("Accepted", "Running"):
        message = (
            f"Unable to edit or replace deployment '{call.params['deployment']}': previous deployment from "
            f"'{before['properties']['timestamp']}' is still active (expiration time is "
            f"'{before['properties']['timestamp']}'). Please see https://aka.ms/arm-deploy for usage details."
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


async def _validate(call: Call) -> Response:
    run = _prepare(call, call.json())
    properties = {**run.document["properties"], "provisioningState": "Succeeded"}
    properties["validatedResources"] = [{"id": resource.id} for resource in run.planned if resource.enabled]
    return Response(200, {**deepcopy(run.document), "properties": properties})


def _prepare(call: Call, body: Json) -> Run:
    """Everything that Azure checks before it accepts a deployment."""
    name = call.params["deployment"]
    if not _NAME.match(name):
        message = (
            f"The provided deployment name '{name}' has invalid characters or a wrong length: it may hold "
            "letters, digits, "
            "'-', '.', '(', ')' and '_', and at most 64 of them."
        )
        raise AzureError(400, "InvalidDeploymentName", message)
    require_known(body, {"properties", "tags", "location"}, "DeploymentContent")
    properties = require_object(body.get("properties"), "properties")
    require_known(properties, _PROPERTIES, "DeploymentPropertiesDefinition", "properties")
    mode = require_choice(
        properties.get("mode"), ("Incremental", "Complete"), "properties.mode", "InvalidDeploymentMode"
    )
    if mode == "Complete":
        message = "The vnetferry sandbox runs deployments in Incremental mode only."
        raise AzureError(400, "InvalidDeploymentMode", message)
    if "template" not in properties:
        message = "The template link of a deployment is not served: send the template itself."
        raise AzureError(
            400, "InvalidTemplate" if "templateLink" in properties else "InvalidRequestContent", message
        )
    template = require_object(require_member(properties, "template"), "properties.template")
    given = require_object(properties.get("parameters"), "properties.parameters")
    try:
        planned, scope, parameters = expand(template, given, _scope(call, mode))
    except TemplateError as err:
        raise invalid_template(str(err)) from err
    _preflight(call, planned)
    document = _document(call, mode, template, parameters, planned)
    return Run(call, document, template, planned, scope)


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
    """Rights and providers of every resource, before any is made."""
    refused = [text for resource in planned if resource.enabled for text in _refusals(call, resource)]
    if len(refused) == 1:
        raise AzureError(
            403, "InvalidTemplateDeployment", f"The template deployment failed with error: '{refused[0]}'."
        )
    if refused:
        message = f"The template deployment failed with multiple errors: '{':'.join(refused)}'."
        raise AzureError(403, "InvalidTemplateDeployment", message)
    for resource in planned:
        if resource.enabled:
            require_registered(call.world, resource.id)


def _refusals(call: Call, resource: Planned) -> list[str]:
    principal, action = call.request.principal, f"{resource.type}/write"
    if principal and authorization.allowed(call.world, principal.object_id, action, resource.id):
        return []
    oid = principal.object_id if principal else ""
    message = (
        f"Authorization failed for template resource '{resource.name}' of type '{resource.type}'. The "
        f"client '{oid}' with object id '{oid}' does not have permission to perform action '{action}' at "
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
    return tracked.paged(call, deepcopy(call.world.documents.collection(call.path)))


async def _delete(call: Call) -> Response:
    document = call.world.documents.get(call.path)
    if document is None:
        return Response(204)
    if not end_state(document):
        message = f"The deployment '{document['name']}' is running and cannot be deleted. Cancel it first."
        raise AzureError(409, "DeploymentActive", message)
    call.world.documents.remove(call.path)
    return Response(204)


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
