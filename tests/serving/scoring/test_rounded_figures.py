"""What is shown of losses and movements is rounded where it is made; money does not pass through single precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from support.stored import SCORE

from features.matrix import FACTS, Matrix
from serving.losses.departures import FACTS as TOLD
from serving.losses.departures import facts_of
from serving.scoring.movement import _change


def test_money_of_a_loss_does_not_pass_through_single_precision() -> None:
    amount = 1_234_567.89
    signals = pd.DataFrame({name: [float(np.float32(amount))] for name in TOLD})
    facts = pd.DataFrame({name: [amount + 1e-9] for name in FACTS})
    matrix = Matrix(pd.DataFrame({"account_id": ["A"]}), signals, facts)
    (found,) = facts_of(matrix)
    assert found["revenue_365d"] == amount and found["nps_last"] == 1_234_567.875


def test_a_change_is_that_of_what_is_shown() -> None:
    before, after = (replace(SCORE, churn_probability=value) for value in (0.021, 0.017255))
    assert after.churn_probability - before.churn_probability != -0.003745
    assert _change(before, after) == -0.003745
