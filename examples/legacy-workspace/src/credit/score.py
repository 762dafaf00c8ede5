"""Probability that an applicant will default on a loan."""

import json
import logging
import os
from pathlib import Path

import joblib
import numpy as np

FEATURES = ("income_keur", "debt_ratio", "age_years", "open_loans", "late_payments")

logger = logging.getLogger(__name__)
model = None


def init():
    """Load the model once, when the server starts."""
    global model
    file = Path(os.environ["AZUREML_MODEL_DIR"]) / "model.joblib"
    model = joblib.load(file)
    logger.info("Loaded %s (%s)", file.name, type(model).__name__)


def run(raw_data):
    """`{"applicants": [{...}]}` -> `{"default_probability": [...]}`; ValueError for anything else."""
    rows = [_read_row(position, row) for position, row in enumerate(_read_rows(raw_data))]
    logger.info("Scoring %d applicants", len(rows))
    return {"default_probability": model.predict_proba(np.array(rows))[:, 1].tolist()}


def _read_rows(raw_data):
    rows = json.loads(raw_data).get("applicants")
    if not isinstance(rows, list) or not rows:
        raise ValueError("'applicants' must be a list with at least one applicant")
    return rows


def _read_row(position, row):
    missing = [name for name in FEATURES if not isinstance(row.get(name), (int, float))]
    if missing:
        raise ValueError(f"applicant {position}: {', '.join(missing)} must be a number")
    return [float(row[name]) for name in FEATURES]
