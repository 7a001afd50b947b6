"""Who has left already by the rule of silence: longer silent than the rule's days, and no contract runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from support.handmade import dataset
from support.stored import SCORE

from serving.cli.score_commands import _in_order, _show
from serving.scoring.book_scoring import ScoredBook
from serving.scoring.lapsed import RECENCY, TERMS, TO_END, lapsed, lapsed_rows
from serving.scoring.scores import Reason
from training.bundle.bundle import Bundle
from training.settings import ChurnRule

ENDED, RUNNING = {"rows": [{"running": False}]}, {"rows": [{"running": False}, {"running": True}]}
GONE = {"days": 181, "silence_days": 180, "contracts": True}


@pytest.mark.parametrize(
    ("recency", "silence_days", "contracts", "found"),
    [
        (181.0, 180, ENDED, GONE),
        (181.0, 180, {"rows": []}, GONE),
        (181.0, 180, None, GONE | {"contracts": False}),
        (181.0, 180, RUNNING, None),
        (180.0, 180, ENDED, None),
        (None, 180, ENDED, None),
        (500.0, None, ENDED, None),
    ],
)
def test_silence_beyond_the_rule_without_a_contract_is_a_departure(
    recency: float | None, silence_days: int | None, contracts: Any, found: Any
) -> None:
    score = replace(SCORE, reasons=(*SCORE.reasons, Reason("billing", RECENCY, recency, None, 0.0, False)))
    bundle = cast(Any, SimpleNamespace(rule=ChurnRule(silence_days=silence_days)))
    assert lapsed(score, {"contracts": contracts}, bundle) == found


NAN = float("nan")
#: Recency, terms signed, days to the last end, and whether the account has left.
ROWS = [
    (181.0, 1.0, -1.0, True),
    (181.0, 0.0, NAN, True),
    (181.0, NAN, NAN, True),
    (181.0, 1.0, 0.0, False),
    (181.0, 2.0, NAN, False),
    (180.0, 0.0, NAN, False),
    (NAN, 0.0, NAN, False),
]


def test_the_rows_of_a_matrix_are_told_alike() -> None:
    """On the day it ends a term runs, and so does one without a known end, which has no days to it."""
    matrix = dataset([0] * len(ROWS)).matrix
    recency, terms, to_end, left = zip(*ROWS, strict=True)
    matrix = replace(matrix, signals=matrix.signals.assign(**{RECENCY: recency, TERMS: terms, TO_END: to_end}))
    assert lapsed_rows(matrix, ChurnRule(silence_days=180)).tolist() == list(left)
    assert not lapsed_rows(matrix, ChurnRule()).any()


def test_what_to_do_first_begins_with_who_can_be_kept(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    """A and B are at risk, A a threat that has left already; C is safe."""
    same: dict[str, Any] = {"churn_probability": 0.5, "revenue_365d": 100.0, "value": 100.0, "best_action": None}
    frame = pd.DataFrame(
        {
            "account_id": ["A", "B", "C"], "band": ["at_risk", "at_risk", "safe"], "threat": [True, False, False],
            "expected_profit": [9.0, 1.0, 5.0], "revenue_at_risk": [60.0, 50.0, 40.0], "lapsed": [True, False, False],
            "expected_contraction": NAN, **same,
        }
    )  # fmt: skip
    book = ScoredBook(replace(bundle, rule=ChurnRule(silence_days=120)), None, (), frame)
    assert _in_order(frame)["account_id"].to_list() == ["B", "A", "C"]
    assert book.silent_already() == {"accounts": 1, "at_risk": 1, "revenue_at_risk": 60.0}
    _show(book, date(2026, 1, 1), "here")
    told = capsys.readouterr().err
    assert "no invoice for more than 120 days, no running contract): 1 of the 2 at risk; 60 of the revenue" in told
    assert "at_risk, threat, left already" in told
    by_table = replace(book, bundle=bundle)
    assert by_table.silent_already() is None
    _show(by_table, date(2026, 1, 1), "here")
    assert "by this model's own rule" not in capsys.readouterr().err
