"""Books in which it is known what joining a programme does: 3,000 accounts, a hazard a day, and both of its worlds.

The state of an account is what the book records: its last survey score, its tickets of a year, its value. The better
the state, the sooner it joins, and the less it leaves; so members would leave less without the programme too. The
day after it joins, its hazard is multiplied by the hazard ratio. What the paths of scores and tickets would be does not
depend on joining or leaving, so the chance to leave is computed with and without: `Book.truth`.

In the book `apart` every account above a value joins in one month, and no other ever does.

In the books of loops nobody joins. Loops are opened the sooner the lower the score; the better the state, the more
likely one is closed within 48 hours. From the third day on the hazard is multiplied if the loop was closed so, until a
later loop decides anew. In `loop_book` loops recur at that rate; in `one_loop_book` an account has one in all its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from features.sources import connect
from features.tables import TABLES, Tables

ACCOUNTS = 3_000
BEGIN, END = date(2023, 1, 1), date(2026, 1, 1)
DAYS = (END - BEGIN).days
#: Hazard and rate of joining a month at the mean state, and what a unit of the state does to their logarithms.
LEAVES, LEAVES_BY = 0.015, {"score": -0.45, "tickets": 0.30, "value": -0.20}
JOINS, JOINS_BY = 0.018, {"score": 0.50, "tickets": -0.25, "value": 0.35}
MONTH = 30.4
WAVE_DAYS, ANSWERS, YEAR = 91, 0.8, 365
#: Rate of a loop a month and what the score does to it; log odds of closing it fast; of the others so many are never.
OPENS, OPENS_BY_SCORE, FAST, FAST_BY, NEVER = 0.035, -0.4, -0.4, {"score": 0.5, "value": 0.4}, 0.25
#: Days after that on which a loop was opened until what was done about it begins to work, on the next one.
WORKS_DAYS = 2
#: The book `apart`: above which value, in standard deviations, an account joins, and in which days.
APART_VALUE, APART_DAYS = 0.8, (730, 760)


@dataclass(frozen=True)
class Book:
    """A book with its truth.

    Attributes
    ----------
    tables : Tables
    hazard : array of shape (accounts, DAYS)
        Of each day, without treatment.
    begins, ends : arrays of shape (accounts, DAYS)
        Chance that treatment begins to work on the next day where it does not, and that it ends where it does.
    ratio : float
        What treatment multiplies the hazard by.
    """

    tables: Tables
    hazard: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    ratio: float

    def truth(self, account_ids: pd.Series, landmarks: pd.Series, horizon_days: int) -> float:
        """Return the mean difference in the chance to leave, whether treatment works on the first day or not.

        What comes after the first day comes to both: one that is not treated then may be so later.

        Parameters
        ----------
        account_ids : Series of str
            Accounts that were treated.
        landmarks : Series of datetime64
            First day of each window; the account is there on it.
        """
        rows = account_ids.str[1:].astype(int).to_numpy()
        first = (landmarks - pd.Timestamp(BEGIN)).dt.days.to_numpy()
        days = first[:, None] + np.arange(horizon_days)
        of_days = [table[rows[:, None], days] for table in (self.hazard, self.begins, self.ends)]
        return float((self._left(*of_days, True) - self._left(*of_days, False)).mean())

    def _left(self, hazard: np.ndarray, begins: np.ndarray, ends: np.ndarray, treated: bool) -> np.ndarray:
        """Return the chance to have left after the days of a window; all of shape (rows, days)."""
        without, within = np.full(len(hazard), float(not treated)), np.full(len(hazard), float(treated))
        for day in range(hazard.shape[1]):
            without, within = without * np.exp(-hazard[:, day]), within * np.exp(-self.ratio * hazard[:, day])
            moved = without * begins[:, day] - within * ends[:, day]
            without, within = without - moved, within + moved
        return np.asarray(1 - without - within)


@dataclass(frozen=True)
class _State:
    """What is drawn of every account, as if it never left; arrays of accounts, or of accounts x DAYS."""

    value: np.ndarray
    since: np.ndarray
    surveys: pd.DataFrame
    tickets: pd.DataFrame
    state: dict[str, np.ndarray]
    there: np.ndarray
    hazard: np.ndarray


def book(seed: int, ratio: float, apart: bool = False) -> Book:
    """Return a book of a programme."""
    rng = np.random.default_rng([seed, int(apart)])
    drawn = _state(rng)
    joining = drawn.there * JOINS / MONTH * np.exp(sum(by * drawn.state[name] for name, by in JOINS_BY.items()))
    joined = _first_over(np.cumsum(joining, axis=1), rng.exponential(size=ACCOUNTS))
    if apart:
        joining = np.zeros_like(joining)
        joined = np.where(drawn.value > APART_VALUE, rng.integers(*APART_DAYS, ACCOUNTS), DAYS)
    left = _left(rng, drawn.hazard, _after(joined), ratio)
    members = _frame(joined < left, joined_on=joined).assign(program="Partner", left_on=None)
    tables = _tables({**_frames(rng, drawn, left), "memberships": members})
    return Book(tables, drawn.hazard, -np.expm1(-joining), np.zeros_like(joining), ratio)


def one_loop_book(seed: int, ratio: float) -> Book:
    """Return a book in which an account has at most one loop."""
    rng = np.random.default_rng([seed, 2])
    drawn = _state(rng)
    opened = _first_over(np.cumsum(_opening(drawn), axis=1), rng.exponential(size=ACCOUNTS))
    fast = rng.random(ACCOUNTS) < _fast(drawn)[np.arange(ACCOUNTS), np.minimum(opened, DAYS - 1)]
    left = _left(rng, drawn.hazard, _after(np.where(fast, opened + WORKS_DAYS, DAYS)), ratio)
    loops, never = _loops(rng, np.arange(ACCOUNTS), opened, fast, left), np.zeros_like(drawn.hazard)
    return Book(_tables({**_frames(rng, drawn, left), "loops": loops}), drawn.hazard, never, never, ratio)


def loop_book(seed: int, ratio: float) -> Book:
    """Return a book in which loops recur, at most one a day."""
    rng = np.random.default_rng([seed, 3])
    drawn = _state(rng)
    opens, fast = -np.expm1(-_opening(drawn)), _fast(drawn)
    account, day = np.nonzero(rng.random(opens.shape) < opens)
    closed_fast = rng.random(len(day)) < fast[account, day]
    decided = np.full((ACCOUNTS, DAYS + WORKS_DAYS + 1), np.nan)
    decided[account, day + WORKS_DAYS + 1] = closed_fast
    works = pd.DataFrame(decided[:, :DAYS]).ffill(axis=1).fillna(0.0).to_numpy(bool)
    left = _left(rng, drawn.hazard, works, ratio)
    loops = _loops(rng, account, day, closed_fast, left)
    begins, ends = (_days_later(opens * share, WORKS_DAYS) for share in (fast, 1 - fast))
    return Book(_tables({**_frames(rng, drawn, left), "loops": loops}), drawn.hazard, begins, ends, ratio)


def _opening(drawn: _State) -> np.ndarray:
    return np.asarray(drawn.there * OPENS / MONTH * np.exp(OPENS_BY_SCORE * drawn.state["score"]))


def _fast(drawn: _State) -> np.ndarray:
    """Return the chance that a loop opened on a day is closed within 48 hours, shape (accounts, DAYS)."""
    odds = FAST + FAST_BY["score"] * drawn.state["score"] + FAST_BY["value"] * drawn.value[:, None]
    return np.asarray(1 / (1 + np.exp(-odds)))


def _loops(
    rng: np.random.Generator, account: np.ndarray, day: np.ndarray, fast: np.ndarray, left: np.ndarray
) -> pd.DataFrame:
    """Return the loops of those that are still there; none is closed after its account has left."""
    hours = np.where(fast, rng.uniform(2, 47, len(day)), rng.uniform(60, 1_400, len(day)))
    hours[~fast & (rng.random(len(day)) < NEVER)] = np.nan
    hours[day + hours / 24 >= left[account]] = np.nan
    rows = pd.DataFrame({"account": account, "day": day, "hours": hours, "level": None, "survey_id": None})
    return rows[day < left[account]]


def _days_later(table: np.ndarray, days: int) -> np.ndarray:
    return np.hstack([np.zeros((len(table), days)), table[:, :-days]])


def _state(rng: np.random.Generator) -> _State:
    value = rng.normal(size=ACCOUNTS)
    since = rng.integers(-2 * YEAR, YEAR // 2, ACCOUNTS)
    quality = rng.normal(size=ACCOUNTS)
    surveys, score = _surveys(rng, quality, since)
    tickets, opened = _tickets(rng, quality, since)
    state = {"score": (score - 7.3) / 1.8, "tickets": (np.log1p(opened) - 1.8) / 0.7, "value": value[:, None]}
    there = np.arange(DAYS) >= since[:, None]
    hazard = there * LEAVES / MONTH * np.exp(sum(by * state[name] for name, by in LEAVES_BY.items()))
    return _State(value, since, surveys, tickets, state, there, hazard)


def _after(days: np.ndarray) -> np.ndarray:
    """Return whether each day comes after its account's own, shape (accounts, DAYS)."""
    return np.arange(DAYS) > days[:, None]


def _left(rng: np.random.Generator, hazard: np.ndarray, works: np.ndarray, ratio: float) -> np.ndarray:
    """Return the day on which each account leaves; its hazard is multiplied on the days on which treatment works."""
    total = np.cumsum(hazard * np.where(works, ratio, 1.0), axis=1)
    return _first_over(total, rng.exponential(size=ACCOUNTS))


def _frames(rng: np.random.Generator, drawn: _State, left: np.ndarray) -> dict[str, pd.DataFrame]:
    surveys, tickets = drawn.surveys, drawn.tickets
    return {
        "accounts": _accounts(rng, drawn.value, drawn.since),
        "invoices": _invoices(rng, drawn.value, drawn.since, left),
        "churns": _frame(left < DAYS, churned_on=left).assign(reason=None),
        "surveys": surveys[surveys["day"] < left[surveys["account"]]],
        "tickets": tickets[tickets["day"] < left[tickets["account"]]],
    }


def _surveys(rng: np.random.Generator, quality: np.ndarray, since: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the surveys, and each day's last known score; 7.3 before the first."""
    waves = DAYS // WAVE_DAYS
    mood = rng.normal(size=(ACCOUNTS, waves))
    for wave in range(1, waves):
        mood[:, wave] = 0.8 * mood[:, wave - 1] + 0.6 * mood[:, wave]
    felt = 7.3 + 1.3 * quality[:, None] + 1.0 * mood + rng.normal(0, 0.8, mood.shape)
    scores = np.clip(np.round(felt), 0, 10)
    sent = rng.integers(0, WAVE_DAYS, ACCOUNTS)[:, None] + WAVE_DAYS * np.arange(waves)
    answers = rng.random(mood.shape) < ANSWERS
    known = np.full((ACCOUNTS, DAYS), np.nan)
    account, wave = np.nonzero((sent >= since[:, None]) & (sent + 3 < DAYS))
    frame = pd.DataFrame({"account": account, "day": sent[account, wave], "score": scores[account, wave]})
    frame["answered"] = answers[account, wave]
    answered = frame[frame["answered"]]
    known[answered["account"], answered["day"] + 3] = answered["score"]
    return frame, pd.DataFrame(known).ffill(axis=1).fillna(7.3).to_numpy()


def _tickets(rng: np.random.Generator, quality: np.ndarray, since: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the tickets, and on each day those of the 365 days before."""
    rate = np.exp(-0.6 - 0.35 * quality) / MONTH
    counts = rng.poisson(np.broadcast_to(rate[:, None], (ACCOUNTS, DAYS)))
    counts[np.arange(DAYS) < since[:, None]] = 0
    account, day = np.nonzero(counts)
    repeated = np.repeat(np.arange(len(account)), counts[account, day])
    total = np.cumsum(counts, axis=1)
    before = np.hstack([np.zeros((ACCOUNTS, 1), int), total[:, :-1]])
    year_ago = np.hstack([np.zeros((ACCOUNTS, YEAR), int), before[:, : DAYS - YEAR]])
    return pd.DataFrame({"account": account[repeated], "day": day[repeated]}), before - year_ago


def _accounts(rng: np.random.Generator, value: np.ndarray, since: np.ndarray) -> pd.DataFrame:
    segment = np.array(["small", "medium", "large"])[np.searchsorted([-0.5, 0.7], value + rng.normal(0, 0.4, ACCOUNTS))]
    country = rng.choice(["DE", "AT", "CH"], ACCOUNTS, p=[0.7, 0.2, 0.1])
    return _frame(np.ones(ACCOUNTS, bool), customer_since=since).assign(segment=segment, country=country)


def _invoices(rng: np.random.Generator, value: np.ndarray, since: np.ndarray, left: np.ndarray) -> pd.DataFrame:
    day = rng.integers(0, 30, ACCOUNTS)[:, None] + (MONTH * np.arange(36)).astype(int)
    account, month = np.nonzero((day >= since[:, None]) & (day < np.minimum(left, DAYS)[:, None]))
    amount = np.round(1_000 * np.exp(0.8 * value[account] + rng.normal(0, 0.1, len(account))), 2)
    return pd.DataFrame({"account": account, "day": day[account, month], "amount": amount})


def _first_over(totals: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the first day on which a rising total is above its threshold; DAYS where it never is."""
    return np.asarray((totals <= thresholds[:, None]).sum(axis=1))


def _frame(kept: np.ndarray, **days: np.ndarray) -> pd.DataFrame:
    accounts = np.flatnonzero(kept)
    return pd.DataFrame({"account": accounts, **{name: column[accounts] for name, column in days.items()}})


def _tables(frames: dict[str, pd.DataFrame]) -> Tables:
    connection = connect()
    connection.raw_sql("SET threads = 1")
    made = {}
    for name, table in TABLES.items():
        made[name] = connection.create_table(name, schema=table.schema)
        if name in frames:
            connection.con.register(
                "incoming", pa.Table.from_pandas(_columns(name, frames[name]), preserve_index=False)
            )
            connection.con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            connection.con.unregister("incoming")
    return Tables(made, frozenset(TABLES) - frozenset(frames))


def _columns(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as the contract has it: ids as texts, days as dates."""
    ids = {"account_id": [f"a{number:05d}" for number in frame["account"]]}
    rows = [f"{name}{number}" for number in range(len(frame))]
    rest = frame.drop(columns=["account", *({"day", "answered", "hours"} & set(frame.columns))])
    for column in rest.columns:
        if column.endswith(("_on", "_since")) and rest[column].notna().all():
            rest[column] = [BEGIN + timedelta(days=int(day)) for day in rest[column]]
    if name == "invoices":
        return rest.assign(
            **ids, invoice_id=rows, invoiced_on=[BEGIN + timedelta(days=int(day)) for day in frame["day"]]
        )
    if name in ("surveys", "tickets", "loops"):
        moment = pd.Timestamp(BEGIN) + pd.to_timedelta(frame["day"] + 0.4, unit="D")
        if name == "loops":
            closed = moment + pd.to_timedelta(frame["hours"], unit="h")
            return rest.assign(**ids, loop_id=rows, opened_at=moment, closed_at=closed)
        if name == "tickets":
            return rest.assign(**ids, ticket_id=rows, opened_at=moment)
        on = frame["answered"].to_numpy()
        return rest.assign(
            **ids, survey_id=rows, kind="relationship", sent_at=moment,
            answered_at=(moment + pd.Timedelta(days=2)).where(on), score=rest["score"].where(on).astype("Int64"),
        )  # fmt: skip
    return rest.assign(**ids)
