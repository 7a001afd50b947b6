"""Reasons in words: the catalogue behind API, reports and digests.

Goes in: the reasons of a score, and its evidence where it is at hand. Comes out: reasons summed by theme, a sentence
for each in German or English that uses the account's own figures, what it does to the estimate in points, and what an
account manager can do. The words stand in `locales/reasons/`; a signal or theme without words raises.

A sentence states a fact, the effect says what the model makes of it; neither says that one causes the other. The fact
is that of the theme's leading signal. Where this is a part of the theme only, the sentence ends with that part: "(8.3
of 10.2 points)", so that its points and the effect's never seem to be the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

from serving.scoring.scores import Reason, Score
from serving.words.advice import (
    CONTRACT_FALL,
    DEPARTMENTS,
    LOW_ANSWER,
    LOW_DECIDER,
    LOW_THERE,
    UNFOLLOWED,
    UNFOLLOWED_DECIDER,
    advice_key,
)
from serving.words.contact_rows import departments, low_answers, low_only_of_gone, role_words, to_follow
from serving.words.formats import Formats, Lang
from serving.words.theme_reasons import ThemeReason, themes
from serving.words.told_by_evidence import ONE_BY_ONE, Few, few_cases, unanswered_surveys, value_before
from serving.words.wording import (
    ALL,
    Catalogue,
    Figures,
    Words,
    bare,
    catalogue,
    figure,
    is_small,
    label,
    page_texts,
    signal_of,
    size,
)

#: Below this (half of a tenth of a point) a contribution is shown as none.
NO_EFFECT = 0.0005
_REVENUE_OF = {
    "revenue_trend_180d": "revenue_180d",
    "revenue_trend_90d": "revenue_90d",
    "revenue_yoy_90d": "revenue_90d",
    "revenue_yoy_365d": "revenue_365d",
}


@dataclass(frozen=True)
class ReasonSentence:
    """One theme in words.

    Attributes
    ----------
    code, theme : str
        The theme's code and label.
    contribution, actionable_contribution : float
        Points of probability as a fraction.
    sentence : str
        The fact, with its part of the theme's points where it is a part only; without a full stop.
    effect : str
        "raises the estimated risk by 8.0 points".
    advice_key, advice : str or None
        The step that answers the theme; null where there is none or the theme does not raise the estimate.
    """

    code: str
    theme: str
    contribution: float
    actionable_contribution: float
    sentence: str
    effect: str
    advice_key: str | None
    advice: str | None


def reason_sentences(score: Score, evidence: Mapping[str, Any] | None, lang: Lang) -> list[ReasonSentence]:
    """Say every theme of a score in words, by falling absolute contribution.

    Parameters
    ----------
    evidence : dict or None
        The account's evidence; with it, sentences name the roles of contacts.
    lang : 'de' or 'en'
    """
    speaker = Speaker(score, evidence, lang)
    return [speaker.say(theme) for theme in themes(score.reasons)]


class Speaker:
    """Says the reasons of one score in one language."""

    def __init__(self, score: Score, evidence: Mapping[str, Any] | None, lang: Lang) -> None:
        self.formats, self._score, self._evidence = Formats(lang, score.currency), score, evidence or {}
        self._words: Catalogue = catalogue(lang)
        self._values: dict[str, float | str | None] = {
            reason.signal: reason.value_text if reason.value is None else reason.value + 0.0 for reason in score.reasons
        }

    def say(self, theme: ThemeReason) -> ReasonSentence:
        """Return a theme in words."""
        key = self._advice_key(theme)
        return ReasonSentence(
            code=theme.code,
            theme=self._words.theme(theme.code),
            contribution=theme.contribution,
            actionable_contribution=theme.actionable_contribution,
            sentence=self.told(theme),
            effect=self.effect(theme.contribution),
            advice_key=key,
            advice=self._words.advice[key].format_map(Figures({}, self.known)) if key else None,
        )

    def told(self, theme: ThemeReason) -> str:
        """Return the fact that leads a theme, and which part of the theme's points it has.

        A contract that was cut is told beside what else leads its theme.
        """
        cut = [reason for reason in theme.reasons if reason.signal == "contract_value" and self._value_before]
        if theme.contribution < NO_EFFECT or theme.leading in cut or not cut:
            return self._part(theme)
        return f"{self._part(theme)}. {self.sentence(cut[0])}"

    def _part(self, theme: ThemeReason) -> str:
        fact, own = self.sentence(theme.leading), theme.leading.contribution
        shown, part = round(theme.contribution * 100, 1), round(own * 100, 1)
        if abs(theme.contribution) < NO_EFFECT or shown == part:
            return fact
        kind = "part" if abs(part) < abs(shown) else "offset"
        told = self.formats.number(abs(part), 1) if kind == "part" else self.formats.number(part, 1, signed=True)
        points = {"part": told, "points": self.formats.number(abs(shown), 1)}
        part_of = self._words.effect[kind].format(**points)
        return f"{fact[:-1]}; {part_of})" if fact.endswith(")") else f"{fact} ({part_of})"

    def short(self, theme: ThemeReason) -> str:
        """Return what a theme does to the estimate, and the fact that leads it, in one line.

        Raises
        ------
        MissingWords
            When this version has no words for the theme or its leading signal.
        """
        return f"{self._words.theme(theme.code)}: {self.effect(theme.contribution)}. {self.told(theme)}"

    def figure(self, signal: str) -> str:
        """Return a signal's value with its unit; a change between negative revenues as the bare index it is."""
        value = self._values[signal]
        if isinstance(value, float) and self._is_index(signal, value):
            return self.formats.number(value, 2, signed=True)
        return figure(signal_of(signal), value, self.formats)

    def figure_noted(self, signal: str) -> str:
        """Return a signal's value as a table shows it: of a quantile, that it has few cases."""
        value = self.figure(signal)
        few = self._values[signal] is not None and self.few(signal)
        return self._words.generic["few"].format(value=value) if few else value

    def _is_index(self, signal: str, value: float) -> bool:
        recent = self._values.get(_REVENUE_OF.get(signal, ""))
        return isinstance(recent, float) and recent < 0 and abs(value) < ALL

    def effect(self, contribution: float) -> str:
        """Return what a contribution does to the estimate."""
        if abs(contribution) < NO_EFFECT:
            return self._words.effect["none"]
        points = self.formats.number(abs(contribution) * 100, 1)
        return self._words.effect["up" if contribution > 0 else "down"].format(points=points)

    def sentence(self, reason: Reason) -> str:
        """Return what is known of one signal, as a sentence without a full stop."""
        item = signal_of(reason.signal)
        called, value = label(item, self.formats.lang), self._values[reason.signal]
        if value is None:
            return self._unknown(item.needs, called)
        named: dict[str, Words] = {"label": lambda: called, "value": lambda: self.figure(reason.signal)}
        known = Figures(named if isinstance(value, str) else named | self._measures(reason.signal, value), self.known)
        for template in self._words.sentences(reason.signal, self._case(reason.signal, value)):
            try:
                return template.format_map(known)
            except KeyError:
                continue
        return self._words.generic["value"].format_map(known)

    def _unknown(self, needs: tuple[str, ...], called: str) -> str:
        absent = [name for name in needs if name in self._score.missing_tables]
        if not absent:
            return self._words.generic["unknown"].format(label=called)
        tables = ", ".join(page_texts(self.formats.lang)["tables"][name] for name in absent)
        return self._words.generic["missing"].format(label=called, tables=tables)

    def _case(self, signal: str, value: float | str) -> str:
        """Which of a signal's sentences applies."""
        if isinstance(value, str):
            return "other"
        item = signal_of(signal)
        if self.few(signal) and not (signal.endswith("_trend") and is_small(item, value)):
            return "few_below" if value < 0 else "few"
        if item.unit == "relative change" and abs(value) >= ALL:
            return "new" if value > 0 else "gone"
        if is_small(item, value):
            return "zero"
        return "below" if value < 0 else "one" if value == 1 else "other"

    def _measures(self, signal: str, value: float) -> dict[str, Words]:
        """Return the sizes a sentence may name; a relative change has none from or to nothing or a negative revenue."""
        item, formats = signal_of(signal), self.formats
        if self._is_index(signal, value) or (item.unit == "relative change" and abs(value) >= ALL):
            return {}
        measures: dict[str, Words] = {
            "abs": lambda: size(item, value, formats),
            "n": lambda: bare(abs(value), formats),
        }
        if few := self.few(signal):
            measures |= self._one_by_one(few)
        if item.unit in ("days", "hours", "months"):
            measures["value_dative"] = lambda: formats.dative(figure(item, value, formats))
        if item.unit == "days":
            measures |= {"date": lambda: self._day(-value), "ahead": lambda: self._day(value)}
        return measures

    def few(self, signal: str) -> Few | None:
        """Return the cases that a signal is a quantile of, where they are too few for one; else None."""
        return few_cases(signal, self._values, self._evidence, self._score.as_of)

    def _one_by_one(self, few: Few) -> dict[str, Words]:
        hours, formats = few.hours, self.formats
        told: dict[str, Words] = {"cases": lambda: formats.number(len(hours))} if hours else {}
        if hours:
            told["slowest"] = lambda: formats.hours(hours[-1])
        if 0 < len(hours) <= ONE_BY_ONE:
            told["spans"] = lambda: formats.listed([formats.dative(formats.hours(each)) for each in hours])
        return told

    def _day(self, days: float) -> str:
        return self.formats.day((datetime.combine(self._score.as_of, time()) + timedelta(days=days)).date())

    def known(self, name: str) -> str:
        """Return what a sentence may name beside its own signal: any signal's value with its unit, or of the evidence.

        Raises
        ------
        KeyError
            When it is not known.
        """
        return self.figure(name) if self._values.get(name) is not None else self._beside[name]

    @cached_property
    def _beside(self) -> dict[str, str]:
        ends = self._values.get("contract_days_to_end")
        named = {"contract_end": self._day(ends)} if isinstance(ends, float) else {}
        year = self._values.get("revenue_365d")
        if isinstance(year, float) and year > 0:
            named["year_invoiced"] = self.formats.money(year)
        if (before := self._value_before) is not None:
            named["contract_value_before"] = self.formats.money(before)
        row = self._values.get("invitations_unanswered_in_a_row")
        if isinstance(row, float):
            surveys = unanswered_surveys(self._evidence, row, self._score.as_of)
            named |= {name: self.formats.number(number) for name, number in surveys.items()}
        return named | role_words(self._evidence, self._score.as_of, self.formats.lang)

    @cached_property
    def _value_before(self) -> float | None:
        now = self._values.get("contract_value")
        return value_before(self._evidence, now) if isinstance(now, float) else None

    def _advice_key(self, theme: ThemeReason) -> str | None:
        if theme.contribution < NO_EFFECT:
            return None
        before, now = self._value_before, self._values.get("contract_value")
        fall = 1 - now / before if before and isinstance(now, float) else None
        raising = [reason.signal for reason in theme.reasons if reason.contribution >= NO_EFFECT]
        waits = low_answers(self._evidence, self._values, self._score.as_of) if theme.code == "nps" else (False, False)
        unfollowed = to_follow(self._evidence, self._score.as_of)
        told = {
            CONTRACT_FALL: fall,
            LOW_ANSWER: float(waits[0]),
            LOW_DECIDER: float(waits[1]),
            LOW_THERE: float(not low_only_of_gone(self._evidence)),
            UNFOLLOWED: float(unfollowed[0]),
            UNFOLLOWED_DECIDER: float(unfollowed[1]),
            DEPARTMENTS: departments(self._evidence),
        }
        return advice_key(theme.code, self._values | told, raising)
