"""A template's outputs: what is seen of them at once, and their values when all resources are there."""

from __future__ import annotations

from typing import Any

from vnetferry.sandbox.arm.template.failures import TemplateError, too_deep
from vnetferry.sandbox.arm.template.parameters import is_type, misfit, typed
from vnetferry.sandbox.arm.template.scope import Scope, require_member
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json

FAILED = "DeploymentOutputEvaluationFailed"


def require_sound(outputs: Json) -> None:
    """TemplateError for an output without a type that there is, or without a value."""
    for name, output in outputs.items():
        require_member(output, "type", f"outputs.{name}")
        if not is_type(output["type"]):
            raise TemplateError(
                f"The template output '{name}' has the type '{output['type']}', which is not valid."
            )
        if "copy" not in output:
            require_member(output, "value", f"outputs.{name}")


def evaluate(template: Json, scope: Scope) -> Json:
    """The outputs' values: `{name: {type, value}}`; those whose condition is false are left out.

    Raises: AzureError `DeploymentOutputEvaluationFailed`, which names each one that there is no value of;
            NeedsResource.
    """
    outcomes = {
        name: _outcome(name, output, scope) for name, output in (template.get("outputs") or {}).items()
    }
    if failed := {name: each for name, each in outcomes.items() if isinstance(each, TemplateError)}:
        raise _refusal(failed)
    return {name: each for name, each in outcomes.items() if each is not None}


def _outcome(name: str, output: Json, scope: Scope) -> Json | TemplateError | None:
    """The output, why there is none, or None for one whose condition is false."""
    try:
        wanted = scope.value(output.get("condition", True))
        if not isinstance(wanted, bool):
            raise TemplateError("The condition must evaluate to a boolean")
        return typed(output["type"], _value(name, output, scope)) if wanted else None
    except TemplateError as err:
        return err
    except RecursionError:
        return too_deep()


def _value(name: str, output: Json, scope: Scope) -> Any:
    loop = output.get("copy")
    value = scope.copied({**loop, "name": name}) if loop is not None else scope.value(output["value"])
    if why := misfit(output["type"], value):
        raise TemplateError(
            f"Template output {why}Please see https://aka.ms/arm-template/#outputs for usage details."
        )
    return value


def _refusal(failed: dict[str, TemplateError]) -> AzureError:
    """As users report it, the missing space in one of its texts too."""
    message = (
        f"Unable to evaluate template outputs: '{','.join(failed)}'. Please see error details and deployment "
        "operations. Please see https://aka.ms/arm-common-errors for usage details."
    )
    details = [
        {"code": FAILED, "target": name, "message": f"The template output '{name}' is not valid: {err}."}
        for name, err in failed.items()
    ]
    return AzureError(400, FAILED, message, details=details)
