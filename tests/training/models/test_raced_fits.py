"""A fit in several threads is that of one; weightings behind are dropped; trees of one ground are as of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.machine import threads
from training.making.pipeline import Trained
from training.models import fitting, folds
from training.models.choice import UNWEIGHTED, rounds_for
from training.models.folds import splits
from training.models.margin import to_plain
from training.models.trees import Grower, fit_trees
from training.settings import FitSettings, TrainingSettings
from training.slices.dataset import Dataset

QUICK = FitSettings(max_rounds=6, num_leaves=4, learning_rate=0.05, min_data_in_leaf=20)


@pytest.fixture
def data(trained: Trained) -> Dataset:
    return trained.data


@pytest.fixture
def settings(quick_settings: TrainingSettings) -> TrainingSettings:
    return replace(quick_settings, fit=QUICK)


def test_trees_of_one_ground_are_those_of_rows_of_their_own(data: Dataset) -> None:
    """In an order in which the weights and the start of one scheme would show in the next, if they were left there."""
    grower = Grower.of(data, QUICK, seed=3)
    for scheme in ("revenue", "profit objective", "none", "root revenue", "none"):
        alone = fit_trees(data, QUICK, 3, 6, scheme)
        shared = grower.grow(6, scheme, TrainingSettings().economics)
        assert shared.booster.model_to_string() == alone.booster.model_to_string(), scheme


@pytest.mark.parametrize("many", [0, 10**9])
def test_the_number_of_threads_changes_nothing(
    data: Dataset, settings: TrainingSettings, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "MANY_ROWS", many)
    fits = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "workers", lambda count=count: count)
        steps: list[tuple[int, int]] = []
        fitted = fitting.fit_model(data, settings, lambda _, step, of, steps=steps: steps.append((step, of)), ("none",))
        fits.append((fitted.trees.booster.model_to_string(), to_plain(fitted.margin), fitted.calibrator, steps))
        assert steps == [(step, 6) for step in range(7)]
    assert fits[0] == fits[1]


def test_with_very_many_rows_the_teachers_learn_from_every_second_date_in_larger_steps(
    data: Dataset, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[tuple[int, int, float]] = []
    fit_margin = fitting.fit_margin

    def noted(part: Dataset, recipe: fitting.Recipe, *others: object) -> fitting.Margin:
        fits.append((len(part.dates), recipe.rounds, recipe.settings.fit.learning_rate))
        return fit_margin(part, recipe, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "fit_margin", noted)
    monkeypatch.setattr(fitting, "MANY_ROWS", 0)
    monkeypatch.setattr(fitting, "VERY_MANY_ROWS", 0)
    rounds = fitting.fit_model(data, settings, schemes=("none",)).choice.rounds
    dates = len(data.dates)
    assert fits == [((dates + 1) // 2, -(-rounds // 2), 0.1)] * 3 + [(dates, rounds, 0.05)]


@pytest.mark.parametrize(("many", "larger"), [(0, 2), (10**9, 1)])
def test_with_many_rows_the_folds_compare_in_larger_steps(
    data: Dataset, settings: TrainingSettings, many: int, larger: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown: list[tuple[int, float]] = []
    grow, of = Grower.grow, Grower.of

    def noted(part: Dataset, fit: FitSettings, seed: int) -> Grower:
        grown.append((0, fit.learning_rate))
        return of(part, fit, seed)

    def noted_rounds(self: Grower, count: int, *others: object) -> object:
        grown[-1] = (count, grown[-1][1])
        return grow(self, count, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "MANY_ROWS", many)
    monkeypatch.setattr(fitting, "in_parallel", lambda work, items, *_: [work(item) for item in items])
    monkeypatch.setattr(folds.Grower, "of", noted)
    monkeypatch.setattr(folds.Grower, "grow", noted_rounds)
    choice = fitting.fit_model(data, settings, schemes=("none",)).choice
    most = rounds_for(settings, data.leavers).fit.max_rounds
    assert grown[:3] == [(-(-most // larger), 0.05 * larger)] * 3
    assert choice.rounds in folds.round_steps(rounds_for(settings, data.leavers)), (
        "rounds of small steps, whatever the folds took"
    )


def test_a_weighting_that_is_behind_early_is_not_tried_to_the_end(
    data: Dataset, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, set[str]]] = []

    def noted(whole: Dataset, split: folds.Split, *others: object) -> folds.OutOfFold:
        fold = folds.out_of_fold(whole, split, *others)  # type: ignore[arg-type]
        tried.append((len(split[0]), set(fold.margins)))
        behind = {name: curve - 0.3 * (name == "revenue") for name, curve in fold.curves.items()}
        return replace(fold, curves=behind)

    monkeypatch.setattr(fitting, "out_of_fold", noted)
    schemes = ("revenue", UNWEIGHTED)
    choice = fitting.fit_model(data, settings, schemes=schemes).choice
    learnt = sorted(len(learn) for learn, _ in splits(data, settings)[0])
    assert tried == [(learnt[0], {*schemes})] + [(rows, {UNWEIGHTED}) for rows in reversed(learnt[1:])]
    assert set(choice.dropped) == {"revenue"} == {*choice.as_dict()["dropped"]} and set(choice.schemes) == {UNWEIGHTED}
    assert choice.dropped["revenue"] > 0.2

    tried.clear()
    named = fitting.fit_model(data, replace(settings, weighting="revenue")).choice
    assert named.weighting == "revenue" and not named.dropped and {*map(len, (own for _, own in tried))} == {2}


def test_steps_are_larger_only_where_they_were_small() -> None:
    assert QUICK.in_larger_steps(7) == (replace(QUICK, learning_rate=0.1), 4)
    fast = replace(QUICK, learning_rate=0.1)
    assert fast.in_larger_steps(7) == (fast, 7)


def test_shared_progress_is_the_sum_of_the_parts() -> None:
    told: list[tuple[str, int, int]] = []
    one, other = fitting.shared(lambda *step: told.append(step), 2)
    one("fitting", 0, 4)
    other("fitting", 1, 8)
    one("fitting", 4, 4)
    assert told == [("fitting", 0, 4), ("fitting", 1, 12), ("fitting", 5, 12)]
