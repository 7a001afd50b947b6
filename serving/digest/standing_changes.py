"""What changed between two digests of a manager: how accounts stood then and stand now goes in, what is news comes out.

A change is an account that became a threat, that has another band, that is new and at risk, or whose probability moved
by a stated size between two known bands. Each account is told once, by the weightiest of these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from serving.digest.digest_ledger import Baseline, Standing
from serving.portfolio.wanted import BANDS

Kind = Literal["threat", "band", "new", "moved"]
KINDS: tuple[Kind, ...] = ("threat", "band", "new", "moved")
#: Why an account is not called any more: it is not among the manager's, was handled, too little is known, it is safe,
#: or others are worth more.
Why = Literal["away", "handled", "unknown", "safe", "others"]


@dataclass(frozen=True)
class Change:
    """One account whose standing changed; `name` is null where the book has none."""

    account_id: str
    name: str | None
    kind: Kind
    before: Standing | None
    after: Standing
    revenue_at_risk: float


@dataclass(frozen=True)
class Left:
    """One account that is not named as one to call any more; `name` is null where it is not the manager's now."""

    account_id: str
    name: str | None
    why: Why


def changed(
    scores: Mapping[str, Mapping[str, Any]], before: Mapping[str, Standing], now: Sequence[Standing], points: float
) -> tuple[Change, ...]:
    """Return what changed, the weightiest kind first, in it what is at risk, then the largest revenue at risk.

    Parameters
    ----------
    scores : mapping of str to mapping
        `name` and `revenue_at_risk` of each account now.
    before : mapping of str to Standing
        How accounts stood; one that is not in it is new.
    points : float
        Points of probability from which on a move is told.
    """
    found = []
    for after in now:
        past, score = before.get(after.account_id), scores[after.account_id]
        kind = kind_of(past, after, points)
        if kind is not None:
            found.append(Change(after.account_id, score["name"], kind, past, after, score["revenue_at_risk"]))
    return tuple(sorted(found, key=_weight))


def _weight(change: Change) -> tuple[int, int, float, str]:
    place = BANDS.index(change.after.band)
    return KINDS.index(change.kind), place, -change.revenue_at_risk, change.account_id


def kind_of(before: Standing | None, after: Standing, points: float) -> Kind | None:
    """Return the weightiest change of an account, or None.

    Examples
    --------
    >>> safe, risky = Standing("A", "safe", False, 0.1, False), Standing("A", "at_risk", False, 0.14, False)
    >>> kind_of(safe, risky, 5.0), kind_of(None, safe, 5.0), kind_of(None, risky, 5.0)
    ('band', None, 'new')
    >>> kind_of(safe, Standing("A", "safe", False, 0.15, False), 5.0)
    'moved'
    """
    if after.threat and not (before and before.threat):
        return "threat"
    if before is None:
        return "new" if after.band == "at_risk" else None
    if before.band != after.band:
        return "band"
    # Rounded: a move from 10 % to 15 % is one of 5 points, whatever the doubles say.
    moved = round(100 * abs(after.churn_probability - before.churn_probability), 9)
    return "moved" if after.band != "unknown" and moved >= points else None


def left(
    base: Baseline,
    scores: Mapping[str, Mapping[str, Any]],
    now: Sequence[Standing],
    handled: Collection[str],
    lost: Collection[str] = (),
) -> tuple[Left, ...]:
    """Return the accounts that the digest before named as ones to call and this one does not, with why.

    Those `lost`, who left the company, are told elsewhere. Who else is away has another manager now, whom this
    reader is not told.
    """
    standing = {each.account_id: each for each in now}
    found = []
    for account_id, before in base.standings.items():
        after = standing.get(account_id)
        if not before.listed or account_id in lost or (after is not None and after.listed):
            continue
        if after is None:
            found.append(Left(account_id, None, "away"))
        else:
            found.append(Left(account_id, scores[account_id]["name"], _why(after, account_id in handled)))
    return tuple(sorted(found, key=lambda each: each.account_id))


def _why(after: Standing, handled: bool) -> Why:
    if handled:
        return "handled"
    if after.band == "at_risk":
        return "others"
    return "safe" if after.band == "safe" else "unknown"
