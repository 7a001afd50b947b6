"""IBM Telco customer churn: a matrix without dates, 3 x 5 cross-validation, a year of monthly charges as revenue.

Our estimator beside plain LightGBM (our default tree parameters and greatest number of rounds, nothing else of ours)
and logistic regression, on the same folds. Published and credible figures of ROC AUC lie between .84 and .861: below
`LEAST` the estimator is at fault, above `LEAK` a column that knows the outcome is to be found. The mean is over the
repeats, whose spread (`standard_error`) says how much the drawing of the folds matters; all see the same customers.

customerID is dropped; a blank TotalCharges (customers of less than a month) is null. Of tenure it is known beforehand
that risk does not rise with it. Between the estimator's smaller trees and the default every fold decides on its own
learning rows. That there are such smaller trees, and three boosters, was found by cross-validation inside the learning
rows of the first repeat's folds, which together are all customers: in that the figure is a little kind to us.

Needs telco_customer_churn.csv in the folder that CHURN_RISK_REAL_DATA names; skipped without it.

    CHURN_RISK_REAL_DATA=... python -m benchmarks telco
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.record import record
from features.console import say
from training.models.trees import Encoder
from training.settings import FitSettings
from training.snapshot.estimator import RevenueWeightedClassifier
from training.worth.evaluation import captured

FILE = "telco_customer_churn.csv"
REPEATS, FOLDS, SEED = 3, 5, 0
LEAST, LEAK = 0.850, 0.870
TOP = 0.10
DIRECTIONS = {"tenure": -1}
ESTIMATOR = "our estimator"


@dataclass(frozen=True)
class Telco:
    """The customers: columns, who churned, and a year's revenue of each in dollars."""

    columns: pd.DataFrame
    churned: np.ndarray
    revenue: np.ndarray

    def take(self, rows: np.ndarray) -> Telco:
        """Return those rows."""
        return Telco(self.columns.iloc[rows], self.churned[rows], self.revenue[rows])


#: (learnt, judged) -> churn probabilities of the judged.
Learner = Callable[[Telco, Telco], np.ndarray]


def telco() -> None:
    """Cross-validate and record."""
    folder = os.environ.get("CHURN_RISK_REAL_DATA")
    if not folder:
        say("telco: skipped, CHURN_RISK_REAL_DATA names no folder")
        return
    data = read_telco(Path(folder) / FILE)
    chosen: list[dict[str, Any]] = []
    learners: dict[str, Learner] = {
        ESTIMATOR: lambda learnt, judged: _ours(learnt, judged, chosen),
        "plain LightGBM": _plain_lightgbm,
        "logistic regression": _logistic,
    }
    folds = _cross_validate(data, learners)
    summary: dict[str, Any] = {name: _summary([fold[name] for fold in folds]) for name in learners}
    summary["paired"] = {f"ours less {name}": _paired(folds, name) for name in learners if name != ESTIMATOR}
    summary["weighting"] = dict(Counter(one["weighting"] for one in chosen))
    summary["num_leaves"] = dict(Counter(str(one["num_leaves"]) for one in chosen))
    summary["verdict"] = verdict(summary[ESTIMATOR]["roc_auc"]["mean"])
    record(
        "telco", {"repeats": REPEATS, "folds": FOLDS, "seed": SEED, "summary": summary, "each": folds, "ours": chosen}
    )


def read_telco(path: Path) -> Telco:
    """Read the file as it is published."""
    frame = pd.read_csv(path)
    columns = frame.drop(columns=["customerID", "Churn"])
    columns["TotalCharges"] = pd.to_numeric(columns["TotalCharges"].str.strip().replace("", None))
    return Telco(columns, (frame["Churn"] == "Yes").to_numpy(), 12 * frame["MonthlyCharges"].to_numpy(float))


def verdict(roc_auc: float) -> str:
    """Say what a mean ROC AUC means here."""
    if roc_auc > LEAK:
        return f"above {LEAK}: a leak is to be found"
    return f"at least {LEAST}" if roc_auc >= LEAST else f"below {LEAST}"


def _cross_validate(data: Telco, learners: dict[str, Learner]) -> list[dict[str, dict[str, float]]]:
    split = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED)
    found = []
    for number, rows in enumerate(split.split(data.columns, data.churned)):
        learnt, judged = (data.take(part) for part in rows)
        found.append({name: _judge(judged, learn(learnt, judged)) for name, learn in learners.items()})
        say(f"fold {number}: " + ", ".join(f"{name} {one['roc_auc']:.4f}" for name, one in found[-1].items()))
    return found


def _judge(judged: Telco, probability: np.ndarray) -> dict[str, float]:
    churned, revenue = judged.churned, judged.revenue
    each = np.ones(len(churned))
    return {
        "roc_auc": float(roc_auc_score(churned, probability)),
        "weighted_roc_auc": float(roc_auc_score(churned, probability, sample_weight=revenue)),
        "captured_10": captured(churned, revenue, probability * revenue, each, TOP),
        "mean_probability_less_churn_rate": float(probability.mean() - churned.mean()),
    }


def _summary(folds: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: _over_repeats([fold[name] for fold in folds]) for name in folds[0]}


def _paired(folds: list[dict[str, dict[str, float]]], rival: str) -> dict[str, dict[str, float]]:
    names = ("roc_auc", "captured_10")
    return {name: _over_repeats([fold[ESTIMATOR][name] - fold[rival][name] for fold in folds]) for name in names}


def _over_repeats(figures: list[float]) -> dict[str, float]:
    repeats = np.reshape(figures, (REPEATS, FOLDS)).mean(axis=1)
    return {"mean": float(repeats.mean()), "standard_error": float(repeats.std(ddof=1) / np.sqrt(REPEATS))}


def _ours(learnt: Telco, judged: Telco, chosen: list[dict[str, Any]]) -> np.ndarray:
    model = RevenueWeightedClassifier(directions=DIRECTIONS).fit(learnt.columns, learnt.churned, learnt.revenue)
    choice, leaves = model.choice_, model.settings_.num_leaves
    chosen.append({"weighting": choice.weighting, "rounds": choice.rounds, "num_leaves": leaves, "why": choice.why})
    return model.predict_proba(judged.columns)[:, 1]


def _plain_lightgbm(learnt: Telco, judged: Telco) -> np.ndarray:
    """Grow trees by our default parameters, as many as they may be, without weights or directions."""
    settings, names = FitSettings(), list(learnt.columns)
    encoder = Encoder.of(learnt.columns, text_columns(learnt.columns))
    text = [names.index(name) for name in encoder.categories]
    train = lightgbm.Dataset(encoder.encode(learnt.columns), learnt.churned, categorical_feature=text)
    booster = lightgbm.train(settings.parameters(SEED), train, num_boost_round=settings.max_rounds)
    return np.asarray(booster.predict(encoder.encode(judged.columns)))


def _logistic(learnt: Telco, judged: Telco) -> np.ndarray:
    """Fit an L2 logistic regression (C = 1) on standardised numbers, nulls at the median, and one-hot text."""
    text = text_columns(learnt.columns)
    numbers = [name for name in learnt.columns if name not in text]
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepare = make_column_transformer((scaled, numbers), (OneHotEncoder(handle_unknown="ignore"), text))
    model = make_pipeline(prepare, LogisticRegression(max_iter=2000)).fit(learnt.columns, learnt.churned)
    return model.predict_proba(judged.columns)[:, 1]


def text_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns that hold text."""
    return [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
