"""The rules for names, and the new names of endpoints.

Source: Manage and increase quotas (endpoint and deployment names); REST API, managed network rules (the
        pattern of rule and workspace names). FACTS 3.2.
"""

from __future__ import annotations

import re

from vnetferry.errors import ConfigError

ENDPOINT_NAME_MAX = 32
_ENDPOINT = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,31}")
_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")


def rename(name: str, template: str) -> str:
    """The new name of an endpoint, such as `scoring-v2` for `scoring` and `{name}-v2`."""
    return template.replace("{name}", name)


def endpoint_name_problem(name: str) -> str:
    """What is wrong with an endpoint's name, as half a sentence; empty when nothing is."""
    if len(name) > ENDPOINT_NAME_MAX:
        return f"has {len(name)} characters, and Azure takes {ENDPOINT_NAME_MAX} at most"
    if len(name) < 3:
        return f"has {len(name)} characters, and Azure takes 3 at least"
    if not _ENDPOINT.fullmatch(name):
        return "must begin with a letter and hold letters, digits and single dashes, a dash never last"
    return ""


def require_endpoint_name(name: str, source: str) -> None:
    """Raise ConfigError when the new name of the endpoint `source` cannot be an endpoint's name."""
    problem = endpoint_name_problem(name)
    if problem:
        raise ConfigError(
            f"the new name '{name}' of endpoint '{source}' {problem}",
            resource="endpoints.rename",
            remedy="Choose another endpoints.rename, such as 'v2-{name}' or '{name}2', or exclude the endpoint.",
        )


def require_own_endpoint_name(name: str, file: str) -> None:
    """Raise ConfigError when the name that a YAML file gives its endpoint cannot be an endpoint's name."""
    problem = endpoint_name_problem(name)
    if problem:
        raise ConfigError(
            f"the endpoint's name '{name}' {problem}",
            resource=file,
            remedy="Choose another name in that file.",
        )


def require_workspace_name(name: str) -> None:
    """Raise ConfigError when `name` cannot be a workspace's name."""
    if not _WORKSPACE.fullmatch(name):
        raise ConfigError(
            f"the target workspace's name '{name}' is not one that Azure takes",
            resource="target.workspace",
            remedy="Use 3 to 32 letters, digits, '-' and '_', beginning with a letter or digit.",
        )


def rule_name_problem(name: str) -> str:
    """What is wrong with an outbound rule's name; empty when nothing is."""
    if _RULE.fullmatch(name):
        return ""
    return "needs a name of 3 to 33 letters, digits, '-' and '_', beginning with a letter or digit"
