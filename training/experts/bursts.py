"""Whether purchases come at random, evenly or in bursts: told by the purchases alone, long before anybody left.

In: how often each account had bought at each date. Out: an index of dispersion.

An account that buys at random at a rate of its own, `a` and `b` days in two successive windows of one length, has
(a - b)^2 equal to a + b on average, whatever its rate. So the sum of the former over that of the latter is 1 at random,
less where accounts buy evenly, and more where they buy in bursts.

References
----------
Fisher, "The significance of deviations from expectation in a Poisson series", 1950.
"""

from __future__ import annotations

import numpy as np

#: Days that a window has at least.
WINDOW = np.timedelta64(28, "D")
#: The index of a book of which nothing is known, and how many pairs of windows it counts as much as.
UNKNOWN, WORTH_PAIRS = 2.0, 5.0


def dispersion(repeats: np.ndarray, accounts: np.ndarray, dates: np.ndarray) -> float:
    """Return the index of dispersion, above 0: 1 where purchases come at random, `UNKNOWN` where no pair is known.

    Parameters
    ----------
    repeats : float array of shape (rows,)
        Days on which the account had bought again before the date.
    accounts, dates : arrays of shape (rows,)
        The account and the as-of date of each row.
    """
    names, account = np.unique(accounts, return_inverse=True)
    days, day = np.unique(dates, return_inverse=True)
    known = np.full((len(names), len(days)), np.nan)
    known[account, day] = repeats
    ends = _ends(days)
    bought, lengths = np.diff(known[:, ends], axis=1), np.diff(days[ends])
    alike = lengths[1:] == lengths[:-1]
    first, second = bought[:, :-1][:, alike].ravel(), bought[:, 1:][:, alike].ravel()
    both = first + second
    apart = (first - second)[both > 0]
    pairs = len(apart)
    index = float(np.sum(apart**2) / np.sum(both[both > 0])) if pairs else UNKNOWN
    return (pairs * index + WORTH_PAIRS * UNKNOWN) / (pairs + WORTH_PAIRS)


def _ends(days: np.ndarray) -> list[int]:
    """Return the places of dates, rising, of which each lies a window at least after the one before."""
    ends = [0]
    for place in range(1, len(days)):
        if days[place] - days[ends[-1]] >= WINDOW:
            ends.append(place)
    return ends
