"""A grade never stands alone where a leak is suspected: at the end of `train`, beside the scores, and on the card."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from support.bundles import graded
from support.cards import changed

from serving.cli import score_commands
from serving.scoring.book_scoring import ScoredBook
from serving.scoring.cautions import cautions
from training.bundle.bundle import Bundle
from training.card.card import card_of
from training.cli import model_commands
from training.making.pipeline import Trained

HONEST: dict[str, Any] = {"suspects": [], "too_good": None}
SUSPECTS = [{"signal": f"signal_{place}", "roc_auc": 0.87} for place in range(5)]
TOLD = (
    "a leak is suspected, so the grade is not to be trusted before that is looked up on the model card: signal_0 alone "
    "with a ROC AUC of 0.87; signal_1 alone with a ROC AUC of 0.87; signal_2 alone with a ROC AUC of 0.87; and 3 more"
)


@pytest.fixture
def suspected(bundle: Bundle) -> Bundle:
    """Return a model of grade A that was told who leaves, by signals and as a whole."""
    praised = graded(bundle, "A")
    findings = praised.manifest.findings | {"suspects": SUSPECTS, "too_good": 0.991}
    return replace(praised, manifest=praised.manifest.model_copy(update={"findings": findings}))


def test_all_that_is_suspected_is_kept_and_nothing_is_said_without(suspected: Bundle) -> None:
    assert suspected.manifest.distrust == TOLD
    assert suspected.manifest.suspected[-1] == "the whole model with a ROC AUC of 0.991"
    honest = changed(suspected.manifest, findings=HONEST)
    assert honest.suspected == () and honest.distrust == ""
    old = {name: value for name, value in suspected.manifest.findings.items() if name not in ("suspects", "too_good")}
    assert suspected.manifest.model_copy(update={"findings": old}).distrust == ""


def test_the_card_says_it_beside_the_grade(suspected: Bundle) -> None:
    told = card_of(suspected.manifest, "7").graded
    assert told.startswith("Grade A: ") and told.endswith(f" A{TOLD[1:]}.")


def test_train_says_it_after_the_grade(
    suspected: Bundle, trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.card.printing.show_training", lambda trained: None)
    gate = SimpleNamespace(opens=True, why="nobody reigns")
    registered = cast(Any, SimpleNamespace(version="1", tracking_uri="here", vanished=None, how="first", gate=gate))
    model_commands._show(registered, trained, suspected.manifest, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2] == f"warning: {TOLD}" and lines[-3].startswith("grade ")
    model_commands._show(registered, trained, changed(suspected.manifest, findings=HONEST), None)
    assert "leak" not in capsys.readouterr().err


def test_score_says_it_beside_the_grade(suspected: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    figures: dict[str, Any] = {"churn_probability": 0.5, "revenue_365d": 100.0, "value": 100.0, "best_action": None}
    figures |= {"expected_profit": 9.0, "revenue_at_risk": 60.0, "expected_contraction": float("nan")}
    frame = pd.DataFrame([{"account_id": "A", "band": "at_risk", "threat": True, "lapsed": False, **figures}])
    score_commands._show(ScoredBook(suspected, None, (), frame), date(2026, 1, 1), "here")
    lines = capsys.readouterr().err.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("Model grade A: ")]
    assert lines[place + 1] == f"warning: {TOLD}"


@pytest.mark.parametrize(("silence_days", "expected"), [(None, ["leak"]), (90, ["leak"])])
def test_a_model_too_good_to_be_true_is_cautioned_of_wherever_scores_are(
    suspected: Bundle, silence_days: int | None, expected: list[str]
) -> None:
    rule = suspected.manifest.rule | {"silence_days": silence_days}
    manifest = changed(suspected.manifest, findings={"suspects": []}, rule=rule)
    assert [each.code for each in cautions(replace(suspected, manifest=manifest), [], [])] == expected
