"""The gate: whether a new version may become champion without a person's decision.

In: the verdict on the new version. Out: a `Gate`, the decision and its reason.

A run decides with `decide`. Before a registration writes anything, `Gate.settled` adapts the decision to the champion
of that moment. The bundle's manifest, the model card, the version's tag `gate`, the move of the alias and the output of
the command all use this one `Gate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.judge.verdict import REIGNING, Verdict

FIRST, WON, LOST, UNDECIDED, VANISHED = "first", "won", "lost", "undecided", "vanished"
#: Decisions on a routine retraining, which `training.refresh` makes: of the champion's own recipe on newer data.
REFRESH, HELD = "refresh", "held"
DECISIONS = (WON, LOST, UNDECIDED, FIRST, VANISHED, REFRESH, HELD)


@dataclass(frozen=True)
class Gate:
    """Whether a candidate may become champion without a person's decision.

    Attributes
    ----------
    decision : 'first', 'won', 'lost', 'undecided', 'vanished', 'refresh' or 'held'
        'first': there has never been a champion. 'won': better beyond chance. 'lost': worse beyond chance.
        'undecided': neither. 'vanished': there was a champion, and the registry does not have it any more.
        'refresh': the champion's recipe on newer data, not worse. 'held': the same, but something speaks against it.
    why : str
    """

    decision: str
    why: str

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown decision."""
        if self.decision not in DECISIONS:
            raise ValueError(f"gate={self.decision!r} is none of {', '.join(DECISIONS)}")

    @property
    def opens(self) -> bool:
        """Whether the candidate becomes champion."""
        return self.decision in (FIRST, WON, REFRESH)

    @property
    def is_refresh(self) -> bool:
        """Whether the candidate is the champion's recipe on newer data, and not worse."""
        return self.decision == REFRESH

    def settled(self, champion: str | None, vanished: str | None = None) -> Gate:
        """Return the gate against the present champion: 'first' if and only if there has never been one.

        Parameters
        ----------
        champion : str or None
            The version that is champion now.
        vanished : str or None
            The version that was champion and is gone, where there is none now.
        """
        if champion is None:
            return NOBODY_REIGNS if vanished is None else champion_vanished(vanished)
        if self.decision in (FIRST, VANISHED):
            return Gate(UNDECIDED, "the champion came while this model was made, so it was not judged beside it")
        return self


NOBODY_REIGNS = Gate(FIRST, "there was no champion")


def champion_vanished(version: str) -> Gate:
    """Return the decision where the champion is gone: nobody can be crowned without a person's decision."""
    return Gate(
        VANISHED,
        f"the champion, version {version}, has vanished from the registry (deleted there, or its alias taken away), "
        "so there was nobody to be judged beside",
    )


def not_judged(error: str) -> Gate:
    """Return the decision for a champion that cannot be loaded."""
    return Gate(UNDECIDED, f"the champion cannot be judged: {error}")


def decide(verdict: Verdict) -> Gate:
    """Decide by the paired differences from the reigning champion.

    A candidate wins when one measure is better beyond chance and none is worse beyond chance.
    """
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
