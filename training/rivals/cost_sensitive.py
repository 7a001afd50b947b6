"""Profit-driven learners of the literature, as the package `empulse` (0.13) implements them, each on LightGBM.

B2Boost and CSBoost learn from the strongest action of the economics by which the model is judged; they know of one kind
of contact only. Reweighing learns from the accounts'
values alone. With value v, success rate g, incentive share d and contact cost f, a contact with a leaver brings
g (1 - d) v - f. A contact with an account that would have stayed costs d v + f. No contact costs nothing. As for every
boosted rival, a sigmoid turns their scores into probabilities.

empulse refuses nulls, so a null becomes a number below all others, which trees can split off. Among the codes of text
that number would be a negative category, of which LightGBM warns; there the trees get the null back.

References
----------
Janssens, Bogaert, Bagué & Van den Poel, "B2Boost: instance-dependent profit-driven modelling of B2B churn", Annals of
Operations Research, 2022.
Höppner, Baesens, Verbeke & Verdonck, "Instance-dependent cost-sensitive learning for detecting transfer fraud",
European Journal of Operational Research 297, 2022.
Rahman, Janssens & Bogaert, "Profit-driven pre-processing in B2B customer churn modeling using fairness techniques",
Journal of Business Research 189, 115159, 2025. doi:10.1016/j.jbusres.2024.115159
"""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from training.rivals.boosted import boosted, estimator, text_columns
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.economics import action_profit

#: The value of a null.
UNKNOWN = -1e9
#: Accounts above this quantile of value are the high-value group of reweighing, as in empulse's example.
HIGH_VALUE = 0.8


class NullCategories(lightgbm.LGBMClassifier):
    """LightGBM's classifier that takes `UNKNOWN` in a categorical column for the null that it stands for."""

    def fit(self, X: Any, y: Any, *arguments: Any, **options: Any) -> NullCategories:  # noqa: N803 (scikit-learn's name)
        """Fit on encoded rows of shape (n, columns); the further arguments are those of `LGBMClassifier.fit`."""
        rows, columns = np.array(X, float), options.get("categorical_feature", [])
        rows[:, columns] = np.where(rows[:, columns] == UNKNOWN, np.nan, rows[:, columns])
        super().fit(rows, y, *arguments, **options)
        return self


def _b2boost(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    """Grow trees on B2Boost's loss, the average expected cost of contacting an account with probability s.

    Parameters: accept_rate g, incentive_fraction d, contact_cost f, clv v of each account.
    """
    from empulse.models import B2BoostClassifier

    action = settings.economics.strongest
    model = B2BoostClassifier(
        estimator=estimator(rows, settings, rounds, NullCategories),
        accept_rate=action.success_rate,
        incentive_fraction=action.incentive_share,
        contact_cost=action.contact_cost,
    )
    fit_params = {"categorical_feature": text_columns()}
    model.fit(rows, data.churned.astype(int), clv=data.matrix.value, fit_params=fit_params)
    return model.estimator_.booster_


def _csboost(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    """Grow trees on the log cost: the log loss, with each account weighted by the benefit of a right decision.

    CSBoost's default loss is the average expected cost. Only the difference between a right and a wrong decision counts
    in it, and with these economics it equals B2Boost exactly. So this rival uses CSBoost's other loss. Parameters: the
    benefit of a true positive, max(g (1 - d) v - f, 0), and of a true negative, d v + f. A wrong decision brings
    nothing.
    """
    from empulse.metrics import CostMatrix, LogCost, Metric
    from empulse.models import CSBoostClassifier

    loss = Metric(CostMatrix().add_tp_benefit("tp_benefit").add_tn_benefit("tn_benefit"), LogCost())
    model = CSBoostClassifier(estimator=estimator(rows, settings, rounds, NullCategories), loss=loss)
    action, value, each = settings.economics.strongest, data.matrix.value, np.ones(len(data))
    model.fit(
        rows,
        data.churned.astype(int),
        tp_benefit=np.maximum(action_profit(each, value, action), 0),
        tn_benefit=-action_profit(0 * each, value, action),
        fit_params={"categorical_feature": text_columns()},
    )
    return model.estimator_.booster_


def _reweighing(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    """Grow trees on the plain log loss, with row weights that make churn and high value independent.

    Parameters: the sensitive feature is a value above the 80th percentile of the training rows; the strategy is
    'statistical parity'. If large accounts leave less often than small ones, their leavers get more weight.
    """
    from empulse.models import BiasReweighingClassifier

    value = data.matrix.value
    high = (value > np.quantile(value, HIGH_VALUE)).astype(int)
    model = BiasReweighingClassifier(estimator(rows, settings, rounds, NullCategories), strategy="statistical parity")
    model.fit(rows, data.churned.astype(int), sensitive_feature=high, categorical_feature=text_columns())
    return model.estimator_.booster_


def without_nulls(rows: np.ndarray) -> np.ndarray:
    """Return encoded rows with a number below all others in place of NaN, shape as given."""
    return np.nan_to_num(rows, nan=UNKNOWN)


B2BOOST = boosted("B2Boost", _b2boost, prepare=without_nulls)
CSBOOST = boosted("CSBoost", _csboost, prepare=without_nulls)
REWEIGHING = boosted("reweighing", _reweighing, prepare=without_nulls)
