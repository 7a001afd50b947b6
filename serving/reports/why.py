"""What the estimate rests on: a score goes in; the steps from base value to estimate, and all signals, come out.

Each signal stands beside the book's figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from serving.reports.charts import Bar, waterfall
from serving.scoring.scores import Reason, Score
from serving.words.formats import Formats
from serving.words.reasons import NO_EFFECT, ReasonSentence, Speaker
from serving.words.theme_reasons import ThemeReason
from serving.words.wording import catalogue, figure, label, page_texts, signal_of

#: Themes with less than half a point share one row.
SHOWN_FROM = 0.005
#: Most signals shown with a theme, and the least contribution of a shown signal.
SIGNALS_SHOWN, SIGNAL_FROM = 3, 0.001
SEGMENT = "account_segment"

Kind = Literal["base", "up", "down", "rest", "total"]


@dataclass(frozen=True)
class Usual:
    """What is usual, as the model knows it (see `training.bundle.bundle.Reference`).

    Attributes
    ----------
    book : mapping of signal to quantiles
    segment : str
        The account's segment; empty where it has none, or one of too few accounts.
    accounts : int
        Accounts of the segment.
    medians : mapping of signal to float
        The segment's medians.
    """

    book: Mapping[str, Mapping[str, float]]
    segment: str = ""
    accounts: int = 0
    medians: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, reference: Mapping[str, Any], score: Score) -> Usual:
        """Return what a model knows of the book and of the segment of a scored account; any of it may be missing."""
        segment = next((reason.value_text for reason in score.reasons if reason.signal == SEGMENT), None) or ""
        known = (reference.get("segments") or {}).get(segment)
        book = reference.get("signals") or {}
        return cls(book, segment, known["accounts"], known["signals"]) if known else cls(book)


@dataclass(frozen=True)
class SignalRow:
    """One signal: its value, the book's median and middle half and the segment's median where known, and its points."""

    label: str
    value: str
    median: str
    segment: str
    middle: str
    points: str


@dataclass(frozen=True)
class SignalGroup:
    """The signals of one theme."""

    theme: str
    points: str
    rows: tuple[SignalRow, ...]


@dataclass(frozen=True)
class Step:
    """One row of the waterfall; `effect` says in words what the bar shows."""

    kind: Kind
    label: str
    sentence: str
    effect: str
    points: str
    bar: Bar
    signals: tuple[SignalRow, ...] = ()


@dataclass(frozen=True)
class Why:
    """The waterfall; `nothing` is shown if no theme stands out, else it is empty."""

    steps: tuple[Step, ...]
    nothing: str


def why(
    score: Score,
    by_theme: Sequence[ThemeReason],
    sentences: Sequence[ReasonSentence],
    speaker: Speaker,
    usual: Usual,
) -> Why:
    """Return the steps from the base value to the estimate.

    Parameters
    ----------
    score : Score
    by_theme : sequence of ThemeReason
        The reasons by theme.
    sentences : sequence of ReasonSentence
        The same themes in words.
    speaker : Speaker
        Words and figures in the reader's language.
    usual : Usual
        What is usual in the book and in the segment.
    """
    formats = speaker.formats
    words = page_texts(formats.lang)["why"]
    shown = [sentence for sentence in sentences if abs(sentence.contribution) >= SHOWN_FROM]
    others = [sentence for sentence in sentences if abs(sentence.contribution) < SHOWN_FROM]
    rest = sum(sentence.contribution for sentence in others)
    sizes = [sentence.contribution for sentence in shown] + ([rest] if others else [])
    bars = waterfall(score.base_probability, sizes)
    members = {theme.code: theme for theme in by_theme}
    steps = [Step("base", words["base"], words["base_text"], "", formats.percent(score.base_probability, 1), bars[0])]
    for sentence, bar in zip(shown, bars[1:], strict=False):
        rows = tuple(signal_row(reason, speaker, usual) for reason in _shown(members[sentence.code]))
        kind: Kind = "up" if sentence.contribution > 0 else "down"
        points = formats.points(sentence.contribution)
        steps.append(Step(kind, sentence.theme, f"{sentence.sentence}.", sentence.effect, points, bar, rows))
    if others:
        text = words["rest_one"] if len(others) == 1 else words["rest_text"].format(n=len(others))
        steps.append(Step("rest", words["rest"], text, speaker.effect(rest), formats.points(rest), bars[-2]))
    total = formats.percent(score.churn_probability, 1)
    steps.append(Step("total", words["total"], words["total_text"], "", total, bars[-1]))
    return Why(tuple(steps), "" if shown else words["nothing"])


def _shown(theme: ThemeReason) -> tuple[Reason, ...]:
    """Return the signals shown with a theme, by falling size; the one that its sentence tells of is among them."""
    large = [reason for reason in theme.reasons if abs(reason.contribution) >= SIGNAL_FROM][:SIGNALS_SHOWN]
    others = [reason for reason in large if reason is not theme.leading][: SIGNALS_SHOWN - 1]
    return tuple(sorted([theme.leading, *others], key=lambda reason: -abs(reason.contribution)))


def signal_groups(by_theme: Sequence[ThemeReason], speaker: Speaker, usual: Usual) -> tuple[SignalGroup, ...]:
    """Return every signal by theme, for the part of the report that opens on demand."""
    return tuple(
        SignalGroup(
            theme=catalogue(speaker.formats.lang).theme(theme.code),
            points=_points(theme.contribution, speaker.formats),
            rows=tuple(signal_row(reason, speaker, usual) for reason in theme.reasons),
        )
        for theme in by_theme
    )


def signal_row(reason: Reason, speaker: Speaker, usual: Usual) -> SignalRow:
    """Return one signal beside the figures of the book and of the segment."""
    signal, formats = signal_of(reason.signal), speaker.formats
    quantiles, of_segment = usual.book.get(reason.signal) or {}, usual.medians.get(reason.signal)
    low, median, high = (quantiles.get(key) for key in ("0.25", "0.5", "0.75"))
    middle = ""
    if low is not None and high is not None and signal.unit != "flag":
        ends = figure(signal, low, formats), figure(signal, high, formats)
        middle = ends[0] if ends[0] == ends[1] else f"{ends[0]} … {ends[1]}"
    return SignalRow(
        label=label(signal, formats.lang),
        value=speaker.figure_noted(reason.signal),
        median="" if median is None else figure(signal, median, formats),
        segment="" if of_segment is None else figure(signal, of_segment, formats),
        middle=middle,
        points=_points(reason.contribution, formats),
    )


def _points(contribution: float, formats: Formats) -> str:
    return formats.points(contribution) if abs(contribution) >= NO_EFFECT else formats.number(0, 1)
