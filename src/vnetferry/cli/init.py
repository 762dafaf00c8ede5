"""vnetferry init: write a commented migration.yaml, asking for what it needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

_SIDE_BY_SIDE, _IN_PLACE = "side_by_side", "in_place"
_MODES = """\
# side_by_side: a new workspace; callers change one URI, and the source serves until it is retired.
# in_place: the source itself; callers change nothing, and are answered by nobody for an hour or more.
"""
_SOURCE = """\
# What vnetferry migrates, and how. Read it, then: vnetferry preflight && vnetferry plan && vnetferry apply
# plan.json
{modes}mode: {mode}

source:                       # {source_is}
  subscription_id: {subscription_id}
  resource_group: {resource_group}
  workspace: {workspace}

"""
_NEW_TARGET = """\
target:                       # the workspace to move to; it must not exist yet
  workspace: {target_workspace}
  resource_group: {target_resource_group}        # must exist
  # location: westeurope      # default: the source's
"""
_OWN_TARGET = """\
target:                       # the source itself, which keeps its name, storage, vault and registry
"""
_NETWORK = """\
  isolation_mode: {isolation_mode}               # or allow_internet_outbound
  firewall_sku: basic         # or standard; a firewall is made (and billed) only when there are fqdn rules
"""
_ASSOCIATED = """\
  associated_resources: share # share the source's storage, vault, registry | create | name them:
  #   storage_account: <id>
  #   key_vault: <id>
  #   container_registry: <id>          # must be Premium
  #   application_insights: <id>
"""
_REACH = """\
  image_build_compute: null   # a CPU cluster in the target, when the registry or the storage is closed
  inbound: {inbound}
  derive_outbound_rules: true # to what the source's deployments use; the plan says why each one is added
  outbound_rules: []          # what the endpoints' code may reach besides Azure's own needs, for example:
  #   - {{name: package-index, type: fqdn, destination: packages.example.org}}
  #   - name: search
  #     type: private_endpoint
  #     destination: {{service_resource_id: <id>, subresource_target: searchService, spark_enabled: false}}

"""
_ENDPOINTS = """\
endpoints:
  include: ["*"]              # names or patterns
  exclude: []
  rename: {rename}            # names are unique in a region, so the new one must differ
  public_network_access: disabled

"""
_OWN_ENDPOINTS = """\
endpoints:                    # all of them, under their names and with their keys
  public_network_access: as_is                   # or disabled, enabled

"""
_VALIDATION = """\
validation:
  requests: {{}}                # endpoint: file with a request that a caller sends, relative to this file
  tolerance: {{relative: 1.0e-6, absolute: 1.0e-9}}
"""
_CALLERS = """\
  soak_h: 24                  # hours without any request before the source may be retired

handoff:
  - {{kind: file, path: handoff.json}}          # old URI -> new URI, for the callers
  # - {{kind: key_vault_secret, vault: kv-apps, secret: "{{endpoint}}-scoring-uri"}}
  # - {{kind: app_configuration_key, store: appcs-apps, key: "{{endpoint}}:scoring-uri", label: prod}}
  # - {{kind: webhook, url: https://hooks.example.com/moved, secret: {{environment: HANDOFF_KEY}}}}

retire: {{delete_computes: true, delete_workspace: false, delete_resource_group: false, purge: false}}
"""
_CONCURRENCY = """\
concurrency: {{deployments: 20}}                # at once
"""
_PARTS = {
    _SIDE_BY_SIDE: (
        *(_SOURCE, _NEW_TARGET, _NETWORK, _ASSOCIATED, _REACH),
        *(_ENDPOINTS, _VALIDATION, _CALLERS, _CONCURRENCY),
    ),
    _IN_PLACE: (_SOURCE, _OWN_TARGET, _NETWORK, _REACH, _OWN_ENDPOINTS, _VALIDATION, _CONCURRENCY),
}
_SOURCE_IS = {
    _SIDE_BY_SIDE: "the workspace to leave; it is only read until you retire it",
    _IN_PLACE: "the workspace to convert",
}
_OF_TWO = ("target_workspace", "target_resource_group", "rename")  # what is asked for two workspaces alone


@click.command(name="init")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("migration.yaml"),
    show_default=True,
    help="Where to write the configuration.",
)
@click.option(
    "--mode",
    type=click.Choice([_SIDE_BY_SIDE, _IN_PLACE]),
    help="A new workspace beside the source (default), or the source itself, with downtime.",
)
@click.option("--subscription-id", help="Subscription of the source workspace.")
@click.option("--resource-group", help="Its resource group.")
@click.option("--workspace", help="Its name.")
@click.option("--target-workspace", help="Name of the new workspace.")
@click.option("--target-resource-group", help="Its resource group. Default: the source's.")
@click.option(
    "--subnet-id",
    help="Subnet for the callers' private endpoint; 'today' for those of the source, 'none' for none.",
)
@click.option("--rename", help="New endpoint names, such as '{name}-v2'.")
@click.option(
    "--isolation-mode",
    type=click.Choice(["allow_only_approved_outbound", "allow_internet_outbound"]),
    default="allow_only_approved_outbound",
    show_default=True,
)
def command(output: Path, isolation_mode: str, **given: str | None) -> None:
    """Write a commented migration.yaml, asking for what the options do not say."""
    from vnetferry.config import load_config
    from vnetferry.errors import ConfigError

    if output.exists():
        raise ConfigError(f"{output} exists already", remedy="Name another file with -o, or edit this one.")
    answers = _answers(given)
    mode = answers["mode"]
    text = "".join(_PARTS[mode]).format(
        modes=_MODES, isolation_mode=isolation_mode, source_is=_SOURCE_IS[mode], **_yaml(answers)
    )
    draft = output.with_name(f".{output.name}.new")
    draft.write_text(text, encoding="utf-8")
    try:
        load_config(draft)
    except ConfigError as err:
        what = err.what.replace(f"{draft}, ", "the answers do not fit: ")
        raise ConfigError(what, remedy=f"{err.remedy} Nothing was written; start again.") from None
    else:
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
    click.echo(f"Written to {output}. Next: vnetferry preflight -c {output}")


def _answers(given: dict[str, str | None]) -> dict[str, str]:
    """What was given, and what a person at the terminal says about the rest."""
    answers = {"mode": given.get("mode") or _ask_mode()}
    answers["subscription_id"] = _ask(given, "subscription_id", os.environ.get("AZURE_SUBSCRIPTION_ID"))
    answers["resource_group"] = _ask(given, "resource_group", None)
    answers["workspace"] = _ask(given, "workspace", None)
    if answers["mode"] == _SIDE_BY_SIDE:
        answers["target_workspace"] = _ask(given, "target_workspace", f"{answers['workspace']}-secure")
        answers["target_resource_group"] = _ask(given, "target_resource_group", answers["resource_group"])
        answers["rename"] = _ask(given, "rename", "{name}-v2")
    elif named := next((name for name in _OF_TWO if given.get(name)), None):
        raise click.UsageError(
            f"--{named.replace('_', '-')} has no place in place: the workspace and its endpoints keep their names."
        )
    answers["subnet_id"] = _ask(given, "subnet_id", "today")
    return answers


def _ask_mode() -> str:
    if not sys.stdin.isatty():
        return _SIDE_BY_SIDE
    click.echo(_MODES, nl=False)
    return str(click.prompt("Mode", type=click.Choice([_SIDE_BY_SIDE, _IN_PLACE]), default=_SIDE_BY_SIDE))


def _ask(given: dict[str, str | None], name: str, default: str | None) -> str:
    """The option's value; else what the person says; else, without a terminal, the default."""
    value = given.get(name)
    if value:
        return value
    if sys.stdin.isatty():
        return str(click.prompt(name.replace("_", " ").capitalize(), default=default))
    if default is None:
        raise click.UsageError(f"Give --{name.replace('_', '-')}, or run this at a terminal to be asked.")
    return default


def _yaml(answers: dict[str, str]) -> dict[str, str]:
    """The answers as YAML scalars."""
    import json

    import yaml

    def scalar(text: str) -> str:
        plain = text.strip() == text and not set(text) & set(":#{}[],&*!|>'\"%@`")
        return text if plain and yaml.safe_load(text) == text else json.dumps(text)

    values = {name: scalar(text) for name, text in answers.items()}
    values["inbound"] = _inbound(answers["subnet_id"], values["subnet_id"])
    return values


def _inbound(answer: str, scalar: str) -> str:
    """Private endpoints for callers: none, one in a subnet, or one in each network that has one today."""
    if answer.lower() == "none":
        return "null               # callers' private endpoints: {subnet_id: <id>}"
    if answer.lower() == "today":
        return "{each_network: true}  # a private endpoint where the source has one; more: {subnet_id: <id>}"
    return f"{{subnet_id: {scalar}}}"
