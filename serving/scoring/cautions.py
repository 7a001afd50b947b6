"""What a reader must know beside the scores: a weak model, amounts or a currency that the model has not met.

Goes in: a bundle, the values of the accounts that were scored, and their currencies. Comes out: a few `Caution`s, for
an answer, a job or a batch alike. `serving.words.caution_words` puts them in words. Nothing is converted and nothing is
refused: amounts of another size may be right, but nobody should learn of them from a wrong band.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from features.freshness import Freshness
from training.bundle.bundle import Bundle, Reference

Code = Literal["grade", "amounts", "currency", "stale"]
#: The grade that no score should be acted on alone with.
WEAK = "D"
#: The median of the values lies outside the book when it is so many times above its 99th percentile, or so many times
#: below its 1st: a customer of a few weeks is small without anything being wrong.
ABOVE, BELOW = 3.0, 30.0
#: From so many accounts on, the median is compared with the book's median too: so many times apart is another book.
MANY, APART = 50, 30.0


@dataclass(frozen=True)
class Caution:
    """One thing to know.

    Attributes
    ----------
    code : str
    figures : mapping
        What its sentence names: `grade`; `power`, the power of ten by which the amounts differ from the training
        book's; `currency` and `trained`; `table`, `last` and `age_days` of a table that ended. No figure of the book
        itself: whoever sees one account may read it.
    """

    code: Code
    figures: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, as a stored run keeps it."""
        return {"code": self.code, "figures": dict(self.figures)}


def cautions(bundle: Bundle, values: Sequence[float], currencies: Collection[str | None]) -> list[Caution]:
    """Return what to know of scores.

    Parameters
    ----------
    values : sequence of float
        The yearly value of each account, in currency.
    currencies : collection of str or None
        The currencies that were sent; None: not said.
    """
    grade, trained = bundle.manifest.verdict.get("grade"), bundle.manifest.currency
    found = [Caution("grade", {"grade": grade})] if grade == WEAK else []
    power = power_apart(np.asarray(values, float), bundle.reference)
    if power:
        found.append(Caution("amounts", {"power": power}))
    others = sorted({currency for currency in currencies if currency is not None} - {trained})
    if trained is not None and others:
        found.append(Caution("currency", {"currency": ", ".join(others), "trained": trained}))
    return found


def stale(ages: Mapping[str, Freshness]) -> list[Caution]:
    """Return which tables of a scored book ended long before its as-of date: missing records read as nothing."""
    return [
        Caution("stale", {"table": name, "last": age.last.isoformat(), "age_days": age.age_days})
        for name, age in ages.items()
        if age.is_stale
    ]


def power_apart(values: np.ndarray, reference: Reference) -> int:
    """Return the power of ten by which values differ from the training book's; 0 where they may be of such a book.

    Accounts without value say nothing. A single account may be anywhere among the book's, so it is compared with the
    book's edges; many are compared with its middle as well.

    Examples
    --------
    >>> from datetime import date
    >>> book = Reference(as_of=date(2026, 1, 1), accounts=500, threat_value=0.0, signals={},
    ...                  value_percentiles=[float(100 * percent) for percent in range(101)])
    >>> [power_apart(np.array([value]), book) for value in (20.0, 9_000.0, 5e6)]
    [0, 0, 3]
    """
    positive = values[values > 0]
    book = np.array([value for value in reference.value_percentiles if value > 0])
    if not len(positive) or not len(book):
        return 0
    median, middle = float(np.median(positive)), float(np.median(book))
    low, high = np.quantile(book, (0.01, 0.99))
    many = len(positive) >= MANY and not 1 / APART <= median / middle <= APART
    if many or not low / BELOW <= median <= high * ABOVE:
        return round(float(np.log10(median / middle)))
    return 0
