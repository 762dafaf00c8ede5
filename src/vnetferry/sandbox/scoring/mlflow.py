"""MLflow models without code of their own: how the sandbox serves those of the scikit-learn flavor.

As in Azure, the scoring script is the service's own (`mlflow_score.py` here) and the model is read as its
MLmodel file says. Its packages are those of the scoring runtime, whatever the model's own list asks for.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.scoring.assets import Assets
from vnetferry.sandbox.yaml_text import read_yaml

_FOLDER = "/var/azureml-app/mlflow_resources"
_SCRIPT = Path(__file__).with_name("mlflow_score.py")


def lay_out(assets: Assets, root: Path) -> dict[str, str]:
    """Put the scoring script beside the model that lies below `root`; return the variables that it needs. Blocks.

    AzureError `BadArgument` when there is no MLmodel, `NotImplemented` for flavors that the sandbox cannot run.
    """
    model = Path(f"{root}{assets.mounts[-1].target}")
    pickled = model / _pickle_name(model)
    target = Path(f"{root}{_FOLDER}")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(_SCRIPT, target)
    return {
        "AML_APP_ROOT": _FOLDER,
        "AZUREML_ENTRY_SCRIPT": _SCRIPT.name,
        "MLFLOW_PICKLED_MODEL": f"{assets.mounts[-1].target}/{pickled.relative_to(model)}",
    }


def _pickle_name(model: Path) -> str:
    flavors = _read_flavors(model)
    pickled = (flavors.get("sklearn") or {}).get("pickled_model")
    if not isinstance(pickled, str) or ".." in Path(pickled).parts or Path(pickled).is_absolute():
        raise AzureError(
            501,
            "NotImplemented",
            "The sandbox runs MLflow models of the scikit-learn flavor only; this one has "
            f"{', '.join(sorted(flavors)) or 'none'}. With `runtime: echo` in the scenario it answers with an echo.",
        )
    return pickled


def _read_flavors(model: Path) -> dict[str, Any]:
    try:
        described = read_yaml((model / "MLmodel").read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        message = (
            f"Unable to download user model: it has no MLmodel file that can be read ({type(err).__name__})."
        )
        raise AzureError(400, "BadArgument", message) from err
    flavors = described.get("flavors") if isinstance(described, dict) else None
    return flavors if isinstance(flavors, dict) else {}
