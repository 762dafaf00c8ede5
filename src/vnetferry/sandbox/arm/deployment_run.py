"""One template deployment under way."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from vnetferry.sandbox.arm.template import Planned, Scope, outputs
from vnetferry.sandbox.arm.template.failures import TemplateError, unprocessable
from vnetferry.sandbox.arm.template.scope import NeedsResource, Wanted
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, Request, Response

DEPLOYMENTS = "Microsoft.Resources/deployments"
_FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for "
    "details. Please see "
    "https://aka.ms/arm-deployment-operations for usage details."
)
_POLL_S = 1.0
_T = TypeVar("_T")


def end_state(document: Json) -> bool:
    """Whether a deployment (or any resource) is in a state that does not change by itself."""
    state = (document.get("properties") or {}).get("provisioningState", "Succeeded")
    return str(state).lower() in ("succeeded", "failed", "canceled")


class Run:
    """A deployment from its acceptance to its end; `document` is its live ARM document."""

    def __init__(
        self,
        call: Call,
        document: Json,
        template: Json,
        planned: list[Planned],
        scope: Scope,
        *,
        complete: bool,
    ) -> None:
        self.document = document
        self.planned = planned
        self.status_id = secrets.token_hex(16)
        self._call = call
        self._world = call.world
        self._template = template
        self._scope = scope
        self._complete = complete
        self._found: dict[Wanted, Any] = {}
        self._errors: list[Json] = []
        self._done = {resource.key: asyncio.Event() for resource in planned}
        self._began_s = call.world.clock.elapsed_s()

    async def execute(self) -> None:
        """Make everything; ends Succeeded, Failed or Canceled, whatever happens."""
        await self._world.clock.sleep(_POLL_S)
        properties = self.document["properties"]
        self._move("Running")
        await asyncio.gather(*(self._make(resource) for resource in self.planned if resource.enabled))
        if not self._errors and properties["provisioningState"] == "Running":
            await self._finish()
        if self._errors:
            properties["error"] = {"code": "DeploymentFailed", "message": _FAILED, "details": self._errors}
            self._move("Failed")
        self._move("Succeeded")

    def _move(self, state: str) -> None:
        """To the next state, unless the deployment has ended (it may have been cancelled meanwhile)."""
        properties = self.document["properties"]
        if not end_state(self.document):
            properties["provisioningState"] = state
        properties["timestamp"] = self._world.clock.stamp()
        properties["duration"] = iso_duration(self._world.clock.elapsed_s() - self._began_s)

    async def _finish(self) -> None:
        try:
            if self._complete:
                await self._remove_others()
            found = await self._with_found(lambda scope: outputs(self._template, scope))
            self.document["properties"]["outputs"] = found
            enabled = [
                resource for resource in self.planned if resource.enabled and resource.type != DEPLOYMENTS
            ]
            self.document["properties"]["outputResources"] = [{"id": resource.id} for resource in enabled]
            self._note_outputs()
        except (TemplateError, AzureError) as err:
            error = (
                err
                if isinstance(err, AzureError)
                else AzureError(400, "DeploymentOutputEvaluationFailed", str(err))
            )
            self._errors.append(error.error())

    def _note_outputs(self) -> None:
        """Azure's last operation of a deployment has no target."""
        operation = self._new_operation("EvaluateDeploymentOutput")
        operation["properties"].update(provisioningState="Succeeded", statusCode="OK", duration="PT0S")

    async def _make(self, resource: Planned) -> None:
        try:
            for key in resource.waits_for:
                await self._done[key].wait()
            if not self._errors and not end_state(self.document):
                await self._deploy(resource)
        finally:
            self._done[resource.key].set()

    async def _deploy(self, resource: Planned) -> None:
        operation = self._new_operation("Create")
        properties, began_s = operation["properties"], self._world.clock.elapsed_s()
        properties["targetResource"] = {
            "id": resource.id,
            "resourceType": resource.type,
            "resourceName": resource.name,
        }
        try:
            response = await self._send(resource)
            properties["statusCode"] = _phrase(response.status)
            await self._await_end(resource.id, response)
            properties["provisioningState"] = "Succeeded"
        except AzureError as err:
            properties.update(
                provisioningState="Failed", statusCode=_phrase(err.status), statusMessage=_message(err)
            )
            self._errors.append({"code": _phrase(err.status), "message": json.dumps(_message(err), indent=2)})
        finally:
            properties["timestamp"] = self._world.clock.stamp()
            properties["duration"] = iso_duration(self._world.clock.elapsed_s() - began_s)

    def _new_operation(self, kind: str) -> Json:
        identifier = secrets.token_hex(8).upper()
        properties = {
            "provisioningOperation": kind,
            "provisioningState": "Running",
            "timestamp": self._world.clock.stamp(),
            "duration": "PT0S",
            "trackingId": secrets.token_hex(16),
            "statusCode": "Accepted",
        }
        path = f"{self.document['id']}/operations/{identifier}"
        return self._world.documents.put({"id": path, "operationId": identifier, "properties": properties})

    async def _send(self, resource: Planned) -> Response:
        try:
            body = await self._with_found(lambda scope: resource.body(scope.found))
        except TemplateError as err:
            raise unprocessable(resource.id, str(err)) from err
        response = await self._request("PUT", resource.id, resource.api_version, body)
        return _require_success(response)

    async def _with_found(self, evaluate: Callable[[Scope], _T]) -> _T:
        """Evaluate; whenever a resource's state is missing, ask for it and evaluate again."""
        try:
            return evaluate(replace(self._scope, found=self._found))
        except NeedsResource as err:
            self._found[err.wanted] = await self._fetch(err.wanted)
        return await self._with_found(evaluate)

    async def _fetch(self, wanted: Wanted) -> Any:
        method, path = (
            ("POST", f"{wanted.resource_id}/{wanted.verb}") if wanted.verb else ("GET", wanted.resource_id)
        )
        response = await self._request(method, path, wanted.api_version)
        return json.loads(_require_success(response).encoded() or b"null")

    async def _request(self, method: str, path: str, api_version: str, body: Json | None = None) -> Response:
        """A request of the deployment's caller, by the rules for any request."""
        from vnetferry.sandbox.arm import site  # it imports every service, this one too

        sender = self._call.request
        headers = {"content-type": "application/json", "x-ms-client-request-id": secrets.token_hex(16)}
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(
            method,
            sender.host,
            path.replace(" ", "%20"),
            f"api-version={api_version}",
            {**headers, **_kept(sender)},
            content,
            sender.vantage,
            sender.principal,
        )
        try:
            return await site.dispatch(self._world, request)
        except AzureError as err:
            return Response(err.status, err.body())

    async def _await_end(self, resource_id: str, response: Response) -> None:
        """Wait for the operation that a PUT began, or for the resource's state; AzureError if it failed."""
        identifier = _operation_id(response)
        operation = self._world.operations.find(identifier) if identifier else None
        if operation:
            await operation.ended.wait()
            if operation.status != "Succeeded":
                raise _terminal(operation.status, operation.error)
            return
        while True:
            document = self._world.documents.get(resource_id)
            if document is None or end_state(document):
                break
            await self._world.clock.sleep(_POLL_S)
        state = ((document or {}).get("properties") or {}).get("provisioningState")
        if document and state in ("Failed", "Canceled"):
            raise _terminal(state, document["properties"].get("error"))

    async def _remove_others(self) -> None:
        """Complete mode: what the group holds and the template does not name goes."""
        group, kept = (
            self.document["id"].partition("/providers/")[0],
            {resource.key for resource in self.planned},
        )
        for document in list(self._world.documents.below(group)):
            kind = resource_type(document["id"])
            if kind.count("/") == 1 and kind != DEPLOYMENTS and document["id"].lower() not in kept:
                self._world.documents.remove(document["id"])


def iso_duration(seconds: float) -> str:
    """`PT1M2.5S`, as Azure writes how long something took."""
    minutes, rest = divmod(max(seconds, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    return f"PT{text}{rest:.7f}".rstrip("0").rstrip(".") + "S"


def _kept(sender: Request) -> dict[str, str]:
    return {"authorization": sender.headers["authorization"]} if "authorization" in sender.headers else {}


def _require_success(response: Response) -> Response:
    if response.status < 400:
        return response
    error = json.loads(response.encoded() or b"{}").get("error") or {
        "code": _phrase(response.status),
        "message": "",
    }
    raise AzureError(response.status, error["code"], error["message"], details=deepcopy(error.get("details")))


def _operation_id(response: Response) -> str:
    headers = {name.lower(): value for name, value in response.headers.items()}
    url = headers.get("azure-asyncoperation") or (
        headers.get("location", "") if response.status == 202 else ""
    )
    return url.partition("?")[0].rpartition("/")[2]


def _terminal(state: str, error: Json | None) -> AzureError:
    """What a resource's failed operation is to the deployment that began it."""
    message = f"The resource operation completed with terminal provisioning state '{state}'."
    return AzureError(409, "ResourceDeploymentFailure", message, details=[deepcopy(error)] if error else [])


def _message(err: AzureError) -> Json:
    failed = {"status": "Failed"} if err.code == "ResourceDeploymentFailure" else {}
    return {**failed, "error": err.error()}


def _phrase(status: int) -> str:
    """A status as deployment operations write it, such as NotFound."""
    return "OK" if status == 200 else HTTPStatus(status).phrase.replace(" ", "").replace("-", "")
