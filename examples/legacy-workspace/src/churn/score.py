"""Which customers are likely to leave, and what to do about it.

CHURN_THRESHOLD is the probability from which on a customer counts as likely to leave; CHURN_ACTION is what is
proposed for such a customer.
"""

import json
import logging
import os
from pathlib import Path

import joblib
import numpy as np

FEATURES = ("months", "price_eur", "support_calls", "has_contract")

logger = logging.getLogger(__name__)
model = None
threshold = 0.0
action = ""


def init():
    """Load the model and read the settings; a missing or unreadable setting stops the server."""
    global model, threshold, action
    threshold = float(os.environ["CHURN_THRESHOLD"])
    action = os.environ["CHURN_ACTION"]
    if not 0 < threshold < 1:
        raise ValueError(f"CHURN_THRESHOLD must lie between 0 and 1, not {threshold}")
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model.joblib")
    logger.info("Customers count as leaving from %.2f on", threshold)


def run(raw_data):
    """`{"customers": [[months, price_eur, support_calls, has_contract], ...]}` -> one result for each."""
    rows = json.loads(raw_data).get("customers")
    if not isinstance(rows, list) or not rows or any(len(row) != len(FEATURES) for row in rows):
        raise ValueError(f"'customers' must be a list of rows of {', '.join(FEATURES)}")
    chances = model.predict_proba(np.array(rows, dtype=float))[:, 1]
    return [{"probability": float(p), "action": action if p >= threshold else "none"} for p in chances]
