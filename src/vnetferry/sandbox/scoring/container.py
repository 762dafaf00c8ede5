"""What a deployment's server runs in: its files on disk and its environment, as in Azure's containers.

Paths of the container are made to point below a private folder; nothing of the machine's own environment
gets in.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.scoring import egress, mlflow, runtime
from vnetferry.sandbox.scoring.assets import (
    Assets,
    find_assets,
    is_mlflow_without_code,
    lay_out,
    localize,
)
from vnetferry.sandbox.scoring.process import Launch
from vnetferry.sandbox.scoring.reach import obstacle
from vnetferry.sandbox.scoring.secret_references import injected
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


@dataclass(frozen=True)
class Container:
    """A server that is ready to be launched, and what the storage initializer logged before."""

    launch: Launch
    log: str


async def build(world: World, deployment: Json, root: Path) -> Container:
    """Lay out a deployment's files below `root` and open its network.

    Raises: AzureError `BadArgument` (code or model missing), `NotImplemented` (a container that the sandbox
            does not run), `InternalServerError` (no scoring runtime is installed).
    """
    assets = find_assets(world, deployment)
    _check_reachable(world, deployment, assets)
    without_code = "AML_APP_ROOT" not in assets.variables
    if without_code and not is_mlflow_without_code(world, deployment):
        raise _not_run()
    lines = await asyncio.to_thread(lay_out, world.blobs, assets, root)
    served = await asyncio.to_thread(mlflow.lay_out, assets, root) if without_code else assets.variables
    python = _find_python()
    port = await egress.open_port(world, deployment)
    own = {**(deployment["properties"].get("environmentVariables") or {}), **injected(world, deployment)}
    environment = {
        **_base_environment(python, root),
        **_network_environment(port, world.ca_file),
        **localize({**assets.variables, **served, **own}, root),
    }
    launch = Launch(
        python, Path(f"{root}{served['AML_APP_ROOT']}"), environment["AZUREML_ENTRY_SCRIPT"], environment
    )
    return Container(launch, "".join(f"{line}\n" for line in lines))


def _not_run() -> AzureError:
    return AzureError(
        501,
        "NotImplemented",
        "The sandbox runs a deployment's own code and MLflow models of the scikit-learn flavor, no containers "
        "of other kinds; with `runtime: echo` in the scenario they answer with an echo.",
    )


def _check_reachable(world: World, deployment: Json, assets: Assets) -> None:
    """What a container starts from is fetched through its own network."""
    for mount in assets.mounts:
        if why := obstacle(world, deployment, f"{mount.source.account}.blob.core.windows.net"):
            raise AzureError(400, "BadArgument", f"Unable to download user model or code: {why}")


def _find_python() -> Path:
    try:
        return runtime.find_python()
    except runtime.RuntimeMissing as err:
        raise AzureError(500, "InternalServerError", str(err)) from err


def _base_environment(python: Path, root: Path) -> dict[str, str]:
    """The least that a process needs; nothing of the machine's own environment, which may hold secrets."""
    return {
        "PATH": f"{python.parent}{os.pathsep}{os.defpath}",
        "HOME": str(root),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "GUNICORN_CMD_ARGS": "--no-control-socket",
    }


def _network_environment(proxy_port: int, ca_file: Path) -> dict[str, str]:
    """The network as a container sees it: out through one proxy, which the sandbox's own CA vouches for."""
    proxy, local = f"http://127.0.0.1:{proxy_port}", "127.0.0.1,localhost"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"), str(ca_file))
    return {**proxies, **trust, "NO_PROXY": local, "no_proxy": local}
