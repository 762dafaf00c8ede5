"""vnetferry init: write a commented migration.yaml, asking for what it needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

TEMPLATE = """\
# What vnetferry migrates, and how. Read it, then: vnetferry preflight && vnetferry plan && vnetferry apply
# plan.json
source:                       # the workspace to leave; it is only read until you retire it
  subscription_id: {subscription_id}
  resource_group: {resource_group}
  workspace: {workspace}

target:                       # the workspace to move to; it must not exist yet
  workspace: {target_workspace}
  resource_group: {target_resource_group}        # must exist
  # location: westeurope      # default: the source's
  isolation_mode: {isolation_mode}               # or allow_internet_outbound
  firewall_sku: basic         # or standard; a firewall is made (and billed) only when there are fqdn rules
  associated_resources: share # share the source's storage, vault, registry | create | name them:
  #   storage_account: <id>
  #   key_vault: <id>
  #   container_registry: <id>          # must be Premium
  #   application_insights: <id>
  image_build_compute: null   # a CPU cluster in the target, when the registry or the storage is closed
  inbound: {inbound}
  outbound_rules: []          # what the endpoints' code may reach besides Azure's own needs, for example:
  #   - {{name: package-index, type: fqdn, destination: packages.example.org}}
  #   - name: search
  #     type: private_endpoint
  #     destination: {{service_resource_id: <id>, subresource_target: searchService, spark_enabled: false}}

endpoints:
  include: ["*"]              # names or patterns
  exclude: []
  rename: {rename}            # names are unique in a region, so the new one must differ
  public_network_access: disabled

validation:
  requests: {{}}                # endpoint: file with a request that a caller sends, relative to this file
  tolerance: {{relative: 1.0e-6, absolute: 1.0e-9}}
  soak_h: 24                  # hours without any request before the source may be retired

handoff:
  - {{kind: file, path: handoff.json}}          # old URI -> new URI, for the callers

retire: {{delete_computes: true, delete_workspace: false, purge: false}}
concurrency: {{deployments: 20}}                # at once
"""


@click.command(name="init")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("migration.yaml"),
    show_default=True,
    help="Where to write the configuration.",
)
@click.option("--subscription-id", help="Subscription of the source workspace.")
@click.option("--resource-group", help="Its resource group.")
@click.option("--workspace", help="Its name.")
@click.option("--target-workspace", help="Name of the new workspace.")
@click.option("--target-resource-group", help="Its resource group. Default: the source's.")
@click.option("--subnet-id", help="Subnet for the callers' private endpoint; 'none' for none.")
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
    text = TEMPLATE.format(isolation_mode=isolation_mode, **_yaml(answers))
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
    answers: dict[str, str] = {}
    answers["subscription_id"] = _ask(given, "subscription_id", os.environ.get("AZURE_SUBSCRIPTION_ID"))
    answers["resource_group"] = _ask(given, "resource_group", None)
    answers["workspace"] = _ask(given, "workspace", None)
    answers["target_workspace"] = _ask(given, "target_workspace", f"{answers['workspace']}-secure")
    answers["target_resource_group"] = _ask(given, "target_resource_group", answers["resource_group"])
    answers["subnet_id"] = _ask(given, "subnet_id", "none")
    answers["rename"] = _ask(given, "rename", "{name}-v2")
    return answers


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
    subnet = answers["subnet_id"]
    inbound = "null               # callers' private endpoint: {subnet_id: <id>}"
    values["inbound"] = inbound if subnet.lower() == "none" else f"{{subnet_id: {scalar(subnet)}}}"
    return values
