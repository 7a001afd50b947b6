"""The programme's figures as records that a template only has to print: sections, charts with their tables, rows.

A chart draws one figure over months, or figures that sum to another: never two that cannot be compared. Of what is
shown, the parts of a chart add up to its whole; `exact` is the number behind, as the API has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from serving.programme.group_tables import GroupTable, group_tables
from serving.reports.charts import Bar, waterfall
from serving.reports.figure_lines import LineChart, line_chart
from serving.words.figure_words import FigureInWords, Point, written
from serving.words.formats import Formats, Lang, rounded_parts
from serving.words.wording import page_texts, screen_texts

#: The families in the order in which a board asks for them; others follow.
ORDER = (
    "retention", "earned_growth", "promoters", "heard", "feedback_loops", "recommending", "loyalty", "renewals_due",
)  # fmt: skip
#: Figures that sum to the last one: family, key, the parts, the whole, and how each is drawn.
SUMS: Sequence[tuple[str, str, tuple[tuple[str, str], ...]]] = (
    *(
        ("retention", f"waterfall_{basis}", (
            (f"revenue_opening_{basis}", "total"), (f"revenue_new_{basis}", "gain"),
            (f"revenue_reactivated_{basis}", "gain"), (f"revenue_expansion_{basis}", "gain"),
            (f"revenue_contraction_{basis}", "loss"), (f"revenue_lost_{basis}", "loss"),
            (f"revenue_unclassified_{basis}", "gain"), (f"revenue_closing_{basis}", "total"),
        ))
        for basis in ("invoiced", "contracted")
    ),
    ("promoters", "classes", (
        ("revenue_promoters", "gain"), ("revenue_passives", "middle"), ("revenue_detractors", "loss"),
        ("revenue_unheard", "open"), ("revenue_customers", "total"),
    )),
    ("feedback_loops", "loops", (
        ("loops_fast", "gain"), ("loops_late", "middle"), ("loops_waiting", "open"), ("loops_breached", "loss"),
        ("loops_never", "loss"), ("loops_opened", "total"),
    )),
    ("loyalty", "lifetime", (
        ("lifetime_value_promoters", "gain"), ("lifetime_value_passives", "middle"),
        ("lifetime_value_detractors", "loss"), ("lifetime_value_unheard", "open"), ("lifetime_value", "total"),
    )),
    ("renewals_due", "renewals", (
        ("renewals_expected_365d", "gain"), ("renewals_expected_lost_365d", "loss"),
        ("renewals_not_estimated_365d", "open"), ("renewals_due_365d", "total"),
    )),
)  # fmt: skip
#: Figures drawn over months, by family.
LINES: Mapping[str, tuple[str, ...]] = {
    "retention": ("grr_invoiced", "nrr_invoiced", "logo_churn"),
    "promoters": ("nps_relationship", "nps_transactional", "monetised_nps"),
    "heard": ("response_rate", "customers_heard", "decision_makers_heard"),
    "feedback_loops": ("loops_closed_48h",),
}


#: A step stands out when it is so many times the median step, of so many at least, and half of all movement.
STANDS_OUT, LEAST_STEPS = 4, 4
#: Sums that come to less are shown with their cents.
CENTS_BELOW = 100


@dataclass(frozen=True)
class Row:
    """A figure of a section's list; `reason` stands in the place of a value that is not known.

    `has_accounts`: it is a sum to which some account adds, so that its page lists them.
    """

    name: str
    label: str
    value: str
    exact: float | None
    interval: str
    counted: str
    reason: str
    definition: str
    source: str
    needs: str
    has_accounts: bool


@dataclass(frozen=True)
class BarRow:
    """A part of a whole: its bar goes on where the one before ends."""

    name: str
    label: str
    value: str
    exact: float
    kind: str
    bar: Bar


@dataclass(frozen=True)
class BarChart:
    """Bars that sum to the last one, each in a row of the table that has its number."""

    key: str
    title: str
    rows: tuple[BarRow, ...]


@dataclass(frozen=True)
class Month:
    """A row of the table beside a line."""

    month: str
    value: str
    exact: float | None
    interval: str
    counted: str
    reason: str


@dataclass(frozen=True)
class MonthChart:
    """A figure over months with its table; `ticks` are the labels of the chart's grid, `bounded`: it has intervals.

    `note`: what its largest step is, where one stands out.
    """

    key: str
    title: str
    chart: LineChart
    ticks: tuple[tuple[float, str], ...]
    first: str
    last: str
    bounded: bool
    months: tuple[Month, ...]
    note: str


@dataclass(frozen=True)
class Section:
    """A family of figures."""

    key: str
    title: str
    bars: tuple[BarChart, ...]
    lines: tuple[MonthChart, ...]
    rows: tuple[Row, ...]
    groups: tuple[GroupTable, ...]
    note: str


def sections(
    figures: Iterable[FigureInWords], currency: str | None, lang: Lang, terms: Mapping[str, float] | None = None
) -> tuple[Section, ...]:
    """Return the figures by family, with the charts of what is known; `terms` are the run's, of lifetime values."""
    telling = Telling(Formats(lang, currency), screen_texts(lang))
    by_name = {found.figure.name: found for found in figures}
    families = dict.fromkeys(found.figure.family for found in by_name.values())
    drawn = {family: tuple(telling.bars(family, by_name)) for family in families}
    # A part is rounded so that its sum adds up: the list says the same amount as the bar.
    said = {row.name: row.value for charts in drawn.values() for chart in charts for row in chart.rows}
    ranked = sorted(families, key=lambda family: ORDER.index(family) if family in ORDER else len(ORDER))
    return tuple(
        Section(
            key=family,
            title=telling.texts["families"][family],
            bars=drawn[family],
            lines=tuple(telling.lines(family, by_name)),
            rows=tuple(
                telling.row(found, said.get(found.figure.name))
                for found in by_name.values()
                if found.figure.family == family
            ),
            groups=tuple(group_tables(family, by_name, telling.formats, telling.texts["figures"])),
            note=telling.terms(terms) if terms and family == "loyalty" else "",
        )
        for family in ranked
    )


def _short(label: str) -> str:
    """Return a label without the basis in parentheses, which stands in the chart's title."""
    return label.partition(" (")[0]


class Telling:
    """Puts figures in words of one language and currency."""

    def __init__(self, formats: Formats, texts: Mapping[str, Mapping[str, str]]) -> None:
        self.formats, self.texts = formats, texts

    def row(self, found: FigureInWords, said: str | None = None) -> Row:
        """Return a figure at the run's own date; `said`: its value as it is written elsewhere on the page."""
        now, tables = found.now, page_texts(self.formats.lang)["tables"]
        told = self._told(found, now) | ({} if said is None else {"value": said})
        return Row(
            name=found.figure.name, label=found.label, exact=now.value, **told,
            definition=found.definition, source=found.source,
            needs=", ".join(tables[name] for name in found.figure.needs),
            has_accounts=found.figure.adds_up and bool(now.value),
        )  # fmt: skip

    def terms(self, terms: Mapping[str, float]) -> str:
        """Return how the run counts the years of lifetime values."""
        texts, share = self.texts["figures"], self.formats.percent
        earned = (
            texts["in_revenue"] if terms["margin"] == 1 else texts["in_margin"].format(share=share(terms["margin"]))
        )
        return texts["lifetime_terms"].format(
            rate=share(terms["discount_rate"], 1), years=self.formats.number(terms["years"]), earned=earned
        )

    def bars(self, family: str, by_name: Mapping[str, FigureInWords]) -> Iterator[BarChart]:
        """Yield the family's sums of which every part is known; a part of 0 that stands for nothing is left out."""
        for of_family, key, parts in SUMS:
            found = [(by_name[name], kind) for name, kind in parts]
            values = [figure.now.value for figure, _ in found]
            if of_family != family or None in values:
                continue
            numbers = [value for value in values if value is not None]
            laid, shown = waterfall(numbers[0], numbers[1:-1]), self._adding_up(found, numbers)
            rows = [
                BarRow(figure.figure.name, _short(figure.label), said, number, kind, bar)
                for (figure, kind), said, number, bar in zip(found, shown, numbers, laid, strict=True)
                if number or kind == "total"
            ]
            yield BarChart(key, self.texts["figures"][key], tuple(rows))

    def _adding_up(self, found: Sequence[tuple[FigureInWords, str]], numbers: Sequence[float]) -> list[str]:
        """Return the numbers of a sum as written; amounts as whole ones that add up to the last, where these do."""
        written_each = [
            written(number, figure.figure, self.formats) for (figure, _), number in zip(found, numbers, strict=True)
        ]
        *parts, whole = numbers
        sums = math.isclose(math.fsum(parts), whole, rel_tol=1e-9, abs_tol=1e-6)
        if found[0][0].figure.unit != "currency" or not sums or abs(whole) < CENTS_BELOW:
            return written_each
        return [self.formats.money(part, whole=True) for part in (*rounded_parts(parts, whole, 0), whole)]

    def lines(self, family: str, by_name: Mapping[str, FigureInWords]) -> Iterator[MonthChart]:
        """Yield the family's figures over months, of which there are two values at least."""
        for name in LINES.get(family, ()):
            line = self.line(by_name[name])
            if line is not None:
                yield line

    def line(self, found: FigureInWords) -> MonthChart | None:
        """Return a figure over months; None where fewer than two values are known."""
        columns = ([getattr(point, column) for point in found.points] for column in ("value", "low", "high"))
        chart = line_chart(*columns)
        if chart is None:
            return None
        months = tuple(self._month(found, point) for point in found.points)
        ticks = tuple((y, written(value, found.figure, self.formats)) for y, value in chart.grid)
        ends = (months[0].month, months[-1].month)
        note = self._step(found)
        return MonthChart(found.figure.name, found.label, chart, ticks, *ends, bool(chart.bands), months, note)

    def _step(self, found: FigureInWords) -> str:
        """Return between which points a figure moves most, where that is a step beside the others; else nothing."""
        known = [(each.as_of, each.value) for each in found.points if each.as_of and each.value is not None]
        steps = [(abs(after[1] - before[1]), before, after) for before, after in pairwise(known)]
        sizes = sorted(size for size, *_ in steps)
        if len(sizes) < LEAST_STEPS or sizes[-1] < STANDS_OUT * sizes[len(sizes) // 2] or sizes[-1] <= sum(sizes) / 2:
            return ""
        _, (first, before), (last, after) = max(steps, key=itemgetter(0))
        return self.texts["figures"]["step"].format(
            before=written(before, found.figure, self.formats),
            first=self.formats.day(first),
            after=written(after, found.figure, self.formats),
            last=self.formats.day(last),
        )

    def _month(self, found: FigureInWords, point: Point) -> Month:
        day = "" if point.as_of is None else self.formats.day(point.as_of)
        return Month(month=day, exact=point.value, **self._told(found, point))

    def _told(self, found: FigureInWords, point: Point) -> dict[str, str]:
        """Return value, interval, what was counted, and the reason where there is no value."""

        def say(number: float | None) -> str:
            return "" if number is None else written(number, found.figure, self.formats)

        bounds = "" if point.low is None or point.high is None else f"{say(point.low)} – {say(point.high)}"
        counted = "" if point.n is None else self.formats.number(point.n)
        return {"value": say(point.value), "interval": bounds, "counted": counted, "reason": point.reason or ""}
