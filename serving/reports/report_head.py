"""The head of a report: a score goes in, the estimate at a glance comes out, or the statement that there is none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.reports.quiet import quiet
from serving.scoring.cautions import Caution
from serving.scoring.lapsed import KEY
from serving.scoring.scores import Score
from serving.words.caution_words import grade_sentence, kept_cautions, told
from serving.words.formats import Formats
from serving.words.reasons import ReasonSentence
from serving.words.wording import page_texts

#: The head names no theme below this contribution, and at most `NAMED` themes.
NAMED_FROM = 0.005
NAMED = 3


@dataclass(frozen=True)
class Figure:
    """One figure with its name and its meaning."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Headline:
    """The estimate at a glance.

    Attributes
    ----------
    number : str
        The probability; empty when the band is unknown.
    statement : str
        What the number means, or that there is none.
    band, band_label, meaning : str
        Code, label and plain words.
    gone : str
        That the account has left since; empty where the newest run has a score of it.
    grade : str
        What the model's grade means; empty where the model's facts hold none.
    cautions : tuple of str
        What else is to be known before the estimate is acted on.
    threat, threat_text : str
        Empty unless the account is a threat.
    quiet : str
        That the invoices have stopped, or that the customer has left by the model's rule; empty where neither is so.
    gist : str
        The leading themes in a sentence, or the provisional estimate of an unknown account.
    figures : tuple of Figure
    """

    number: str
    statement: str
    band: str
    band_label: str
    meaning: str
    gone: str
    grade: str
    cautions: tuple[str, ...]
    threat: str
    threat_text: str
    quiet: str
    gist: str
    figures: tuple[Figure, ...]


def headline(
    score: Score,
    sentences: Sequence[ReasonSentence],
    model: Mapping[str, Any],
    shrinking: float,
    formats: Formats,
    evidence: Mapping[str, Any],
    beside: Sequence[Caution] = (),
) -> Headline:
    """Return the head of an account's report.

    Parameters
    ----------
    score : Score
    sentences : sequence of ReasonSentence
        One for each theme, leading themes first.
    model : mapping
        `rule`, `reference`, `grade` and `cautions` of the model; any may be missing.
    shrinking : float
        Share of the revenue expected to fall away though the customer stays; 0 where it is not worth a word.
    formats : Formats
        Language and currency of the report.
    evidence : mapping
        As `serving.scoring.evidence` has it; any part may be missing.
    beside : sequence of Caution
        What else to know, before what the model's facts say.
    """
    texts = page_texts(formats.lang)
    words, band = texts["headline"], score.band
    probability = formats.probability(score.churn_probability)
    provisional = words["provisional"].format(probability=probability)
    known = band != "unknown"
    return Headline(
        number=probability if known else "",
        statement=_statement(model.get("rule") or {}, formats, words) if known else words["no_estimate"],
        band=band,
        band_label=texts["bands"][band],
        meaning=words["no_estimate_text"]
        if band == "unknown"
        else _meaning(score, model.get("reference") or {}, shrinking, formats, texts["meaning"]),
        gone=" ".join(f"{told(one, formats.lang)}." for one in beside if one.code == "left"),
        grade=grade_sentence(model["grade"], formats.lang) if "grade" in model else "",
        threat=words["threat"] if score.threat else "",
        cautions=tuple(
            f"{told(one, formats.lang)}."
            for one in (*beside, *kept_cautions(model))
            if one.code not in ("grade", "left")
        ),
        threat_text=words["threat_text"] if score.threat else "",
        quiet=quiet(score, formats, evidence),
        gist=_gist(sentences, score, words) if known else provisional,
        figures=_figures(score, model.get("reference") or {}, formats, texts, KEY in evidence),
    )


def window(days: int, lead: int, formats: Formats) -> str:
    """Return in words the window of `days` after the `lead` that a probability covers: "within 180 days"."""
    words = page_texts(formats.lang)["headline"]
    if lead:
        return str(words["between"].format(lead=formats.number(lead), reach=formats.number(lead + days)))
    return str(words["within"].format(days=formats.number(days)))


def _meaning(
    score: Score, reference: Mapping[str, Any], shrinking: float, formats: Formats, words: Mapping[str, str]
) -> str:
    """Return in words what the band asks for; nothing is said not to pay where revenue is expected to fall away."""
    if score.band == "at_risk" and score.value <= 0:
        meaning = words["at_risk_no_value"]
    elif size := by_size(score, reference):
        meaning = words[size]
    else:
        meaning = words[score.band if (score.band == "at_risk") == (score.expected_profit > 0) else f"{score.band}_but"]
    return f"{meaning} {words['shrinking'].format(share=formats.percent(shrinking))}" if shrinking else meaning


def by_size(score: Score, reference: Mapping[str, Any]) -> str:
    """Return the key of what is said of an account at risk by what would be lost alone, empty for any other.

    Such an account is less likely to leave than the book on average: the model's reference rate, or the base value
    where `reference` holds no rate.
    """
    usual = reference.get("churn_rate", score.base_probability)
    if score.band != "at_risk" or score.value <= 0 or score.churn_probability >= usual:
        return ""
    return "at_risk_large" if score.expected_profit > 0 else "at_risk_large_but"


def noted_size(score: Score, reference: Mapping[str, Any]) -> str:
    """Return the key of what a list says of an account's size: as `by_size`, or of one that is safe for its size.

    That one is likelier to leave than the book on average, and not at risk: little would be lost with it.
    """
    usual = reference.get("churn_rate", score.base_probability)
    if score.band == "safe" and score.churn_probability > usual:
        return "safe_small"
    return by_size(score, reference)


def _statement(rule: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> str:
    horizon, lead = rule.get("horizon_days"), rule.get("lead_days") or 0
    when = window(horizon, lead, formats) if horizon else ""
    if rule.get("silence_days"):
        when = f"{when} {words['silence']}".strip()
    return " ".join(words["probability"].format(when=when).split())


def _gist(sentences: Sequence[ReasonSentence], score: Score, words: Mapping[str, str]) -> str:
    """Return a sentence with the leading themes that move the estimate away from the base value."""
    up = score.churn_probability >= score.base_probability
    sign = 1 if up else -1
    named = [sentence.theme for sentence in sentences if sentence.contribution * sign >= NAMED_FROM][:NAMED]
    return words["gist_up" if up else "gist_down"].format(themes=", ".join(named)) if named else ""


def _figures(
    score: Score, reference: Mapping[str, Any], formats: Formats, texts: Mapping[str, Any], gone: bool
) -> tuple[Figure, ...]:
    words = texts["figures"]
    revenue, profit = score.revenue_365d, score.expected_profit
    note = "revenue_negative" if revenue < 0 else "revenue_note"
    known = (
        Figure(words["revenue"], formats.money(revenue), words[note]),
        Figure(words["value"], formats.money(score.value), _value_note(score.value, reference, formats, words)),
    )
    if score.band == "unknown":
        return known
    at_risk = Figure(words["revenue_at_risk"], formats.money(score.revenue_at_risk), words["revenue_at_risk_note"])
    gain = " ".join([_gain(score, texts), *([words["profit_lapsed"]] if gone else [])])
    return at_risk, Figure(words["profit"], formats.money(profit, signed=True), gain), *known


def _gain(score: Score, texts: Mapping[str, Any]) -> str:
    """Return by what the profit comes; an action that the settings added goes by its own name."""
    if score.best_action is None:
        return str(texts["figures"]["profit_up" if score.expected_profit > 0 else "profit_down"])
    actions = texts["actions"]
    action = actions.get(score.best_action) or actions["other"].format(name=score.best_action)
    return str(texts["figures"]["profit_by"].format(action=action))


def _value_note(value: float, reference: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> str:
    percentiles = reference.get("value_percentiles") or []
    if value <= 0:
        return words["value_zero"]
    place = bisect_left(percentiles, value) - 1 if percentiles else 0
    if not percentiles:
        return ""
    return (
        words["value_note"].format(percent=formats.percent(min(place, 99) / 100))
        if place > 0
        else words["value_smallest"]
    )
