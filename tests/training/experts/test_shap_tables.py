"""SHAP values looked up by a tree's answers are LightGBM's own, on splits of every kind; a row alone gets the same."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import lightgbm
import numpy as np
import pytest

from training.experts.shap_tables import AT_ONCE, MOST_SPLITS, ShapTables


def rows_of(number: int, seed: int = 0) -> np.ndarray:
    """Return rows of two numbers with nulls, one without, one of few values, one constant, and two codes of texts."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(number, 7))
    rows[draw.random((number, 7)) < 0.2] = np.nan
    rows[:, 2] = draw.normal(size=number)
    rows[:, 3] = draw.integers(-1, 2, number)
    rows[:, 4] = 1.0
    for column, levels in ((5, 4), (6, 12)):
        rows[:, column] = np.where(draw.random(number) < 0.1, np.nan, draw.integers(0, levels, number))
    return rows


def grown(leaves: int, rounds: int = 12, **parameters: Any) -> lightgbm.Booster:
    rows = rows_of(800)
    odds = np.nan_to_num(rows[:, 0]) * rows[:, 2] + (rows[:, 5] == 2) - np.isnan(rows[:, 1]) + (rows[:, 6] > 8)
    churned = (odds + np.random.default_rng(1).normal(size=len(rows)) > 0.5).astype(float)
    parameters = {
        "objective": "binary",
        "num_leaves": leaves,
        "verbosity": -1,
        "num_threads": 1,
        "seed": 0,
    } | parameters
    data = lightgbm.Dataset(rows, churned, weight=1 + (rows[:, 2] > 0), categorical_feature=[5, 6])
    return lightgbm.train(parameters, data, num_boost_round=rounds)


def tables_of(booster: lightgbm.Booster) -> ShapTables:
    tables = ShapTables.of(booster)
    assert tables is not None
    return tables


SETTINGS: dict[str, dict[str, Any]] = {
    "as they are": {},
    "monotone": {"monotone_constraints": [1, -1, 1, 0, 0, 0, 0]},
    "nulls are nothing special": {"use_missing": False},
    "bagged": {"bagging_fraction": 0.6, "bagging_freq": 1, "feature_fraction_bynode": 0.5},
    "small groups of texts": {"min_data_per_group": 5, "cat_smooth": 1, "max_cat_to_onehot": 1},
    "stumps of some rounds": {"min_gain_to_split": 12.0},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("leaves", [2, 5, 8, MOST_SPLITS + 1])
def test_the_values_are_lightgbms(name: str, leaves: int) -> None:
    booster = grown(leaves, **SETTINGS[name])
    asked = rows_of(AT_ONCE + 30, seed=3)
    asked[0] = np.nan
    asked[1, 5:] = 40.0, 11.0  # a code that training did not meet
    found = tables_of(booster)(asked)
    assert found == pytest.approx(np.asarray(booster.predict(asked, pred_contrib=True)), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(np.asarray(booster.predict(asked, raw_score=True)), abs=1e-12)
    assert np.abs(found[:, :-1]).max() > 0.01


def test_the_values_are_those_of_the_definition() -> None:
    """Of one tree: Shapley values of the mean over the training rows, as they went, of what a set does not know."""
    booster = grown(4, rounds=1)
    root = booster.dump_model()["tree_info"][0]["tree_structure"]

    def rows_at(node: dict[str, Any]) -> int:
        return int(node.get("internal_count", node.get("leaf_count")))

    def mean(node: dict[str, Any], row: np.ndarray, known: frozenset[int]) -> float:
        if "leaf_value" in node:
            return float(node["leaf_value"])
        both = node["left_child"], node["right_child"]
        signal = node["split_feature"]
        if signal not in known:
            return sum(rows_at(child) * mean(child, row, known) for child in both) / rows_at(node)
        if node["decision_type"] == "==":
            is_left = str(int(row[signal])) in node["threshold"].split("||")
        else:
            is_left = row[signal] <= node["threshold"]
        return mean(both[0] if is_left else both[1], row, known)

    for row in rows_of(300, seed=5)[:20]:
        row = np.nan_to_num(row)
        for signal in range(7):
            others = [other for other in range(7) if other != signal]
            value = sum(
                factorial(size) * factorial(6 - size) / factorial(7)
                * (mean(root, row, frozenset({*chosen, signal})) - mean(root, row, frozenset(chosen)))
                for size in range(7) for chosen in combinations(others, size)
            )  # fmt: skip
            assert tables_of(booster)(row[None, :])[0, signal] == pytest.approx(value, abs=1e-12)


def test_a_row_alone_gets_what_it_gets_among_others_to_the_last_bit() -> None:
    tables, asked = tables_of(grown(8, rounds=60)), rows_of(AT_ONCE + 7, seed=9)
    together = tables(asked)
    alone = np.concatenate([tables(asked[place : place + 1]) for place in range(0, len(asked), 13)])
    assert (alone == together[::13]).all()


def test_larger_trees_and_trees_without_a_split_have_no_tables() -> None:
    assert ShapTables.of(grown(MOST_SPLITS + 2)) is None
    assert ShapTables.of(grown(8, min_gain_to_split=1e9)) is None
