"""Referrals: who recommends, what becomes of it, what it costs."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.figures.families.promoters import every_answer, named_answers
from features.figures.figure import Basis, Figure, Rows, Sums, Values, Words, divided
from features.figures.programme import Programme

DAYS = 365
KEYS = ["account_id", "as_of"]


def _referrals(programme: Programme) -> ir.Table:
    rows = programme.customers["referrals"].filter(lambda t: t.age_days <= DAYS)
    contacted, won = rows.contacted_age_days.notnull(), rows.won_age_days.notnull()
    return rows.select(
        *KEYS, counted=1.0, contacted=(contacted | won).cast("float64"), handed=contacted.cast("float64"),
        won=won.cast("float64"), hours=(24 * (rows.age_days - rows.contacted_age_days)).fill_null(0.0),
        revenue=rows.revenue.fill_null(0.0), reward=rows.reward.fill_null(0.0),
    )  # fmt: skip


def _customers(programme: Programme) -> ir.Table:
    view = programme.customers
    rows = view["referrals"].filter(lambda t: t.age_days <= DAYS)
    made = rows.group_by(KEYS).aggregate(referrals=rows.count())
    joined = view.spine.left_join(made, KEYS)
    return joined.select(*KEYS, counted=1.0, refers=(joined.referrals.fill_null(0) > 0).cast("float64"))


def _to_ask(programme: Programme) -> ir.Table:
    """Return the customers whose relationship answers are all of promoters; who has not referred is to ask.

    All answers of the year count, not the latest of each contact only: who was no promoter lately is not asked.
    """
    shown = named_answers(programme, "relationship").select(*KEYS).distinct()
    rows = every_answer(programme, "relationship").semi_join(shown, KEYS)
    scored = rows.group_by(KEYS).aggregate(worst=rows.score.min())
    own = _customers(programme).inner_join(scored, KEYS)
    to_ask = (own.worst >= 9) & (own.refers == 0)
    return own.select(*KEYS, counted=1.0, to_ask=ibis.ifelse(to_ask, 1.0, 0.0))


MADE = Basis(Rows("recommending.referrals", _referrals), ("referrals",), {"referrals": 12})
FIRMS = Basis(Rows("recommending.customers", _customers), ("referrals",), {"referrals": 12})
ASK = Basis(Rows("recommending.to_ask", _to_ask), ("referrals", "surveys"), {"referrals": 12, "surveys": 12})


def _hours(sums: Sums) -> Values:
    return Values(divided(sums["hours"], sums["handed"]), sums["handed"])


def _words(en: str, de: str, what_en: str, what_de: str) -> Words:
    return Words(en, de, what_en, what_de)


FIGURES: tuple[Figure, ...] = (
    FIRMS.rate("referral_participation", "refers", "counted", _words(
        "Customers who refer", "Empfehlende Kunden",
        "Share of customers with a referral in 365 days.", "Anteil der Kunden mit einer Empfehlung in 365 Tagen.")),
    MADE.total("referrals_made", "records", "counted", _words(
        "Referrals", "Empfehlungen", "Referrals of 365 days.", "Empfehlungen von 365 Tagen.")),
    MADE.rate("referrals_contacted", "contacted", "counted", _words(
        "Referrals contacted", "Kontaktierte Empfehlungen",
        "Share of the referrals of 365 days that were contacted (or won): the first step of the funnel.",
        "Anteil der Empfehlungen von 365 Tagen, die kontaktiert (oder gewonnen) wurden: der erste Schritt.")),
    MADE.rate("referrals_won_of_contacted", "won", "contacted", _words(
        "Won of contacted", "Gewonnen von kontaktiert",
        "Share of the contacted referrals of 365 days that were won: the second step of the funnel.",
        "Anteil der kontaktierten Empfehlungen von 365 Tagen, die gewonnen wurden: der zweite Schritt.")),
    MADE.rate("referral_conversion", "won", "counted", _words(
        "Referrals won", "Gewonnene Empfehlungen",
        "Share of the referrals of 365 days that were won so far; young ones may still be.",
        "Anteil der Empfehlungen von 365 Tagen, die bisher gewonnen wurden; junge können es noch werden.")),
    MADE.total("referral_revenue", "currency", "revenue", _words(
        "Revenue by referrals", "Umsatz durch Empfehlungen",
        "Revenue of the won referrals of 365 days.", "Umsatz der gewonnenen Empfehlungen von 365 Tagen.")),
    MADE.ratio("referral_reward_cost", ("reward",), "revenue", _words(
        "Reward per referred revenue", "Prämie je empfohlenem Umsatz",
        "Rewards / revenue of the won referrals of 365 days.",
        "Prämien / Umsatz der gewonnenen Empfehlungen von 365 Tagen."), "won", "currency per currency"),
    MADE.figure("referral_hand_over_hours", "hours", ("hours", "handed"), _hours, _words(
        "Time to contact", "Zeit bis zum Kontakt",
        "Mean hours from referral to contact, of the contacted referrals of 365 days.",
        "Mittlere Stunden von der Empfehlung zum Kontakt, der kontaktierten Empfehlungen von 365 Tagen.")),
    ASK.total("promoters_to_ask", "accounts", "to_ask", _words(
        "Promoters to ask", "Promotoren, die man um Empfehlung bitten kann",
        "Customers whose relationship answers of 365 days, earlier ones of a contact too, are all 9 or 10 and who "
        "have not "
        "referred in this time. None by anonymous answers among fewer than 5.",
        "Kunden, deren Beziehungsantworten von 365 Tagen, auch frühere eines Ansprechpartners, alle 9 oder 10 sind und "
        "die in dieser Zeit nicht empfahlen. Keine mit anonymen Antworten unter weniger als 5.")),
)  # fmt: skip
