"""The refusals of the template engine, in Azure's words."""

from __future__ import annotations

from vnetferry.sandbox.errors import AzureError


class TemplateError(Exception):
    """What is wrong with a template or an expression; becomes `InvalidTemplate` at the edge."""


def invalid_template(why: str) -> AzureError:
    """400 for what is found when a deployment is submitted."""
    return AzureError(400, "InvalidTemplate", f"Deployment template validation failed: '{why}'.")


def unprocessable(resource: str, why: str) -> AzureError:
    """What a deployment fails with when an expression of one resource cannot be evaluated while it runs."""
    message = (
        f"Unable to process template language expressions for resource '{resource}' at line '1' and column "
        f"'1'. '{why}'"
    )
    return AzureError(400, "InvalidTemplate", message)


def too_deep() -> TemplateError:
    """For functions within functions, or values within values, of more levels than can be worked out (assumed)."""
    return TemplateError("The template nests its functions or values too deeply to be evaluated.")


def unknown_function(name: str) -> TemplateError:
    """For a function that the language has not."""
    return TemplateError(
        f"The template function '{name}' is not valid. Please see "
        "https://aka.ms/arm-template-expressions for usage details."
    )


def misuse(name: str, why: str) -> TemplateError:
    """For a function that is called with what it does not take."""
    return TemplateError(
        f"Unable to evaluate template language function '{name}': {why} "
        f"Please see https://aka.ms/arm-functions#{name.lower()} for usage details."
    )
