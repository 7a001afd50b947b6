"""The choice of weighting scheme and number of rounds on the folds, by profit first and by ranking second.

In: a dataset, its folds with out-of-fold margins, and the settings. Out: a `Choice`.

A single giant account can decide the profit of a ranking. So the scheme with the highest profit on rolling origins is
compared with every other scheme by the paired, account-clustered interval. Among the schemes that it does not clearly
beat, the one that ranks best is chosen: the highest mean of plain and revenue-weighted ROC AUC, with capped weights, so
that every account counts. A scheme that ranks worse than the best beyond chance, or worse than no weights at all, is no
candidate, whatever it earned: on later dates it did not earn it again. With few accounts that left there is no choice:
no weights. A scheme that ranks clearly behind on the earlier half of the folds is not tried on the later ones, which
take most of the time. Profit is the mean of two figures: the profit at capacity, and the profit at the cutoff that was
best on earlier dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from training.models.calibration import fit_platt
from training.models.folds import BY_ACCOUNT, FORWARD, OutOfFold, margins_at, round_steps
from training.models.weights import revenue_weights
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Figure, Interval, difference, intervals, mean_over, whole
from training.worth.economics import best_cutoff, expected_profit, realised_profit
from training.worth.evaluation import auc_figure, cutoff_figure, profit_figure

#: A number of rounds whose figure is within this of the best counts as equally good.
ROUND_TOLERANCE = 0.0005
UNWEIGHTED = "none"
#: A scheme whose ranking on the earlier half of the folds is further behind the best is dropped. Of 47 choices on
#: simulated books of eleven kinds, Online Retail II and CDNOW, 46 stayed as they are with all schemes to the end.
CLEARLY_BEHIND = 0.01
#: With fewer accounts that left in the folds, choosing among weights loses more than any of them wins.
FEW_LEAVERS = 150
#: With so many accounts that left, half of the most rounds; never fewer than this share of them.
HALF_ROUNDS, LEAST_ROUNDS = 90.0, 1 / 3


@dataclass(frozen=True)
class SchemeFigures:
    """Figures of one weighting scheme on the folds.

    Attributes
    ----------
    ranking : float
        Mean of plain and revenue-weighted ROC AUC over the dates.
    profit : float
        Mean of the profit at capacity and the profit at an earlier cutoff, in currency per account.
    behind : Interval
        Profit minus the profit of the scheme with the highest profit.
    gain : Interval
        Profit minus the profit without weights.
    rounds : int
        Number of rounds that the folds choose for the scheme.
    """

    ranking: float
    profit: float
    behind: Interval
    gain: Interval
    rounds: int


@dataclass(frozen=True)
class Choice:
    """The weighting scheme, the number of rounds, and the figures of every scheme that was compared.

    `settled` says whether the settings named the scheme, `few` whether too few accounts left for a choice. `dropped`
    are the schemes that the earlier half of the folds dropped, with how far behind the best they ranked there.
    """

    weighting: str
    rounds: int
    schemes: Mapping[str, SchemeFigures]
    settled: bool = False
    few: bool = False
    dropped: Mapping[str, float] = field(default_factory=dict)

    @property
    def why(self) -> str:
        """The reason of the choice, in words."""
        behind = [name for name, figures in self.schemes.items() if not figures.behind.below]
        gain = self.schemes[self.weighting].gain
        if self.settled:
            decided = "was settled beforehand"
        elif self.few:
            decided = f"needs no choice: fewer than {FEW_LEAVERS} accounts left in the folds, too few to choose by"
        elif self.weighting not in behind:
            decided = "ranked best: what earned more, beyond chance, ranks worse"
        elif len(behind) == 1:
            decided = "earned most, beyond chance"
        else:
            decided = f"ranked best among the {len(behind)} that money cannot tell apart"
        against = f"; against no weights {gain.value:+.2f} an account ({gain.low:+.2f} to {gain.high:+.2f})"
        return decided + ("" if self.weighting == UNWEIGHTED or UNWEIGHTED not in self.schemes else against)

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain values."""
        return {
            "weighting": self.weighting,
            "rounds": self.rounds,
            "why": self.why,
            "schemes": {
                name: {**asdict(figures), "behind": figures.behind.as_dict(), "gain": figures.gain.as_dict()}
                for name, figures in self.schemes.items()
            },
            "dropped": dict(self.dropped),
        }


def choose(data: Dataset, folds: Sequence[OutOfFold], settings: TrainingSettings, folded: str = FORWARD) -> Choice:
    """Choose among the schemes in the folds, by the rule in the module's docstring.

    Parameters
    ----------
    data : Dataset
        The rows to which the folds' row numbers refer.
    folded : str
        Kind of the folds: `FORWARD` or `BY_ACCOUNT` of `training.models.folds`.
    """
    schemes = list(folds[0].margins)
    rounds = {scheme: rounds_of(folds, scheme, settings, folded) for scheme in schemes}
    ranking = {scheme: float(_mean_curve(folds, scheme).max()) for scheme in schemes}
    valid = data.take(np.concatenate([fold.valid for fold in folds]))
    earned = {scheme: money_figure(data, folds, scheme, rounds[scheme], settings) for scheme in schemes}
    profit = {scheme: whole(figure, len(valid)) for scheme, figure in earned.items()}
    richest = max(schemes, key=lambda scheme: profit[scheme] if profit[scheme] == profit[scheme] else -np.inf)
    figures = {f"behind {name}": difference(earned[name], earned[richest]) for name in schemes}
    plain = UNWEIGHTED if UNWEIGHTED in schemes else richest
    figures |= {f"gain {name}": difference(earned[name], earned[plain]) for name in schemes}
    first = max(schemes, key=lambda scheme: ranking[scheme])
    ranked = {name: _ranking_figure(data, folds, name, rounds[name], settings) for name in schemes}
    figures |= {f"worse {name}": difference(ranked[name], ranked[first]) for name in schemes}
    differences = intervals(valid.accounts, figures, settings.bootstraps, settings.seed)
    scheme_figures = {
        name: SchemeFigures(
            ranking=ranking[name],
            profit=profit[name],
            behind=differences[f"behind {name}"],
            gain=differences[f"gain {name}"],
            rounds=rounds[name],
        )
        for name in schemes
    }
    if settings.weighting is not None:
        return Choice(settings.weighting, rounds[settings.weighting], scheme_figures, settled=True)
    if UNWEIGHTED in schemes and few_left(valid):
        return Choice(UNWEIGHTED, rounds[UNWEIGHTED], scheme_figures, few=True)
    least = ranking.get(UNWEIGHTED, 0.0)
    sound = [name for name in schemes if ranking[name] >= least and not differences[f"worse {name}"].below]
    earning = [name for name in sound if not scheme_figures[name].behind.below]
    best = max(earning or sound, key=lambda name: ranking[name])
    return Choice(best, rounds[best], scheme_figures)


def clearly_behind(folds: Sequence[OutOfFold]) -> dict[str, float]:
    """Return the schemes to drop and how far behind the best they rank on the folds; never the one without weights."""
    ranking = {scheme: float(_mean_curve(folds, scheme).max()) for scheme in folds[0].margins}
    behind = {scheme: max(ranking.values()) - own for scheme, own in ranking.items() if scheme != UNWEIGHTED}
    return {scheme: gap for scheme, gap in behind.items() if gap > CLEARLY_BEHIND}


def few_left(data: Dataset) -> bool:
    """Whether fewer accounts left than a choice among weights takes."""
    return data.leavers < FEW_LEAVERS


def rounds_for(settings: TrainingSettings, leavers: int) -> TrainingSettings:
    """Return the settings with as many rounds at most as so many accounts that left can bear.

    An account has many rows, so to the trees a few leavers look like a lot, and they learn them by heart.

    Parameters
    ----------
    leavers : int
        Accounts.

    Examples
    --------
    >>> [rounds_for(TrainingSettings(), leavers).fit.max_rounds for leavers in (10, 90, 900)]
    [60, 90, 164]
    """
    most = settings.fit.max_rounds
    borne = round(most * max(LEAST_ROUNDS, leavers / (leavers + HALF_ROUNDS)))
    return replace(settings, fit=replace(settings.fit, max_rounds=max(1, borne)))


def _ranking_figure(
    data: Dataset, folds: Sequence[OutOfFold], scheme: str, rounds: int, settings: TrainingSettings
) -> Figure:
    """Return the mean of plain and revenue-weighted ROC AUC of a scheme as a function of weights of the folds' rows."""
    margin, rows = margins_at(folds, scheme, rounds, settings)
    valid = data.take(rows)
    auc, size = auc_figure(valid, margin), revenue_weights(valid.revenue)
    return lambda weight: mean_over([auc(weight), auc(weight * size)])


def rounds_of(folds: Sequence[OutOfFold], scheme: str, settings: TrainingSettings, folded: str = FORWARD) -> int:
    """Return the number of rounds that the folds choose for one weighting scheme.

    Several numbers may be as good as the best one. After folds forward in time the largest of them is chosen, because
    the refit learns from more rows than any fold. After folds by account the smallest is chosen: these folds have the
    same dates on both sides, so they tolerate more rounds than later dates would.

    Parameters
    ----------
    scheme : str
        A weighting scheme in the folds.
    folded : str
        Kind of the folds: `FORWARD` or `BY_ACCOUNT` of `training.models.folds`.
    """
    curve = _mean_curve(folds, scheme)
    good = np.flatnonzero(curve >= curve.max() - ROUND_TOLERANCE)
    return round_steps(settings)[int(good[0] if folded == BY_ACCOUNT else good[-1])]


def _mean_curve(folds: Sequence[OutOfFold], scheme: str) -> np.ndarray:
    return np.nanmean(np.concatenate([fold.curves[scheme] for fold in folds]), axis=0)


def money_figure(
    data: Dataset, folds: Sequence[OutOfFold], scheme: str, rounds: int, settings: TrainingSettings
) -> Figure:
    """Return the profit of a scheme as a function of weights of the folds' rows, in currency per account.

    Parameters
    ----------
    data : Dataset
        The rows to which the folds' row numbers refer.
    scheme : str
        A weighting scheme in the folds.
    rounds : int
        One of `round_steps(settings)`.
    """
    margin, rows = margins_at(folds, scheme, rounds, settings)
    valid = data.take(rows)
    probability = fit_platt(margin, valid.churned)(margin)
    at_capacity = profit_figure(valid, probability, settings.economics)
    at_cutoff = cutoff_figure(valid, probability, settings.economics, earlier_cutoffs(valid, probability, settings))
    return lambda weight: mean_over([at_capacity(weight), np.broadcast_to(at_cutoff(weight), weight.shape[:-1])])


def earlier_cutoffs(judged: Dataset, probability: np.ndarray, settings: TrainingSettings) -> dict[np.datetime64, float]:
    """Return for each date the cutoff of expected profit that was best on the dates whose outcomes were known by then.

    `probability` has shape (n,). A date before which no outcome was known has no cutoff.
    """
    value = judged.matrix.value
    score = expected_profit(probability, value, settings.economics)
    profit = realised_profit(judged.churned, probability, value, settings.economics)
    known_on = judged.as_of + np.timedelta64(settings.known_after_days, "D")
    cutoffs: dict[np.datetime64, float] = {}
    for day in np.unique(judged.as_of):
        known = known_on <= day
        if known.any():
            cutoffs[day] = best_cutoff(score[known], profit[known])
    return cutoffs
