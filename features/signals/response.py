"""Response rate and silence: a customer who stops answering surveys is a risk.

An invitation counts as unanswered when it is older than 14 days; a younger one counts only when it is answered. One
that bounced was not sent: the view leaves it out.
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.as_of import AsOf, beside
from features.signal import relation, theme

signal = theme("silence")
GRACE_DAYS = 14
NOW_DAYS, BEFORE_DAYS = 180, 360


def _judged(view: AsOf) -> ir.Table:
    """Return invitations answered or older than 14 days, with `answered`."""
    rows = view["surveys"].mutate(answered=lambda t: t.answered_age_days.notnull())
    return rows.filter(rows.answered | (rows.age_days > GRACE_DAYS))


@relation("surveys")
def invitations(view: AsOf) -> ir.Table:
    """Return invitations answered or older than 14 days, with `answered` and the age of the last answered one."""
    rows = _judged(view)
    return beside(rows, view.keys, last_answered=rows.age_days.min(where=rows.answered))


@relation("surveys")
def contact_invitations(view: AsOf) -> ir.Table:
    """Return one row per contact: invitations and answers of the last 180 days, and answers to earlier invitations."""
    rows = _judged(view).filter(lambda t: t.contact_id.notnull())
    recent = rows.age_days <= NOW_DAYS
    return rows.group_by([*view.keys, "contact_id"]).aggregate(
        invited_now=rows.count(where=recent),
        answered_now=rows.count(where=recent & rows.answered),
        answered_before=rows.count(where=~recent & rows.answered),
    )


def _rate(rows: ir.Table, newest: int, oldest: int) -> ir.Value:
    window = (rows.age_days > newest) & (rows.age_days <= oldest)
    return rows.answered.cast("float64").mean(where=window)


@signal(
    over=invitations,
    unit="share",
    en="Response rate, 180 days",
    de="Antwortquote, 180 Tage",
    riskier="falling",
    relies_on=("invitations",),
)
def response_rate_180d(rows: ir.Table) -> ir.Value:
    """Share of the invitations of the last 180 days that were answered."""
    return _rate(rows, 0, NOW_DAYS)


@signal(
    over=invitations,
    unit="share",
    en="Response rate before",
    de="Antwortquote davor",
    riskier="either",
    actionable=False,
    history_days=BEFORE_DAYS,
    relies_on=("invitations",),
)
def response_rate_before(rows: ir.Table) -> ir.Value:
    """Share of the invitations sent 181 to 360 days ago that were answered by as_of."""
    return _rate(rows, NOW_DAYS, BEFORE_DAYS)


@signal(
    over=invitations,
    unit="share",
    en="Drop of the response rate",
    de="Rückgang der Antwortquote",
    riskier="rising",
    history_days=BEFORE_DAYS,
    relies_on=("invitations",),
)
def response_rate_drop(rows: ir.Table) -> ir.Value:
    """Response rate of 181 to 360 days ago minus that of the last 180 days."""
    return _rate(rows, NOW_DAYS, BEFORE_DAYS) - _rate(rows, 0, NOW_DAYS)


@signal(
    over=invitations,
    unit="invitations",
    en="Invitations unanswered in a row",
    de="Unbeantwortete Einladungen in Folge",
    riskier="rising",
    when_none=0,
    relies_on=("invitations",),
)
def invitations_unanswered_in_a_row(rows: ir.Table) -> ir.Value:
    """Invitations sent since the latest one that was answered; all of them when none was."""
    return rows.count(where=rows.last_answered.isnull() | (rows.age_days < rows.last_answered))


@signal(
    over=contact_invitations,
    unit="contacts",
    en="Contacts who fell silent",
    de="Verstummte Ansprechpartner",
    riskier="rising",
    when_none=0,
    history_days=BEFORE_DAYS,
    relies_on=("invitations",),
    told_by="surveys.contact_id",
)
def contacts_fell_silent(rows: ir.Table) -> ir.Value:
    """Contacts who answered an invitation older than 180 days, were invited since, and answered none of those."""
    return rows.count(where=(rows.answered_before > 0) & (rows.invited_now > 0) & (rows.answered_now == 0))


def _delay_hours(rows: ir.Table) -> ir.Value:
    return (rows.age_days - rows.answered_age_days) * 24


@signal(
    over=invitations,
    unit="hours",
    en="Answer delay, median of 365 days",
    de="Zeit bis zur Antwort, Median, 365 Tage",
    riskier="rising",
    relies_on=("answer_times",),
)
def answer_delay_hours_p50_365d(rows: ir.Table) -> ir.Value:
    """Median hours from invitation to answer, of the invitations of the last 365 days."""
    return _delay_hours(rows).median(where=rows.age_days <= 365)


@signal(
    over=invitations,
    unit="hours",
    en="Trend of the answer delay",
    de="Zeit bis zur Antwort gegenüber Halbjahr davor",
    riskier="rising",
    history_days=BEFORE_DAYS,
    relies_on=("answer_times",),
)
def answer_delay_hours_trend(rows: ir.Table) -> ir.Value:
    """Median delay of the last 180 days minus the median of the 180 days before: above 0 is slower."""
    now = _delay_hours(rows).median(where=rows.age_days <= NOW_DAYS)
    before = (rows.age_days > NOW_DAYS) & (rows.age_days <= BEFORE_DAYS)
    return now - _delay_hours(rows).median(where=before)


@signal(
    over="surveys",
    unit="flag",
    en="Never surveyed",
    de="Nie befragt",
    riskier="either",
    when_none=1,
    relies_on=("invitations",),
)
def silence_never_surveyed(rows: ir.Table) -> ir.Value:
    """1 when no invitation was ever sent."""
    return (rows.count() == 0).cast("float64")


@signal(
    over=invitations,
    unit="flag",
    en="Surveyed, never answered",
    de="Befragt, nie geantwortet",
    riskier="rising",
    when_none=0,
    relies_on=("invitations",),
)
def silence_never_answered(rows: ir.Table) -> ir.Value:
    """1 when invitations were sent and none was ever answered."""
    return (rows.count(where=rows.answered) == 0).cast("float64")


@signal(
    over=invitations,
    unit="flag",
    en="Once responsive, now silent",
    de="Hat früher geantwortet, jetzt nicht mehr",
    riskier="rising",
    when_none=0,
    history_days=BEFORE_DAYS,
    relies_on=("invitations",),
)
def silence_once_responsive(rows: ir.Table) -> ir.Value:
    """1 when invitations sent more than 180 days ago were answered and none of the later ones was."""
    recent = rows.age_days <= NOW_DAYS
    silent_now = (rows.count(where=recent) > 0) & (rows.count(where=recent & rows.answered) == 0)
    return (silent_now & (rows.count(where=~recent & rows.answered) > 0)).cast("float64")
