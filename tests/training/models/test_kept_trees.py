"""A training that was broken off goes on: trees that it has grown are taken from files, the same to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from training.making.pipeline import Trained
from training.models import kept_trees
from training.models.kept_trees import SUFFIX, keeping_trees
from training.models.trees import Trees, fit_trees
from training.settings import FitSettings
from training.slices.dataset import Dataset

SCHEMES = ("none", "revenue", "profit objective")
SETTINGS = FitSettings(min_data_in_leaf=20)


class Killed(BaseException):
    """What ends a training without a last word."""


@pytest.fixture
def data(trained: Trained) -> Dataset:
    return trained.data


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The trainings that LightGBM is asked for, also of few rows."""
    asked: list[int] = []
    train = lightgbm.train

    def counted(parameters: dict[str, Any], rows: lightgbm.Dataset, num_boost_round: int) -> lightgbm.Booster:
        asked.append(num_boost_round)
        return train(parameters, rows, num_boost_round)

    monkeypatch.setattr(lightgbm, "train", counted)
    monkeypatch.setattr(kept_trees, "LEAST_ROWS", 0)
    yield asked


def fits(data: Dataset, until: int = len(SCHEMES)) -> list[Trees]:
    found = [fit_trees(data, SETTINGS, 0, 20, scheme) for scheme in SCHEMES[:until]]
    if until < len(SCHEMES):
        raise Killed
    return found


def killed_after(folder: Path, data: Dataset, fitted: int) -> None:
    with pytest.raises(Killed), keeping_trees(folder):
        fits(data, fitted)


def test_what_was_grown_is_not_grown_again(tmp_path: Path, data: Dataset, trainings: list[int]) -> None:
    alone = fits(data)
    killed_after(tmp_path, data, 2)
    trainings.clear()
    with keeping_trees(tmp_path) as kept:
        resumed = fits(data)
        fits(data)
    assert (len(trainings), kept.found) == (1, 2)
    assert [trees.booster.model_to_string() for trees in resumed] == [
        trees.booster.model_to_string() for trees in alone
    ]
    rows = alone[0].encoder.encode(data.matrix.signals)
    for whole, taken in zip(alone, resumed, strict=True):
        np.testing.assert_array_equal(taken.margins_after(rows, [10, 20]), whole.margins_after(rows, [10, 20]))
        parts = [np.asarray(trees.booster.predict(rows[:50], pred_contrib=True)) for trees in (whole, taken)]
        np.testing.assert_array_equal(parts[0], parts[1])
    assert not list(tmp_path.iterdir())


def test_files_of_others_and_broken_ones_are_not_taken(tmp_path: Path, data: Dataset, trainings: list[int]) -> None:
    killed_after(tmp_path, data, 2)
    (one, other) = tmp_path.glob(f"*{SUFFIX}")
    one.write_text(one.read_text()[:-400])
    other.write_bytes(b"\xff")
    trainings.clear()
    with pytest.raises(Killed), keeping_trees(tmp_path):
        fits(data, 2)
    assert len(trainings) == 2
    trainings.clear()
    changed = replace(data, churned=np.roll(data.churned, 1))
    with keeping_trees(tmp_path):
        for rows, settings, seed in (
            (changed, SETTINGS, 0),
            (data, replace(SETTINGS, num_leaves=5), 0),
            (data, SETTINGS, 1),
        ):
            fit_trees(rows, settings, seed, 20, "none")
    assert len(trainings) == 3
    assert len(list(tmp_path.iterdir())) == 2, "what another run waits for stays"


def test_a_full_disk_costs_no_training(
    tmp_path: Path,
    data: Dataset,
    trainings: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on the device")

    with keeping_trees(tmp_path):
        monkeypatch.setattr(Path, "write_text", full)
        assert fit_trees(data, SETTINGS, 0, 20, "none").booster.num_trees() == 20
    assert "no space left" in caplog.text
