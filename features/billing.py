"""A year's invoicing and the change of revenue: in whole periods where an account is billed regularly.

365 days are not a year to an account that is billed each 1 January: a window of days holds none, one or two of its
invoices by chance. Nor are 90 days a quarter to one that is billed on the first of each month: they hold two of its
invoices or three. So the rule of docs/data.md counts whole periods for them, and days for everybody else.

In: the view of the invoices. Out: `measures`, aggregates that the matrix computes with the signals, and from its
finished row `year` and `change`.

A billing day is a day with a positive invoice that is not reversed. The usual gap is the mean of those of the last GAPS
gaps between billing days that are like their median, give or take the slack. An account is *billed regularly* when at
least STEADY of those gaps are as long as a period, give or take the slack; or IN_STEP of them, and STEADY of the
billing days lie whole periods before the last one, give or take half the slack: a year away, or an invoice that was
written anew, moves a gap or two and no other day. The last 365 days hold at most WEEKLY of its billing days. It is
billed *regularly and rarely* when the usual gap is also above RARE_DAYS. Then

- a year has n = round(365.25 / usual gap) periods, or a period q = round(usual gap / 365.25) years, 1 at least;
- a period is 365.25 q / n days, its slack a quarter of it, 31 days at most;
- a billing day is missed for each whole period by which the last one lies back, less the slack;
- the place of a billing day counts periods before as_of, from 0 for the billing day last expected. What is credited
  later belongs to the billing day before it, or to its own day where there is none. A reversed invoice and its credit
  note, which cancel, are left out.

A year's invoicing is the sum at the n last places, divided by q, where an account is billed regularly and rarely; one
that was billed once so far counts as billed yearly in it, or every q years where its invoice, less its credit notes, is
q times the annual value of its first contract, give or take a twentieth of a year. Changes are of whole periods where
an account is billed regularly; of 90 and of 180 days they are null where it was billed once so far: there is no period
to compare with.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.as_of import AsOf, beside
from features.formulas.reversals import stands
from features.signal import Relation, relation, table_relation

#: Begins the name of a measure: a column of the matrix's query that is neither signal nor fact.
MEASURE = "billing__"
#: Begins the name of a measure of the first contract.
FIRST = f"{MEASURE}first_"
YEAR_DAYS = 365.25
#: Bimonthly is rare, monthly with a few days' jitter is not.
RARE_DAYS = 45
#: Most billing days in 365 days of who is billed weekly or more rarely. Of who is not, the days are not worked out.
WEEKLY = 60
#: Who has more billing days than FEW in 365 days is asked about the last two years and a month only.
FEW, TWO_YEARS = 8, 800
SLACK_DAYS, SLACK_SHARE = 31, 0.25
GAPS, STEADY, IN_STEP = 5, 0.75, 0.5
#: An only invoice pays for whole years of a contract, give or take so much of one, and for so many at most.
LIKE_YEARS, MOST_YEARS = 0.05, 5
#: Windows over which revenue is compared, in days. A period that is longer takes the window's place.
WINDOWS = (90, 180, 365)


@relation("invoices")
def billing(view: AsOf) -> ir.Table:
    """Return one row per day with invoices or credit notes, of accounts billed weekly or more rarely.

    `amount` is what was invoiced on a billing day (null on other days), `gap` the days since the billing day before,
    `net` the day's signed sum, `place`, `period`, `slack`, `per_year` and `years` as the module says.
    """
    if view.invoice_days is not None:
        days = view.invoice_days.filter(view.invoice_days.recent_days <= WEEKLY)
        return _placed(days.mutate(billed=_billed(days)), view.keys)
    rows = view["invoices"]
    recent = rows.age_days.nunique(where=stands(rows) & (rows.age_days <= WINDOWS[-1]))
    counts = rows.group_by(view.keys).aggregate(recent_days=recent)
    # A join, since SQLite works out anew for every row what a semi-join looks up.
    counted = counts.filter(counts.recent_days <= WEEKLY)
    joined = rows.inner_join(counted, view.keys)
    rows = joined.filter((joined.recent_days <= FEW) | (joined.age_days <= TWO_YEARS)).select(*rows.columns)
    days = rows.group_by([*view.keys, "age_days"]).aggregate(
        amount=rows.amount.sum(where=stands(rows)),
        net=rows.amount.sum(where=rows.reversed_age_days.isnull()).fill_null(0),
    )
    return _placed(_with_gaps(days, view.keys), view.keys)


def _billed(days: ir.Table) -> ir.Value:
    """Return the age of a billing day, null on other days."""
    return ibis.ifelse(days.amount.notnull(), days.age_days, ibis.null("float64"))


def _with_gaps(days: ir.Table, keys: list[str]) -> ir.Table:
    """Add the billing day at or before each day, the gap, and how many billing days have come since."""
    days = days.mutate(billed=_billed(days))

    def over(value: ir.Value, first: object, last: object) -> ir.Value:
        return value.over(ibis.window(group_by=keys, order_by=days.age_days.desc(), rows=(first, last)))

    return days.mutate(
        anchor=over(days.billed.min(), None, 0).fill_null(days.age_days),
        gap=over(days.billed.min(), None, ibis.preceding(1)) - days.billed,
        recent=over(days.billed.count(), 0, None) <= GAPS,
    )


def _placed(days: ir.Table, keys: list[str]) -> ir.Table:
    """Add what holds for the whole account, and from it the place of each day.

    What holds for an account is aggregated and joined: windows over all days of it take several times as long.
    """
    middles = days.group_by(keys).aggregate(middle=days.gap.median(where=days.recent), last=days.billed.min())
    with_middle = days.inner_join(middles, keys)
    # The mean of like gaps is hardly moved by the jitter of a day: in between, it cancels.
    like = with_middle.recent & ((with_middle.gap - with_middle.middle).abs() <= _slack(with_middle.middle))
    usual = with_middle.group_by(keys).aggregate(usual=with_middle.gap.mean(where=like), last=with_middle["last"].max())
    days = days.inner_join(_periods(usual), keys)
    return days.mutate(place=(days.anchor - days["last"]) / days.period + days.missed)


def _periods(accounts: ir.Table) -> ir.Table:
    """Add the period of each account, its slack, billing days it has missed, and periods that hold each window.

    Numbers of periods are floats: what DuckDB makes of a whole number and a fraction is a decimal of 128 bits.
    """
    usual = accounts.usual.fill_null(YEAR_DAYS)
    accounts = accounts.mutate(per_year=_rounded(YEAR_DAYS / usual), years=_rounded(usual / YEAR_DAYS))
    accounts = accounts.mutate(period=accounts.years * YEAR_DAYS / accounts.per_year)
    accounts = accounts.mutate(slack=_slack(accounts.period))
    missed = ibis.greatest(_ceiling((accounts["last"] - accounts.slack) / accounts.period) - 1, 0)
    held = {f"held_{window}": ibis.greatest(_ceiling(window / accounts.period), 1) for window in WINDOWS[:-1]}
    return accounts.mutate(missed=missed, **held)


def _slack(days: ir.Value) -> ir.Value:
    return ibis.least(days * SLACK_SHARE, SLACK_DAYS)


def _rounded(value: ir.Value) -> ir.Value:
    return ibis.greatest((value + 0.5).floor().cast("float64"), 1.0)


def _ceiling(value: ir.Value) -> ir.Value:
    return -((-value).floor().cast("float64"))


@relation("contracts")
def first_terms(view: AsOf) -> ir.Table:
    """Return the contracts that began first: what came later an only invoice may not pay for."""
    rows = beside(view["contracts"], view.keys, first_age=view["contracts"].age_days.max())
    return rows.filter(rows.age_days == rows.first_age)


def measures(view: AsOf) -> list[tuple[Relation, str, ir.Value]]:
    """Return the aggregates that the figures of a finished row are made of: relation, name of the column, expression.

    A year's sum is of whole periods (`periods_year`, null where days count). Sums that are compared are of days
    (`days_`) and of whole periods (`periods_`, null where days count), each of the window, of the one before it
    (`_before`) and, of 90 days, of the one a year before (`_last_year`).
    """
    of_days, of_periods = _sums_of_days(view["invoices"]), _sums_of_periods(billing.build(view))
    first = first_terms.build(view)
    signed = {"value": first.annual_value.sum(), "age": first.age_days.max(), "ended_age": first.ends_age_days.max()}
    return [
        *((first_terms, f"{FIRST}{name}", value) for name, value in signed.items()),
        *((table_relation("invoices"), f"{MEASURE}days_{name}", sums) for name, sums in of_days.items()),
        *((billing, f"{MEASURE}periods_{name}", sums) for name, sums in of_periods.items()),
    ]


def _sums_of_days(rows: ir.Table) -> dict[str, ir.Value]:
    def invoiced(newest: int, oldest: int) -> ir.Value:
        return rows.amount.sum(where=(rows.age_days > newest) & (rows.age_days <= oldest)).fill_null(0)

    sums = {f"{window}": invoiced(0, window) for window in WINDOWS}
    sums |= {f"{window}_before": invoiced(window, 2 * window) for window in WINDOWS}
    return sums | {"90_last_year": invoiced(365, 455)}


def _share(days: ir.Table, holds: ir.BooleanValue) -> ir.Value:
    """Return the share of the last gaps of which something holds."""
    return holds.cast("float64").mean(where=days.recent)


def _sums_of_periods(days: ir.Table) -> dict[str, ir.Value]:
    like = _share(days, (days.gap - days.period).abs() <= days.slack)
    back = (days.billed + days.gap - days.last) / days.period  # From the last billing day to the one before this one.
    in_step = ((back - (back + 0.5).floor()).abs() * days.period <= days.slack / 2) & (back >= 0.5)
    steady = (like >= STEADY) | ((like >= IN_STEP) & (_share(days, in_step) >= STEADY))
    regular = steady.fill_null(False) & days.usual.max().notnull()
    once = days.billed.count() == 1
    year, years = days.per_year, days.years.max()

    def invoiced(newest: ir.Value | int, oldest: ir.Value | int) -> ir.Value:
        # Places are whole but for the jitter of billing days, so windows begin and end half-way between two of them.
        return days.net.sum(where=(days.place >= newest - 0.5) & (days.place < oldest - 0.5)).fill_null(0)

    def where(counts: ir.BooleanValue, sums: ir.Value) -> ir.Value:
        return ibis.ifelse(counts, sums, ibis.null("float64"))

    this_year, compares = invoiced(0, year), regular | once
    sums = {
        "year": where((regular & (days.usual.max() > RARE_DAYS)) | once, this_year / years),
        "365": where(compares, this_year),
        "365_before": where(compares, invoiced(year, year * 2)),
        "once": where(once, days.net.sum()),
        "once_age": where(once, days["last"].max()),
    }
    for window in WINDOWS[:-1]:
        held = days[f"held_{window}"]
        compared = {"": (0, held), "_before": (held, held * 2)}
        if window == WINDOWS[0]:
            compared["_last_year"] = (year, year + held)
        # Nothing and nothing are not compared.
        sums |= {
            f"{window}{name}": where(compares, ibis.ifelse(once, 0.0, invoiced(*places)))
            for name, places in compared.items()
        }
    return sums


def years_of_rare(view: AsOf) -> ir.Table:
    """Return account_id, as_of and `year`, a year's invoicing, of who is billed regularly and rarely, or only once."""
    days = billing.build(view)
    years = days.group_by(view.keys).aggregate(year=_sums_of_periods(days)["year"])
    return years.filter(years.year.notnull())


def year(row: ir.Table) -> ir.Value:
    """Return a year's invoicing before as_of, signed; null without an invoice or credit note."""
    return _of_years(row).fill_null(row[f"{MEASURE}periods_year"]).fill_null(row[f"{MEASURE}days_365"])


def _of_years(row: ir.Table) -> ir.Value:
    """Return a year's part of an only invoice that still pays for several years of the first contract, else null."""
    once, age = row[f"{MEASURE}periods_once"], row[f"{MEASURE}periods_once_age"]
    ratio = once / row[f"{FIRST}value"].nullif(0)
    years = _rounded(ratio)
    pays = (years > 1) & (years <= MOST_YEARS) & ((ratio - years).abs() <= LIKE_YEARS)
    # It had begun, or was about to, when it was invoiced, and had not ended.
    its = (row[f"{FIRST}age"] >= age - SLACK_DAYS) & (row[f"{FIRST}ended_age"] <= age).fill_null(True)
    return ibis.ifelse(pays & its & (age <= years * YEAR_DAYS + SLACK_DAYS), once / years, ibis.null("float64"))


def change(row: ir.Table, window: int, before: str = "before") -> ir.Value:
    """Return the relative change of a window of 90, 180 or 365 days, or of the periods that hold it.

    Parameters
    ----------
    before : {"before", "last_year"}
        What it is compared with: the window before it, or (of 90 days) the same a year before.
    """
    first, second = (
        row[f"{MEASURE}periods_{name}"].fill_null(row[f"{MEASURE}days_{name}"])
        for name in (f"{window}", f"{window}_{before}")
    )
    changed = (first - second) / (first.abs() + second.abs()).nullif(0)
    if window != WINDOWS[-1]:
        return changed
    # In the first year that an only invoice pays for all of it is new, in the next ones nothing is.
    is_new = row[f"{MEASURE}periods_once_age"] <= YEAR_DAYS + SLACK_DAYS
    return ibis.ifelse(_of_years(row).notnull(), ibis.ifelse(is_new, 1.0, 0.0), changed)
