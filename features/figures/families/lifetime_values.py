"""Customer lifetime value of the book, and by what customers say: whom a loyalty programme is for.

The values are a scoring run's estimates; here they are added up. What a customer brings varies by chance from one to
the next, and the level of all estimates moves them together, so the interval is normal, with variance
sum(variance) + (sum of what the level takes)^2, between 0 and the most that there can be.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np

from features.figures.estimates import LIFETIME
from features.figures.families.promoters import LATEST_DE, LATEST_EN, PASSIVE, PROMOTER, named_answers
from features.figures.figure import Basis, Figure, Rows, Sums, Values, Words
from features.figures.programme import Programme

KEYS = ["account_id", "as_of"]
NORMAL = 1.959963984540054
CLASSES = ("promoters", "passives", "detractors", "unheard")
PARTS = ("value", "variance", "by_level", "most")
COLUMNS = (*PARTS, "known", "without")
SOURCE = "Gupta, Lehmann & Stuart, Valuing Customers (2004); the course of hazards is churn-risk's"
EN = (
    "Revenue (or margin, where the run declares one) of each month of 30 days x the probability that a customer is "
    "there at its end x (1 - expected decline) a year, which counts from the first month on, discounted, over the "
    "years that the run declares (by default "
    "10 % a year and five years; settings `lifetime`). A year is twelve months of 30 days. The model's course of "
    "twelve months repeats; what comes after "
    "these years is cut off, growth is not counted. Interval: normal, of chance and of the level of all estimates"
)
DE = (
    "Umsatz (oder Marge, wo der Lauf eine angibt) jedes Monats von 30 Tagen x Wahrscheinlichkeit, dass der Kunde an "
    "seinem Ende da ist x (1 - erwarteter Rückgang) im Jahr, vom ersten Monat an, abgezinst, über die Jahre, die der "
    "Lauf angibt (ohne "
    "Angabe 10 % im Jahr und fünf Jahre; Einstellungen `lifetime`). Ein Jahr sind zwölf Monate von 30 Tagen. Der "
    "Verlauf von zwölf Monaten wiederholt sich; was "
    "nach diesen Jahren kommt, ist abgeschnitten, Wachstum zählt nicht. Intervall: Normalverteilung, aus Zufall und "
    "dem Niveau aller Schätzungen"
)


def expected(sums: Sums, value: str, variance: str, by_level: str, most: str, known: str, open_: str) -> Values:
    """Return expected sums with their intervals, of the columns so named.

    `known` and `open_` count who has an estimate and who has none; where nobody of somebody has one, there is no value.
    """
    of = {name: sums[name] for name in (value, variance, by_level, most, known)}
    off = NORMAL * np.sqrt(of[variance] + of[by_level] ** 2)
    none = np.where((of[known] == 0) & (sums[open_] > 0), np.nan, 0.0)
    low, high = np.maximum(of[value] - off, 0.0), np.minimum(of[value] + off, of[most])
    return Values(of[value] + none, of[known], low + none, high + none)


def _valued(programme: Programme) -> ir.Table:
    """Return each customer with the parts of its value, 0 where there is no estimate of it."""
    customers = programme.customers.spine
    rows = customers.left_join(programme.estimates, KEYS).drop("account_id_right", "as_of_right")
    known = rows.lifetime_value.notnull()
    parts = {part: rows[name].fill_null(0.0) for part, name in zip(PARTS, LIFETIME, strict=True)}
    return rows.select(*KEYS, known=known.cast("float64"), without=(~known).cast("float64"), **parts)


def _by_class(programme: Programme) -> ir.Table:
    """Return the same by the class of the mean of what a customer's people say of the relationship."""
    said = named_answers(programme, "relationship")
    scored = said.group_by(KEYS).aggregate(mean_score=said.score.mean())
    rows = _valued(programme).left_join(scored, KEYS)
    score = rows.mean_score
    places = {
        "promoters": score >= PROMOTER, "passives": (score >= PASSIVE) & (score < PROMOTER),
        "detractors": score < PASSIVE, "unheard": score.isnull(),
    }  # fmt: skip
    columns = {
        f"{part}_{name}": ibis.ifelse(place.fill_null(False), rows[part], 0.0)
        for name, place in places.items()
        for part in COLUMNS
    }
    return rows.select(*KEYS, **columns)


VALUED = Basis(Rows("loyalty.valued", _valued, kept=("segment",)), ("accounts", "invoices"), estimates=LIFETIME)
BY_CLASS = Basis(
    Rows("loyalty.valued_by_class", _by_class, kept=("segment",)), ("accounts", "invoices", "surveys"),
    {"surveys": 12}, estimates=LIFETIME,
)  # fmt: skip


def _value(basis: Basis, name: str, columns: tuple[str, ...], words: Words) -> Figure:
    def finish(sums: Sums) -> Values:
        return expected(sums, *columns)

    return basis.figure(name, "currency", columns, finish, words, adds_up=True)


def _of_class(name: str, en: str, de: str, what_en: str, what_de: str) -> Figure:
    columns = tuple(f"{part}_{name}" for part in COLUMNS)
    words = Words(
        f"Lifetime value of {en}", f"Lebenszeitwert {de}", f"Lifetime value of customers {what_en}. {LATEST_EN}",
        f"Lebenszeitwert der Kunden {what_de}. {LATEST_DE}", SOURCE,
    )  # fmt: skip
    return _value(BY_CLASS, f"lifetime_value_{name}", columns, words)


FIGURES: tuple[Figure, ...] = (
    _value(VALUED, "lifetime_value", COLUMNS,
           Words("Customer lifetime value", "Lebenszeitwert der Kunden", f"{EN}.", f"{DE}.", SOURCE)),
    VALUED.total("customers_without_lifetime_value", "accounts", "without", Words(
        "Customers without a lifetime value", "Kunden ohne Lebenszeitwert",
        "Customers of whom too little is known for an estimate: new ones, or with too few records. They are in no sum "
        "of lifetime values.",
        "Kunden, über die zu wenig für eine Schätzung bekannt ist: neue oder mit zu wenigen Vorgängen. Sie sind in "
        "keiner Summe von Lebenszeitwerten enthalten."), counted="without"),
    _of_class("promoters", "promoters", "der Promotoren",
              "with a mean relationship score of 9 or more: the best accounts for a programme",
              "mit mittlerer Beziehungsnote ab 9: die besten für ein Programm"),
    _of_class("passives", "passives", "der Passiven", "with a mean score from 7 to below 9",
              "mit mittlerer Note von 7 bis unter 9"),
    _of_class("detractors", "detractors", "der Kritiker", "with a mean score below 7", "mit mittlerer Note unter 7"),
    _of_class("unheard", "the unheard", "der Ungehörten",
              "without a relationship answer in 365 days that may be shown",
              "ohne Beziehungsantwort in 365 Tagen, die gezeigt werden darf"),
)  # fmt: skip
