"""Reasons summed by theme: the reasons of a score go in, one record a theme comes out, by falling weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from serving.scoring.scores import Reason


@dataclass(frozen=True)
class ThemeReason:
    """The reasons of one theme, summed.

    Attributes
    ----------
    code : str
    contribution : float
        Sum of the theme's contributions, as a fraction: 0.08 is 8 points.
    actionable_contribution : float
        The part of it that an account manager can change.
    reasons : tuple of Reason
        By falling absolute contribution.
    """

    code: str
    contribution: float
    actionable_contribution: float
    reasons: tuple[Reason, ...]

    @cached_property
    def leading(self) -> Reason:
        """The reason that tells the theme best: the largest with its sign, one with a value before one without."""
        same = [reason for reason in self.reasons if reason.contribution * self.contribution > 0] or list(self.reasons)
        known = [reason for reason in same if reason.value is not None or reason.value_text is not None]
        if known and abs(known[0].contribution) >= abs(same[0].contribution) / 4:
            return known[0]
        return same[0]


def themes(reasons: Iterable[Reason]) -> list[ThemeReason]:
    """Sum contributions by theme, by falling absolute sum.

    Parameters
    ----------
    reasons : iterable of Reason
        By falling absolute contribution, as a score holds them.
    """
    members: dict[str, list[Reason]] = {}
    whole: dict[str, float] = {}
    actionable: dict[str, float] = {}
    for reason in reasons:
        code = reason.code
        if code not in members:
            members[code], whole[code], actionable[code] = [], 0.0, 0.0
        members[code].append(reason)
        whole[code] += reason.contribution
        if reason.actionable:
            actionable[code] += reason.contribution
    summed = [ThemeReason(code, whole[code], actionable[code], tuple(parts)) for code, parts in members.items()]
    return sorted(summed, key=lambda theme: (-abs(theme.contribution), theme.code))
