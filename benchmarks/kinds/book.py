"""Simulates a book of a kind: tables of the contract, and beside them the true hazard of each account and month.

Months have 30 days, so that the steps are equal. An account's health is a latent AR(1) process by month; its level over
accounts has the variance 1. What is recorded depends on health through `Kind.shown` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from benchmarks.kinds.kind import Kind

STARTS_ON, MONTHS, DAYS_A_MONTH = np.datetime64("2022-01-01", "D"), 44, 30
#: Months before the first recorded one in which health settles and accounts may have begun.
EARLIER = 24
STAYING = 0.92
TERM_MONTHS = 12
#: Months over which the true risk is told.
AHEAD = 6


@dataclass(frozen=True)
class Book:
    """A simulated book.

    Attributes
    ----------
    tables : mapping of table name to frame
    hazard : array of shape (accounts, months)
        The chance to leave in each month of an account that is there, given its health then.
    """

    tables: dict[str, pd.DataFrame]
    hazard: np.ndarray

    @property
    def ends_on(self) -> date:
        """The first day without records."""
        last: date = (STARTS_ON + MONTHS * DAYS_A_MONTH).item()
        return last

    def true_risk(self, keys: pd.DataFrame) -> np.ndarray:
        """Return the chance to leave within the next six months, shape (rows,); keys have account_id and as_of.

        It knows the health of these months, so no model can reach it.
        """
        account = keys["account_id"].str.removeprefix("A").astype(int).to_numpy()
        month = (keys["as_of"].to_numpy("datetime64[D]") - STARTS_ON).astype(int) // DAYS_A_MONTH
        ahead = np.clip(month[:, None] + np.arange(AHEAD), 0, MONTHS - 1)
        return np.asarray(1 - np.prod(1 - self.hazard[account[:, None], ahead], axis=1))


def simulate_kind(kind: Kind, accounts: int, seed: int) -> Book:
    """Simulate a book of a kind, seeded."""
    return _Simulation(kind, accounts, seed).book()


class _Simulation:
    def __init__(self, kind: Kind, accounts: int, seed: int) -> None:
        self.kind, self.count, self.random = kind, accounts, np.random.default_rng(seed)
        self.size = np.exp(self.random.normal(0.0, 1.1, accounts))
        self.since = self.random.integers(-EARLIER, MONTHS - 8, accounts) * DAYS_A_MONTH
        self.since += self.random.integers(0, DAYS_A_MONTH, accounts)
        self.term_starts = self.since // DAYS_A_MONTH
        self.health = self._health()
        self.price = np.where(self.random.random((accounts, MONTHS)) < 0.35, self.random.uniform(0.05, 0.25), 0.0)
        self.hazard = self._hazard()
        self.left = self._left()

    def book(self) -> Book:
        tables = {"accounts": self._accounts(), "invoices": self._invoices()}
        if self.kind.silence_days is None:
            tables["churns"] = self._churns()
        if self.kind.contracts:
            tables["contracts"] = self._contracts()
        if self.kind.invitations:
            tables["surveys"] = self._surveys()
        if self.kind.shown and not self.kind.contracts:
            tables["tickets"] = self._tickets()
        return Book(tables, self.hazard)

    def _health(self) -> np.ndarray:
        level = self.random.normal(0.0, np.sqrt(0.5), self.count)
        moves = np.empty((self.count, MONTHS))
        state = self.random.normal(0.0, np.sqrt(0.5), self.count)
        for month in range(MONTHS):
            state = STAYING * state + self.random.normal(0.0, np.sqrt(0.5 * (1 - STAYING**2)), self.count)
            moves[:, month] = state
        return level[:, None] + moves

    def _hazard(self) -> np.ndarray:
        kind, months = self.kind, np.arange(MONTHS)
        counts = np.full((self.count, MONTHS), kind.health)
        base = np.full(MONTHS, np.log(kind.monthly_hazard))
        if kind.shift is not None:
            after = months >= kind.shift * MONTHS
            base = base + np.where(after, np.log(2.0), 0.0)
            turned = self.random.random(self.count) < 0.5
            counts = np.where(turned[:, None] & after, -counts / 2, counts)
        log_hazard = base - counts * self.health + kind.price * self.price / 0.1
        if kind.contracts:
            # All of a term's risk falls on its end.
            due = (months[None, :] - self.term_starts[:, None]) % TERM_MONTHS == 0
            log_hazard = np.where(due, log_hazard + np.log(TERM_MONTHS), -np.inf)
        return np.asarray(1 - np.exp(-np.exp(log_hazard)))

    def _left(self) -> np.ndarray:
        """Return the day on which each account leaves, counted from the start; beyond the book where it stays."""
        leaves = self.random.random((self.count, MONTHS)) < self.hazard
        leaves &= np.arange(MONTHS) > self.since[:, None] // DAYS_A_MONTH
        month = np.where(leaves.any(axis=1), leaves.argmax(axis=1), MONTHS + 12)
        within = 0 if self.kind.contracts else self.random.integers(0, DAYS_A_MONTH, self.count)
        return np.asarray(month * DAYS_A_MONTH + within)

    def _there(self, account: np.ndarray, day: np.ndarray) -> np.ndarray:
        inside = (day >= 0) & (day < MONTHS * DAYS_A_MONTH)
        return inside & (day >= self.since[account]) & (day < self.left[account])

    def _shown(self, account: np.ndarray, day: np.ndarray) -> np.ndarray:
        month = np.clip(day // DAYS_A_MONTH, 0, MONTHS - 1)
        return np.asarray(self.kind.shown * self.health[account, month])

    def _events(self, yearly: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return accounts and days of Poisson events at a rate of each account's own, shape (events,)."""
        counts = self.random.poisson(yearly * MONTHS * DAYS_A_MONTH / 365)
        account = np.repeat(np.arange(self.count), counts)
        return account, self.random.integers(0, MONTHS * DAYS_A_MONTH, len(account))

    def _accounts(self) -> pd.DataFrame:
        segment = np.array(["small", "middle", "large"])[np.digitize(self.size, [0.7, 2.0])]
        return pd.DataFrame(
            {"account_id": _ids(np.arange(self.count)), "segment": segment, "customer_since": STARTS_ON + self.since}
        )

    def _invoices(self) -> pd.DataFrame:
        kind = self.kind
        if kind.contracts:
            account, day = self._terms()
            amount = 12_000 * self.size[account]
        elif kind.purchases is not None:
            own = self.random.gamma(1.5, kind.purchases / 1.5, self.count)
            account, day = self._events(own * (1 + kind.season))
            season = (1 + kind.season * np.cos(2 * np.pi * day / 365)) / (1 + kind.season)
            kept = self.random.random(len(day)) < season * np.exp(0.25 * np.minimum(self._shown(account, day), 0))
            account, day = account[kept], day[kept]
            amount = 400 * self.size[account] * np.exp(self.random.normal(0.0, 0.6, len(account)))
        else:
            account = np.repeat(np.arange(self.count), MONTHS)
            day = np.tile(np.arange(MONTHS), self.count) * DAYS_A_MONTH + 2
            noise = self.random.normal(0.0, 0.15, len(account))
            amount = 1_000 * self.size[account] * np.exp(0.15 * self._shown(account, day) + noise)
        kept = self._there(account, day)
        account, day, amount = account[kept], day[kept], amount[kept]
        return pd.DataFrame(
            {
                "invoice_id": [f"I{number}" for number in range(len(day))],
                "account_id": _ids(account),
                "invoiced_on": STARTS_ON + day,
                "amount": np.round(amount, 2),
            }
        )

    def _terms(self) -> tuple[np.ndarray, np.ndarray]:
        terms = (MONTHS + EARLIER) // TERM_MONTHS + 1
        account = np.repeat(np.arange(self.count), terms)
        month = self.term_starts[account] + np.tile(np.arange(terms), self.count) * TERM_MONTHS
        day = np.where(month == self.term_starts[account], self.since[account], month * DAYS_A_MONTH)
        return account, np.asarray(day)

    def _contracts(self) -> pd.DataFrame:
        account, day = self._terms()
        kept = (day < MONTHS * DAYS_A_MONTH) & (day < self.left[account])
        account, day = account[kept], day[kept]
        month = np.clip(day // DAYS_A_MONTH, 0, MONTHS - 1)
        # A rise is told with the term at whose end the account decides: it is known all through it.
        ending = np.clip(month + TERM_MONTHS, 0, MONTHS - 1)
        return pd.DataFrame(
            {
                "contract_id": [f"K{number}" for number in range(len(day))],
                "account_id": _ids(account),
                "starts_on": STARTS_ON + day,
                "ends_on": STARTS_ON + (day // DAYS_A_MONTH + TERM_MONTHS) * DAYS_A_MONTH,
                "annual_value": np.round(12_000 * self.size[account], 2),
                "price_change": self.price[account, ending],
            }
        )

    def _churns(self) -> pd.DataFrame:
        last = MONTHS * DAYS_A_MONTH
        known = self.left + self.random.integers(0, self.kind.late_days + 1, self.count) < last
        account = np.flatnonzero((self.left < last) & known)
        return pd.DataFrame({"account_id": _ids(account), "churned_on": STARTS_ON + self.left[account]})

    def _surveys(self) -> pd.DataFrame:
        account, day = self._events(np.full(self.count, self.kind.invitations))
        kept = self._there(account, day)
        account, day = account[kept], day[kept]
        shown = self._shown(account, day)
        odds = np.log(self.kind.response / (1 - self.kind.response)) + 0.7 * shown
        answered = self.random.random(len(day)) < 1 / (1 + np.exp(-odds))
        score = np.clip(np.round(7.6 + 1.3 * shown + self.random.normal(0.0, 1.2, len(day))), 0, 10)
        sent = (STARTS_ON + day).astype("datetime64[s]") + np.timedelta64(9, "h")
        replied = sent + self.random.integers(1, 96, len(day)).astype("timedelta64[h]")
        return pd.DataFrame(
            {
                "survey_id": [f"S{number}" for number in range(len(day))],
                "account_id": _ids(account),
                "kind": "relationship",
                "sent_at": sent,
                "answered_at": np.where(answered, replied, np.datetime64("NaT")),
                "score": pd.array(np.where(answered, score, np.nan), dtype="Int64"),
            }
        )

    def _tickets(self) -> pd.DataFrame:
        account, day = self._events(np.full(self.count, 6.0))
        kept = self._there(account, day)
        kept &= self.random.random(len(day)) < np.minimum(0.5 * np.exp(-0.6 * self._shown(account, day)), 1.0)
        account, day = account[kept], day[kept]
        opened = (STARTS_ON + day).astype("datetime64[s]") + np.timedelta64(10, "h")
        hours = 20 * np.exp(self.random.normal(0.0, 1.0, len(day)) - 0.3 * self._shown(account, day))
        return pd.DataFrame(
            {
                "ticket_id": [f"T{number}" for number in range(len(day))],
                "account_id": _ids(account),
                "severity": "normal",
                "opened_at": opened,
                "closed_at": opened + (hours * 3600).astype(int).astype("timedelta64[s]"),
            }
        )


def _ids(account: np.ndarray) -> list[str]:
    return [f"A{number}" for number in account.tolist()]
