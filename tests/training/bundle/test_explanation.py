"""Reasons add up to the probability, and are the SHAP values that they say they are."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from features.matrix import Matrix
from features.signal import all_signals
from training.bundle.bundle import Bundle
from training.bundle.explanation import explain, in_probability
from training.experts.buying import FIGURES, LEAST, buying_of
from training.making.pipeline import Trained


@pytest.fixture(scope="module")
def matrix(trained: Trained) -> Matrix:
    """200 rows, some without a table."""
    some = trained.data.matrix.take(np.linspace(0, len(trained.data) - 1, 200).astype(int))
    return some.without_tables([[], ["surveys"], ["contacts", "tickets"], []] * 50)


def of_trees(bundle: Bundle, matrix: Matrix) -> tuple[np.ndarray, np.ndarray, float]:
    """Return encoded rows, LightGBM's SHAP values of shape (rows, signals), and the trees' expected margin."""
    encoded = bundle.trees.encoder.encode(matrix.signals)
    parts = np.asarray(bundle.trees.booster.predict(encoded, pred_contrib=True))
    return encoded, parts[:, :-1], float(parts[0, -1])


def test_base_and_contributions_are_the_probability(bundle: Bundle, matrix: Matrix) -> None:
    found = explain(bundle, matrix)
    assert np.abs(found.base + found.contributions.sum(axis=1) - found.probability).max() < 1e-9
    assert found.probability == pytest.approx(bundle.calibrator(bundle.margin(matrix)), abs=1e-12)
    assert found.contributions.shape == (200, len(all_signals()))
    assert len(np.unique(found.probability)) > 100


def test_contributions_are_shap_values_scaled_along_the_chord(bundle: Bundle, matrix: Matrix) -> None:
    """By the contract: phi (g(m) - g(m0)) / (m - m0)."""
    phi, expected = bundle.margin.explain(matrix)
    found, margin = explain(bundle, matrix), bundle.margin(matrix)
    assert found.base == pytest.approx(bundle.calibrator(np.array(expected)))
    chord = (found.probability - found.base) / (margin - expected)
    assert found.contributions == pytest.approx(phi * chord[:, None], abs=1e-9)
    assert (np.sign(found.contributions) == np.sign(phi)).all()


def test_what_a_signal_adds_is_the_weighted_sum_over_the_experts(bundle: Bundle, matrix: Matrix) -> None:
    """Each expert by the definition: SHAP of the trees (see below), terms against the mean, Shapley over 8 subsets."""
    margin = bundle.margin
    assert margin.buying is not None and min(margin.weights.values()) >= 0 < sum(margin.weights.values())
    _, trees, expected = of_trees(bundle, matrix)
    by_hand, base = margin.weights["trees"] * trees, margin.weights["trees"] * expected
    linear, names = margin.linear, list(matrix.signals.columns)
    terms = linear.columns(matrix) * linear.coefficients
    for place, owner in enumerate(linear.owners):
        usual = linear.columns.means[place] * linear.coefficients[place]
        by_hand[:, names.index(owner)] += margin.weights["linear"] * (terms[:, place] - usual)
        base += margin.weights["linear"] * usual
    base += margin.weights["linear"] * linear.intercept
    figures = matrix.signals[list(FIGURES)].to_numpy(float)
    figures = np.where(np.isnan(figures).any(axis=1)[:, None], margin.buying.background, figures)

    def value(known: frozenset[int]) -> np.ndarray:
        own = np.where([place in known for place in range(3)], figures, margin.buying.background)
        chance = margin.buying.model.no_purchase(buying_of(own), margin.buying.lead, margin.buying.horizon)
        return np.asarray(logit(np.clip(chance, LEAST, 1 - LEAST)))

    for place, name in enumerate(FIGURES):
        for size in range(3):
            share = factorial(size) * factorial(2 - size) / 6
            for chosen in combinations([other for other in range(3) if other != place], size):
                gain = value(frozenset({*chosen, place})) - value(frozenset(chosen))
                by_hand[:, names.index(name)] += margin.weights["buying"] * share * gain
    base += margin.weights["buying"] * value(frozenset())[0]
    found, found_base = margin.explain(matrix)
    assert found == pytest.approx(by_hand, abs=1e-9) and found_base == pytest.approx(base, abs=1e-9)


def test_shap_values_are_those_of_the_definition(bundle: Bundle, matrix: Matrix) -> None:
    """Shapley's formula over every subset of each tree's signals; unknown ones follow both branches by row count."""
    encoded, phi, expected = of_trees(bundle, matrix)
    trees = [tree["tree_structure"] for tree in bundle.trees.booster.dump_model()["tree_info"]]
    for row in range(0, 200, 20):
        by_hand = np.zeros(phi.shape[1])
        for tree in trees:
            _add_shapley(by_hand, tree, encoded[row])
        assert by_hand == pytest.approx(phi[row], abs=1e-9)
    assert sum(_value(tree, encoded[0], frozenset()) for tree in trees) == pytest.approx(expected, abs=1e-9)


def _add_shapley(into: np.ndarray, tree: dict[str, Any], x: np.ndarray) -> None:
    used = sorted(_signals(tree))
    for signal in used:
        others = [name for name in used if name != signal]
        for size in range(len(others) + 1):
            share = factorial(size) * factorial(len(used) - size - 1) / factorial(len(used))
            for chosen in combinations(others, size):
                gain = _value(tree, x, frozenset({*chosen, signal})) - _value(tree, x, frozenset(chosen))
                into[signal] += share * gain


def _signals(node: dict[str, Any]) -> set[int]:
    if "split_feature" not in node:
        return set()
    return {node["split_feature"]} | _signals(node["left_child"]) | _signals(node["right_child"])


def _value(node: dict[str, Any], x: np.ndarray, known: frozenset[int]) -> float:
    if "split_feature" not in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return _value(left if _goes_left(node, x[node["split_feature"]]) else right, x, known)
    rows = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    return (rows[0] * _value(left, x, known) + rows[1] * _value(right, x, known)) / sum(rows)


def _goes_left(node: dict[str, Any], value: float) -> bool:
    if node["decision_type"] == "==":
        return not np.isnan(value) and str(int(value)) in node["threshold"].split("||")
    if np.isnan(value):
        return bool(node["default_left"]) if node["missing_type"] == "NaN" else node["threshold"] >= 0
    return bool(value <= node["threshold"])


def test_where_the_margin_is_the_expected_one_the_derivative_counts(bundle: Bundle) -> None:
    expected = -1.3
    phi = np.zeros((3, len(all_signals())))
    phi[1, :2] = [0.4, -0.4]
    phi[2, :3] = [0.4, -0.4, 1e-12]
    found = in_probability(bundle, phi, expected)
    slope = bundle.calibrator.derivative(np.array([expected]))[0]
    assert found.contributions == pytest.approx(phi * slope, abs=1e-15)
    assert found.base + found.contributions.sum(axis=1) == pytest.approx(found.probability, abs=1e-12)
    assert found.contributions[1, 0] > 0, "reasons that cancel are still reasons"


@given(
    parts=st.lists(st.floats(-40, 40, allow_subnormal=False), min_size=1, max_size=6),
    tiny=st.sampled_from([0.0, 1e-12, 1e-10, 1e-9, 2e-9, 1e-6]),
    expected=st.floats(-20, 20),
)
def test_reasons_add_up_however_large_or_small(
    bundle: Bundle, parts: list[float], tiny: float, expected: float
) -> None:
    """The second row's parts cancel but for a little."""
    phi = np.array([[*parts, 0.0, *([0.0] * len(parts))], [*parts, tiny, *(-part for part in parts)]])
    found = in_probability(bundle, phi, expected)
    assert np.abs(found.base + found.contributions.sum(axis=1) - found.probability).max() < 1e-9
    assert np.isfinite(found.contributions).all()
    assert (found.contributions * phi >= 0).all(), "what raises the margin raises the probability"


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_row_is_explained_alone_as_in_a_batch(bundle: Bundle, matrix: Matrix, size: int) -> None:
    whole = explain(bundle, matrix)
    for start in range(0, 128, max(size, 8)):
        part = explain(bundle, matrix.take(np.arange(start, start + size)))
        rows = slice(start, start + size)
        assert (part.probability == whole.probability[rows]).all()
        assert part.base == whole.base
        assert part.contributions == pytest.approx(whole.contributions[rows], abs=1e-12)


def test_nothing_to_explain_is_no_failure(bundle: Bundle, matrix: Matrix) -> None:
    found = explain(bundle, matrix.take(np.arange(0)))
    assert len(found.probability) == 0
    assert found.contributions.shape == (0, len(all_signals()))


def test_the_base_is_not_the_mean(bundle: Bundle, matrix: Matrix) -> None:
    """It is g of the mean, as the documentation says; here the two differ visibly."""
    found = explain(bundle, matrix)
    assert abs(found.base - found.probability.mean()) > 1e-3
