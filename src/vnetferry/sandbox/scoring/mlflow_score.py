"""Score a pickled scikit-learn model as the service does for MLflow models without code; never imported.

Run by the scoring runtime's Python, as the entry script of the inference server. A request holds
`input_data`: rows, or an object with `data` (and `columns` and `index`, of which only the order counts).
"""

from __future__ import annotations

import json
import os
from typing import Any

_MODELS: list[Any] = []


def init() -> None:
    """Read the model."""
    import joblib  # type: ignore[import-untyped,import-not-found,unused-ignore]

    _MODELS.append(joblib.load(os.environ["MLFLOW_PICKLED_MODEL"]))


def run(raw: str) -> list[Any]:
    """The predictions, one for each row."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore]

    request = json.loads(raw)
    if "input_data" not in request:
        raise ValueError("Request must contain a top level key named 'input_data'")
    given = request["input_data"]
    rows = given["data"] if isinstance(given, dict) else given
    predicted: list[Any] = _MODELS[0].predict(np.asarray(rows)).tolist()
    return predicted
