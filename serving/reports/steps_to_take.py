"""What can be done for an account: themes in words and the outlook go in, the steps come out in order.

A step carries the points of its theme as every other section shows them. Open feedback on a low score is answered, and
a contract that ends within `DUE_DAYS` is talked about, whatever its theme adds. Where a notable part of the revenue is
expected to fall away though the customer stays, there is a step against that too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from features.signals.nps import DETRACTOR
from serving.scoring.scores import Score
from serving.words.contact_rows import low_lately, rows_of
from serving.words.formats import Formats
from serving.words.people import meant_by
from serving.words.reasons import ReasonSentence
from serving.words.told_by_evidence import next_end
from serving.words.wording import catalogue, page_texts

#: No step for a theme that raises the estimate by less than this (a tenth of a point).
ADVISED_FROM = 0.001
#: The share of the revenue that, expected to fall away, asks for a step.
SHRINKING_FROM = 0.1
#: The step that answers open feedback.
OPEN_LOOPS = "close_open_loops"
#: The step before a contract ends, and the days to its end from which on it must not wait.
RENEW, DUE_DAYS = "renew_soon", 90
#: Steps about a low score to talk about within days.
TALKS = ("talk_detractor", "talk_decision_maker")
#: Why a step must not wait: a contract that ends, a new low score. What has been open for years has no such day.
Pressing = Literal["", "contract", "low"]


@dataclass(frozen=True)
class Advice:
    """One step, and whom it means; `points` is what its theme adds to the estimate, or the revenue that it is about.

    `pressing` says why it must not wait; empty where it may.
    """

    theme: str
    text: str
    points: str
    who: tuple[str, ...] = ()
    pressing: Pressing = ""


def shrinking_share(score: Score, evidence: Mapping[str, Any]) -> float:
    """Return the share of the revenue expected to fall away though the customer stays, 0 below `SHRINKING_FROM`."""
    loss = (evidence.get("outlook") or {}).get("expected_contraction")
    if loss is None or score.revenue_365d <= 0:
        return 0.0
    share = float(loss) / score.revenue_365d
    return share if share >= SHRINKING_FROM else 0.0


def steps_of(
    score: Score, evidence: Mapping[str, Any], sentences: Sequence[ReasonSentence], formats: Formats, named: bool = True
) -> tuple[Advice, ...]:
    """Return the steps by falling points of their themes.

    The step against shrinking comes first where more revenue is expected to be lost so than by leaving, else last. With
    `named`, contacts are told by name, as only reports do.
    """
    words = page_texts(formats.lang)["advice"]
    by_key: dict[str, Advice] = {}
    for sentence in sorted(sentences, key=lambda sentence: -sentence.contribution):
        if sentence.advice and sentence.advice_key and sentence.contribution >= ADVISED_FROM:
            points = words["points"].format(points=formats.points(sentence.contribution))
            who = tuple(each.told for each in meant_by(sentence.advice_key, evidence, score.as_of, formats, named))
            pressing = _pressing(sentence.advice_key, evidence, score.as_of)
            by_key.setdefault(sentence.advice_key, Advice(sentence.theme, sentence.advice, points, who, pressing))
    if OPEN_LOOPS not in by_key and _waits_low(evidence):
        by_key[OPEN_LOOPS] = _open_low(score, evidence, formats, named)
    if RENEW not in by_key and _is_due(evidence, score.as_of):
        by_key[RENEW] = _renewal(score, evidence, formats, named)
    against_leaving = tuple(by_key.values())
    share = shrinking_share(score, evidence)
    if not share:
        return against_leaving
    loss = evidence["outlook"]["expected_contraction"]
    points = words["shrinking_points"].format(share=formats.percent(share), loss=formats.money(loss))
    against_shrinking = (Advice(words["shrinking_theme"], words["shrinking"], points),)
    if loss > score.revenue_at_risk:
        return against_shrinking + against_leaving
    return against_leaving + against_shrinking


def no_step(score: Score, formats: Formats) -> str:
    """Return what is said where no step is advised: nobody reads "as usual" of an account that a contact pays for."""
    pays = score.band == "at_risk" and score.expected_profit > 0
    return str(page_texts(formats.lang)["advice"]["none_pays" if pays else "none"])


def _pressing(step: str, evidence: Mapping[str, Any], as_of: date) -> Pressing:
    if step in (*TALKS, OPEN_LOOPS) and low_lately(evidence, as_of):
        return "low"
    return "contract" if step == RENEW and _is_due(evidence, as_of) else ""


def _is_due(evidence: Mapping[str, Any], as_of: date) -> bool:
    ends = next_end(evidence)
    return ends is not None and 0 <= (ends - as_of).days <= DUE_DAYS


def _renewal(score: Score, evidence: Mapping[str, Any], formats: Formats, named: bool) -> Advice:
    """Return the step before a contract ends: the day comes whatever the model makes of it."""
    words, catalog = page_texts(formats.lang)["advice"], catalogue(formats.lang)
    text = catalog.advice[RENEW].format(contract_end=formats.day(next_end(evidence) or score.as_of))
    who = tuple(each.told for each in meant_by(RENEW, evidence, score.as_of, formats, named))
    return Advice(catalog.theme("contract"), text, words["open_low_points"], who, "contract")


def _waits_low(evidence: Mapping[str, Any]) -> bool:
    scores = [row.get("score") for row in rows_of(evidence, "open_loops")]
    return any(score is not None and score <= DETRACTOR for score in scores)


def _open_low(score: Score, evidence: Mapping[str, Any], formats: Formats, named: bool) -> Advice:
    """Return the step that answers open feedback; a low score in it waits for an answer even if no theme says so."""
    words = page_texts(formats.lang)["advice"]
    text = words["open_low"].format(n=formats.number(evidence["open_loops"]["total"]))
    who = tuple(each.told for each in meant_by(OPEN_LOOPS, evidence, score.as_of, formats, named))
    pressing = _pressing(OPEN_LOOPS, evidence, score.as_of)
    return Advice(words["open_low_theme"], text, words["open_low_points"], who, pressing)
