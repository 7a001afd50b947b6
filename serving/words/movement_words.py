"""Why a score moved, in words: a movement and the evidence of both ends go in, a lead and rows that sum come out.

A row says what was known of its theme then and now, by the signal of the theme whose contribution moved most. Points
are rounded so that the rows add up to the total that is shown. None of it says that one thing caused the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from serving.errors import MissingWords
from serving.scoring.movement import Movement
from serving.scoring.scores import Reason, Score
from serving.words.formats import POINT_DIGITS, Formats, Lang, rounded_parts, shown_change
from serving.words.reasons import Speaker
from serving.words.wording import catalogue, screen_texts

#: Themes that moved the estimate by less than half a point share a row.
SHOWN_FROM = 0.005


@dataclass(frozen=True)
class MovedRow:
    """A part of the change: `code` is the theme, "others", "model" or "total"; `then` is empty where nothing moved."""

    code: str
    label: str
    points: str
    then: str
    now: str


@dataclass(frozen=True)
class MovedTold:
    """The change in words: a sentence or two, then rows; no rows where there is the whole only."""

    lead: str
    rows: tuple[MovedRow, ...]


def moved_told(
    moved: Movement, evidence_before: Mapping[str, Any], evidence_after: Mapping[str, Any], lang: Lang
) -> MovedTold:
    """Return a movement in words."""
    if "unknown" in (moved.before.band, moved.after.band):
        which = moved.before if moved.before.band == "unknown" else moved.after
        return MovedTold(screen_texts(lang)["moved"]["no_estimate"].format(day=Formats(lang).day(which.as_of)), ())
    lead = " ".join((_change(moved, lang), _whose(moved, lang)))
    if moved.account is None:
        return MovedTold(lead, ())
    return MovedTold(lead, _rows(moved, Speakers(moved, evidence_before, evidence_after, lang), lang))


@dataclass(frozen=True)
class Speakers:
    """Says what was known of a theme at both ends."""

    moved: Movement
    evidence_before: Mapping[str, Any]
    evidence_after: Mapping[str, Any]
    lang: Lang

    def of(self, code: str) -> tuple[str, str]:
        """Return what was known of a theme then and now; `then` is empty where it is the same."""
        before, after = (_of_theme(score, code) for score in (self.moved.before, self.moved.after))
        part = self.moved.themes[code]
        signals = [name for name in after if name in before]
        if not signals:
            return "", ""
        # The largest move in the direction of the theme's.
        leading = max(signals, key=lambda name: (after[name].contribution - before[name].contribution) * part)
        then = _sentence(self.moved.before, self.evidence_before, before[leading], self.lang)
        now = _sentence(self.moved.after, self.evidence_after, after[leading], self.lang)
        return ("", now) if then == now else (then, now)


def theme_label(code: str, lang: Lang) -> str:
    """Return a theme's label; the code of one that this version no longer has."""
    try:
        return catalogue(lang).theme(code)
    except MissingWords:
        return code


def _rows(moved: Movement, speakers: Speakers, lang: Lang) -> tuple[MovedRow, ...]:
    words, formats = screen_texts(lang)["moved"], Formats(lang)
    shown = {code: part for code, part in moved.themes.items() if abs(part) >= SHOWN_FROM}
    others = [part for part in moved.themes.values() if abs(part) < SHOWN_FROM]
    parts = [(code, theme_label(code, lang), part, *speakers.of(code)) for code, part in shown.items()]
    if any(others):
        text = words["others_text"].format(n=formats.number(len(others)))
        parts.append(("others", words["others"], sum(others), "", text))
    if moved.before.model_version != moved.after.model_version:
        versions = (words["version"].format(version=score.model_version) for score in (moved.before, moved.after))
        parts.append(("model", words["model"], moved.model or 0.0, *versions))
    points = rounded_parts([part for _, _, part, _, _ in parts], _shown(moved), POINT_DIGITS)
    rows = [
        MovedRow(code, label, formats.points(point), then, now)
        for (code, label, _, then, now), point in zip(parts, points, strict=True)
    ]
    return (*rows, MovedRow("total", words["total"], formats.points(_shown(moved)), *_ends(moved, formats)))


def _shown(moved: Movement) -> float:
    """Return the change between the two estimates as they are shown, so that a reader can follow it."""
    return shown_change(moved.before.churn_probability, moved.after.churn_probability)


def _ends(moved: Movement, formats: Formats) -> tuple[str, str]:
    """Return both estimates with as many decimals as the change between them."""
    before, after = (score.churn_probability for score in (moved.before, moved.after))
    return _end(before, formats), _end(after, formats)


def _end(probability: float, formats: Formats) -> str:
    sure = not 0.001 <= probability <= 0.999
    return formats.probability(probability) if sure else formats.percent(probability, 1)


def _change(moved: Movement, lang: Lang) -> str:
    words, formats = screen_texts(lang)["moved"], Formats(lang)
    change, (first, last) = _shown(moved), _ends(moved, formats)
    which = "same" if change == 0 else "up" if change > 0 else "down"
    before, after = moved.before, moved.after
    return words[f"lead_{which}"].format(
        points=formats.points(change).lstrip("+−"),
        before=first,
        after=last,
        day_before=formats.day(before.as_of),
        day_after=formats.day(after.as_of),
    )


def _whose(moved: Movement, lang: Lang) -> str:
    words, formats = screen_texts(lang)["moved"], Formats(lang)
    versions = {"before": moved.before.model_version, "after": moved.after.model_version}
    if moved.account is None or moved.model is None:
        return words[str(moved.whole_only)].format(**versions)
    if moved.before.model_version == moved.after.model_version:
        return words["one_model"].format(version=moved.after.model_version)
    account, model = rounded_parts([moved.account, moved.model], _shown(moved), POINT_DIGITS)
    return words["two_models"].format(account=formats.points(account), model=formats.points(model), **versions)


def _of_theme(score: Score, code: str) -> dict[str, Reason]:
    return {reason.signal: reason for reason in score.reasons if reason.code == code}


def _sentence(score: Score, evidence: Mapping[str, Any], reason: Reason, lang: Lang) -> str:
    """Return what was known of a signal; nothing of one that this version no longer has words for."""
    with suppress(MissingWords):
        return Speaker(score, evidence, lang).sentence(reason)
    return ""
