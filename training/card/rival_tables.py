"""A version beside its rivals: a manifest goes in; measures, paired leads and tables come out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from training.bundle.bundle import Manifest
from training.card.drawing import draw_leads
from training.card.figures import (
    DASH,
    MINUS,
    capital,
    interval_of,
    is_known,
    limits,
    number,
    percent,
    several,
    with_interval,
)
from training.card.parts import Cell, Section, Table, Tone, make_table
from training.card.printing import MEASURES, ROWS
from training.contacting import Action, economics_of
from training.judge.verdict import MODEL, REIGNING
from training.models.folds import BY_ACCOUNT
from training.worth.bootstrap import Interval

#: Metrics that are better when lower.
LOWER_IS_BETTER = ("brier", "calibration_error")
MARK = "▲"
UNKNOWN = "on no date judged was there anything to tell it by"
#: ROC AUC where all accounts have the same rank.
CHANCE = 0.5


@dataclass(frozen=True)
class Lead:
    """The model's lead over one rival on one measure; the interval is None if it is not known."""

    measure: str
    rival: str
    interval: Interval | None

    @property
    def reading(self) -> str:
        """Who is ahead, in words, and whether that is more than chance."""
        interval = self.interval
        if interval is None:
            return DASH
        if not (is_known(interval.low) and is_known(interval.high)):
            return f"{self._side}, no interval"
        return f"{self._side}, {'beyond chance' if interval.above or interval.below else 'not told apart'}"

    @property
    def _side(self) -> str:
        value = 0.0 if self.interval is None else self.interval.value
        return "ahead" if value > 0 else "behind" if value < 0 else "level"

    @property
    def is_behind(self) -> bool:
        """Whether the rival is better in the point estimate."""
        return self.interval is not None and self.interval.value < 0

    @property
    def is_told(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval is not None and (self.interval.above or self.interval.below)


def rivals_of(manifest: Manifest) -> list[str]:
    """Return the names of the rivals that the model was judged beside."""
    return [name for name in manifest.verdict["metrics"] if name != MODEL]


def blind_rivals(manifest: Manifest) -> list[str]:
    """Return the rivals that gave every account the same rank: what they go by is not in this book."""
    return [name for name in rivals_of(manifest) if manifest.verdict["metrics"][name].get("roc_auc") == CHANCE]


def measures_of(manifest: Manifest) -> list[str]:
    """Return the measures that have intervals."""
    return [measure for measure in MEASURES if measure in manifest.verdict["intervals"]]


def label(measure: str, manifest: Manifest) -> str:
    """Return the name of a measure, with its unit."""
    unit = f"{manifest.currency} per account" if manifest.currency else "per account"
    return MEASURES[measure][0].replace("currency an account", unit)


def leads(manifest: Manifest) -> Iterator[Lead]:
    """Yield the model's lead over every rival on every measure that has an interval."""
    for measure in measures_of(manifest):
        for name in rivals_of(manifest):
            yield Lead(measure, name, interval_of(manifest.verdict["intervals"].get(f"{measure} - {name}")))


def behind_text(lead: Lead, manifest: Manifest) -> str:
    """Return in words by how much a rival is ahead; the lead must have an interval."""
    assert lead.interval is not None
    form = MEASURES[lead.measure][1]
    rival_lead = Interval(-lead.interval.value, -lead.interval.high, -lead.interval.low)
    apart = "beyond chance" if lead.is_told else "not told apart"
    return (
        f"on {label(lead.measure, manifest)}, {lead.rival} is ahead by {number(rival_lead.value, form)} "
        f"({apart}; 95 % interval {limits(rival_lead, form, signed=True)})"
    )


def better_elsewhere(manifest: Manifest) -> dict[str, list[str]]:
    """Return, for each metric without an interval, the rivals with a better figure than the model."""
    measured = measures_of(manifest)
    metrics = manifest.verdict["metrics"]
    better = {
        name: [rival for rival in rivals_of(manifest) if _better(key, metrics[rival].get(key), metrics[MODEL].get(key))]
        for name, key, _ in ROWS
        if key not in measured
    }
    return {name: rivals for name, rivals in better.items() if rivals}


def _better(key: str, theirs: float | None, ours: float | None) -> bool:
    if theirs is None or ours is None or not (is_known(theirs) and is_known(ours)):
        return False
    gap = ours - theirs if key.removeprefix("weighted_") in LOWER_IS_BETTER else theirs - ours
    return gap > 1e-9


def beside_rivals(manifest: Manifest) -> Section:
    """Return the section with every measure of the model and of every rival, with intervals, and all metrics."""
    ours = manifest.verdict["metrics"][MODEL]
    dates = manifest.verdict["as_of"]
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}, {len(dates)} dates"
    lead = (
        f"Judged {manifest.judged_how}: at {when}, on {ours['rows']:,} rows, of which {ours['churned']:,} churned "
        f"({percent(ours['churn_rate'])}); {percent(ours['lost_revenue_share'])} of the revenue was lost."
    )
    tables = [_measure(manifest, measure) for measure in measures_of(manifest)]
    return Section("rivals", "Beside its rivals", lead, tuple(_how_judged(manifest)), (*tables, _metrics(manifest)))


def _how_judged(manifest: Manifest) -> Iterator[str]:
    if manifest.judged_how == BY_ACCOUNT:
        yield "The fit that is judged had learnt from other accounts at the same dates, which flatters it."
    else:
        yield (
            "The fit that is judged had learnt only what was known before the first of these dates; the version itself "
            "was then made in the same way from all dates."
        )
    yield (
        "Intervals come from resampled accounts. A lead is the model's figure less the rival's on the same resamples; "
        "one whose interval holds 0 is not told apart from none."
    )
    economics = economics_of(manifest.economics)
    actions = "; ".join(_said(name, action) for name, action in economics.actions.items())
    yield (
        f"Profit is what contacting {percent(economics.capacity, 0)} of the accounts, those with the highest expected "
        f"profit, would have brought, each by the action that is expected to bring most: {actions}."
    )


def _said(name: str, action: Action) -> str:
    incentive = f", whoever stays takes {percent(action.incentive_share, 0)} of the account's value"
    return (
        f"{name} costs {action.contact_cost:,.2f} and keeps {percent(action.success_rate, 0)} of those who would leave"
        f"{incentive if action.incentive_share else ''}"
    )


def _measure(manifest: Manifest, measure: str) -> Table:
    form = MEASURES[measure][1]
    intervals = manifest.verdict["intervals"]
    rival_leads = [lead for lead in leads(manifest) if lead.measure == measure]
    rows: list[tuple[str | Cell, ...]] = [
        (Cell("this model", "chosen"), "", with_interval(interval_of(intervals[measure]), form), "")
    ]
    for lead in rival_leads:
        own = interval_of(intervals.get(f"{measure} of {lead.rival}"))
        tone: Tone = "behind" if lead.is_behind else "ahead" if lead.is_told else "quiet"
        gap = with_interval(lead.interval, form, signed=True)
        rows.append((lead.rival, gap, with_interval(own, form), Cell(lead.reading, tone)))
    drawing = draw_leads(
        [None, *(lead.interval for lead in rival_leads)], "The model's lead", "rival better", "model better"
    )
    headings = ("Rival", "Lead of the model", "Own figure", "The model is")
    title = capital(label(measure, manifest))
    return make_table(f"measure-{measure}", title, headings, rows, words=(3,), unknown=UNKNOWN, drawing=drawing)


def _metrics(manifest: Manifest) -> Table:
    metrics = manifest.verdict["metrics"]
    names = [MODEL, *rivals_of(manifest)]
    rows: list[list[str | Cell]] = []
    for title, key, form in ROWS:
        ours = metrics[MODEL].get(key)
        row: list[str | Cell] = [capital(title).replace(", an account", ", per account"), number(ours, form)]
        for name in names[1:]:
            theirs = metrics[name].get(key)
            better = _better(key, theirs, ours)
            row.append(Cell(number(theirs, form) + (f" {MARK}" if better else ""), "behind" if better else ""))
        rows.append(row)
    note = f"{MARK} better than the model. Brier and calibration error are better when lower. Means over the dates."
    headings = ("Metric", "this model", *names[1:])
    return make_table("metrics", "All metrics", headings, rows, note=note, unknown=UNKNOWN)


def against_champion(manifest: Manifest) -> Section:
    """Return the section on the champion that reigned when the version was made, and on the gate's decision."""
    gate = manifest.gate
    points = [
        f"At the gate: {gate.get('decision', 'never asked')}; {plain_words(gate.get('why', 'no reason is kept'))}."
    ]
    if REIGNING in rivals_of(manifest):
        champion_leads = [lead for lead in leads(manifest) if lead.rival == REIGNING]
        lead_texts = [
            f"{label(lead.measure, manifest)} {with_interval(lead.interval, MEASURES[lead.measure][1], signed=True)}, "
            f"{lead.reading}"
            for lead in champion_leads
        ]
        points.append(f"Its lead over the reigning champion: {'; '.join(lead_texts) or 'no measure was compared'}.")
    else:
        points.append("No reigning champion was judged beside it.")
    points.append(
        "A later version becomes champion by itself with a win at the gate, or as a refresh: the champion's own recipe "
        "on newer data, and not worse. A human may override that."
    )
    tables = _refresh(manifest.findings.get("refresh"))
    return Section("champion", "Beside the reigning champion", "", tuple(points), tables)


def _refresh(found: Mapping[str, Any] | None) -> tuple[Table, ...]:
    """Return the table of what a refresh was decided by; none if the version was none."""
    if not found or not found["checks"]:
        return ()
    results = {True: Cell("good", "quiet"), False: Cell("held", "behind")}
    rows = [
        (capital(check["name"]), results[check["passed"]], plain_words(check["found"])) for check in found["checks"]
    ]
    title = f"Refresh of version {found['champion']}, {found['way']}"
    note = f"Data until {found['data_until']}, the champion's until {found['champion_data_until']}."
    note += f" Forward rows: {found['forward_rows']}." if found["forward_rows"] else ""
    return (make_table("refresh", title, ("Check", "Result", "Found"), rows, words=(1, 2), note=note),)


def plain_words(text: str) -> str:
    """Return a text with the names of measures instead of their keys, and a typographic minus.

    Examples
    --------
    >>> plain_words("roc_auc +0.010 (-0.020 to +0.040)")
    'ROC AUC +0.010 (−0.020 to +0.040)'
    """
    for measure, (name, _) in MEASURES.items():
        text = text.replace(measure, name.partition(", currency")[0])
    return re.sub(r"(?<![\w-])-(?=\d)", MINUS, text)


def best_naive(manifest: Manifest, naive: list[str]) -> str | None:
    """Return the naive rule with the best ROC AUC, as for the grade; None if no naive rule was judged."""
    judged = {name: manifest.verdict["metrics"][name].get("roc_auc") for name in naive if name in rivals_of(manifest)}
    known = {name: auc for name, auc in judged.items() if is_known(auc)}
    return max(known, key=lambda name: known[name]) if known else None


def by_measure(manifest: Manifest, holds: Callable[[Lead], bool]) -> list[str]:
    """Return, for each measure, the rivals whose lead fulfils a condition, in words."""
    texts = []
    for measure in measures_of(manifest):
        names = [lead.rival for lead in leads(manifest) if lead.measure == measure and holds(lead)]
        if names:
            texts.append(f"{several(names)} on {label(measure, manifest)}")
    return texts
