"""The past of an account: evidence and earlier scores go in, two sections of the report come out.

One is the time line of revenue and survey answers, the other shows how the estimate has moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.numbers import format_compact_currency, format_compact_decimal

from serving.reports.charts import LANES, TimeLine, shown_months, time_line
from serving.reports.record_tables import ANSWERS, Cell, Column, DataTable, table
from serving.reports.sparks import Spark, spark
from serving.scoring.scores import PastScore, Score
from serving.words.formats import MINUS, Formats
from serving.words.wording import page_texts

WIDE, NARROW = 760, 356
MILLION = 1_000_000
#: The kinds of marks in the order of the legend.
KINDS = (
    "promoter", "passive", "detractor", "answered", "silent", "pending", "term", "waiting", "settled", "action",
)  # fmt: skip
#: When the records of each list that a lane shows were.
MOMENTS = {"contracts": "starts_on"} | {name: moment for lists in LANES.values() for name, _, moment in lists}


@dataclass(frozen=True)
class TimeLineView:
    """The time line in two widths, with its texts and its tables.

    Attributes
    ----------
    charts : tuple of TimeLine
        Wide and narrow.
    months, amounts : mapping
        Labels of the axis by ISO month, and labels of the money lines by amount.
    no_marks : str
        Shown instead of marks if there are none.
    kinds : tuple of str
        The kinds of marks that occur, for the legend.
    cut : str
        Which records the lanes lack; empty if none.
    """

    charts: tuple[TimeLine, ...]
    months: Mapping[str, str]
    amounts: Mapping[float, str]
    title: str
    description: str
    no_marks: str
    kinds: tuple[str, ...]
    has_credits: bool
    note: str
    cut: str
    tables: tuple[DataTable, ...]


@dataclass(frozen=True)
class History:
    """Probabilities over time."""

    spark: Spark
    title: str
    description: str
    last: str
    first_day: str
    last_day: str
    note: str
    table: DataTable


def time_line_of(evidence: Mapping[str, Any], formats: Formats) -> TimeLineView:
    """Return the time line of an account's evidence."""
    words, months = page_texts(formats.lang)["timeline"], shown_months(evidence)
    charts = tuple(time_line(evidence, width) for width in (WIDE, NARROW))
    drawn = {mark.kind for mark in charts[0].marks}
    lanes = charts[0].lanes
    seen = drawn | {mark.kind for lane in lanes for mark in lane.marks}
    seen |= {"answered"} if charts[0].answered else set()
    seen |= {"term"} if any(lane.terms for lane in lanes) else set()
    surveys = evidence.get("surveys")
    no_marks = "" if drawn else words["unknown_surveys" if surveys is None else "none_surveys"]
    first, last = months[0]["month"], months[-1]["month"]
    return TimeLineView(
        charts=charts,
        months={tick.label: formats.month(tick.label) for chart in charts for tick in chart.ticks},
        amounts={amount: compact(amount, formats) for _, amount in charts[0].money_lines},
        title=words["title"],
        description=" ".join(
            (
                words["description"].format(first=formats.month(first), last=formats.month(last)),
                *_told(evidence, formats),
            )
        ),
        no_marks=no_marks,
        kinds=tuple(kind for kind in KINDS if kind in seen),
        has_credits=bool(charts[0].credited),
        note=_partial(evidence["as_of"], last, formats, words),
        cut=_cut(evidence, formats, words),
        tables=_tables(months, surveys, formats),
    )


def _told(evidence: Mapping[str, Any], formats: Formats) -> list[str]:
    """Return what the lanes show in words, a sentence a list of the evidence that has records."""
    texts = page_texts(formats.lang)
    words, sentences = texts["timeline"], []
    for name, moment in MOMENTS.items():
        rows = (evidence.get(name) or {"rows": []})["rows"]
        days = [formats.day(row[moment]) for row in sorted(rows, key=lambda row: str(row[moment]))]
        if name == "contracts":
            days = [_term(row, formats, words) for row in sorted(rows, key=lambda row: str(row[moment]))]
        if days:
            sentences.append(f"{texts['evidence'][name]}: {', '.join(days)}.")
    return sentences


def _term(row: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> str:
    start, end = formats.day(row["starts_on"]), row["ends_on"]
    return (
        words["term_told"].format(start=start, end=formats.day(end)) if end else words["term_open"].format(start=start)
    )


def _cut(evidence: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> str:
    """Return which lists of the lanes hold only some of the records."""
    titles = page_texts(formats.lang)["evidence"]
    cut = [
        words["cut"].format(what=titles[name], shown=formats.number(len(found["rows"])), total=formats.number(total))
        for name, found in ((name, evidence.get(name) or {"rows": [], "total": 0}) for name in MOMENTS)
        if (total := found["total"]) > len(found["rows"])
    ]
    lines = [words["lanes_cut"].format(lists="; ".join(cut))] if cut else []
    if (evidence.get("closed_tickets") or {"rows": []})["rows"]:
        lines.append(words["recent_tickets"])
    return " ".join(lines)


def compact(amount: float, formats: Formats) -> str:
    """Return an amount as text, in millions from one million on."""
    if abs(amount) < MILLION:
        return formats.money(amount)
    sign = MINUS if amount < 0 else ""
    if formats.currency is None:
        return sign + format_compact_decimal(abs(amount), locale=formats.locale, fraction_digits=1)
    return sign + format_compact_currency(abs(amount), formats.currency, locale=formats.locale, fraction_digits=1)


def _partial(as_of: str, last: str, formats: Formats, words: Mapping[str, str]) -> str:
    until = date.fromisoformat(as_of) - timedelta(days=1)
    if (until + timedelta(days=1)).month != until.month:
        return ""
    return words["partial"].format(month=formats.month(last), day=formats.day(until))


def _tables(
    months: Sequence[Mapping[str, Any]], surveys: Mapping[str, Any] | None, formats: Formats
) -> tuple[DataTable, ...]:
    texts = page_texts(formats.lang)
    words = texts["timeline"]
    columns = (Column(words["month"]), Column(words["invoiced"], True), Column(words["credited"], True))
    rows = tuple(
        (Cell(formats.month(row["month"])), *(Cell(formats.money(row[key])) for key in ("invoiced", "credited")))
        for row in reversed(months)
    )
    answers = table("answers", words["answers_caption"], surveys, ANSWERS, formats)
    return DataTable("months", words["months_caption"], columns, rows), answers


def history_of(score: Score, history: Sequence[PastScore], formats: Formats) -> History | None:
    """Return how the estimate moved up to this score, by the latest score of each date.

    Scores with the band 'unknown' are left out. Return None with fewer than two dates.
    """
    by_day: dict[date, PastScore | Score] = {past.as_of: past for past in sorted(history, key=_moment)}
    by_day[score.as_of] = score
    rows = [by_day[day] for day in sorted(by_day) if day <= score.as_of and by_day[day].band != "unknown"]
    if len(rows) < 2:
        return None
    texts = page_texts(formats.lang)
    words, shown = texts["history"], [formats.probability(row.churn_probability) for row in rows]
    days = [formats.day(row.as_of) for row in rows]
    ends = {"first": shown[0], "first_day": days[0], "last": shown[-1], "last_day": days[-1]}
    columns = (Column(words["day"]), Column(words["probability"], True), Column(words["band"]), Column(words["model"]))
    bands = [texts["bands"][row.band] for row in rows]
    models = [row.model_version for row in rows]
    cells = zip(days, shown, bands, models, strict=True)
    return History(
        spark=spark([row.as_of for row in rows], [row.churn_probability for row in rows]),
        title=words["title"],
        description=words["description"].format(**ends, n=len(rows)),
        last=shown[-1],
        first_day=days[0],
        last_day=days[-1],
        note=words["models"] if len(set(models)) > 1 else "",
        table=DataTable("history", words["title"], columns, tuple(tuple(map(Cell, row)) for row in cells)[::-1]),
    )


def _moment(past: PastScore) -> tuple[date, datetime]:
    return past.as_of, past.scored_at
