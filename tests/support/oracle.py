"""Signals and facts recomputed by plain Python over the records of one account.

Written from the contract and the docstrings of the signals, with real timestamps and no Ibis: whatever both get wrong
the same way must have been misunderstood twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from features.matrix import FACT
from features.tables import HISTORY, TABLES
from support.books import Frames
from support.invoicing_oracle import invoicing, standing

DAY = pd.Timedelta(days=1)
HOUR = pd.Timedelta(hours=1)
FILLED_AT = {
    ("surveys", "answered_at"): "answered_at",
    ("surveys", "score"): "answered_at",
    ("loops", "closed_at"): "closed_at",
    ("tickets", "closed_at"): "closed_at",
    ("contacts", "valid_to"): "valid_to",
    ("memberships", "left_on"): "left_on",
    ("referrals", "contacted_at"): "contacted_at",
    ("referrals", "won_at"): "won_at",
    ("referrals", "revenue"): "won_at",
    ("referrals", "reward"): "won_at",
    ("surveys", "bounced_at"): "bounced_at",
}
Values = dict[str, Any]


def known(frames: Frames, account: str, at: pd.Timestamp) -> SimpleNamespace:
    """The account's records as they stood at `at`: own time before it, later columns None until theirs is."""
    return SimpleNamespace(**{name: _known_rows(name, frames[name], account, at) for name in TABLES})


def _known_rows(name: str, frame: pd.DataFrame, account: str, at: pd.Timestamp) -> list[SimpleNamespace]:
    rows = []
    for record in frame[frame["account_id"] == account].to_dict("records"):
        if record[TABLES[name].time] < at:
            row = {column: None if pd.isna(value) else value for column, value in record.items()}
            for (table, column), filled in FILLED_AT.items():
                if table == name and (pd.isna(record[filled]) or record[filled] >= at):
                    row[column] = None
            if name == "surveys" and row.get("anonymous"):
                row["contact_id"] = None
            if name != "surveys" or row.get("bounced_at") is None:
                rows.append(SimpleNamespace(**row))
    return rows


class Clock:
    """Windows seen from one as-of date."""

    def __init__(self, at: pd.Timestamp) -> None:
        self.at = at

    def within(self, when: pd.Timestamp | None, days: int, since: int = 0) -> bool:
        """Whether `when` lies in the `days` before as_of but not in the last `since` of them."""
        return when is not None and self.at - days * DAY <= when < self.at - since * DAY

    def days(self, when: pd.Timestamp) -> float:
        return (self.at - when) / DAY


def mean(values: Iterable[float]) -> float | None:
    held = list(values)
    return sum(held) / len(held) if held else None


def quantile(values: Iterable[float], share: float) -> float | None:
    held = sorted(values)
    if not held:
        return None
    place = share * (len(held) - 1)
    low = math.floor(place)
    high = min(low + 1, len(held) - 1)
    return held[low] + (place - low) * (held[high] - held[low])


def minus(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def tenure(book: SimpleNamespace, clock: Clock) -> Values:
    (account,) = book.accounts
    return {
        "tenure_days": clock.days(account.customer_since),
        "account_segment": account.segment,
        "account_industry": account.industry,
        "account_country": account.country,
    }


def actions(book: SimpleNamespace, clock: Clock) -> Values:
    return {
        "actions_180d": sum(clock.within(row.done_at, 180) for row in book.actions),
        "action_age_days": min((clock.days(row.done_at) for row in book.actions), default=None),
    }


def contacts(book: SimpleNamespace, clock: Clock) -> Values:
    active = [row for row in book.contacts if row.valid_to is None]
    left = [row for row in book.contacts if clock.within(row.valid_to, 365)]
    year_ago = clock.at - 365 * DAY
    then = [
        row for row in book.contacts if row.valid_from < year_ago and not (row.valid_to and row.valid_to < year_ago)
    ]
    invited = {row.contact_id for row in book.surveys if row.contact_id is not None}
    decide = partial(told, book.contacts, "decision_maker")
    return {
        "contacts_active": len(active),
        "contacts_single": float(len(active) == 1),
        "contacts_left_365d": len(left),
        "contacts_decision_maker_left_365d": decide(float(any(row.decision_maker for row in left))),
        "contacts_decision_makers": decide(sum(bool(row.decision_maker) for row in active)),
        "contacts_change_365d": len(active) - len(then),
        "contacts_surveyed_share": told(book.surveys, "contact_id", mean(row.contact_id in invited for row in active)),
        "revenue_per_contact": invoicing(book, clock).year() / len(active) if active else None,
    }


def contracts(book: SimpleNamespace, clock: Clock) -> Values:
    latest = max((row.starts_on for row in book.contracts), default=None)
    ends = [row.ends_on for row in book.contracts]
    last = [row.price_change for row in book.contracts if row.starts_on == latest and row.price_change is not None]
    return {
        "contract_value": sum(row.annual_value for row in book.contracts if not row.ends_on or row.ends_on >= clock.at),
        "contract_days_to_end": (max(ends) - clock.at) / DAY if ends and None not in ends else None,
        "contract_price_change": mean(last),
        "contract_terms": len(book.contracts),
    }


def _closing(rows: list[SimpleNamespace], clock: Clock) -> Values:
    def hours(days: int, since: int = 0) -> list[float]:
        return [(row.closed_at - row.opened_at) / HOUR for row in rows if clock.within(row.closed_at, days, since)]

    had_time = [row for row in rows if clock.within(row.opened_at, 365) and clock.at - row.opened_at > 2 * DAY]
    in_time = [row.closed_at is not None and row.closed_at - row.opened_at <= 2 * DAY for row in had_time]
    still_open = [clock.days(row.opened_at) for row in rows if row.closed_at is None]
    return {
        "close_hours_p50_365d": quantile(hours(365), 0.5),
        "close_hours_p90_365d": quantile(hours(365), 0.9),
        "close_hours_trend": minus(quantile(hours(180), 0.5), quantile(hours(360, 180), 0.5)),
        "closed_48h_share_365d": mean(map(float, in_time)),
        "open_oldest_days": max(still_open, default=0),
        "open": len(still_open),
        "never_closed": sum(age > 90 for age in still_open),
        "opened_365d": sum(clock.within(row.opened_at, 365) for row in rows),
    }


SEVERE = ("high", "critical")
#: Which figures of `_closing` are counts: they carry the plural.
COUNTS = ("open", "never_closed", "opened_365d")


def loops(book: SimpleNamespace, clock: Clock) -> Values:
    angry = {row.survey_id for row in book.surveys if row.score is not None and row.score <= 6}
    named = {
        ("loops_" if key in COUNTS else "loop_") + key: value for key, value in _closing(book.loops, clock).items()
    }
    return {
        **named,
        "loops_detractor_open": sum(row.closed_at is None and row.survey_id in angry for row in book.loops),
    }


def told(rows: list[SimpleNamespace], column: str, value: float | None) -> float | None:
    """The value, null where there are records and none has the optional column."""
    return None if rows and all(getattr(row, column) is None for row in rows) else value


def tickets(book: SimpleNamespace, clock: Clock) -> Values:
    figures = _closing(book.tickets, clock)
    recent = [row for row in book.tickets if clock.within(row.opened_at, 365)]
    now = sum(clock.within(row.opened_at, 90) for row in book.tickets)
    return {
        **{("tickets_" if key in COUNTS else "ticket_") + key: value for key, value in figures.items()},
        "tickets_change_90d": now - sum(clock.within(row.opened_at, 180, 90) for row in book.tickets),
        "tickets_defects_365d": told(book.tickets, "kind", sum(row.kind == "defect" for row in recent)),
        "tickets_severe_365d": told(book.tickets, "severity", sum(row.severity in SEVERE for row in recent)),
    }


def memberships(book: SimpleNamespace, clock: Clock) -> Values:
    return {
        "memberships_active": sum(row.left_on is None for row in book.memberships),
        "memberships_left_365d": sum(clock.within(row.left_on, 365) for row in book.memberships),
    }


def referrals(book: SimpleNamespace, clock: Clock) -> Values:
    waiting = [row for row in book.referrals if row.contacted_at is None]
    return {
        "referrals_made_365d": sum(clock.within(row.referred_at, 365) for row in book.referrals),
        "referrals_won": sum(row.won_at is not None for row in book.referrals),
        "referrals_not_contacted": sum(clock.at - row.referred_at > 30 * DAY for row in waiting),
    }


def _latest(answers: list[SimpleNamespace]) -> float | None:
    newest = max((row.answered_at for row in answers), default=None)
    return mean(row.score for row in answers if row.answered_at == newest)


def _slope(answers: list[SimpleNamespace], clock: Clock) -> float | None:
    days = np.array([-clock.days(row.answered_at) for row in answers])
    if len(days) < 2 or days.max() - days.min() < 1:
        return None
    years = (days - days.mean()) / 365.25
    scores = np.array([row.score for row in answers], float)
    return float(years @ (scores - scores.mean()) / (years @ years))


def _wave_change(answers: list[SimpleNamespace]) -> float | None:
    """A wave is what was sent in the 60 days up to its latest invitation."""
    asked = [row for row in answers if row.kind == "relationship"]
    means: list[float | None] = []
    for _ in range(2):
        if not asked:
            return None
        newest = max(row.sent_at for row in asked)
        means.append(mean(row.score for row in asked if newest - row.sent_at <= 60 * DAY))
        asked = [row for row in asked if newest - row.sent_at > 60 * DAY]
    return minus(means[0], means[1])


def nps(book: SimpleNamespace, clock: Clock) -> Values:
    answers = [row for row in book.surveys if row.answered_at is not None and row.score is not None]
    recent = [row for row in answers if clock.within(row.answered_at, 365)]
    makers = {row.contact_id for row in book.contacts if row.decision_maker and not row.valid_to}
    people = {row.contact_id for row in recent if row.contact_id is not None}
    last = [_latest([row for row in recent if row.contact_id == person]) for person in people]
    scores = [row.score for row in recent]
    newest = max((row.answered_at for row in answers), default=None)
    return {
        "nps_last": _latest(answers),
        "nps_mean_365d": mean(scores),
        "nps_slope_365d": _slope(recent, clock),
        "nps_change_waves": _wave_change(answers),
        "nps_volatility_365d": float(np.std(np.array(scores, float), ddof=1)) if len(scores) > 1 else None,
        "nps_detractor_share": mean(float(score is not None and score <= 6) for score in last),
        "nps_decision_maker_last": _latest([row for row in answers if row.contact_id in makers]),
        "nps_relationship_mean_365d": mean(row.score for row in recent if row.kind == "relationship"),
        "nps_transactional_mean_365d": mean(row.score for row in recent if row.kind == "transactional"),
        "nps_answer_age_months": None if newest is None else clock.days(newest) / 30.4375,
    }


def _answered(rows: Iterable[SimpleNamespace]) -> list[SimpleNamespace]:
    return [row for row in rows if row.answered_at is not None]


def _delay(rows: Iterable[SimpleNamespace]) -> float | None:
    return quantile(((row.answered_at - row.sent_at) / HOUR for row in _answered(rows)), 0.5)


def response(book: SimpleNamespace, clock: Clock) -> Values:
    asked = [row for row in book.surveys if row.answered_at is not None or clock.at - row.sent_at > 14 * DAY]
    now = [row for row in asked if clock.within(row.sent_at, 180)]
    before = [row for row in asked if clock.within(row.sent_at, 360, 180)]
    older = [row for row in asked if not clock.within(row.sent_at, 180)]
    rate_now = mean(float(row.answered_at is not None) for row in now)
    rate_before = mean(float(row.answered_at is not None) for row in before)
    last = max((row.sent_at for row in _answered(asked)), default=None)
    return {
        "response_rate_180d": rate_now,
        "response_rate_before": rate_before,
        "response_rate_drop": minus(rate_before, rate_now),
        "invitations_unanswered_in_a_row": sum(last is None or row.sent_at > last for row in asked),
        "contacts_fell_silent": told(book.surveys, "contact_id", len(_fell_silent(now, older))),
        "answer_delay_hours_p50_365d": _delay(row for row in asked if clock.within(row.sent_at, 365)),
        "answer_delay_hours_trend": minus(_delay(now), _delay(before)),
        "silence_never_surveyed": float(not book.surveys),
        "silence_never_answered": float(bool(asked) and not _answered(asked)),
        "silence_once_responsive": float(bool(now) and not _answered(now) and bool(_answered(older))),
    }


def _fell_silent(now: list[SimpleNamespace], older: list[SimpleNamespace]) -> set[str]:
    used_to = {row.contact_id for row in _answered(older)}
    invited = {row.contact_id for row in now}
    return ((used_to & invited) - {row.contact_id for row in _answered(now)}) - {None}


def _revenue(book: SimpleNamespace, clock: Clock, days: int, since: int = 0) -> float:
    return math.fsum(row.amount for row in book.invoices if clock.within(row.invoiced_on, days, since))


def _faded(days: float, half_life: float) -> float:
    return math.pow(0.5, days / half_life)


def _months(book: SimpleNamespace, clock: Clock) -> dict[int, float]:
    """Invoiced revenue by blocks of 30 days before as_of: block 0 are the last 30 days."""
    months: dict[int, float] = {}
    for row in standing(book.invoices):
        block = next(i for i in range(1000) if clock.within(row.invoiced_on, 30 * (i + 1), 30 * i))
        months[block] = months.get(block, 0) + row.amount
    return months


def _largest_month(months: dict[int, float]) -> float | None:
    weighed = [amount * _faded(30 * block, 365) for block, amount in months.items()]
    return max(weighed) / sum(weighed) if weighed else None


def rhythm(book: SimpleNamespace, clock: Clock) -> Values:
    amounts: dict[pd.Timestamp, float] = {}
    for row in standing(book.invoices):
        amounts[row.invoiced_on] = amounts.get(row.invoiced_on, 0) + row.amount
    strength = sum(math.sqrt(amount) * _faded(clock.days(day), 180) for day, amount in amounts.items())
    faded = sum(row.amount * _faded(clock.days(row.invoiced_on), 365) for row in book.invoices)
    ages = [clock.days(day) for day in amounts]
    return {
        "purchase_repeat_days": len(ages) - 1 if ages else None,
        "purchase_span_days": max(ages) - min(ages) if ages else None,
        "revenue_faded_halflife_365": faded,
        "invoice_strength_halflife_180": strength,
        "invoice_days_halflife_180": sum(_faded(clock.days(day), 180) for day in amounts),
        "invoice_days_halflife_30": sum(_faded(clock.days(day), 30) for day in amounts),
        "invoice_months_halflife_365": sum(_faded(30 * block, 365) for block in _months(book, clock)),
    }


def revenue(book: SimpleNamespace, clock: Clock) -> Values:
    billed = invoicing(book, clock)
    recent = [row.amount for row in book.invoices if clock.within(row.invoiced_on, 365)]
    invoiced = sum(amount for amount in recent if amount > 0)
    positive = [row.invoiced_on for row in standing(book.invoices)]
    days = sorted(set(positive))
    gap = quantile(((later - earlier) / DAY for earlier, later in pairwise(days)), 0.5)
    recency = clock.days(days[-1]) if days else None
    return {
        "revenue_365d": billed.year(),
        "revenue_180d": _revenue(book, clock, 180),
        "revenue_90d": _revenue(book, clock, 90),
        "revenue_trend_180d": billed.change(180),
        "revenue_trend_90d": billed.change(90),
        "revenue_yoy_90d": billed.change(90, a_year_ago=True),
        "revenue_yoy_365d": billed.change(365),
        "revenue_largest_month_share": _largest_month(_months(book, clock)),
        "credit_note_share_365d": -sum(min(amount, 0) for amount in recent) / invoiced if invoiced else None,
        "invoices_365d": sum(clock.within(day, 365) for day in positive),
        "invoices_90d": sum(clock.within(day, 90) for day in positive),
        "invoice_recency_days": recency,
        "invoice_gap_p50_days": gap,
        "invoice_overdue_ratio": None if gap is None or recency is None else recency / gap,
    }


def facts(book: SimpleNamespace, clock: Clock) -> Values:
    records = sum(clock.within(getattr(row, TABLES[name].time), 365) for name in HISTORY for row in getattr(book, name))
    return {
        FACT + "customer_days": clock.days(book.accounts[0].customer_since),
        FACT + "records_365d": records,
        FACT + "revenue_365d": invoicing(book, clock).year(),
        FACT + "contract_value": contracts(book, clock)["contract_value"],
    }


FAMILIES: tuple[Callable[[SimpleNamespace, Clock], Values], ...] = (
    tenure, actions, contacts, contracts, loops, tickets, memberships, referrals, nps, response, revenue, rhythm, facts,
)  # fmt: skip


def is_customer(book: SimpleNamespace, since: pd.Timestamp) -> bool:
    """Whether an account has no departure without a return among what is known."""
    left = max((row.churned_on for row in book.churns), default=None)
    return left is None or (
        since > left
        or any(row.starts_on > left for row in book.contracts)
        or any(row.invoiced_on > left + 90 * DAY for row in standing(book.invoices))
    )


def recompute(frames: Frames, days: Iterable[date]) -> pd.DataFrame:
    """Every customer at every date, by the contract's definition of a customer."""
    rows = []
    for account, since in frames["accounts"][["account_id", "customer_since"]].itertuples(index=False):
        for at in map(pd.Timestamp, days):
            book, clock = known(frames, account, at), Clock(at)
            if since < at and is_customer(book, since):
                values = {name: value for family in FAMILIES for name, value in family(book, clock).items()}
                rows.append({"account_id": account, "as_of": at, **values})
    return pd.DataFrame(rows).sort_values(["account_id", "as_of"], ignore_index=True)
