"""Tuning as `train` asks for it: its trials in the run, the settings that are used, what is bad usage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from support.served import run_command
from support.tuning import SETTINGS, held_out

from training.judge.champion_gate import NOBODY_REIGNS
from training.registry.tracking import Registered
from training.settings import Environment, TrainingSettings
from training.tuning.search_space import starting_point
from training.tuning.tuning import Tuning
from training.worth.bootstrap import Interval


def test_trials_are_nested_in_the_run(tuning: Tuning, environment: Environment) -> None:
    import mlflow

    from training.registry.run_records import log_tuning
    from training.registry.tracking import connected

    pruned = replace(tuning.trials[1], state="pruned", folds=tuning.trials[1].folds[:2])
    failed = replace(tuning.trials[2], state="failed", folds=(), why="RuntimeError: no such trees")
    some = replace(tuning, trials=(tuning.trials[0], pruned, failed))
    with connected(environment) as client:
        experiment = client.create_experiment("tuning", artifact_location=(environment.home / "runs").as_uri())
        with mlflow.start_run(experiment_id=experiment) as active:
            log_tuning(client, active, some)
        runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{active.info.run_id}'")
        named = {run.info.run_name: run for run in runs}
        assert {name: run.info.status for name, run in named.items()} == {
            "trial 0": "FINISHED", "trial 1": "KILLED", "trial 2": "FAILED"
        }  # fmt: skip
        first = named["trial 0"]
        assert first.data.params == {name: str(value) for name, value in starting_point(SETTINGS).items()}
        profits = client.get_metric_history(first.info.run_id, "profit")
        assert [metric.value for metric in profits] == [fold.profit for fold in tuning.trials[0].folds]
        assert named["trial 2"].data.tags["why"] == "RuntimeError: no such trees"
        assert client.get_run(active.info.run_id).data.tags["tuning"] == some.why


@pytest.mark.parametrize("adopted", [True, False])
def test_train_uses_what_was_adopted_and_says_so(
    tuning: Tuning, book_folder: Path, monkeypatch: Any, capfd: Any, adopted: bool
) -> None:
    """With what is done before and after tuning left out."""
    gain = Interval(2.0, -1.0, 4.0) if adopted else Interval(-2.0, -4.0, 1.0)
    found = replace(tuning, held_out=held_out(gain, Interval(0.0, 0.0, 0.0)))
    asked: dict[str, Any] = {}
    used: list[Any] = []

    def tuned(data: object, settings: TrainingSettings, environment: Environment, **given: Any) -> Tuning:
        asked.update(given, seed=settings.seed)
        return found

    def train(tables: object, prepared: object, settings: TrainingSettings, *others: object, **more: object) -> Any:
        used.append(settings)
        verdict = {"grade": "A", "metrics": {"model": {}}}
        return SimpleNamespace(verdict=SimpleNamespace(as_dict=lambda: verdict, grade="A", grade_why="by far"))

    def register(*given: object, tuning: Tuning | None, **more: object) -> Any:
        used.append(tuning)
        return Registered("1", "run", NOBODY_REIGNS, "nowhere", "first"), MagicMock(slices=[])

    monkeypatch.setattr("training.tuning.workers.tune", tuned)
    monkeypatch.setattr("training.making.pipeline.train", train)
    monkeypatch.setattr("training.making.pipeline.advised", lambda trained, _: trained)
    monkeypatch.setattr("training.slices.preparing.prepare", MagicMock())
    monkeypatch.setattr("training.registry.tracking.register", register)
    monkeypatch.setattr("training.cli.model_commands._champion", lambda environment: (None, None))
    options = ("--trials", 7, "--tune-minutes", 2.5, "--study", "spring", "--workers", 3, "--objectives", "both")
    done = run_command(monkeypatch, capfd, "train", book_folder, "--no-figures", "--seed", 5, *options, "--json")
    assert done.code == 0, done.err
    assert done.result["tuning"]["adopted"] is adopted and done.result["tuning"]["why"] == found.why
    assert used == [found.tuned if adopted else SETTINGS, found]
    assert asked.pop("progress") is not None and asked == {
        "trials": 7, "minutes": 2.5, "study": "spring", "workers": 3, "objectives": "both", "seed": 5
    }  # fmt: skip


@pytest.mark.parametrize(
    "options", [("--study", "spring"), ("--workers", 2), ("--objectives", "auc"), ("--trials", 0), ("--trials", "many")]
)
def test_how_to_tune_without_how_long_is_bad_usage(
    monkeypatch: Any, capfd: Any, book_folder: Path, options: tuple[Any, ...]
) -> None:
    done = run_command(monkeypatch, capfd, "train", book_folder, "--no-figures", *options)
    assert done.code == 2 and "Usage" in done.err and done.out == ""
