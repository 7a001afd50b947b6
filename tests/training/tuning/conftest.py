"""A panel, eight trials on it, and trials that grow no tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.tuning import SETTINGS, Reaching, panel

from training.settings import Environment, TrainingSettings
from training.slices.dataset import Dataset
from training.tuning.trials import Measured, Reached
from training.tuning.tuning import Tuning
from training.tuning.workers import tune


@pytest.fixture(scope="session")
def slices() -> Dataset:
    return panel()


@pytest.fixture(scope="session")
def tuning(slices: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    """Eight trials without interruption."""
    return tune(slices, SETTINGS, Environment(home=tmp_path_factory.mktemp("tuning")), trials=8)


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reaching], None]:
    """Return a function that lets trials reach what it is told, on three folds, without growing a tree."""

    def instead(reached: Reaching) -> None:
        def measured(data: Dataset, settings: TrainingSettings, stop: Callable[[int, Reached], bool]) -> Any:
            found = Reached(reached(settings), 0.5)
            for step in range(3):
                if stop(step, found) and step < 2:
                    return None
            return Measured(found, (found.profit,) * 3)

        monkeypatch.setattr("training.tuning.search.measure", measured)

    return instead
