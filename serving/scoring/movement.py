"""Two stored scores of an account -> how much of the change is the account's, by theme, and how much the model's.

With the former model f, the model g, and what is known at both dates x and y, the change g(y) - f(x) may be walked in
two orders: the account first, f(y) - f(x) and then g(y) - f(y), or the model first. Each part is the mean of both:

    account = [f(y) - f(x) + g(y) - g(x)] / 2        model = [g(x) - f(x) + g(y) - f(y)] / 2

A theme's part is the mean of what its contributions moved under either model, since a model's base is the same for all
rows. The parts sum to the change exactly: g(y), f(x) and their contributions are the stored ones; only f(y) and g(x)
are computed, from the values of signals that every score is stored with.

Under one model nothing is computed. Under two, both must load, know the signals that are stored, and give the stored
scores anew; otherwise there is the whole change only, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from features.matrix import FACTS, Matrix
from features.signal import all_signals
from serving.scoring.scores import Score
from training.bundle.bundle import Bundle
from training.bundle.explanation import DECIMALS, Explained, explain

#: Why there is the whole only: a model is not at hand, it knows other signals than are stored, or what is stored does
#: not give the stored score.
WholeOnly = Literal["model_away", "signals_differ", "not_reproduced"]
BundleOf = Callable[[str], Bundle | None]
#: How far a stored score may be from what its model gives for the stored values, which are rounded.
CLOSE = 1e-4
SAME_BASE = 1e-6


#: Contributions by theme, under one model or under both.
_Themes = list[dict[str, float]]


@dataclass(frozen=True)
class Movement:
    """The change between two scores; account + model = change, and the themes sum to account.

    Attributes
    ----------
    before, after : Score
    change : float
        Of the churn probability, as a fraction: 0.08 is 8 points.
    account, model : float or None
        Its parts; None where there is the whole only.
    themes : mapping of str to float
        The account's part by theme, by falling absolute size; empty where there is the whole only.
    whole_only : str or None
        Why there is the whole only.
    """

    before: Score
    after: Score
    change: float
    account: float | None
    model: float | None
    themes: Mapping[str, float]
    whole_only: WholeOnly | None = None


def movement(before: Score, after: Score, bundle_of: BundleOf) -> Movement:
    """Return what moved one account's probability between two scores; `bundle_of` gives a version's bundle or None."""
    return movements([before], [after], bundle_of)[0]


def movements(before: Sequence[Score], after: Sequence[Score], bundle_of: BundleOf) -> list[Movement]:
    """Return the same for several accounts; all of `before` are of one version, and so are all of `after`."""
    if not after:
        return []
    first, second = before[0], after[0]
    same_base = abs(first.base_probability - second.base_probability) < SAME_BASE
    if first.model_version == second.model_version and same_base:
        return [
            _told(*pair, [_by_theme(pair[1])], [_by_theme(pair[0])], 0.0) for pair in zip(before, after, strict=True)
        ]
    former, latter = (bundle_of(version) for version in (first.model_version, second.model_version))
    if former is None or latter is None:
        return [_whole(*pair, "model_away") for pair in zip(before, after, strict=True)]
    known = [_knows(former, *pair) and _knows(latter, *pair) for pair in zip(before, after, strict=True)]
    crossed = _crossed(
        [score for score, sound in zip(before, known, strict=True) if sound],
        [score for score, sound in zip(after, known, strict=True) if sound],
        former,
        latter,
    )
    return [
        next(crossed) if sound else _whole(earlier, later, "signals_differ")
        for earlier, later, sound in zip(before, after, known, strict=True)
    ]


def _crossed(before: list[Score], after: list[Score], former: Bundle, latter: Bundle) -> Iterator[Movement]:
    """Yield the movements of scores whose signals both models know."""
    if not after:
        return
    then, now = stored_matrix(before), stored_matrix(after)
    old_then, old_now = explain(former, then).rounded(), explain(former, now).rounded()
    new_then, new_now = explain(latter, then).rounded(), explain(latter, now).rounded()
    for row, pair in enumerate(zip(before, after, strict=True)):
        if not (_gives(old_then, row, pair[0]) and _gives(new_now, row, pair[1])):
            yield _whole(*pair, "not_reproduced")
            continue
        later = [_themes_of(old_now, row), _by_theme(pair[1])]
        earlier = [_by_theme(pair[0]), _themes_of(new_then, row)]
        moved = new_then.probability[row] - pair[0].churn_probability
        moved += pair[1].churn_probability - old_now.probability[row]
        yield _told(*pair, later, earlier, float(moved) / 2)


def stored_matrix(scores: Sequence[Score]) -> Matrix:
    """Return the signals of stored scores as a model takes them; facts are no part of a score's reasons and are NaN."""
    kept = [{reason.signal: reason for reason in score.reasons} for score in scores]
    columns = {
        item.name: np.array([row[item.name].value_text for row in kept], dtype=object)
        if item.is_text
        else np.array([row[item.name].value for row in kept], dtype=float).astype(np.float32).astype(float)
        for item in all_signals()
    }
    keys = pd.DataFrame(
        {
            "account_id": pd.Series([score.account_id for score in scores], dtype="str"),
            "as_of": pd.to_datetime([score.as_of for score in scores]).astype("datetime64[s]"),
        }
    )
    return Matrix(keys, pd.DataFrame(columns), pd.DataFrame(np.nan, index=range(len(scores)), columns=list(FACTS)))


def _told(before: Score, after: Score, later: _Themes, earlier: _Themes, model: float) -> Movement:
    change, model = _change(before, after), _tidy(model)
    codes = sorted({code for themes in (*later, *earlier) for code in themes})
    moved = {
        code: _tidy(sum(b.get(code, 0.0) - a.get(code, 0.0) for a, b in zip(earlier, later, strict=True)) / len(later))
        for code in codes
    }
    themes = dict(sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0])))
    return Movement(before, after, change, _tidy(change - model), model, themes)


def _whole(before: Score, after: Score, why: WholeOnly) -> Movement:
    return Movement(before, after, _change(before, after), None, None, {}, why)


def _change(before: Score, after: Score) -> float:
    return _tidy(after.churn_probability - before.churn_probability)


def _tidy(part: float) -> float:
    """Return a part without what binary fractions leave over: parts are sums and halves of whole millionths."""
    return round(part, DECIMALS + 1) + 0.0


def _knows(bundle: Bundle, *scores: Score) -> bool:
    signals = set(bundle.manifest.signals)
    return signals == {item.name for item in all_signals()} and all(
        {reason.signal for reason in score.reasons} == signals for score in scores
    )


def _gives(explained: Explained, row: int, score: Score) -> bool:
    off = abs(explained.probability[row] - score.churn_probability)
    return bool(off < CLOSE) and abs(explained.base - score.base_probability) < SAME_BASE


def _by_theme(score: Score) -> dict[str, float]:
    themes: dict[str, float] = {}
    for reason in score.reasons:
        themes[reason.code] = themes.get(reason.code, 0.0) + reason.contribution
    return themes


def _themes_of(explained: Explained, row: int) -> dict[str, float]:
    themes: dict[str, float] = {}
    for item, contribution in zip(all_signals(), explained.contributions[row].tolist(), strict=True):
        themes[item.theme] = themes.get(item.theme, 0.0) + contribution
    return themes
