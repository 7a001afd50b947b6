"""Who has left already by the rule of silence: longer silent than the rule's days, and no contract runs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.stored import SCORE

from serving.scoring.lapsed import RECENCY, lapsed
from serving.scoring.scores import Reason
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
