"""One template deployment under way."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from vnetferry.sandbox.arm.requests import await_operation, send, terminal
from vnetferry.sandbox.arm.template import Planned, Scope, outputs
from vnetferry.sandbox.arm.template.failures import TemplateError, too_deep, unprocessable
from vnetferry.sandbox.arm.template.scope import NeedsResource, Wanted
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.operations import Beginning, Fate, suffer
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, Response

DEPLOYMENTS = "Microsoft.Resources/deployments"
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
    ) -> None:
        self.document = document
        self.planned = planned
        self.status_id = secrets.token_hex(16)
        self._call = call
        self._world = call.world
        self._template = template
        self._scope = scope
        self._found: dict[Wanted, Any] = {}
        self._errors: list[Json] = []
        self._done = {resource.key: asyncio.Event() for resource in planned}
        self._began_s = call.world.clock.elapsed_s()

    async def execute(self) -> None:
        """Make everything; ends Succeeded, Failed or Canceled, whatever happens but a scenario's `lro_stuck`."""
        fate = self._world.operations.fate(Beginning("Deployments_CreateOrUpdate", self.document["id"]))
        await self._world.clock.sleep(_POLL_S)
        self._move("Running")
        try:
            await self._carry_out(fate)
        except Exception as err:  # noqa: BLE001 - a defect must not leave a deployment running for ever
            self._fail({"code": "InternalServerError", "message": f"Sandbox defect: {err!r}"})

    async def _carry_out(self, fate: Fate) -> None:
        await asyncio.gather(*(self._make(resource) for resource in self.planned if resource.enabled))
        await self._meet(fate)
        if self._errors:
            self._fail(_failed(self._errors))
        elif not end_state(self.document):
            await self._finish()
        self._move("Succeeded")

    def _fail(self, error: Json) -> None:
        self.document["properties"]["error"] = error
        self._move("Failed")

    async def _meet(self, fate: Fate) -> None:
        try:
            await suffer(fate)
        except AzureError as err:
            self._errors.append(err.error())

    def _move(self, state: str) -> None:
        """To the next state, unless the deployment has ended (it may have been cancelled meanwhile)."""
        properties = self.document["properties"]
        if not end_state(self.document):
            properties["provisioningState"] = state
        properties["timestamp"] = self._world.clock.stamp()
        properties["duration"] = iso_duration(self._world.clock.elapsed_s() - self._began_s)

    async def _finish(self) -> None:
        """Work out the outputs: the last operation of a deployment, which has no target."""
        properties = self.document["properties"]
        operation = self._new_operation("EvaluateDeploymentOutput")["properties"]
        try:
            properties["outputs"] = await self._with_found(
                lambda scope: outputs.evaluate(self._template, scope)
            )
        except AzureError as err:
            operation.update(
                provisioningState="Failed", statusCode=_phrase(err.status), statusMessage=_message(err)
            )
            self._fail(err.error() if err.code == outputs.FAILED else _failed([err.error()]))
            return
        made = [resource for resource in self.planned if resource.enabled and resource.type != DEPLOYMENTS]
        properties["outputResources"] = [{"id": resource.id} for resource in made]
        operation.update(provisioningState="Succeeded", statusCode="OK")

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
        sender = self._call.request
        return await send(self._world, sender, "PUT", resource.id, resource.api_version, body)

    async def _with_found(self, evaluate: Callable[[Scope], _T]) -> _T:
        """Evaluate; whenever a resource's state is missing, ask for it and evaluate again."""
        try:
            return evaluate(replace(self._scope, found=self._found))
        except NeedsResource as err:
            self._found[err.wanted] = await self._fetch(err.wanted)
        except RecursionError as err:
            raise too_deep() from err
        return await self._with_found(evaluate)

    async def _fetch(self, wanted: Wanted) -> Any:
        method, path = (
            ("POST", f"{wanted.resource_id}/{wanted.verb}") if wanted.verb else ("GET", wanted.resource_id)
        )
        response = await send(self._world, self._call.request, method, path, wanted.api_version)
        return json.loads(response.encoded() or b"null")

    async def _await_end(self, resource_id: str, response: Response) -> None:
        """Wait for the operation that a PUT began, or for the resource's state; AzureError if it failed."""
        if await await_operation(self._world, response):
            return
        document = self._world.documents.get(resource_id)
        while document is not None and not end_state(document):
            await self._world.clock.sleep(_POLL_S)
            document = self._world.documents.get(resource_id)
        properties = (document or {}).get("properties") or {}
        if properties.get("provisioningState") in ("Failed", "Canceled"):
            raise terminal(properties["provisioningState"], properties.get("error"))


def iso_duration(seconds: float) -> str:
    """`PT1M2.5S`, as Azure writes how long something took."""
    minutes, rest = divmod(max(seconds, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    return f"PT{text}{rest:.7f}".rstrip("0").rstrip(".") + "S"


def _failed(errors: list[Json]) -> Json:
    message = (
        "At least one resource deployment operation failed. Please list deployment operations for details. "
        "Please see https://aka.ms/arm-deployment-operations for usage details."
    )
    return {"code": "DeploymentFailed", "message": message, "details": errors}


def _message(err: AzureError) -> Json:
    failed = {"status": "Failed"} if err.code == "ResourceDeploymentFailure" else {}
    return {**failed, "error": err.error()}


def _phrase(status: int) -> str:
    """A status as deployment operations write it, such as NotFound."""
    return "OK" if status == 200 else HTTPStatus(status).phrase.replace(" ", "").replace("-", "")
