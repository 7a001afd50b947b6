"""What each signal adds to the margin of small trees, looked up instead of computed: exact path-dependent SHAP values.

In: a booster. Out: for encoded rows of shape (rows, signals), their SHAP values of shape (rows, signals + 1).

What a tree's SHAP values are depends on a row only through the answers to the tree's splits. A tree of 8 leaves has 7
splits, so 128 sets of answers, and one table of them is worked out for each tree when it is first asked. A row then
costs a comparison a split and a look-up a signal, a fifth of what LightGBM's own algorithm takes. The values are the
same by definition (a test compares both and the definition).

With the answers given, each leaf is a game of its own: its value v counts for a set S of signals where S's splits on
the leaf's path lead to it, and those of the others are left to the shares of rows that went that way in training. For a
path with k signals, with o = 1 where all of a signal's splits lead to the leaf, else 0, and z the product of the shares
at its splits, signal i gets

    v (o_i - z_i) sum over sets S of the others of |S|! (k - |S| - 1)! / k! prod_S o prod_others z

References
----------
Lundberg et al., "Consistent individualized feature attribution for tree ensembles", 2018; the formula of a leaf's game
follows from its algorithm 1 with the definition of Shapley values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import factorial
from typing import Any

import lightgbm
import numpy as np

#: Trees of more splits have too many sets of answers for a table.
MOST_SPLITS = 8
#: Rows at a time: what their answers take stays in the processor's cache.
AT_ONCE = 128


@dataclass(frozen=True)
class _Split:
    """A split: the codes that go left where its signal is a text, else the greatest number that does."""

    signal: int
    threshold: float
    null_is_left: bool
    codes: tuple[int, ...] = ()

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> _Split:
        signal = int(node["split_feature"])
        if node["decision_type"] == "==":
            return cls(signal, -np.inf, False, tuple(map(int, node["threshold"].split("||"))))
        threshold = float(node["threshold"])
        # Where training met no null, LightGBM takes one for a 0.
        null_is_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
        return cls(signal, threshold, null_is_left)


@dataclass(frozen=True)
class _Leaf:
    """A leaf: its value, and the splits above it, each with its number, side, signal, and the share of rows there."""

    value: float
    path: tuple[tuple[int, bool, int, float], ...]

    @property
    def signals(self) -> list[int]:
        return list(dict.fromkeys(signal for _, _, signal, _ in self.path))

    def leads(self, sets: np.ndarray) -> np.ndarray:
        """Return where each signal's splits all lead here, by set of answers: bool, shape (signals, sets)."""
        places = {signal: place for place, signal in enumerate(self.signals)}
        found = np.ones((len(places), len(sets)), dtype=bool)
        for number, is_left, signal, _ in self.path:
            found[places[signal]] &= ((sets >> number) & 1) == is_left
        return found

    @property
    def shares(self) -> list[float]:
        """The product of the shares at each signal's splits."""
        found = dict.fromkeys(self.signals, 1.0)
        for _, _, signal, share in self.path:
            found[signal] *= share
        return list(found.values())


@dataclass(frozen=True)
class _Tree:
    splits: list[_Split]
    leaves: list[_Leaf]

    @classmethod
    def of(cls, root: Mapping[str, Any]) -> _Tree:
        tree = cls([], [])
        tree._add(root, ())
        return tree

    def _add(self, node: Mapping[str, Any], path: tuple[tuple[int, bool, int, float], ...]) -> None:
        if "split_feature" not in node:
            self.leaves.append(_Leaf(float(node["leaf_value"]), path))
            return
        number, split = len(self.splits), _Split.of(node)
        self.splits.append(split)
        for child, is_left in ((node["left_child"], True), (node["right_child"], False)):
            self._add(child, (*path, (number, is_left, split.signal, _rows(child) / _rows(node))))


def _rows(node: Mapping[str, Any]) -> int:
    return int(node["internal_count"] if "split_feature" in node else node["leaf_count"])


def _shapley(leaves: Sequence[_Leaf], sets: np.ndarray) -> np.ndarray:
    """Return what each signal gets of each leaf's game, shape (leaves, signals, sets); all have as many signals."""
    value = np.array([leaf.value for leaf in leaves])[:, None]
    leads = np.array([leaf.leads(sets) for leaf in leaves], dtype=float)
    shares = np.array([leaf.shares for leaf in leaves])[:, :, None]
    count, found = leads.shape[1], np.empty(leads.shape)
    for own in range(count):
        # by_size[s]: the sum over sets of s others of the products in the formula.
        by_size = [np.ones_like(leads[:, 0])]
        for other in (place for place in range(count) if place != own):
            there, absent = leads[:, other], shares[:, other]
            smaller = [np.zeros_like(there), *by_size]
            by_size = [each * absent + less * there for each, less in zip([*by_size, 0.0], smaller, strict=True)]
        weights = [factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)]
        weighted = sum(weight * each for weight, each in zip(weights, by_size, strict=True))
        found[:, own] = value * (leads[:, own] - shares[:, own]) * weighted
    return found


def _slots(trees: Sequence[_Tree], splits: int) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Return signal and tree of each slot, those of a signal together, and the values, shape (slots, sets)."""
    sets = np.arange(2**splits)
    leaves = [(leaf, number) for number, tree in enumerate(trees) for leaf in tree.leaves if leaf.path]
    slots = sorted({(signal, number) for leaf, number in leaves for signal in leaf.signals})
    place, values = {slot: at for at, slot in enumerate(slots)}, np.zeros((len(slots), len(sets)))
    leaves.sort(key=lambda each: len(each[0].signals))
    for _, group in groupby(leaves, key=lambda each: len(each[0].signals)):
        alike = list(group)
        owners = [[place[signal, number] for signal in leaf.signals] for leaf, number in alike]
        np.add.at(values, np.array(owners), _shapley([leaf for leaf, _ in alike], sets))
    return slots, values


@dataclass(frozen=True)
class ShapTables:
    """The tables of all trees of a booster.

    Splits are numbered within their tree. Trees with fewer splits than others have some that nobody answers with yes.

    Attributes
    ----------
    splits : int
        Splits of a tree.
    signals, thresholds, null_is_left : arrays of shape (trees x splits,)
        What each split compares: left is at most the threshold; and where a null goes.
    of_texts : int array of shape (splits of text signals,)
        Which splits ask for the code of a text.
    left_codes : bool array of shape (splits of text signals, codes + 1)
        Which codes go left there; the last column stands for null and for greater codes.
    trees : int array of shape (slots,)
        The tree of each slot: a slot is one signal of one tree, those of a signal stand together.
    values : array of shape (slots, sets of answers)
        The SHAP value by the answers of the tree's splits, read as a binary number.
    starts, owners : int arrays of shape (signals that are used,)
        Where the slots of each signal begin, and which signal it is.
    expected : float
        The mean margin over the training rows.
    width : int
        Number of signals.
    """

    splits: int
    signals: np.ndarray
    thresholds: np.ndarray
    null_is_left: np.ndarray
    of_texts: np.ndarray
    left_codes: np.ndarray
    trees: np.ndarray
    values: np.ndarray
    starts: np.ndarray
    owners: np.ndarray
    expected: float
    width: int

    @classmethod
    def of(cls, booster: lightgbm.Booster) -> ShapTables | None:
        """Return the tables; None where a tree has too many splits for one, or none has any."""
        trees = [_Tree.of(each["tree_structure"]) for each in booster.dump_model()["tree_info"]]
        splits = max((len(tree.splits) for tree in trees), default=0)
        if not 0 < splits <= MOST_SPLITS:
            return None
        nobody = _Split(0, -np.inf, False)
        each = [split for tree in trees for split in (*tree.splits, *[nobody] * (splits - len(tree.splits)))]
        of_texts = [place for place, split in enumerate(each) if split.codes]
        most = max((code for split in each for code in split.codes), default=-1)
        slots, values = _slots(trees, splits)
        owners, starts = np.unique([signal for signal, _ in slots], return_index=True)
        return cls(
            splits=splits,
            signals=np.array([split.signal for split in each]),
            thresholds=np.array([split.threshold for split in each]),
            null_is_left=np.array([split.null_is_left for split in each]),
            of_texts=np.array(of_texts, int),
            left_codes=np.array([np.isin(np.arange(most + 2), each[place].codes) for place in of_texts], bool),
            trees=np.array([tree for _, tree in slots]),
            values=values,
            starts=starts,
            owners=owners,
            expected=sum(leaf.value * float(np.prod(leaf.shares)) for tree in trees for leaf in tree.leaves),
            width=booster.num_feature(),
        )

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the SHAP values of encoded rows, and behind them the mean margin, shape (rows, signals + 1)."""
        found = np.zeros((len(rows), self.width + 1))
        found[:, -1] = self.expected
        for start in range(0, len(rows), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found[part, self.owners] = self._of(np.ascontiguousarray(rows[part].T)).T
        return found

    def _of(self, columns: np.ndarray) -> np.ndarray:
        """Return the values of the signals that are used, shape (used, rows), of columns of shape (signals, rows)."""
        asked = columns[self.signals]
        is_left = asked <= self.thresholds[:, None]
        is_left |= np.isnan(columns)[self.signals] & self.null_is_left[:, None]
        if len(self.of_texts):
            texts, last = asked[self.of_texts], self.left_codes.shape[1] - 1
            codes = np.fmin(np.where(np.isnan(texts), last, texts), last).astype(int)
            is_left[self.of_texts] = np.take_along_axis(self.left_codes, codes, axis=1)
        answers = np.packbits(is_left.reshape(-1, self.splits, columns.shape[1]), axis=1, bitorder="little")
        set_of = answers[:, 0].astype(np.intp)
        return np.add.reduceat(np.take_along_axis(self.values, set_of[self.trees], axis=1), self.starts, axis=0)
