"""Earned growth: how much of the growth comes from customers who stay and who recommend.

Referrals say who recommended, and what it brought, but not which account it became. New revenue that no won referral
explains was bought or its origin is not known, so the figure is a range: `low` counts what is proven, `high` all of it.
"""

from __future__ import annotations

import ibis.expr.types as ir
import numpy as np

from features.figures.families.retention import movements
from features.figures.figure import Basis, Figure, Rows, Sums, Values, Words, divided
from features.figures.programme import Programme
from features.figures.recognised import days_back

REICHHELD = "Reichheld, Darnell & Burns, Winning on Purpose (2021), earned growth rate"
SUMS = ("opening", "contracted_by", "lost", "expanded_by", "reactivated", "new", "referred", "counted")


def _rows(basis: str) -> Rows:
    def build(programme: Programme) -> ir.Table:
        view = programme.accounts
        won = view["referrals"].filter(lambda t: t.won_age_days <= days_back(t, programme.months))
        brought = won.group_by(view.keys).aggregate(referred=lambda t: t.revenue.sum())
        rows = movements(basis).build(programme).left_join(brought, view.keys)
        return rows.drop("account_id_right", "as_of_right").fill_null({"referred": 0.0})

    return Rows(f"earned_growth.{basis}", build)


def _earned(sums: Sums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return earned growth as it is proven and at most, and all growth, as fractions of the opening value."""
    stays = sums["opening"] + sums["contracted_by"] + sums["lost"] + sums["expanded_by"] + sums["reactivated"]
    proven = np.minimum(sums["referred"], sums["new"])
    base = stays - sums["opening"]
    return tuple(divided(base + added, sums["opening"]) for added in (proven, sums["new"], sums["new"]))  # type: ignore[return-value]


def _rate(sums: Sums) -> Values:
    proven, most, _ = _earned(sums)
    return Values(proven, sums["counted"], proven, most)


def _ratio(sums: Sums) -> Values:
    proven, most, growth = _earned(sums)
    # A share of growth lies from 0 to 1: where earned growth is below 0, no part of the growth is earned.
    proven, most = (divided(np.maximum(part, 0.0), growth) for part in (proven, most))
    return Values(proven, sums["counted"], proven, most)


def _figures(basis: str, needs: tuple[str, ...], back: dict[str, int], en: str, de: str) -> list[Figure]:
    rows = Basis(_rows(basis), (*needs, "referrals"), {**back, "referrals": 12}, over_period=True)
    return [
        rows.figure(f"earned_growth_{basis}", "share", SUMS, _rate, Words(
            f"Earned growth ({en})", f"Verdientes Wachstum ({de})",
            "Net revenue retention (returning customers counted) + revenue of earned new customers / opening value - "
            "100 %. Earned: won by referral in the period, at most the new revenue. The range ends where all new "
            "revenue of unknown origin is earned.",
            "Nettobindung (mit Zurückgekehrten) + Umsatz verdienter neuer Kunden / Anfangswert - 100 %. Verdient: im "
            "Zeitraum durch Empfehlung gewonnen, höchstens der neue Umsatz. Die Spanne endet, wo aller neue Umsatz "
            "unbekannter Herkunft verdient ist.", REICHHELD)),
        rows.figure(f"earned_growth_ratio_{basis}", "share", SUMS, _ratio, Words(
            f"Earned share of growth ({en})", f"Verdienter Anteil am Wachstum ({de})",
            "Earned growth / all growth, 0 where what is proven to be earned is not above 0; null where the value did "
            "not grow. The value is the least that is proven, the range ends where all of unknown origin is earned.",
            "Verdientes Wachstum / gesamtes Wachstum, 0, wo nachweislich nichts verdient ist; leer, wo der Wert nicht "
            "gewachsen ist. Der Wert ist das Mindeste, die Spanne endet, wo alles unbekannter Herkunft verdient ist.",
            REICHHELD)),
    ]  # fmt: skip


FIGURES: tuple[Figure, ...] = (
    *_figures("invoiced", ("accounts", "invoices"), {"invoices": 24}, "invoices", "Rechnungen"),
    *_figures("contracted", ("accounts", "contracts"), {"contracts": 12}, "contracts", "Verträge"),
)
