"""The trees: a null is no 0, a category never met is null, risk grows in the direction said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.matrix import Matrix, needing, relying_on
from features.signal import all_signals
from features.tables import HISTORY, OPTIONAL_HISTORY
from training.making.pipeline import Trained
from training.models.trees import LEAST_SHARE, Encoder, Trees, fit_trees, with_tables_removed
from training.settings import FitSettings
from training.slices.dataset import Dataset

#: Many trees on few signals each, so that every family of signals is split on.
DEEP = FitSettings(
    min_data_in_leaf=20, learning_rate=0.1, feature_fraction=0.1, feature_fraction_bynode=1.0, removed_share=0.05
)
TEXTS = [item.name for item in all_signals() if item.is_text]


@pytest.fixture(scope="module")
def data(trained: Trained) -> Dataset:
    return trained.data


@pytest.fixture(scope="module")
def deep(data: Dataset) -> Trees:
    return fit_trees(data, DEEP, seed=0, rounds=150, weighting="revenue")


@pytest.fixture(scope="module")
def deep_never_removed(data: Dataset) -> Trees:
    return fit_trees(data, replace(DEEP, removed_share=0.0), seed=0, rounds=150, weighting="revenue")


def split_nodes(trees: Trees) -> Iterator[dict[str, Any]]:
    def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "split_feature" in node:
            yield node
            yield from walk(node["left_child"])
            yield from walk(node["right_child"])

    for tree in trees.booster.dump_model()["tree_info"]:
        yield from walk(tree["tree_structure"])


def null_and_zero(trees: Trees, matrix: Matrix, table: str) -> tuple[np.ndarray, np.ndarray]:
    """Return margins of a book without one table, and with zeros where that left nulls."""
    unknown = np.repeat(needing(table)[None, :], len(matrix), axis=0)
    encoded = trees.encoder.encode(matrix.masked(unknown).signals)
    assert np.isnan(encoded[:, needing(table)]).all()
    zeros = np.where(unknown, 0.0, encoded)
    return tuple(trees.booster.predict(rows, raw_score=True) for rows in (encoded, zeros))


@pytest.mark.parametrize("table", OPTIONAL_HISTORY)
def test_a_null_is_not_scored_as_a_zero(deep: Trees, data: Dataset, table: str) -> None:
    null, zero = null_and_zero(deep, data.matrix, table)
    assert (null != zero).mean() > 0.5
    assert np.abs(null - zero).max() > 0.05


def test_never_removed_it_would_be(deep_never_removed: Trees, data: Dataset) -> None:
    """What the removal is for: memberships are never null in this book, so their nulls count as zeros."""
    null, zero = null_and_zero(deep_never_removed, data.matrix, "memberships")
    assert (null == zero).all()
    kinds = {node["missing_type"] for node in split_nodes(deep_never_removed)}
    assert "None" in kinds


def test_trees_take_null_as_missing_wherever_it_can_be_null(deep: Trees) -> None:
    signals = all_signals()
    seen = set()
    for node in split_nodes(deep):
        item = signals[node["split_feature"]]
        if not item.is_text and set(item.needs) & set(HISTORY):
            assert node["missing_type"] == "NaN", item.name
            seen.add(item.name)
    families = {name: np.flatnonzero(needing(name)) for name in HISTORY}
    split_on = {name: {signals[i].name for i in rows} & seen for name, rows in families.items()}
    assert all(split_on.values()), "every table has a signal that the trees split on"


def test_the_served_model_takes_null_as_missing_too(trained: Trained) -> None:
    signals = all_signals()
    for node in split_nodes(trained.trees):
        item = signals[node["split_feature"]]
        assert item.is_text or node["missing_type"] == "NaN" or not set(item.needs) & set(HISTORY), item.name


def test_the_smallest_leaf_is_counted_in_rows(trained: Trained) -> None:
    """Of each tree's own draw of rows, as LightGBM's dump tells it."""
    leaves = [
        node for tree in trained.trees.booster.dump_model()["tree_info"] for node in leaves_of(tree["tree_structure"])
    ]
    assert trained.trees.smallest_leaf == min(leaf["leaf_count"] for leaf in leaves) > 0


def leaves_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "leaf_count" in node:
        yield node
    for child in ("left_child", "right_child"):
        if child in node:
            yield from leaves_of(node[child])


def removals() -> list[np.ndarray]:
    masks = [needing(table) for table in ("invoices", *OPTIONAL_HISTORY)]
    every_optional = np.any([needing(table) for table in OPTIONAL_HISTORY], axis=0)
    return [*masks, every_optional, relying_on("invitations"), relying_on("answer_times")]


def filled(rows: int) -> np.ndarray:
    return np.ones((rows, len(all_signals())))


def test_each_table_is_removed_from_a_share_of_the_rows_and_nothing_else_is_changed() -> None:
    before = filled(4000)
    rows = with_tables_removed(before, 0.02, seed=0)
    assert (before == 1).all(), "what was given is left alone"
    touched = np.isnan(rows).any(axis=1)
    assert touched.mean() == pytest.approx(0.02 * len(removals()), rel=1e-9)
    for mask in removals():
        bare = (np.isnan(rows) == mask).all(axis=1)
        same = sum((mask == other).all() for other in removals())
        assert bare.sum() == 80 * same
    assert (rows[~np.isnan(rows)] == 1).all()


def test_other_rows_for_another_seed_and_the_same_for_the_same() -> None:
    first, again, other = (np.isnan(with_tables_removed(filled(500), 0.02, seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_small_book_meets_every_table_missing_at_least_once() -> None:
    rows = np.isnan(with_tables_removed(filled(40), 0.0001, seed=0))
    for mask in removals():
        assert (rows[:, mask].all(axis=1)).any()
    assert (with_tables_removed(filled(40), 0.0, seed=0) == 1).all()


def with_text(matrix: Matrix, value: str | None) -> Matrix:
    texts = {name: np.full(len(matrix), value, dtype=object) for name in TEXTS}
    return Matrix(matrix.keys, matrix.signals.assign(**texts), matrix.facts)


def test_a_category_never_met_is_null(deep: Trees, data: Dataset) -> None:
    unseen, null = with_text(data.matrix, "a branch nobody knows"), with_text(data.matrix, None)
    columns = [position for position, item in enumerate(all_signals()) if item.is_text]
    assert np.isnan(deep.encoder.encode(unseen.signals)[:, columns]).all()
    assert (deep.margin(unseen) == deep.margin(null)).all()
    firsts = Matrix(
        data.matrix.keys,
        data.matrix.signals.assign(**{name: deep.encoder.categories[name][0] for name in TEXTS}),
        data.matrix.facts,
    )
    assert (deep.margin(firsts) != deep.margin(null)).any(), "and not the first category either"


def test_categories_are_the_frequent_ones_most_frequent_first(data: Dataset) -> None:
    n = 200
    rare = int(LEAST_SHARE * n) - 1
    texts = ["b"] * 100 + ["a"] * (100 - rare) + ["rare"] * rare
    matrix = data.matrix.take(np.arange(n))
    matrix = Matrix(matrix.keys, matrix.signals.assign(**{TEXTS[0]: np.array(texts, object)}), matrix.facts)
    encoder = Encoder.of(matrix.signals, TEXTS)
    assert encoder.categories[TEXTS[0]] == ("b", "a")
    column = [item.name for item in all_signals()].index(TEXTS[0])
    codes = encoder.encode(matrix.signals)[:, column]
    assert codes[:100].tolist() == [0] * 100
    assert np.isnan(codes[-rare:]).all()


MONOTONE = np.array([item.monotone for item in all_signals()])


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.01, 1000))
def test_risk_grows_only_in_the_direction_said(deep: Trees, data: Dataset, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    pick = rng.integers(len(data), size=40)
    encoded = deep.encoder.encode(data.matrix.take(pick).signals)
    before = deep.booster.predict(encoded, raw_score=True)
    known = ~np.isnan(encoded).all(axis=0)
    positions = rng.choice(np.flatnonzero(MONOTONE.astype(bool) & known), 15, replace=False)
    raised = np.repeat(encoded[None], len(positions), axis=0)
    for block, position in zip(raised, positions, strict=True):
        block[:, position] += size * np.nanstd(encoded[:, position]) + 0.5
    after = deep.booster.predict(raised.reshape(-1, raised.shape[2]), raw_score=True).reshape(len(positions), -1)
    assert ((after - before) * MONOTONE[positions][:, None] >= -1e-12).all()


def test_directions_are_not_vacuous(deep: Trees, data: Dataset) -> None:
    """Without the constraints some signal does push the other way; with them some pushes as said."""
    free = fit_trees(data, replace(DEEP, monotone=False), seed=0, rounds=150, weighting="revenue")
    wrong = {name: 0 for name in ("free", "deep")}
    right = dict(wrong)
    encoded = deep.encoder.encode(data.matrix.take(np.arange(300)).signals)
    for position in np.flatnonzero(MONOTONE):
        raised = encoded.copy()
        raised[:, position] += np.nanstd(encoded[:, position])
        for name, trees in (("free", free), ("deep", deep)):
            moved = trees.booster.predict(raised, raw_score=True) - trees.booster.predict(encoded, raw_score=True)
            wrong[name] += int((moved * MONOTONE[position] < -1e-12).sum())
            right[name] += int((moved * MONOTONE[position] > 1e-12).sum())
    assert wrong["deep"] == 0
    assert min(wrong["free"], right["deep"]) > 100


def test_margins_can_be_read_off_after_fewer_rounds(deep: Trees, data: Dataset) -> None:
    short = fit_trees(data, DEEP, seed=0, rounds=10, weighting="revenue")
    assert deep.margin(data.matrix, 10) == pytest.approx(short.margin(data.matrix), abs=1e-12)


def test_weighting_and_seed_matter(data: Dataset) -> None:
    texts = {
        fit_trees(data, DEEP, seed, 5, weighting).booster.model_to_string()
        for seed, weighting in ((0, "revenue"), (1, "revenue"), (0, "none"))
    }
    assert len(texts) == 3
