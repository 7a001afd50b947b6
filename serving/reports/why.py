"""What the estimate rests on: themes from base value to estimate, and every signal beside the book's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from serving.reports.charts import Bar, waterfall
from serving.scoring.scores import Reason, Score
from serving.words.formats import Formats
from serving.words.reasons import NO_EFFECT, ReasonSentence, Speaker, ThemeReason
from serving.words.wording import catalogue, figure, label, page_texts, signal_of

#: Themes below half a point are summed up in one row.
SHOWN_FROM = 0.005
#: Signals shown with each theme, and the least contribution of one that is.
SIGNALS_SHOWN, SIGNAL_FROM = 3, 0.001

Kind = Literal["base", "up", "down", "rest", "total"]


@dataclass(frozen=True)
class SignalRow:
    """One signal: its value, the book's median and middle half where known, and its points."""

    label: str
    value: str
    median: str
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
    """The waterfall; `nothing` is said when no theme stands out."""

    steps: tuple[Step, ...]
    nothing: str


def why(
    score: Score,
    by_theme: Sequence[ThemeReason],
    sentences: Sequence[ReasonSentence],
    speaker: Speaker,
    reference: Mapping[str, Any],
) -> Why:
    """Return the steps from the base value to the estimate."""
    formats = speaker.formats
    words = page_texts(formats.lang)["why"]
    shown = [sentence for sentence in sentences if abs(sentence.contribution) >= SHOWN_FROM]
    others = [sentence for sentence in sentences if abs(sentence.contribution) < SHOWN_FROM]
    rest = sum(sentence.contribution for sentence in others)
    sizes = [sentence.contribution for sentence in shown] + ([rest] if others else [])
    bars = waterfall(score.base_probability, sizes)
    members = {theme.code: theme.reasons for theme in by_theme}
    steps = [Step("base", words["base"], words["base_text"], "", formats.percent(score.base_probability, 1), bars[0])]
    for sentence, bar in zip(shown, bars[1:], strict=False):
        leading = [reason for reason in members[sentence.code] if abs(reason.contribution) >= SIGNAL_FROM]
        rows = tuple(signal_row(reason, speaker, reference) for reason in leading[:SIGNALS_SHOWN])
        kind: Kind = "up" if sentence.contribution > 0 else "down"
        points = formats.points(sentence.contribution)
        steps.append(Step(kind, sentence.theme, f"{sentence.sentence}.", sentence.effect, points, bar, rows))
    if others:
        text = words["rest_one"] if len(others) == 1 else words["rest_text"].format(n=len(others))
        steps.append(Step("rest", words["rest"], text, speaker.effect(rest), formats.points(rest), bars[-2]))
    total = formats.percent(score.churn_probability, 1)
    steps.append(Step("total", words["total"], words["total_text"], "", total, bars[-1]))
    return Why(tuple(steps), "" if shown else words["nothing"])


def signal_groups(
    by_theme: Sequence[ThemeReason], speaker: Speaker, reference: Mapping[str, Any]
) -> tuple[SignalGroup, ...]:
    """Return every signal by theme, as the fold shows them."""
    return tuple(
        SignalGroup(
            theme=catalogue(speaker.formats.lang).theme(theme.code),
            points=_points(theme.contribution, speaker.formats),
            rows=tuple(signal_row(reason, speaker, reference) for reason in theme.reasons),
        )
        for theme in by_theme
    )


def signal_row(reason: Reason, speaker: Speaker, reference: Mapping[str, Any]) -> SignalRow:
    """Return one signal beside the book."""
    signal, formats = signal_of(reason.signal), speaker.formats
    quantiles = (reference.get("signals") or {}).get(reason.signal) or {}
    low, median, high = (quantiles.get(key) for key in ("0.25", "0.5", "0.75"))
    middle = ""
    if low is not None and high is not None and signal.unit != "flag":
        ends = figure(signal, low, formats), figure(signal, high, formats)
        middle = ends[0] if ends[0] == ends[1] else f"{ends[0]} … {ends[1]}"
    return SignalRow(
        label=label(signal, formats.lang),
        value=speaker.figure(reason.signal),
        median="" if median is None else figure(signal, median, formats),
        middle=middle,
        points=_points(reason.contribution, formats),
    )


def _points(contribution: float, formats: Formats) -> str:
    return formats.points(contribution) if abs(contribution) >= NO_EFFECT else formats.number(0, 1)
