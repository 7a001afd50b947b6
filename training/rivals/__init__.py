"""The rivals that the model must beat, fitted on the same slices and judged on the same rows.

In: a dataset and the settings. Out: a function from a matrix to churn probabilities.

Every training run compares the cheap ones (`CHEAP`):

| name | what it does |
|---|---|
| last score alone | the lower the latest NPS score, the riskier |
| silence alone | the more invitations unanswered in a row, the riskier |
| recency alone | the longer since the latest positive invoice, the riskier |
| revenue alone | the less revenue in 365 days, the riskier |
| health score | the hand-weighted scorecard of a customer-success suite (see `health_score`) |
| logistic regression | on the same matrix, L2, its penalty chosen on folds (see `logistic`) |
| signs only | every directed signal with one weight in its declared direction (see `signs`) |
| BG/NBD | buy till you die: no purchase in the window, by the account's own rhythm (see `buy_till_you_die`) |
| BG/NBD and logistic regression | the mean of both in log-odds |

A backtest compares these too (`ALL`):

| name | what it does |
|---|---|
| plain LightGBM | no weights, no constraints, the same parameters (see `boosted`) |
| LightGBM, one slice | the same on the latest slice alone |
| B2Boost | boosts the expected profit of a campaign: Janssens et al., 2022 (see `cost_sensitive`) |
| CSBoost | boosts the log loss, weighted by the worth of a right decision: after Höppner et al., 2022 |
| reweighing | weighs high-value leavers up: Rahman, Janssens & Bogaert, 2025 |

Each gives a churn probability. A rule's probability is a sigmoid of its reading, fitted on the training rows, because
a rule learns nothing else. A boosted rival's probability is a sigmoid of its margins, fitted on accounts that its trees
did not see.
"""

from __future__ import annotations

from training.rivals.boosted import ONE_SLICE, PLAIN, at_equal_size
from training.rivals.buy_till_you_die import BG_NBD, WITH_LOGISTIC
from training.rivals.cost_sensitive import B2BOOST, CSBOOST, REWEIGHING
from training.rivals.health_score import HEALTH
from training.rivals.logistic import LOGISTIC
from training.rivals.rival import Rival, Score, mean_in_log_odds
from training.rivals.rules import LAST_SCORE, RECENCY, REVENUE, SILENCE
from training.rivals.signs import SIGNS

#: Cheap enough for every training run.
CHEAP = (LAST_SCORE, SILENCE, RECENCY, REVENUE, HEALTH, SIGNS, LOGISTIC, BG_NBD, WITH_LOGISTIC)
ALL = (*CHEAP, PLAIN, ONE_SLICE, B2BOOST, CSBOOST, REWEIGHING)

__all__ = ["ALL", "CHEAP", "LOGISTIC", "RECENCY", "REVENUE", "Rival", "Score", "at_equal_size", "mean_in_log_odds"]
