"""NPS: level and trend of the scores, and the scores by kind of contact and survey.

Promoters score 9 or 10, passives 7 or 8, detractors 0 to 6 (Reichheld, "The One Number You Need to Grow", 2003).
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.as_of import AsOf, beside
from features.signal import relation, theme

signal = theme("nps")
DETRACTOR = 6
DAYS_A_YEAR, DAYS_A_MONTH = 365.25, 30.4375
#: Invitations sent within this many days of each other belong to one wave.
WAVE_DAYS = 60


def _scored(view: AsOf) -> ir.Table:
    """Return answered surveys that carry a score. A window that a caller does not need would cost what it costs."""
    rows = view["surveys"]
    return rows.filter(rows.score.notnull() & rows.answered_age_days.notnull())


@relation("surveys")
def answers(view: AsOf) -> ir.Table:
    """Return answered surveys that carry a score, with the age of the account's latest answer."""
    rows = _scored(view)
    return beside(rows, view.keys, latest_age=rows.answered_age_days.min())


@relation("surveys")
def contact_scores(view: AsOf) -> ir.Table:
    """Return each contact's latest score of the last 365 days, one row per contact."""
    rows = _scored(view).filter(lambda t: (t.answered_age_days <= 365) & t.contact_id.notnull())
    by_contact = [*view.keys, "contact_id"]
    latest = beside(rows, by_contact, contact_latest=rows.answered_age_days.min())
    return latest.group_by(by_contact).aggregate(
        score=lambda t: t.score.mean(where=t.answered_age_days == t.contact_latest)
    )


@relation("surveys", "contacts")
def decision_maker_answers(view: AsOf) -> ir.Table:
    """Return the answers of decision makers who have not left, with the age of their latest answer."""
    makers = view["contacts"].filter(lambda t: t.decision_maker & t.valid_to_age_days.isnull())
    makers = makers.select(*view.keys, "contact_id")
    rows = _scored(view).semi_join(makers, [*view.keys, "contact_id"])
    return beside(rows, view.keys, latest_age=rows.answered_age_days.min())


@relation("surveys")
def waves(view: AsOf) -> ir.Table:
    """Return relationship answers with `wave` 1 for the latest wave, 2 for the one before it, null for older ones."""
    rows = _scored(view).filter(lambda t: t.kind == "relationship")
    rows = beside(rows, view.keys, first=rows.age_days.min())
    rows = beside(rows, view.keys, second=rows.age_days.min(where=rows.age_days > rows.first + WAVE_DAYS))
    in_first = rows.age_days <= rows.first + WAVE_DAYS
    in_second = (rows.age_days >= rows.second) & (rows.age_days <= rows.second + WAVE_DAYS)
    return rows.mutate(wave=ibis.cases((in_first, 1), (in_second, 2)))


@signal(over=answers, unit="NPS points", en="Last score", de="Letzte Bewertung", riskier="falling")
def nps_last(rows: ir.Table) -> ir.Value:
    """Score of the latest answer (mean where several came at the same instant)."""
    return rows.score.mean(where=rows.answered_age_days == rows.latest_age)


@signal(
    over=answers,
    unit="NPS points",
    en="Mean score, 365 days",
    de="Mittlere Bewertung, 365 Tage",
    riskier="falling",
)
def nps_mean_365d(rows: ir.Table) -> ir.Value:
    """Mean score of the answers of the last 365 days."""
    return rows.score.mean(where=rows.answered_age_days <= 365)


@signal(
    over=answers,
    unit="NPS points per year",
    en="Trend of scores",
    de="Änderung der Bewertungen im Jahr",
    riskier="falling",
)
def nps_slope_365d(rows: ir.Table) -> ir.Value:
    """Least-squares slope of score over time, from at least two answers a day or more apart."""
    recent = rows.answered_age_days <= 365
    years = -rows.answered_age_days / DAYS_A_YEAR
    apart = rows.answered_age_days.max(where=recent) - rows.answered_age_days.min(where=recent) >= 1
    slope = rows.score.cov(years, where=recent, how="pop") / years.var(where=recent, how="pop").nullif(0)
    return ibis.ifelse(apart, slope, ibis.null("float64"))


@signal(
    over=waves,
    unit="NPS points",
    en="Change between survey waves",
    de="Änderung zwischen Befragungswellen",
    riskier="falling",
)
def nps_change_waves(rows: ir.Table) -> ir.Value:
    """Mean score of the latest relationship wave minus that of the wave before."""
    return rows.score.mean(where=rows.wave == 1) - rows.score.mean(where=rows.wave == 2)


@signal(
    over=answers,
    unit="NPS points",
    en="Volatility of scores",
    de="Schwankung der Bewertungen",
    riskier="rising",
    actionable=False,
)
def nps_volatility_365d(rows: ir.Table) -> ir.Value:
    """Standard deviation of the scores of the last 365 days, from two answers on."""
    return rows.score.std(where=rows.answered_age_days <= 365, how="sample")


@signal(
    over=contact_scores,
    unit="share",
    en="Detractors among contacts",
    de="Kritiker unter den Ansprechpartnern",
    riskier="rising",
    history_days=365,
)
def nps_detractor_share(rows: ir.Table) -> ir.Value:
    """Share of the contacts who answered in the last 365 days whose latest score is 6 or lower."""
    return (rows.score <= DETRACTOR).cast("float64").mean()


@signal(
    over=decision_maker_answers,
    unit="NPS points",
    en="Decision maker's last score",
    de="Letzte Bewertung der Entscheidungsperson",
    riskier="falling",
)
def nps_decision_maker_last(rows: ir.Table) -> ir.Value:
    """Score of the latest answer of a decision maker who has not left."""
    return rows.score.mean(where=rows.answered_age_days == rows.latest_age)


@signal(
    over=answers,
    unit="NPS points",
    en="Relationship score, 365 days",
    de="Bewertung in Beziehungsbefragungen, 365 Tage",
    riskier="falling",
)
def nps_relationship_mean_365d(rows: ir.Table) -> ir.Value:
    """Mean score of the relationship surveys answered in the last 365 days."""
    return rows.score.mean(where=(rows.answered_age_days <= 365) & (rows.kind == "relationship"))


@signal(
    over=answers,
    unit="NPS points",
    en="Transactional score, 365 days",
    de="Bewertung nach einem Vorgang, 365 Tage",
    riskier="falling",
)
def nps_transactional_mean_365d(rows: ir.Table) -> ir.Value:
    """Mean score of the transactional surveys answered in the last 365 days."""
    return rows.score.mean(where=(rows.answered_age_days <= 365) & (rows.kind == "transactional"))


@signal(
    over=answers,
    unit="months",
    en="Months since the last answer",
    de="Zeit seit der letzten Antwort",
    riskier="rising",
)
def nps_answer_age_months(rows: ir.Table) -> ir.Value:
    """Months since the latest answer; null when there never was one."""
    return rows.answered_age_days.min() / DAYS_A_MONTH
