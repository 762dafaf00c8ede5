"""Pieces that a shop will sell, day by day."""

import datetime
import json
import logging
import math
import os
from pathlib import Path

import joblib
import numpy as np

logger = logging.getLogger(__name__)
model = None


def init():
    """Load the model once, when the server starts."""
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model.joblib")
    logger.info("Demand model with %d features is ready", model.n_features_in_)


def run(raw_data):
    """`{"days": [{"date": ..., "promotion": ..., "temperature_c": ...}]}` -> `{"pieces": [...]}`."""
    days = json.loads(raw_data).get("days")
    if not isinstance(days, list) or not days:
        raise ValueError("'days' must be a list with at least one day")
    sold = model.predict(np.array([_read_day(day) for day in days]))
    return {"pieces": [round(float(max(0.0, pieces)), 3) for pieces in sold]}


def _read_day(day):
    date = datetime.date.fromisoformat(day["date"])
    turn = 2 * math.pi * (date.timetuple().tm_yday - 1) / 365.25
    weekend = float(date.weekday() >= 5)
    return [
        math.sin(turn),
        math.cos(turn),
        weekend,
        float(bool(day["promotion"])),
        float(day["temperature_c"]),
    ]
