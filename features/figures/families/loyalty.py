"""Loyalty: who buys again, and attitude against behaviour."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.figures.families.promoters import LATEST_DE, LATEST_EN, named_answers
from features.figures.figure import Basis, Figure, Rows, Words
from features.figures.programme import Programme

KEYS = ["account_id", "as_of"]
SOURCE = "Dick & Basu, Customer Loyalty (1994): attitude x behaviour"


def _buyers(programme: Programme) -> ir.Table:
    rows = programme.both_ends
    bought = rows.filter(rows.is_customer & rows.had_invoiced)
    return bought.select(*KEYS, bought=1.0, again=bought.had_invoiced_again.cast("float64"))


def _grid(programme: Programme) -> ir.Table:
    """Return each customer's place in the grid: promoter or detractor by mean score, revenue falling or not."""
    rows = named_answers(programme, "relationship")
    scored = rows.group_by(KEYS).aggregate(mean_score=rows.score.mean())
    joined = programme.both_ends.filter(lambda t: t.is_customer).left_join(scored, KEYS)
    falls = joined.invoiced < joined.was_invoiced.fill_null(0.0)
    likes, dislikes = (joined.mean_score >= 9).fill_null(False), (joined.mean_score < 7).fill_null(False)
    places = {
        "loyal": likes & ~falls, "leaving": likes & falls, "trapped": dislikes & ~falls, "lost": dislikes & falls,
        "undecided": joined.mean_score.notnull() & ~likes & ~dislikes, "unheard": joined.mean_score.isnull(),
    }  # fmt: skip
    return joined.select(*KEYS, counted=1.0, **{name: ibis.ifelse(place, 1.0, 0.0) for name, place in places.items()})


BUYERS = Basis(Rows("loyalty.buyers", _buyers), ("invoices",), {})
GRID = Basis(Rows("loyalty.grid", _grid), ("invoices", "surveys"), {"invoices": 24, "surveys": 12}, over_period=False)


def _place(name: str, en: str, de: str, what_en: str, what_de: str) -> Figure:
    words = Words(en, de, f"Customers {what_en} {LATEST_EN}", f"Kunden {what_de} {LATEST_DE}", SOURCE)
    return GRID.total(f"grid_{name}", "accounts", name, words)


FIGURES: tuple[Figure, ...] = (
    BUYERS.rate("repeat_customer_rate", "again", "bought", Words(
        "Repeat customers", "Wiederkäufer",
        "Share of the customers with an invoice that stands who have invoices on two days or more.",
        "Anteil der Kunden mit gültiger Rechnung, die an mindestens zwei Tagen Rechnungen haben.",
        "Common definition in retail")),
    _place("loyal", "Loyal", "Loyal", "with a mean relationship score of 9 or more whose revenue does not fall.",
           "mit mittlerer Beziehungsnote ab 9, deren realisierter Umsatz nicht fällt."),
    _place("leaving", "Happy but leaving", "Zufrieden, aber auf dem Weg hinaus", "of 9 or more whose revenue falls.",
           "ab 9, deren Umsatz fällt."),
    _place("trapped", "Trapped", "Gefangen", "below 7 whose revenue does not fall.",
           "unter 7, deren Umsatz nicht fällt."),
    _place("lost", "Being lost", "Unzufrieden und auf dem Weg hinaus",
           "below 7 whose revenue falls.", "unter 7, deren Umsatz fällt."),
    _place("undecided", "Undecided", "Unentschieden", "from 7 to below 9.", "von 7 bis unter 9."),
    _place("unheard", "Unheard", "Ungehört", "without a relationship answer in 365 days that may be shown.",
           "ohne Beziehungsantwort in 365 Tagen, die gezeigt werden darf."),
)  # fmt: skip
