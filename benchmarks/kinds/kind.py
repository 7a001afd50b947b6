"""What makes a kind of book: who leaves and why, and what is recorded of it.

Each kind is a few numbers. They were set before any model was tried on them, by what the kind is to show.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """The mechanics of a book.

    Attributes
    ----------
    health : float
        How much an account's latent health lowers the logarithm of its hazard, for each standard deviation.
    shown : float
        How much its answers, tickets and invoices show of that health, 0 to 1.
    monthly_hazard : float
        Chance to leave in a month, of an account in average health.
    invitations : float
        Survey invitations a year and account; 0: the book has no surveys.
    response : float
        Share of invitations that get an answer, in average health.
    contracts : bool
        Whether accounts have yearly contracts and leave at their end only, with one invoice a term.
    purchases : float or None
        Mean purchases a year at the account's own rate; None: an invoice each month, or each term with contracts.
    season : float
        How much the rate of purchases swings over the year, 0 to 1.
    price : float
        How much a price rise of 10 % raises the logarithm of the hazard at the end of the term.
    shift : float or None
        Share of the period after which the hazard doubles and health counts the other way for half the accounts.
    late_days : int
        Most days until a departure is recorded; such of the last days are not in the book yet.
    silence_days : int or None
        The rule of silence by which churn is told; None: the book has a churns table.
    """

    health: float = 0.0
    shown: float = 1.0
    monthly_hazard: float = 0.012
    invitations: float = 3.0
    response: float = 0.45
    contracts: bool = False
    purchases: float | None = None
    season: float = 0.0
    price: float = 0.0
    shift: float | None = None
    late_days: int = 0
    silence_days: int | None = None


KINDS: dict[str, Kind] = {
    "linear health": Kind(health=0.9),
    "abrupt leaving": Kind(health=0.0, shown=0.0, purchases=18.0, silence_days=120, monthly_hazard=0.02),
    "seasonal buyers": Kind(health=0.4, purchases=9.0, season=0.8, silence_days=120, invitations=0.0),
    "contracts only": Kind(health=0.9, contracts=True, invitations=0.0),
    "survey-rich": Kind(health=0.9, invitations=8.0, response=0.7),
    "survey-poor": Kind(health=0.9, invitations=1.0, response=0.12),
    "regime change": Kind(health=0.9, shift=0.55),
    "price rise": Kind(health=0.3, contracts=True, price=0.9),
    "recorded late": Kind(health=0.9, late_days=120),
}
