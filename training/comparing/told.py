"""A comparison in words, German and English: what was compared, what was found, and that it is no experiment.

In: a `Compared`. Out: lines of text, and plain values for JSON.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal

from training.comparing.asked import Asked
from training.comparing.covariates import label
from training.comparing.difference import Difference
from training.comparing.matched import Compared, Imbalance
from training.comparing.treatments import Lang

NO_EXPERIMENT = {
    "en": (
        "No experiment: nobody drew lots for who was treated. The groups are alike in what is recorded; what is not "
        "recorded (a talk, a buyer's mood, an account manager's judgement) may differ, and may be the reason for the "
        "difference. Do not call it the effect."
    ),
    "de": (
        "Kein Experiment: Nicht das Los hat entschieden, wer in welcher Gruppe ist. Die Gruppen gleichen sich in dem, "
        "was erfasst ist; was nicht erfasst ist (ein Gespräch, die Stimmung beim Kunden, das Urteil der Betreuung), "
        "kann sich unterscheiden und der Grund für die Differenz sein. Sie ist nicht als Wirkung zu bezeichnen."
    ),
}
REASONS = {
    "missing": {"en": "table {table} is missing", "de": "Tabelle {table} fehlt"},
    "empty": {"en": "table {table} has no record", "de": "Tabelle {table} enthält keinen Eintrag"},
    "not_over": {
        "en": "no outcome is known yet: starts count from {first}, when {table} and invoices are recorded for long "
              "enough; an outcome is known after {reach} days, and only what lies before {end} counts",
        "de": "noch ist kein Ausgang bekannt: Es zählt, was ab dem {first} beginnt, wenn {table} und invoices lange "
              "genug erfasst sind; ein Ausgang ist nach {reach} Tagen bekannt, und nur was vor dem {end} liegt, zählt",
    },
    "nobody": {
        "en": "nobody was treated from {first} to {last}, so there is nothing to compare",
        "de": "vom {first} bis {last} traf das auf keinen Kunden zu; es gibt nichts zu vergleichen",
    },
    "no_treated": {
        "en": "no account is treated whose outcome can be judged",
        "de": "auf keinen Kunden, dessen Ausgang beurteilt werden kann, trifft das zu",
    },
    "no_others": {
        "en": "every account is treated, so there is nobody to compare with",
        "de": "das trifft auf alle Kunden zu; es gibt niemanden, mit dem zu vergleichen wäre",
    },
    "few": {
        "en": "too few accounts: {treated} treated, {others} others; {least} of each are needed",
        "de": "zu wenige Kunden: {treated} gegenüber {others}; von beiden sind {least} nötig",
    },
    "few_outcomes": {
        "en": "{churned} of the accounts left and {stayed} stayed; {least} of each are needed",
        "de": "{churned} der Kunden gingen und {stayed} blieben; von beiden sind {least} nötig",
    },
    "alone": {
        "en": "the groups cannot be compared: {alone} of {rows} treated resemble none of the others. They differ most "
              "in: {covariates}",
        "de": "die Gruppen sind nicht vergleichbar: {alone} von {rows} gleichen keinem der übrigen Kunden. Am "
              "stärksten unterscheiden sie sich in: {covariates}",
    },
    "unbalanced": {
        "en": "the groups cannot be compared: no weights make them alike. Largest difference left {largest} standard "
              "deviations, at most {most} is accepted: {covariates}",
        "de": "die Gruppen sind nicht vergleichbar: Keine Gewichtung gleicht sie an. Größter verbliebener Unterschied "
              "{largest} Standardabweichungen, höchstens {most} gilt als ausgeglichen: {covariates}",
    },
    "crossed": {
        "en": "the groups cannot be compared: {share} % of the comparable others did the same before the outcome was "
              "known; at most {most} % is accepted",
        "de": "die Gruppen sind nicht vergleichbar: Auf {share} % der Vergleichskunden traf dasselbe zu, ehe der "
              "Ausgang feststand; höchstens {most} % gelten als vergleichbar",
    },
    "few_effective": {
        "en": "the groups cannot be compared: the weights rest on so few of the others that they are worth {effective} "
              "accounts; {least} are needed",
        "de": "die Gruppen sind nicht vergleichbar: Die Gewichte ruhen auf so wenigen Vergleichskunden, dass sie "
              "{effective} Kunden entsprechen; {least} sind nötig",
    },
}  # fmt: skip
LINES = {
    "later": {
        "en": "Of these others {share} % did the same before the days below were over; the more, the smaller any "
              "difference.",
        "de": "Von diesen traf auf {share} % dasselbe zu, ehe die folgenden Tage um waren; je mehr, desto kleiner jede "
              "Differenz.",
    },
    "compared": {
        "en": "{treated} accounts that {who} ({first} to {last}), against {others} that {whom}, weighted to resemble "
              "them (worth {effective} rows of {rows}).",
        "de": "{treated} Kunden, {who} ({first} bis {last}), gegenüber {others} Kunden, {whom}; diese so gewichtet, "
              "dass sie jenen gleichen (sie zählen wie {effective} von {rows} Zeilen).",
    },
    "alone": {
        "en": "{alone} of {rows} treated rows resemble none of the others and are left out.",
        "de": "{alone} von {rows} Zeilen gleichen keinem Vergleichskunden und bleiben außer Betracht.",
    },
    "churn": {
        "en": "Left within {days} days: {of_treated} %; of the comparable others {of_others} %. Difference {value} "
              "points ({low} to {high}); unmatched {unmatched}.",
        "de": "Abgewandert binnen {days} Tagen: {of_treated} %; von den vergleichbaren {of_others} %. Differenz "
              "{value} Prozentpunkte ({low} bis {high}); ohne Abgleich {unmatched}.",
    },
    "revenue": {
        "en": "Billed in these days, less the pace of the year before, per account: {of_treated}; comparable others "
              "{of_others}. Difference {value} ({low} to {high}) in {currency}.",
        "de": "In dieser Zeit berechnet, abzüglich des Tempos des Vorjahres, je Kunde: {of_treated}; vergleichbare "
              "{of_others}. Differenz {value} ({low} bis {high}) in {currency}.",
    },
    "margin": {
        "en": "As margin, at {share} % of revenue: {value} ({low} to {high}).",
        "de": "Als Marge, bei {share} % des Umsatzes: {value} ({low} bis {high}).",
    },
    "balance": {
        "en": "Balance, in standard deviations: largest difference {before} before ({name}), {after} after weighting.",
        "de": "Ausgleich, in Standardabweichungen: größter Unterschied {before} vorher ({name}), {after} nach der "
              "Gewichtung.",
    },
    "includes_0": {
        "en": "The interval holds 0: a difference is not shown.",
        "de": "Das Intervall enthält 0: Ein Unterschied ist nicht belegt.",
    },
    "not_compared": {"en": "Not compared: {why}.", "de": "Kein Vergleich: {why}."},
}  # fmt: skip
CURRENCY = {"en": "the book's currency", "de": "der Währung der Daten"}


def lines(compared: Compared, asked: Asked, currency: str | None, lang: Lang) -> list[str]:
    """Return what is said of a comparison, a sentence or two a line, below its name."""
    if compared.why is not None:
        return [LINES["not_compared"][lang].format(why=reason(compared, lang))]
    assert compared.churn is not None and compared.revenue is not None and compared.balance
    told = [_compared(compared, lang)]
    left = {"alone": compared.alone, "rows": compared.treated_rows}
    if compared.alone:
        told.append(LINES["alone"][lang].format(**{name: _number(rows, 0, lang) for name, rows in left.items()}))
    if compared.later:
        told.append(LINES["later"][lang].format(share=_number(100 * compared.later, 1, lang)))
    told.append(_churn(compared, asked, lang))
    money = {"currency": currency or CURRENCY[lang]}
    told.append(LINES["revenue"][lang].format(**_parts(compared.revenue, 0, lang), **money))
    if asked.margin_share is not None:
        margin = _parts(compared.revenue.times(asked.margin_share), 0, lang)
        told.append(LINES["margin"][lang].format(share=_number(100 * asked.margin_share, 1, lang), **margin))
    return [*told, _balance(compared.balance, lang), compared.comparison.caution[lang]]


def reason(compared: Compared, lang: Lang) -> str | None:
    """Return in words why the groups are not compared; None where they are."""
    if compared.why is None:
        return None
    facts = {name: _fact(value, lang) for name, value in compared.why.facts.items()}
    return REASONS[compared.why.code][lang].format(**facts)


def as_json(compared: Compared, asked: Asked, lang: Lang) -> dict[str, Any]:
    """Return a comparison as plain values: rates 0-1, money a row of the treated."""
    comparison, margin = compared.comparison, asked.margin_share
    revenue = compared.revenue
    return {
        "name": comparison.name,
        "label": comparison.names[lang],
        "caution": comparison.caution[lang],
        "treated": {"what": comparison.treated[lang], "accounts": compared.treated, "rows": compared.treated_rows},
        "others": {
            "what": comparison.others[lang], "accounts": compared.others, "rows": compared.others_rows,
            "effective_rows": compared.effective, "treated_later": compared.later,
        },
        "first_start": compared.first and compared.first.isoformat(),
        "last_start": compared.last and compared.last.isoformat(),
        "lead_days": comparison.lead_days,
        "horizon_days": asked.rule.horizon_days,
        "left_out_rows": compared.alone,
        "churn": compared.churn and compared.churn.as_dict(),
        "churn_unmatched": compared.unmatched,
        "revenue_change": revenue and revenue.as_dict(),
        "margin_change": None if revenue is None or margin is None else revenue.times(margin).as_dict(),
        "balance": [
            {"name": item.name, "label": label(item.name, lang), "before": item.before, "after": item.after}
            for item in compared.balance
        ],
        "not_compared": reason(compared, lang),
        "not_compared_code": compared.why and compared.why.code,
    }  # fmt: skip


def _compared(compared: Compared, lang: Lang) -> str:
    comparison = compared.comparison
    assert compared.first is not None and compared.last is not None and compared.effective is not None
    return LINES["compared"][lang].format(
        treated=_number(compared.treated, 0, lang), others=_number(compared.others, 0, lang),
        who=comparison.treated[lang], whom=comparison.others[lang], first=_day(compared.first, lang),
        last=_day(compared.last, lang), effective=_number(compared.effective, 0, lang),
        rows=_number(compared.others_rows, 0, lang),
    )  # fmt: skip


def _churn(compared: Compared, asked: Asked, lang: Lang) -> str:
    assert compared.churn is not None and compared.unmatched is not None
    parts = _parts(compared.churn.times(100.0), 1, lang)
    unmatched = _signed(100 * compared.unmatched, 1, lang)
    told = LINES["churn"][lang].format(**parts, unmatched=unmatched, days=asked.rule.horizon_days)
    holds_0 = compared.churn.low <= 0 <= compared.churn.high
    return f"{told} {LINES['includes_0'][lang]}" if holds_0 else told


def _balance(balance: tuple[Imbalance, ...], lang: Lang) -> str:
    after = max(item.after for item in balance)
    worst = balance[0]
    return LINES["balance"][lang].format(
        before=_number(worst.before, 2, lang), name=label(worst.name, lang), after=_number(after, 2, lang)
    )


def _parts(found: Difference, decimals: int, lang: Lang) -> dict[str, str]:
    """Return the parts of a difference as texts; rates without a sign, differences with one."""
    return {
        "of_treated": _number(found.treated, decimals, lang), "of_others": _number(found.others, decimals, lang),
        **{name: _signed(getattr(found, name), decimals, lang) for name in ("value", "low", "high")},
    }  # fmt: skip


def _fact(value: object, lang: Lang) -> str:
    if isinstance(value, list):
        return ", ".join(label(name, lang) for name in value)
    if isinstance(value, date):
        return _day(value, lang)
    if isinstance(value, float):
        return _number(value, 2, lang)
    return _number(value, 0, lang) if isinstance(value, int) else str(value)


def _day(day: date, lang: Lang) -> str:
    return day.isoformat() if lang == "en" else format_date(day, "dd.MM.yyyy", locale=lang)


def _signed(value: float, decimals: int, lang: Lang) -> str:
    return ("+" if round(value, decimals) > 0 else "") + _number(value, decimals, lang)


def _number(value: float, decimals: int, lang: Lang) -> str:
    pattern = "#,##0." + "0" * decimals if decimals else "#,##0"
    return format_decimal(round(value, decimals) + 0.0, format=pattern, locale=lang)
