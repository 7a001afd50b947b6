"""The top of a card: a manifest goes in; the grade, remarks and key figures come out.

The remarks begin with what a reader must know of any model: what it learnt from, until when, what counts as churn, how
many churned, and what is suspicious or missing. Then they say where a rival is better, and which differences too few
accounts leave open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from training.bundle.bundle import Manifest
from training.card.caveats import lead_not_known, not_told_apart, one_decides
from training.card.data import churn_told, period, several_dates
from training.card.figures import DASH, capital, interval_of, is_known, limits, number, percent, several, with_interval
from training.card.printing import MEASURES
from training.card.rival_tables import (
    behind_text,
    best_naive,
    better_elsewhere,
    blind_rivals,
    label,
    leads,
    measures_of,
    plain_words,
    rivals_of,
)
from training.judge.champion_gate import HELD, VANISHED
from training.judge.verdict import MODEL
from training.rivals import CHEAP

#: What a grade requires, in words; the bounds are those of `training.judge.verdict.grade`.
GRADES = {
    "A": "its ROC AUC lies more than .05 above the best naive rule's at the lower end of the interval, and it catches "
    "at least as much lost revenue",
    "B": "its ROC AUC lies more than .02 above the best naive rule's at the lower end of the interval",
    "C": "its ROC AUC lies above the best naive rule's beyond chance, but by little, or it is worse than the reigning "
    "champion beyond chance",
    "D": "it is not told apart from the best naive rule by its ROC AUC, or is worse",
}


@dataclass(frozen=True)
class Remark:
    """A sentence at the top; `kind` says what it is about."""

    kind: Literal["known", "behind", "rivals", "few", "warning", "gate", "missing"]
    title: str
    text: str

    @property
    def is_alarming(self) -> bool:
        """Whether it speaks against the model or its figures."""
        return self.kind in ("behind", "few", "warning")


@dataclass(frozen=True)
class KeyFigure:
    """A figure at the top, with its interval."""

    label: str
    value: str
    note: str


def graded(manifest: Manifest) -> str:
    """Return what the grade means and which lead it rests on."""
    grade = manifest.verdict.get("grade")
    if grade is None:
        return "No grade: no naive rule was judged beside the model."
    best = best_naive(manifest, [rival.name for rival in CHEAP if rival.naive])
    lead = interval_of(manifest.verdict["intervals"].get(f"roc_auc - {best}"))
    lead_text = (
        "Its lead is not known" if lead is None else f"Lead over {best}: {with_interval(lead, '.3f', signed=True)}"
    )
    doubt = f" {capital(manifest.distrust)}." if manifest.distrust else ""
    return f"Grade {grade}: {GRADES[grade]}. {lead_text}.{doubt}"


def remarks(manifest: Manifest) -> Iterator[Remark]:
    """Yield what a reader must know before the figures: of the model itself first, of its rivals afterwards."""
    yield from _of_itself(manifest)
    for text in manifest.findings.get("warnings") or ():
        yield Remark("warning", "Warning", capital(str(text)))
    if manifest.missing_tables:
        tables = several(sorted(manifest.missing_tables))
        yield Remark("missing", "Not in the book", f"{capital(tables)}: signals made of them are not known.")
    small = manifest.findings.get("small_book")
    if small:
        yield Remark("few", "A small book", f"{capital('; '.join(small['advice']))}.")
    yield from _of_rivals(manifest)
    for title, text in (
        ("Not known", lead_not_known(manifest)),
        ("One account can decide", one_decides(manifest)),
        ("Not told apart", not_told_apart(manifest)),
    ):
        if text is not None:
            yield Remark("few", title, text)
    gate = manifest.gate
    sentence = f"{capital(gate.get('decision', 'never asked'))}: {plain_words(gate.get('why', 'no reason is kept'))}."
    yield Remark("warning" if gate.get("decision") in (HELD, VANISHED) else "gate", "At the gate", sentence)


def _of_itself(manifest: Manifest) -> Iterator[Remark]:
    """Yield what the model learnt from and until when, what counts as churn, and how many churned."""
    first, last = period(manifest)
    slices, reference = sorted(manifest.slices), manifest.reference
    yield Remark(
        "known",
        "Learnt from",
        f"{manifest.rows:,} rows at {several_dates(slices)}, of a book with invoices since "
        f"{first or 'an unknown day'} and {reference.accounts:,} customers at {reference.as_of}. It knows what "
        f"happened until {last}, and nothing later.",
    )
    yield Remark("known", "What counts as churn", f"{capital(churn_told(manifest))}.")
    ours = manifest.verdict["metrics"][MODEL]
    rate = f" ({percent(ours['churn_rate'])})" if is_known(ours.get("churn_rate")) else ""
    dates = [date.fromisoformat(day) for day in manifest.verdict["as_of"]]
    judged = f"{ours['churned']:,} of the {ours['rows']:,} rows that it was judged on{rate}"
    yield Remark("known", "Churned", f"{judged}, at {several_dates(dates)}.")
    silent = manifest.findings.get("silent_already")
    if silent:
        yield Remark("known", "Silent already", f"{capital(silent['sentence'])}.")


def _of_rivals(manifest: Manifest) -> Iterator[Remark]:
    """Yield the measures on which a rival is ahead, or that none is ahead."""
    measures, rivals = measures_of(manifest), rivals_of(manifest)
    if not rivals or not measures:
        yield Remark("rivals", "Rivals", "The model was judged beside no rival.")
        return
    every_lead = list(leads(manifest))
    behind = [behind_text(lead, manifest) for lead in every_lead if lead.is_behind]
    if behind:
        yield Remark("behind", "Not the best in everything", capital(f"{'; '.join(behind)}."))
    elif any(lead.interval is not None for lead in every_lead):
        names = several([label(measure, manifest) for measure in measures])
        sentence = f"Of {len(rivals)} rivals none is ahead in the point estimate on {names}."
        yield Remark("rivals", "No rival is ahead", sentence)
    blind = blind_rivals(manifest)
    judged = len(rivals) - len(blind)
    ahead = Counter(
        lead.measure for lead in every_lead if lead.is_told and not lead.is_behind and lead.rival not in blind
    )
    counted = [f"{ahead[measure]} of {judged} on {label(measure, manifest)}" for measure in measures]
    left_out = f" Not counted, since this book holds nothing that they go by: {several(blind)}." if blind else ""
    yield Remark("rivals", "Ahead beyond chance", f"Rivals that it leads beyond chance: {several(counted)}.{left_out}")
    elsewhere = better_elsewhere(manifest)
    if elsewhere:
        sentence = "; ".join(f"{name} ({', '.join(names)})" for name, names in elsewhere.items())
        yield Remark(
            "rivals", "Better in other metrics", f"A rival has the better figure, no interval taken, in: {sentence}."
        )


def key_figures(manifest: Manifest) -> tuple[KeyFigure, ...]:
    """Return the measures with intervals, predicted over realised lost revenue, and the churn rate."""
    figures = []
    for measure in measures_of(manifest):
        form = MEASURES[measure][1]
        interval = interval_of(manifest.verdict["intervals"][measure])
        value = DASH if interval is None else number(interval.value, form)
        note = "not known: nothing to tell it by" if interval is None else f"95 % interval {limits(interval, form)}"
        figures.append(KeyFigure(capital(label(measure, manifest)), value, note))
    bands = (manifest.findings.get("reliability") or {}).get("bands") or []
    whole = next((band for band in bands if band["name"] == "all"), None)
    ratio = None if whole is None else interval_of(whole.get("ratio"))
    value = DASH if ratio is None else number(ratio.value, ",.2f")
    note = "not known: no revenue was lost" if ratio is None else f"95 % interval {limits(ratio, ',.2f')}; 1 is right"
    figures.append(KeyFigure("Predicted over realised lost revenue", value, note))
    ours = manifest.verdict["metrics"][MODEL]
    rate = ours.get("churn_rate")
    share = f"{ours['churned']:,} of {ours['rows']:,} rows judged"
    figures.append(KeyFigure("Churned", percent(rate) if is_known(rate) else DASH, share))
    return tuple(figures)
