"""What tuning may change, and within which range: trees, depth, regularisation, constraints, slices, history.

Settings and dates go in; plain dimensions come out, which `training.tuning.search` turns into Optuna's distributions.
Every range includes the value that tuning starts from. Nothing is computed again from the book: fewer slices and a
shorter history only leave rows out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

from training.models.weights import SCHEMES
from training.settings import FitSettings, TrainingSettings

Value = float | int | bool | str | None
MONTHS_12, MONTHS_18, MONTHS_24 = 365, 547, 730
#: Lower end, upper end, whether only whole numbers are allowed, whether the scale is logarithmic.
RANGES: Mapping[str, tuple[float, float, bool, bool]] = {
    "learning_rate": (0.02, 0.2, False, True),
    "num_leaves": (4, 32, True, True),
    "min_data_in_leaf": (20, 400, True, True),
    "lambda_l2": (0.1, 100.0, False, True),
    "feature_fraction_bynode": (0.1, 1.0, False, False),
    "bagging_fraction": (0.4, 1.0, False, False),
}
DEPTHS = (-1, 2, 3, 4, 6)
#: `max_rounds` lies between these multiples of its starting value; the folds choose the rounds below it.
FEWER_ROUNDS, MORE_ROUNDS = 0.5, 3
#: Learning from every n-th slice is tried only if at least this many slices would be left.
LEAST_SLICES = 4


@dataclass(frozen=True)
class Dimension:
    """One setting that tuning may change.

    Attributes
    ----------
    name : str
        A field of FitSettings or of TrainingSettings.
    low, high : float
        The ends of a range, both included.
    whole, log : bool
        Whether only whole numbers are allowed; whether the search uses a log scale.
    choices : tuple
        The allowed values, instead of a range.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    log: bool = False
    choices: tuple[Value, ...] = ()


def search_space(settings: TrainingSettings, dates: Sequence[date]) -> tuple[Dimension, ...]:
    """Return the dimensions that tuning may change.

    Parameters
    ----------
    settings : TrainingSettings
        The settings that tuning starts from.
    dates : sequence of date
        As-of dates that trials learn from and are judged on, oldest first. A window longer than their span changes
        nothing, so it is not offered.
    """
    start, rounds = starting_point(settings), settings.fit.max_rounds
    days = (dates[-1] - dates[0]).days
    ranges = [_range(name, start[name], *RANGES[name]) for name in RANGES]
    ranges.append(_range("max_rounds", rounds, max(1, FEWER_ROUNDS * rounds), MORE_ROUNDS * rounds, True, True))
    choices: dict[str, Sequence[Value]] = {
        "max_depth": DEPTHS,
        "monotone": (True, False),
        "weighting": tuple(SCHEMES),
        "every": [every for every in (1, 2, 3) if len(dates) >= LEAST_SLICES * every],
        "window_days": [None, *(window for window in (MONTHS_12, MONTHS_18, MONTHS_24) if window < days)],
    }
    tried_values = {name: tuple(dict.fromkeys((start[name], *others))) for name, others in choices.items()}
    return (*ranges, *(Dimension(name, choices=tried) for name, tried in tried_values.items()))


def _range(name: str, start: Value, low: float, high: float, whole: bool, log: bool) -> Dimension:
    """Return a range that includes its start."""
    assert isinstance(start, int | float)
    low, high = min(low, start), max(high, start)
    return Dimension(name, round(low) if whole else low, round(high) if whole else high, whole, log)


def starting_point(settings: TrainingSettings) -> dict[str, Value]:
    """Return the values of the settings; the first weighting scheme if the settings fix none."""
    names = (*RANGES, "max_rounds", "max_depth", "monotone")
    start: dict[str, Value] = {name: getattr(settings.fit, name) for name in names}
    weighting = settings.weighting or next(iter(SCHEMES))
    return start | {"weighting": weighting, "every": settings.every, "window_days": settings.window_days}


def applied(settings: TrainingSettings, parameters: Mapping[str, Value]) -> TrainingSettings:
    """Return the settings with some values replaced.

    Parameters
    ----------
    parameters : mapping of name to value
        Fields of FitSettings or of TrainingSettings.
    """
    names = {field.name for field in fields(FitSettings)}
    fit = {name: value for name, value in parameters.items() if name in names}
    others = {name: value for name, value in parameters.items() if name not in names}
    return replace(settings, fit=replace(settings.fit, **fit), **others)  # type: ignore[arg-type]
