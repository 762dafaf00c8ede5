"""vnetferry secure: the documented path, from SDK/CLI v2 YAML files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="secure")
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="migration.yaml"
)
@click.option(
    "-f", "--file", "files", required=True, multiple=True, help="An endpoint's or a deployment's YAML."
)
@click.option("--request", default="", help="A scoring request (JSON) for the smoke test.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what each step came to as JSON.")
def command(config_file: Path, files: tuple[str, ...], request: str, *, yes: bool, as_json: bool) -> None:
    """Create a workspace with a managed network, and deploy an endpoint from YAML files into it.

    The first deployment gets all traffic once it has answered. Ends with the deployments' logs.
    """
    from vnetferry.cli.approval import require_yes
    from vnetferry.cli.flow_run import live_view, no_view, prefect_ready
    from vnetferry.cli.show import print_logs, print_outcomes, print_steps
    from vnetferry.config import load_config

    config = load_config(config_file)
    absolute = [str(Path(name).resolve()) for name in files]
    body = str(Path(request).resolve()) if request else ""
    folder = str(config_file.resolve().parent)
    with prefect_ready():
        from flows.secure_endpoint import secure_endpoint
        from tasks.yaml_files import read_secure_plan

        steps, run = read_secure_plan(config, absolute, body, folder)
        if not as_json:
            print_steps(steps)
        require_yes(f"Carry out these {len(steps)} steps?", yes=yes)
        with (no_view if as_json else live_view)(steps, Path(run.audit_file)):
            outcomes = secure_endpoint(config, absolute, body, folder)
    print_outcomes(steps, outcomes, as_json=as_json)
    if not as_json:
        print_logs(steps)
