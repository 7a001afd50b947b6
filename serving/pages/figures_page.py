"""GET /figures: the programme's figures of the newest run, of the accounts that who is signed in may see.

The figures become records that a template only has to print: sections, charts with their tables, rows. A chart draws
one figure over months, or figures that sum to another: never two that cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.api.answers.figure_models import figures_for, in_words
from serving.pages.answering import answer
from serving.pages.visiting import Visit, demand, visit_of
from serving.reports.charts import Bar, waterfall
from serving.reports.figure_lines import LineChart, line_chart
from serving.words.caution_words import kept_cautions, told
from serving.words.figure_words import FigureInWords, Point, written
from serving.words.formats import LANGS, Formats, Lang
from serving.words.wording import screen_texts

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
)  # fmt: skip
#: Figures drawn over months, by family.
LINES: Mapping[str, tuple[str, ...]] = {
    "retention": ("grr_invoiced", "nrr_invoiced", "logo_churn"),
    "promoters": ("nps_relationship", "nps_transactional", "monetised_nps"),
    "heard": ("response_rate", "customers_heard", "decision_makers_heard"),
    "feedback_loops": ("loops_closed_48h",),
}


@dataclass(frozen=True)
class Row:
    """A figure of a section's list; `reason` stands in the place of a value that is not known."""

    name: str
    label: str
    value: str
    interval: str
    counted: str
    reason: str
    definition: str
    source: str
    needs: str


@dataclass(frozen=True)
class BarRow:
    """A part of a whole: its bar goes on where the one before ends."""

    label: str
    value: str
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
    interval: str
    counted: str
    reason: str


@dataclass(frozen=True)
class MonthChart:
    """A figure over months with its table; `ticks` are the labels of the chart's grid, `bounded`: it has intervals."""

    key: str
    title: str
    chart: LineChart
    ticks: tuple[tuple[float, str], ...]
    first: str
    last: str
    bounded: bool
    months: tuple[Month, ...]


@dataclass(frozen=True)
class Section:
    """A family of figures."""

    key: str
    title: str
    bars: tuple[BarChart, ...]
    lines: tuple[MonthChart, ...]
    rows: tuple[Row, ...]


def sections(figures: Iterable[FigureInWords], currency: str | None, lang: Lang) -> tuple[Section, ...]:
    """Return the figures by family, with the charts of what is known."""
    telling = _Telling(Formats(lang, currency), screen_texts(lang))
    by_name = {found.figure.name: found for found in figures}
    families = dict.fromkeys(found.figure.family for found in by_name.values())
    ranked = sorted(families, key=lambda family: ORDER.index(family) if family in ORDER else len(ORDER))
    return tuple(
        Section(
            key=family,
            title=telling.texts["families"][family],
            bars=tuple(telling.bars(family, by_name)),
            lines=tuple(telling.lines(family, by_name)),
            rows=tuple(telling.row(found) for found in by_name.values() if found.figure.family == family),
        )
        for family in ranked
    )


def _short(label: str) -> str:
    """Return a label without the basis in parentheses, which stands in the chart's title."""
    return label.partition(" (")[0]


class _Telling:
    """Puts figures in words of one language and currency."""

    def __init__(self, formats: Formats, texts: Mapping[str, Mapping[str, str]]) -> None:
        self.formats, self.texts = formats, texts

    def row(self, found: FigureInWords) -> Row:
        now = found.now
        return Row(
            name=found.figure.name, label=found.label, **self._told(found, now), definition=found.definition,
            source=found.figure.source, needs=", ".join(found.figure.needs),
        )  # fmt: skip

    def bars(self, family: str, by_name: Mapping[str, FigureInWords]) -> Iterator[BarChart]:
        """Yield the family's sums of which every part is known; a part of 0 that stands for nothing is left out."""
        for of_family, key, parts in SUMS:
            found = [(by_name[name], kind) for name, kind in parts]
            values = [figure.now.value for figure, _ in found]
            if of_family != family or None in values:
                continue
            numbers = [value for value in values if value is not None]
            laid = waterfall(numbers[0], numbers[1:-1])
            rows = [
                BarRow(_short(figure.label), written(number, figure.figure, self.formats), kind, bar)
                for (figure, kind), number, bar in zip(found, numbers, laid, strict=True)
                if number or kind == "total"
            ]
            yield BarChart(key, self.texts["figures"][key], tuple(rows))

    def lines(self, family: str, by_name: Mapping[str, FigureInWords]) -> Iterator[MonthChart]:
        for name in LINES.get(family, ()):
            found = by_name[name]
            columns = ([getattr(point, column) for point in found.points] for column in ("value", "low", "high"))
            chart = line_chart(*columns)
            if chart is None:
                continue
            months = tuple(self._month(found, point) for point in found.points)
            ticks = tuple((y, written(value, found.figure, self.formats)) for y, value in chart.grid)
            ends = (months[0].month, months[-1].month)
            yield MonthChart(name, found.label, chart, ticks, *ends, bool(chart.bands), months)

    def _month(self, found: FigureInWords, point: Point) -> Month:
        day = "" if point.as_of is None else self.formats.day(point.as_of)
        return Month(month=day, **self._told(found, point))

    def _told(self, found: FigureInWords, point: Point) -> dict[str, str]:
        """Return value, interval, what was counted, and the reason where there is no value."""

        def say(number: float | None) -> str:
            return "" if number is None else written(number, found.figure, self.formats)

        bounds = "" if point.low is None or point.high is None else f"{say(point.low)} – {say(point.high)}"
        counted = "" if point.n is None else self.formats.number(point.n)
        return {"value": say(point.value), "interval": bounds, "counted": counted, "reason": point.reason or ""}


async def figures_page(request: Request) -> Response:
    """Return the page; a language of the address that is not to be had is told above it."""
    visit = await visit_of(request)
    demand(visit.reader, "read")
    return await run_in_threadpool(_page, visit)


def _page(visit: Visit) -> Response:
    lang, asked = visit.lang, visit.request.query_params.get("lang", "")
    words = screen_texts(lang)
    stored = figures_for(visit.served.store, visit.reader, None)
    run = {} if stored is None else stored.run
    record = None if stored is None else stored.record
    cautions = kept_cautions(run["model"]) if run else []
    shown = {
        "problems": () if asked in (*LANGS, "") else (words["trouble"]["no_lang"].format(value=asked),),
        "as_of": words["portfolio"]["as_of"].format(day=Formats(lang).day(run["as_of"])) if run else "",
        "cautions": tuple(f"{told(caution, lang)}." for caution in cautions),
        # Without a record every figure has the same reason, which is told once.
        "absent": in_words(stored, lang)[0].now.reason if record is None else "",
        "sections": () if record is None else sections(in_words(stored, lang), record["currency"], lang),
    }
    return answer(visit, "figures.html.j2", 422 if shown["problems"] else 200, **shown)
