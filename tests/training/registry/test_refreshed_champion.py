"""A refresh in the registry and on the command line: promoted by itself and recorded so; held ones end with 3."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import pytest
from support.commands import Command
from support.registries import Registry, at_gate
from support.served import run_command

import training.registry.tracking as tracking
from features.errors import InputError
from training.judge.champion_gate import NOBODY_REIGNS, Gate
from training.making.pipeline import Trained
from training.registry.champion import entry_of
from training.registry.promotion import look_up, promote
from training.registry.tracking import Registered
from training.settings import TrainingSettings


@pytest.fixture(autouse=True)
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "draw_plots", lambda trained, folder: [])


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return lambda *words: run_command(monkeypatch, capfd, *words)


@pytest.fixture(scope="module")
def newer_book(book_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the book with one invoice more, four days after its end."""
    folder = tmp_path_factory.mktemp("newer") / "book"
    shutil.copytree(book_folder, folder)
    invoices = pd.read_parquet(folder / "invoices.parquet")
    last = invoices.iloc[[-1]].assign(invoice_id="one more", invoiced_on=pd.Timestamp("2026-01-04").date())
    pd.concat([invoices, last]).to_parquet(folder / "invoices.parquet", index=False)
    return folder


@pytest.fixture
def decides(monkeypatch: pytest.MonkeyPatch, trained: Trained) -> Any:
    """Have the run decide so, without training; return what it was asked for."""
    asked: list[Any] = []

    def patch(decision: str) -> list[Any]:
        def train(tables: Any, prepared: Any, settings: TrainingSettings, *others: Any) -> Trained:
            asked[:] = [settings, others[-1]]
            return at_gate(replace(trained, verdict=replace(trained.verdict, grade="A")), decision)

        monkeypatch.setattr("training.making.pipeline.train", train)
        monkeypatch.setattr("training.making.pipeline.advised", lambda trained, _: trained)
        monkeypatch.setattr("training.slices.preparing.prepare", lambda tables, settings: trained.prepared)
        return asked

    return patch


def test_a_refresh_is_promoted_by_itself_and_recorded_as_such(
    registry: Registry, newer_book: Path, churn_risk: Command, decides: Any, quick_settings: TrainingSettings
) -> None:
    asked = decides("refresh")
    done = churn_risk("train", newer_book, "--refresh", "--no-figures", "--json")
    assert done.code == 0, done.err
    assert done.result["champion"] is True and done.result["model_version"] == "2"
    assert done.result["gate"] == {"decision": "refresh", "why": "as the test says"}
    assert registry.champion == "2" and look_up(registry.environment, "2").gate == "refresh"
    move = registry.moves[-1]
    assert (move.from_version, move.version, move.how, move.override) == ("1", "2", "refresh", False)
    assert move.reason == "as the test says"
    assert asked[0] == quick_settings and asked[1] is True, "the champion's recipe, not the options' defaults"


@pytest.mark.parametrize(("how", "code"), [(None, 3), ("first", 0), ("gate", 0)])
def test_options_that_are_given_stand_above_the_champion_s_recipe(
    registry: Registry, newer_book: Path, churn_risk: Command, decides: Any, quick_settings: TrainingSettings,
    monkeypatch: pytest.MonkeyPatch, how: str | None, code: int,
) -> None:  # fmt: skip
    """And whoever does not become champion, for whatever reason, ends with 3."""
    asked = decides("undecided")
    registered = Registered("2", "run", Gate("undecided", "as the test says"), "nowhere", how)
    monkeypatch.setattr("training.registry.tracking.register", lambda *_, **__: (registered, MagicMock(slices=[])))
    done = churn_risk("train", newer_book, "--refresh", "--no-figures", "--seed", 9, "--horizon-days", 90, "--json")
    assert done.code == code, done.err
    assert (asked[0].seed, asked[0].rule.horizon_days, asked[0].fit) == (9, 90, quick_settings.fit)


def test_a_held_one_stays_a_candidate_that_a_person_may_promote(
    registry: Registry, newer_book: Path, churn_risk: Command, decides: Any
) -> None:
    decides("held")
    done = churn_risk("train", newer_book, "--refresh", "--no-figures", "--json")
    assert done.code == 3 and done.result["champion"] is False and done.result["gate"]["decision"] == "held"
    version = done.result["model_version"]
    assert registry.champion == "1" and look_up(registry.environment, version).gate == "held"
    with pytest.raises(InputError, match="the gate held it: its card says what spoke against it"):
        promote(registry.environment, version)
    assert promote(registry.environment, version, "looked at it", override=True).move.override  # type: ignore[union-attr]
    assert registry.champion == version


def test_without_newer_data_nothing_is_trained(
    registry: Registry, book_folder: Path, churn_risk: Command, decides: Any
) -> None:
    asked = decides("refresh")
    done = churn_risk("train", book_folder, "--refresh", "--no-figures", "--json")
    assert done.code == 3 and not asked and done.result["model_version"] is None
    assert done.result["gate"]["decision"] == "held" and "nothing is newer" in done.result["gate"]["why"]
    said = churn_risk("train", book_folder, "--refresh", "--no-figures")
    assert said.code == 3 and "held: nothing is newer: the data end on 2026-01-01" in said.err and said.out == ""
    assert len(registry.moves) == 1


def test_a_search_is_no_refresh(book_folder: Path, churn_risk: Command) -> None:
    done = churn_risk("train", book_folder, "--refresh", "--no-figures", "--trials", 3)
    assert done.code == 2 and "makes the champion's recipe again" in " ".join(done.err.split())


def test_what_was_let_in_once_needs_no_override_later(registry: Registry) -> None:
    outcome = promote(registry.environment, registry.add("refresh"))
    assert outcome.move is not None and not outcome.move.override and registry.champion == outcome.version


def test_a_refresh_is_against_the_champion_that_it_was_judged_beside() -> None:
    assert entry_of(Gate("refresh", ""), "4") == ("refresh", "4")
    assert entry_of(Gate("won", ""), "4") == ("gate", "4")
    assert entry_of(NOBODY_REIGNS, "4") == ("first", None)
