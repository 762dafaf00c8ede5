"""Train the example's models on data made here, and write them to models/.

The same libraries give the same files: every draw has a seed, and what linear algebra found is rounded, so
that the last bits of one machine's BLAS do not show. The models need the scoring runtime's scikit-learn:

    .runtime/bin/python examples/legacy-workspace/train.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

Rows = NDArray[np.float64]
ROWS = 2000
DIGITS = 10


def make_loans() -> tuple[Rows, NDArray[np.int64]]:
    """Applicants (income kEUR, debt ratio, age, open loans, late payments) and whether they defaulted."""
    draw = np.random.default_rng(7)
    income = draw.lognormal(3.6, 0.4, ROWS).round(1)
    debt = draw.beta(2, 5, ROWS).round(3)
    age = draw.integers(19, 78, ROWS)
    loans = draw.poisson(1.4, ROWS)
    late = draw.poisson(0.3 + 1.5 * debt)
    risk = -2.6 + 3.1 * debt + 0.55 * late + 0.2 * loans - 0.02 * (income - 35) - 0.012 * (age - 45)
    defaulted = draw.random(ROWS) < 1 / (1 + np.exp(-risk))
    return np.column_stack([income, debt, age, loans, late]).astype(float), defaulted.astype(np.int64)


def make_customers() -> tuple[Rows, NDArray[np.int64]]:
    """Customers (months, monthly EUR, support calls, has contract) and whether they left."""
    draw = np.random.default_rng(11)
    months = draw.integers(1, 73, ROWS)
    price = draw.normal(42, 14, ROWS).clip(9, 95).round(2)
    calls = draw.poisson(1.1, ROWS)
    contract = draw.integers(0, 2, ROWS)
    risk = 0.4 - 0.045 * months + 0.02 * (price - 40) + 0.5 * calls - 1.3 * contract
    left = draw.random(ROWS) < 1 / (1 + np.exp(-risk))
    return np.column_stack([months, price, calls, contract]).astype(float), left.astype(np.int64)


def make_sales() -> tuple[Rows, Rows]:
    """Days (sine and cosine of the year, weekend, promotion, temperature in degrees C) and pieces sold."""
    draw = np.random.default_rng(13)
    day = np.arange(ROWS)
    turn = 2 * np.pi * day / 365.25
    weekend = (day % 7 >= 5).astype(float)
    promotion = (draw.random(ROWS) < 0.1).astype(float)
    heat = (11 - 9 * np.cos(turn) + draw.normal(0, 3, ROWS)).round(1)
    sold = 180 + 25 * np.sin(turn) + 40 * weekend + 65 * promotion + 1.8 * heat + draw.normal(0, 12, ROWS)
    return np.column_stack(
        [np.sin(turn).round(6), np.cos(turn).round(6), weekend, promotion, heat]
    ), sold.round()


def train_credit_blue() -> Pipeline:
    """The model in service: a logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500, tol=1e-10))
    model.fit(*make_loans())
    scaler, regression = model
    scaler.mean_, scaler.scale_, scaler.var_ = (
        a.round(DIGITS) for a in (scaler.mean_, scaler.scale_, scaler.var_)
    )
    regression.coef_, regression.intercept_ = (
        regression.coef_.round(DIGITS),
        regression.intercept_.round(DIGITS),
    )
    return model


def train_credit_green() -> GradientBoostingClassifier:
    """Its challenger: boosted trees."""
    model = GradientBoostingClassifier(n_estimators=60, max_depth=3, learning_rate=0.1, random_state=0)
    return model.fit(*make_loans())


def train_churn() -> DecisionTreeClassifier:
    """A tree small enough to be explained."""
    return DecisionTreeClassifier(max_depth=5, min_samples_leaf=25, random_state=0).fit(*make_customers())


def train_demand() -> Ridge:
    """A ridge regression."""
    model = Ridge(alpha=1.0, solver="cholesky").fit(*make_sales())
    model.coef_, model.intercept_ = model.coef_.round(DIGITS), round(float(model.intercept_), DIGITS)
    return model


TRAINERS = {
    "credit-blue": train_credit_blue,
    "credit-green": train_credit_green,
    "churn": train_churn,
    "demand": train_demand,
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, train in TRAINERS.items():
        file = folder / f"{name}.joblib"
        joblib.dump(train(), file, protocol=4)
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "models")
