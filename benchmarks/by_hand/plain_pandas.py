"""The signals in plain pandas, a date after the other: `python benchmarks/by_hand/plain_pandas.py BOOK OUT DAY ...`.

What someone writes who knows pandas: a filter and grouped aggregates for each table and date, and no loop over
accounts. Left out are the figures of whole billing periods (revenue of a year, its changes, revenue per contact) and
the change between survey waves. A reversed invoice counts as any other: the simulated book has none.
"""

import numpy as np
import pandas as pd

TABLES = ("accounts", "invoices", "churns", "contacts", "surveys", "loops", "contracts", "tickets", "actions",
          "referrals", "memberships")  # fmt: skip
DAY = pd.Timedelta(days=1)
KEY = "account_id"
#: Signals that look back on days of a table, beside those whose names say it.
LOOK_BACK = {"loop_close_hours_trend": 360, "ticket_close_hours_trend": 360, "answer_delay_hours_trend": 360,
             "tickets_change_90d": 180, "nps_detractor_share": 365, "response_rate_before": 360,
             "response_rate_drop": 360, "contacts_fell_silent": 360, "silence_once_responsive": 360}  # fmt: skip


def days_until(day, times):
    """Return the days from some times to a date, fractions included."""
    return (day - times) / DAY


def count(rows, where):
    """Return how many rows of each account a condition holds for."""
    return where.groupby(rows[KEY]).sum()


def customers(book, day):
    """Return the accounts that are customers at a date: no departure, or a contract or an invoice that came after."""
    accounts = book["accounts"]
    left = book["churns"].query("churned_on < @day").groupby(KEY).churned_on.max().rename("left_on").reset_index()
    contracts = book["contracts"].query("starts_on < @day").merge(left, on=KEY)
    invoices = book["invoices"].query("invoiced_on < @day and amount > 0").merge(left, on=KEY)
    since = accounts.query("customer_since < @day").merge(left, on=KEY)
    back = {
        *contracts[contracts.starts_on > contracts.left_on][KEY],
        *invoices[invoices.invoiced_on > invoices.left_on + 90 * DAY][KEY],
        *since[since.customer_since > since.left_on][KEY],
    }
    gone = set(left[KEY]) - back
    return accounts[(accounts.customer_since < day) & ~accounts[KEY].isin(gone)].set_index(KEY).sort_index()


def of_invoices(rows, day):
    rows = rows[rows.invoiced_on < day]
    age, by = days_until(day, rows.invoiced_on), rows[KEY]
    paid = rows.amount > 0
    recent = rows[age <= 365]
    credited = -recent.amount.where(recent.amount < 0, 0).groupby(recent[KEY]).sum()
    days = rows[paid].groupby([KEY, "invoiced_on"], as_index=False).amount.sum().sort_values([KEY, "invoiced_on"])
    at, on = days_until(day, days.invoiced_on), days[KEY]
    gap = (days.groupby(KEY).invoiced_on.diff() / DAY).groupby(on).median()
    recency = at.groupby(on).min()
    blocks = rows.amount[paid].groupby([by[paid], ((age[paid] - 1) // 30).rename("block")]).sum().reset_index()
    fade = 0.5 ** (blocks.block * 30 / 365)
    faded = (blocks.amount * fade).groupby(blocks[KEY])
    return {
        "revenue_180d": rows.amount.where(age <= 180, 0).groupby(by).sum(),
        "revenue_90d": rows.amount.where(age <= 90, 0).groupby(by).sum(),
        "revenue_faded_halflife_365": (rows.amount * 0.5 ** (age / 365)).groupby(by).sum(),
        "credit_note_share_365d": credited
        / recent.amount.where(recent.amount > 0).groupby(recent[KEY]).sum(min_count=1),
        "invoices_365d": count(rows, paid & (age <= 365)),
        "invoices_90d": count(rows, paid & (age <= 90)),
        "invoice_recency_days": recency,
        "invoice_gap_p50_days": gap,
        "invoice_overdue_ratio": recency / gap,
        "purchase_repeat_days": on.groupby(on).size() - 1,
        "purchase_span_days": at.groupby(on).max() - recency,
        "invoice_strength_halflife_180": (np.sqrt(days.amount) * 0.5 ** (at / 180)).groupby(on).sum(),
        "invoice_days_halflife_180": (0.5 ** (at / 180)).groupby(on).sum(),
        "invoice_days_halflife_30": (0.5 ** (at / 30)).groupby(on).sum(),
        "invoice_months_halflife_365": fade.groupby(blocks[KEY]).sum(),
        "revenue_largest_month_share": faded.max() / faded.sum(),
    }


def of_cases(rows, day, name):
    """Return what tickets and loops have in common; `name` is "ticket" or "loop"."""
    age, by = days_until(day, rows.opened_at), rows[KEY]
    closed_at = rows.closed_at.where(rows.closed_at < day)
    closed, hours = days_until(day, closed_at), (closed_at - rows.opened_at) / pd.Timedelta(hours=1)
    year = hours.where(closed <= 365).groupby(by)
    now, before = hours.where(closed <= 180), hours.where((closed > 180) & (closed <= 360))
    old_enough = (age > 2) & (age <= 365)
    on_time = (hours <= 48 + 0.5 / 3600)[old_enough].groupby(by[old_enough]).mean()
    return {
        f"{name}_close_hours_p50_365d": year.median(),
        f"{name}_close_hours_p90_365d": year.quantile(0.9),
        f"{name}_close_hours_trend": now.groupby(by).median() - before.groupby(by).median(),
        f"{name}_closed_48h_share_365d": on_time,
        f"{name}_open_oldest_days": age.where(closed.isna()).groupby(by).max().fillna(0),
        f"{name}s_open": count(rows, closed.isna()),
        f"{name}s_never_closed": count(rows, closed.isna() & (age > 90)),
        f"{name}s_opened_365d": count(rows, age <= 365),
    }


def of_tickets(rows, day):
    rows = rows[rows.opened_at < day]
    age, by = days_until(day, rows.opened_at), rows[KEY]
    told = {name: rows[name].notna().groupby(by).any() for name in ("kind", "severity")}
    defects, severe = rows.kind == "defect", rows.severity.isin(["high", "critical"])
    return of_cases(rows, day, "ticket") | {
        "tickets_change_90d": count(rows, age <= 90) - count(rows, (age > 90) & (age <= 180)),
        "tickets_defects_365d": count(rows, defects & (age <= 365)).where(told["kind"], -1),
        "tickets_severe_365d": count(rows, severe & (age <= 365)).where(told["severity"], -1),
    }


def of_loops(rows, surveys, day):
    rows = rows[rows.opened_at < day]
    is_open = rows[~(rows.closed_at < day)].merge(surveys[[KEY, "survey_id", "score"]], on=[KEY, "survey_id"])
    return of_cases(rows, day, "loop") | {"loops_detractor_open": count(is_open, is_open.score <= 6)}


def seen_surveys(rows, day):
    """Return the surveys as they were known at a date."""
    rows = rows[(rows.sent_at < day) & ~(rows.bounced_at < day)].copy()
    rows["age"], answered = days_until(day, rows.sent_at), rows.answered_at < day
    rows["answered"], rows["answered_age"] = answered, days_until(day, rows.answered_at).where(answered)
    rows["hours"] = (rows.answered_at - rows.sent_at).where(answered) / pd.Timedelta(hours=1)
    rows["score"] = rows.score.where(answered)
    rows["contact_id"] = rows.contact_id.where(~rows.anonymous.fillna(False).astype(bool))
    return rows


def of_scores(rows, contacts, day):
    rows = rows[rows.score.notna()]
    recent = rows[rows.answered_age <= 365]
    years, by = -recent.answered_age / 365.25, recent[KEY]
    centred = years - years.groupby(by).transform("mean")
    apart = recent.answered_age.groupby(by).max() - recent.answered_age.groupby(by).min() >= 1
    slope = (centred * recent.score).groupby(by).sum() / (centred**2).groupby(by).sum()
    last = rows[rows.answered_age == rows.groupby(KEY).answered_age.transform("min")]
    there = (contacts.valid_from < day) & ~(contacts.valid_to < day)
    makers = contacts[(contacts.decision_maker == True) & there]  # noqa: E712 (null is not true)
    made = rows.merge(makers[[KEY, "contact_id"]], on=[KEY, "contact_id"])
    made = made[made.answered_age == made.groupby(KEY).answered_age.transform("min")]
    by_contact = [KEY, "contact_id"]
    newest = recent[recent.answered_age == recent.groupby(by_contact).answered_age.transform("min")]
    newest = newest.groupby(by_contact).score.mean() <= 6
    kinds = recent.groupby([KEY, "kind"]).score.mean().unstack()
    return {
        "nps_last": last.groupby(KEY).score.mean(),
        "nps_mean_365d": recent.groupby(KEY).score.mean(),
        "nps_volatility_365d": recent.groupby(KEY).score.std(),
        "nps_slope_365d": slope.where(apart),
        "nps_relationship_mean_365d": kinds["relationship"],
        "nps_transactional_mean_365d": kinds["transactional"],
        "nps_answer_age_months": rows.groupby(KEY).answered_age.min() / 30.4375,
        "nps_decision_maker_last": made.groupby(KEY).score.mean(),
        "nps_detractor_share": newest.groupby(KEY).mean(),
    }


def of_response(rows):
    judged = rows[rows.answered | (rows.age > 14)]
    age, answered, by = judged.age, judged.answered, judged[KEY]
    now, before = age <= 180, (age > 180) & (age <= 360)
    rates = [answered[window].groupby(by[window]).mean() for window in (now, before)]
    last = age.where(answered).groupby(by).transform("min")
    delays = [judged.hours[window].groupby(by[window]).median() for window in (now, before, age <= 365)]
    answered_now, invited_now, older = (count(judged, where) for where in (answered & now, now, answered & ~now))
    named = judged[judged.contact_id.notna()]
    flags = pd.DataFrame({KEY: named[KEY], "contact_id": named.contact_id, "invited": named.age <= 180})
    flags["now"], flags["older"] = named.answered & flags.invited, named.answered & ~flags.invited
    person = flags.groupby([KEY, "contact_id"])[["invited", "now", "older"]].any()
    silent = (person.invited & ~person.now & person.older).groupby(KEY).sum()
    told = rows.contact_id.notna().groupby(rows[KEY]).any()
    return {
        "response_rate_180d": rates[0],
        "response_rate_before": rates[1],
        "response_rate_drop": rates[1] - rates[0],
        "invitations_unanswered_in_a_row": count(judged, last.isna() | (age < last)),
        "answer_delay_hours_p50_365d": delays[2],
        "answer_delay_hours_trend": delays[0] - delays[1],
        "silence_never_surveyed": rows.groupby(KEY).size() * 0,
        "silence_never_answered": (~answered).groupby(by).all(),
        "silence_once_responsive": (invited_now > 0) & (answered_now == 0) & (older > 0),
        "contacts_fell_silent": silent.reindex(told.index).fillna(0).where(told, -1),
    }


def of_contacts(rows, surveys, day):
    rows = rows[rows.valid_from < day]
    age, left, by = (
        days_until(day, rows.valid_from),
        days_until(day, rows.valid_to.where(rows.valid_to < day)),
        rows[KEY],
    )
    active, makers = left.isna(), rows.decision_maker.fillna(False).astype(bool)
    told = rows.decision_maker.notna().groupby(by).any()
    invited = surveys[surveys.contact_id.notna()][[KEY, "contact_id"]].drop_duplicates()
    marked = rows[active].merge(invited.assign(invited=1), on=[KEY, "contact_id"], how="left")
    share = marked.invited.notna().groupby(marked[KEY]).mean()
    named = surveys.contact_id.notna().groupby(surveys[KEY]).any()
    untold = named.index[~named]
    return {
        "contacts_active": count(rows, active),
        "contacts_single": count(rows, active) == 1,
        "contacts_left_365d": count(rows, left <= 365),
        "contacts_change_365d": count(rows, active) - count(rows, (age > 365) & (active | (left <= 365))),
        "contacts_decision_makers": count(rows, active & makers).where(told, -1),
        "contacts_decision_maker_left_365d": (count(rows, (left <= 365) & makers) > 0).astype(float).where(told, -1),
        "contacts_surveyed_share": share[~share.index.isin(untold)],
    }


def of_contracts(rows, day):
    rows = rows[rows.starts_on < day]
    by, runs = rows[KEY], ~(rows.ends_on < day)
    newest = rows[rows.starts_on == rows.groupby(KEY).starts_on.transform("max")]
    ends = -days_until(day, rows.groupby(KEY).ends_on.max())
    return {
        "contract_value": rows.annual_value.where(runs, 0).groupby(by).sum(),
        "contract_terms": rows.groupby(KEY).size(),
        "contract_days_to_end": ends.where(~rows.ends_on.isna().groupby(by).any()),
        "contract_price_change": newest.groupby(KEY).price_change.mean(),
    }


def of_the_rest(book, day):
    actions = book["actions"].query("done_at < @day")
    referrals = book["referrals"].query("referred_at < @day")
    members = book["memberships"].query("joined_on < @day")
    done, referred = days_until(day, actions.done_at), days_until(day, referrals.referred_at)
    waiting = ~(referrals.contacted_at < day) & (referred > 30)
    return {
        "actions_180d": count(actions, done <= 180),
        "action_age_days": done.groupby(actions[KEY]).min(),
        "referrals_made_365d": count(referrals, referred <= 365),
        "referrals_won": count(referrals, referrals.won_at < day),
        "referrals_not_contacted": count(referrals, waiting),
        "memberships_active": count(members, ~(members.left_on < day)),
        "memberships_left_365d": count(members, days_until(day, members.left_on.where(members.left_on < day)) <= 365),
    }
