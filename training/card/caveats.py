"""The limits of a version: a manifest goes in, sentences on what the model cannot know come out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from features.signal import all_signals
from training.bundle.bundle import Manifest
from training.card.data import period
from training.card.figures import is_known, percent, several
from training.card.parts import Section
from training.card.printing import ONE_DECIDES
from training.card.rival_tables import by_measure
from training.judge.verdict import MODEL
from training.models.folds import BY_ACCOUNT
from training.settings import ChurnRule
from training.worth.level import level_from

#: Columns without a time of their own: the values in the book count as known from the start.
TAKEN_AS_KNOWN = {
    "accounts": ("name", "segment", "industry", "country", "account_manager"),
    "contacts": ("role", "decision_maker"),
    "loops": ("level",),
    "tickets": ("kind", "severity"),
}
ACTIONS = "actions"
YEAR_DAYS = 365


def limits_of(manifest: Manifest) -> Section:
    """Return the section on limits, with those of this version first."""
    return Section("limits", "Limits", "", (*_own(manifest), *_general(manifest)))


def one_decides(manifest: Manifest) -> str | None:
    """Return a sentence if one account held so much of the lost revenue that it can decide; else None."""
    share = manifest.verdict["metrics"][MODEL].get("largest_loss_share")
    if not is_known(share) or share <= ONE_DECIDES:
        return None
    return (
        f"Too few losses to tell how well the model finds money: one account held {percent(share, 0)} of the lost "
        "revenue (mean of the dates), so it alone can decide what was captured and what was earned."
    )


def not_told_apart(manifest: Manifest) -> str | None:
    """Return a sentence if a paired interval holds 0; else None."""
    close = by_measure(manifest, lambda lead: lead.interval is not None and not lead.is_told)
    if not close:
        return None
    return f"Too few to tell the model apart from {'; from '.join(close)}: the 95 % intervals hold 0."


def lead_not_known(manifest: Manifest) -> str | None:
    """Return a sentence if the model's lead over a rival is not known at all; else None."""
    unknown = by_measure(manifest, lambda lead: lead.interval is None)
    return f"The model's lead could not be told: over {'; over '.join(unknown)}." if unknown else None


def _of_the_level(manifest: Manifest, rule: ChurnRule) -> Iterator[str]:
    """Yield what moves all probabilities at once."""
    if not manifest.level:
        return
    level = level_from(manifest.level)
    measured = f"measured at {level.dates:,} dates" if level.dates else "not measured, the history is too short"
    yield (
        f"The level of all probabilities moves: in two of three cases the odds are off by a factor of up to "
        f"{np.exp(level.spread):.2f}, either way ({measured}). The interval of a predicted loss is as much wider."
    )
    if rule.horizon_days < YEAR_DAYS:
        yield (
            f"The horizon of {rule.horizon_days:,} days is shorter than a year, so the level carries the season of the "
            "dates that were learnt from."
        )


def _own(manifest: Manifest) -> Iterator[str]:
    """Yield the limits that this version has and another may not have."""
    yield from filter(None, (lead_not_known(manifest), one_decides(manifest), not_told_apart(manifest)))
    if manifest.missing_tables:
        missing = several(sorted(manifest.missing_tables))
        yield f"Not known in the book: {missing}. What they would have told is not in the model."
    if manifest.judged_how == BY_ACCOUNT:
        yield (
            "The history is too short to be judged forward in time: figures are of other accounts at dates that were "
            "learnt from, and flatter the model."
        )
    rule = ChurnRule(**manifest.rule)
    if rule.by_silence:
        yield (
            f"Churn is derived from silence: a customer that pauses for {rule.horizon_days:,} days counts as lost, and "
            "one that has left is noticed only then."
        )
    yield from _of_the_level(manifest, rule)
    if rule.lead_days:
        yield (
            f"The estimate is conditional: what leaves within the lead of {rule.lead_days:,} days is in no label and "
            "in no probability."
        )


def _general(manifest: Manifest) -> Iterator[str]:
    first, last = period(manifest)
    yield (
        f"Probabilities carry the churn rates of the period learnt from ({first or 'no invoice'} to {last}). "
        "Where these swing with the season or the market, the ranking may hold while the level is off."
    )
    known = [f"{table}.{column}" for table, columns in TAKEN_AS_KNOWN.items() for column in columns]
    yield (
        f"Taken as known from the start, since no time is kept of when they changed: {', '.join(known)}. One that was "
        "rewritten after the fact is seen as if it had always stood there."
    )
    yield (
        "How the estimate responds to a signal is the model's response, never a cause: moving the signal need not move "
        "the customer."
    )
    yield _of_actions()
    yield (
        "An account saved by an action counts as one that stayed, so the estimate is of leaving as accounts were "
        "looked after then, not of leaving when nothing is done."
    )
    yield (
        "Accounts with less than 90 days as a customer or fewer than 3 records in 365 days get the band 'unknown', "
        "whatever the estimate."
    )


def _of_actions() -> str:
    """Return a sentence on the constraints and the advice that the signals of actions declare."""
    signals = [signal for signal in all_signals() if signal.family == ACTIONS]
    bound = [signal.name for signal in signals if signal.monotone]
    advised = [signal.name for signal in signals if signal.actionable]
    constraint = f"carry a constraint ({', '.join(bound)})" if bound else "carry no constraint"
    advice = f"may be advised ({', '.join(advised)})" if advised else "are never advised because of their coefficient"
    return f"Actions taken follow risk as much as they lower it: their signals {constraint} and {advice}."
