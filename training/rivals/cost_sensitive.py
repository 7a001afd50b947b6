"""Profit-driven learners of the literature, as the package `empulse` (0.13) implements them, each on LightGBM.

B2Boost and CSBoost learn from the economics that the model is judged by, reweighing from the accounts' values alone.
With value v, success rate g, incentive share d and contact cost f, contacting a leaver brings g (1 - d) v - f,
contacting one who would have stayed costs d v + f, and leaving an account alone costs nothing. Their scores become
probabilities by the sigmoid only, like every other boosted rival's.

empulse refuses nulls, so what is not known is a number below all others, from which a tree can tell it apart.

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

import lightgbm
import numpy as np

from training.rivals.boosted import boosted, estimator, text_columns
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.economics import expected_profit

#: Stands for what is not known.
UNKNOWN = -1e9
#: Accounts above this quantile of value are the high-value group of reweighing, as in empulse's example.
HIGH_VALUE = 0.8


def _b2boost(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    """Grow trees on the average expected cost of contacting with probability s: what B2Boost minimises.

    Parameters: accept_rate g, incentive_fraction d, contact_cost f, clv v of each account.
    """
    from empulse.models import B2BoostClassifier

    economics = settings.economics
    model = B2BoostClassifier(
        estimator=estimator(rows, settings, rounds),
        accept_rate=economics.success_rate,
        incentive_fraction=economics.incentive_share,
        contact_cost=economics.contact_cost,
    )
    fit_params = {"categorical_feature": text_columns()}
    model.fit(rows, data.churned.astype(int), clv=data.matrix.value, fit_params=fit_params)
    return model.estimator_.booster_


def _csboost(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    """Grow trees on the log cost: the log loss, each account weighing what deciding it rightly is worth.

    Under the average expected cost, CSBoost's default, only the difference between a right and a wrong decision counts,
    and with these economics it is B2Boost to the letter. So its other loss is taken. Parameters: the benefit of a true
    positive, max(g (1 - d) v - f, 0), and of a true negative, d v + f; a wrong decision brings nothing.
    """
    from empulse.metrics import CostMatrix, LogCost, Metric
    from empulse.models import CSBoostClassifier

    loss = Metric(CostMatrix().add_tp_benefit("tp_benefit").add_tn_benefit("tn_benefit"), LogCost())
    model = CSBoostClassifier(estimator=estimator(rows, settings, rounds), loss=loss)
    value, each = data.matrix.value, np.ones(len(data))
    model.fit(
        rows,
        data.churned.astype(int),
        tp_benefit=np.maximum(expected_profit(each, value, settings.economics), 0),
        tn_benefit=-expected_profit(0 * each, value, settings.economics),
        fit_params={"categorical_feature": text_columns()},
    )
    return model.estimator_.booster_


def _reweighing(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
    """Grow trees on the plain log loss, rows weighed so that leaving and high value are independent.

    Parameters: the sensitive feature is a value above the 80th percentile of the training rows, the strategy
    'statistical parity'. Where large accounts leave less often than small ones, their leavers weigh more.
    """
    from empulse.models import BiasReweighingClassifier

    value = data.matrix.value
    high = (value > np.quantile(value, HIGH_VALUE)).astype(int)
    model = BiasReweighingClassifier(estimator(rows, settings, rounds), strategy="statistical parity")
    model.fit(rows, data.churned.astype(int), sensitive_feature=high, categorical_feature=text_columns())
    return model.estimator_.booster_


def without_nulls(rows: np.ndarray) -> np.ndarray:
    """Return encoded rows with a number below all others for what is not known, shape as given."""
    return np.nan_to_num(rows, nan=UNKNOWN)


B2BOOST = boosted("B2Boost", _b2boost, prepare=without_nulls)
CSBOOST = boosted("CSBoost", _csboost, prepare=without_nulls)
REWEIGHING = boosted("reweighing", _reweighing, prepare=without_nulls)
