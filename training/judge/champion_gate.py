"""The gate: may a new version take the champion's place by itself? Every decision and its reason is made here.

A run decides with `decide`; registering settles it with `settled` by the champion of that moment, before anything is
written. The bundle's manifest, and with it the model card, the version's tag `gate`, the move of the alias and what the
command says are all made of that one `Gate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.judge.verdict import REIGNING, Verdict

FIRST, WON, LOST, UNDECIDED = "first", "won", "lost", "undecided"
DECISIONS = (WON, LOST, UNDECIDED, FIRST)


@dataclass(frozen=True)
class Gate:
    """Whether a candidate may take the champion's place by itself.

    Attributes
    ----------
    decision : 'first', 'won', 'lost' or 'undecided'
        'first' where there is no champion to beat, 'lost' is worse beyond chance, 'undecided' is neither.
    why : str
    """

    decision: str
    why: str

    def __post_init__(self) -> None:
        """Refuse a decision that is none."""
        if self.decision not in DECISIONS:
            raise ValueError(f"gate={self.decision!r} is none of {', '.join(DECISIONS)}")

    @property
    def opens(self) -> bool:
        """Whether the candidate becomes champion."""
        return self.decision in (FIRST, WON)

    def settled(self, champion: str | None) -> Gate:
        """Return what holds beside the champion there is now: 'first' where there is none, and only there."""
        if champion is None:
            return NOBODY_REIGNS
        if self.decision == FIRST:
            return Gate(UNDECIDED, "the champion came while this model was made, so it was not judged beside it")
        return self


NOBODY_REIGNS = Gate(FIRST, "there was no champion")


def not_judged(error: str) -> Gate:
    """Return the decision beside a champion that cannot be loaded."""
    return Gate(UNDECIDED, f"the champion cannot be judged: {error}")


def decide(verdict: Verdict) -> Gate:
    """Decide by the paired differences from the reigning champion: better beyond chance in one, worse in none."""
    leads = {name: verdict.intervals.get(f"{name} - {REIGNING}") for name in ("roc_auc", "profit_at_capacity")}
    if None in leads.values():
        return Gate(UNDECIDED, "the reigning champion could not be judged on these rows")
    known = {name: interval for name, interval in leads.items() if interval is not None}
    why = ", ".join(
        f"{name} {interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
        for name, interval in known.items()
    )
    if any(interval.below for interval in known.values()):
        return Gate(LOST, f"worse than the champion beyond chance: {why}")
    if any(interval.above for interval in known.values()):
        return Gate(WON, f"better than the champion beyond chance: {why}")
    return Gate(UNDECIDED, f"not told apart from the champion: {why}")
