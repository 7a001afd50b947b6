"""A year's invoicing and the change of revenue: in whole periods where an account is billed regularly and rarely.

365 days are not a year to an account that is billed each 1 January: a window of days holds none, one or two of its
invoices by chance. So the rule of docs/data.md counts whole periods for it, and days for everybody else.

In: the view of the invoices. Out: `measures`, aggregates that the matrix computes with the signals, and from its
finished row `year`, `year_before`, `trend` and `year_on_year`.

A billing day is a day with a positive invoice that is not reversed. The usual gap is the median of the last GAPS gaps
between billing days. An account is *billed regularly and rarely* when it is above RARE_DAYS and at least STEADY of
those gaps are as long as a period, give or take the slack. Then

- a year has n = round(365.25 / usual gap) periods, or a period q = round(usual gap / 365.25) years, 1 at least;
- a period is 365.25 q / n days, its slack a quarter of it, 31 days at most;
- a billing day is missed for each whole period by which the last one lies back, less the slack;
- the place of a billing day counts periods before as_of, from 0 for the billing day last expected. What is credited
  later belongs to the billing day before it. A reversed invoice and its credit note, which cancel, are left out.

A year's invoicing is the sum at the n last places, divided by q. An account that was billed once so far counts as
billed yearly in it.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.as_of import AsOf
from features.formulas.reversals import stands
from features.signal import Relation, relation, table_relation

#: Begins the name of a measure: a column of the matrix's query that is neither signal nor fact.
MEASURE = "billing__"
YEAR_DAYS = 365.25
#: Bimonthly is rare, monthly with a few days' jitter is not.
RARE_DAYS = 45
SLACK_DAYS, SLACK_SHARE = 31, 0.25
GAPS, STEADY = 5, 0.75
#: Windows over which revenue is compared, in days. A period that is longer takes the window's place.
WINDOWS = (90, 180, 365)


@relation("invoices")
def billing(view: AsOf) -> ir.Table:
    """Return one row per day with invoices or credit notes.

    `amount` is what was invoiced on a billing day (null on other days), `gap` the days since the billing day before,
    `net` the day's signed sum, `place`, `period`, `slack`, `per_year` and `years` as the module says.
    """
    rows = view["invoices"]
    days = rows.group_by([*view.keys, "age_days"]).aggregate(
        amount=rows.amount.sum(where=stands(rows)),
        net=rows.amount.sum(where=rows.reversed_age_days.isnull()).fill_null(0),
    )
    return _placed(_with_gaps(days, view.keys), view.keys)


def _with_gaps(days: ir.Table, keys: list[str]) -> ir.Table:
    """Add the billing day at or before each day, the gap, and how many billing days have come since."""
    days = days.mutate(billed=ibis.ifelse(days.amount.notnull(), days.age_days, ibis.null("float64")))

    def over(value: ir.Value, first: object, last: object) -> ir.Value:
        return value.over(ibis.window(group_by=keys, order_by=days.age_days.desc(), rows=(first, last)))

    return days.mutate(
        anchor=over(days.billed.min(), None, 0),
        gap=over(days.billed.min(), None, ibis.preceding(1)) - days.billed,
        recent=over(days.billed.count(), 0, None) <= GAPS,
    )


def _placed(days: ir.Table, keys: list[str]) -> ir.Table:
    """Add what holds for the whole account, and from it the place of each day."""
    days = days.mutate(
        usual=days.gap.median(where=days.recent).over(group_by=keys),
        last=days.billed.min().over(group_by=keys),
    )
    usual = days.usual.fill_null(YEAR_DAYS)
    days = days.mutate(per_year=_rounded(YEAR_DAYS / usual), years=_rounded(usual / YEAR_DAYS))
    days = days.mutate(period=days.years * YEAR_DAYS / days.per_year)
    days = days.mutate(slack=ibis.least(days.period * SLACK_SHARE, SLACK_DAYS))
    missed = ibis.greatest(_ceiling((days.last - days.slack) / days.period) - 1, 0)
    return days.mutate(place=(days.anchor - days.last) / days.period + missed)


def _rounded(value: ir.Value) -> ir.Value:
    return ibis.greatest((value + 0.5).floor(), 1)


def _ceiling(value: ir.Value) -> ir.Value:
    return -((-value).floor())


def measures(view: AsOf) -> list[tuple[Relation, str, ir.Value]]:
    """Return the aggregates that the figures of a finished row are made of: relation, name of the column, expression.

    Sums are of days (`days_`) and of whole periods (`periods_`), each of the window, of the one before it (`_before`)
    and, of 90 days, of the one a year before (`_last_year`).
    """
    rows, days = view["invoices"], billing.build(view)
    steady = ((days.gap - days.period).abs() <= days.slack).cast("float64")
    of_periods = {
        **{f"periods_{name}": sums for name, sums in _sums_of_periods(days).items()},
        "usual_gap": days.usual.max(),
        "steady": steady.mean(where=days.recent),
        "years": days.years.max(),
        "times": days.billed.count(),
    }
    of_days = {f"days_{name}": sums for name, sums in _sums_of_days(rows).items()}
    return [
        *((table_relation("invoices"), MEASURE + name, expression) for name, expression in of_days.items()),
        *((billing, MEASURE + name, expression) for name, expression in of_periods.items()),
    ]


def _sums_of_days(rows: ir.Table) -> dict[str, ir.Value]:
    def invoiced(newest: int, oldest: int) -> ir.Value:
        return rows.amount.sum(where=(rows.age_days > newest) & (rows.age_days <= oldest)).fill_null(0)

    sums = {f"{window}": invoiced(0, window) for window in WINDOWS}
    sums |= {f"{window}_before": invoiced(window, 2 * window) for window in WINDOWS}
    return sums | {"90_last_year": invoiced(365, 455)}


def _sums_of_periods(days: ir.Table) -> dict[str, ir.Value]:
    def invoiced(newest: ir.Value | int, oldest: ir.Value | int) -> ir.Value:
        # Places are whole but for the jitter of billing days, so windows begin and end half-way between two of them.
        return days.net.sum(where=(days.place >= newest - 0.5) & (days.place < oldest - 0.5)).fill_null(0)

    sums: dict[str, ir.Value] = {}
    for window in WINDOWS:
        held = ibis.greatest(_ceiling(window / days.period), 1)
        sums |= {f"{window}": invoiced(0, held), f"{window}_before": invoiced(held, held * 2)}
        if window == WINDOWS[0]:
            sums["90_last_year"] = invoiced(days.per_year, days.per_year + held)
    return sums


def year(row: ir.Table) -> ir.Value:
    """Return a year's invoicing before as_of, signed; null without an invoice or credit note."""
    return ibis.ifelse(_yearly(row), row[f"{MEASURE}periods_365"] / row[f"{MEASURE}years"], row[f"{MEASURE}days_365"])


def year_on_year(row: ir.Table) -> ir.Value:
    """Return the relative change of a year's invoicing against that of the year before it."""
    return _change(row, "365", "365_before", _yearly(row))


def change(row: ir.Table, window: int, before: str) -> ir.Value:
    """Return the relative change of a window of 90 or 180 days, or of the periods that hold it.

    Parameters
    ----------
    before : {"before", "last_year"}
        What it is compared with: the window before it, or (of 90 days) the same a year before.
    """
    return _change(row, f"{window}", f"{window}_{before}", _regular_and_rare(row))


def _regular_and_rare(row: ir.Table) -> ir.BooleanValue:
    return ((row[f"{MEASURE}usual_gap"] > RARE_DAYS) & (row[f"{MEASURE}steady"] >= STEADY)).fill_null(False)


def _yearly(row: ir.Table) -> ir.BooleanValue:
    """Whether whole periods make the year: of who is billed regularly and rarely, or was billed once so far."""
    return _regular_and_rare(row) | (row[f"{MEASURE}times"] == 1).fill_null(False)


def _change(row: ir.Table, now: str, before: str, in_periods: ir.BooleanValue) -> ir.Value:
    first, second = (
        ibis.ifelse(in_periods, row[f"{MEASURE}periods_{name}"], row[f"{MEASURE}days_{name}"]) for name in (now, before)
    )
    return (first - second) / (first.abs() + second.abs()).nullif(0)
