"""Books for the tests: a seeded random one, full of ties, nulls and records on the edge of a window, and a bench.

`random_book` makes data frames, one a table. `Bench` compiles the matrix query once over DuckDB tables whose rows the
tests then replace, so that a test costs a query and not a compilation. Planning the query costs more than a few hundred
accounts do, so `Bench.each` answers for many small books at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache, reduce
from typing import TypeVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.as_of import KEYS, AsOf, customers
from features.matrix import Matrix, finished_row, made_of, parts, unknown_by, unknown_without
from features.requests.stamped import COLUMNS, Records
from features.sources import connect
from features.tables import HISTORY, TABLES, BookKnown, Kind, Table, Tables

Frames = dict[str, pd.DataFrame]
Case = TypeVar("Case", bound=Hashable)
CENTRE = date(2024, 3, 1)
DAY = 86_400
#: Ages in days at which some window opens or closes.
EDGES = (0, 1, 2, 14, 30, 60, 90, 180, 360, 365, 455, 730)
#: Columns that name an account or a record, whether they are the table's own key or lead to another table.
IDENTIFIERS = {"account_id"} | {table.key[0] for table in TABLES.values() if len(table.key) == 1}
ARROW = {
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.INTEGER: pa.int64(),
    Kind.FLAG: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us"),
}


def matrix_expression(view: AsOf) -> ir.Table:
    """Return the whole matrix as one query, its parts joined by account and date: independent of `features.batch`."""

    def joined(left: ir.Table, part: ir.Table) -> ir.Table:
        own = [name for name in part.columns if name not in view.spine.columns]
        return left.left_join(part, view.spine.columns).select(*left.columns, *own)

    return finished_row(reduce(joined, parts(view), view.spine))


def assemble(
    frame: pd.DataFrame, missing: frozenset[str], recorded_since: Mapping[str, date], known: BookKnown | None = None
) -> Matrix:
    """Turn the query's result into a matrix: sorted, typed, and null where something is not known."""
    keys = frame[KEYS].astype({"as_of": "datetime64[s]"}).sort_values(KEYS)
    frame = frame.loc[keys.index]

    def column(name: str) -> np.ndarray:
        if pd.api.types.is_numeric_dtype(frame[name]):
            return frame[name].to_numpy(np.float64, na_value=np.nan)
        return frame[name].astype(object).where(frame[name].notna(), None).to_numpy(object)

    dates = keys["as_of"].to_numpy("datetime64[D]")
    unknown = unknown_without([missing]) | unknown_by(known or BookKnown(), recorded_since, dates)
    return made_of(keys.reset_index(drop=True), column, unknown)


@cache
def _queries() -> tuple[str, str]:
    """Return as SQL, over tables of the contract's names: the customers at the dates, the matrix of the spine."""
    tables = Tables({name: ibis.table(table.schema, name=name) for name, table in TABLES.items()}, frozenset())
    spine = ibis.table({"account_id": "string", "as_of": "date"}, name="spine")
    asked = customers(tables, ibis.table({"as_of": "date"}, name="dates")), matrix_expression(AsOf(tables, spine))
    found, matrix = (str(ibis.to_sql(query, dialect="duckdb")) for query in asked)
    return found, matrix


class Bench:
    """A book whose rows can be replaced, with the matrix query compiled once.

    Parameters
    ----------
    compiled_anew : bool
        Whether the query is compiled for this bench alone, since the code that makes it was changed for a test.
    """

    def __init__(self, compiled_anew: bool = False) -> None:
        self.connection = connect()
        self.connection.raw_sql("SET threads = 1")
        frames = {name: self.connection.create_table(name, schema=table.schema) for name, table in TABLES.items()}
        self.tables = Tables(frames, frozenset())
        self.spine = self.connection.create_table(
            "spine", schema=ibis.schema({"account_id": "string", "as_of": "date"})
        )
        self.dates = self.connection.create_table("dates", schema=ibis.schema({"as_of": "date"}))
        self.customers, self.sql = _queries.__wrapped__() if compiled_anew else _queries()

    def load(self, frames: Mapping[str, pd.DataFrame]) -> Bench:
        """Replace the whole book; tables that are not given become empty."""
        for name, table in TABLES.items():
            self.connection.con.execute(f"DELETE FROM {name}")
            if name in frames and len(frames[name]):
                self._insert(name, arrow(table, frames[name]))
        return self

    def raw(self, dates: Iterable[date]) -> pd.DataFrame:
        """Return the query's result for every customer at each date, before anything is masked or rounded."""
        run = self.connection.con.execute
        for name in ("spine", "dates"):
            run(f"DELETE FROM {name}")
        for day in dates:
            run("INSERT INTO dates VALUES (?)", [day])
        run(f"INSERT INTO spine {self.customers}")
        return run(self.sql).df().sort_values(KEYS, ignore_index=True)

    def matrix(
        self, dates: Iterable[date], missing: Iterable[str] = (), recorded_since: Mapping[str, date] | None = None
    ) -> Matrix:
        """Return the matrix of every customer at each date."""
        return assemble(self.raw(dates), frozenset(missing), recorded_since or {})

    def each(self, books: Mapping[Case, Frames], dates: Iterable[date]) -> dict[Case, pd.DataFrame]:
        """Return for every book what `raw` returns for it alone: they stand in one book, their accounts apart."""
        places = {book: f"{place:04d}/" for place, book in enumerate(books)}
        held: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        converted: dict[int, pa.Table] = {}
        for book, frames in books.items():
            for name, frame in frames.items():
                if id(frame) not in converted:
                    converted[id(frame)] = arrow(TABLES[name], frame)
                held[name].append(_apart(converted[id(frame)], places[book]))
        self.load({})
        for name, tables in held.items():
            if tables:
                self._insert(name, pa.concat_tables(tables))
        found = self.raw(dates)
        owner = found["account_id"].str[: len("0000/")]
        whole = found.assign(account_id=found["account_id"].str[len("0000/") :])
        return {book: whole[owner == place].reset_index(drop=True) for book, place in places.items()}

    def first_records(self) -> dict[str, date]:
        """Return the day of each history table's first record, by plain SQL."""
        found = {}
        for name in HISTORY:
            ((first,),) = self.connection.con.execute(f"SELECT min({TABLES[name].time})::DATE FROM {name}").fetchall()
            if first is not None:
                found[name] = first
        return found

    def _insert(self, name: str, rows: pa.Table) -> None:
        self.connection.con.register("incoming", rows)
        self.connection.con.execute(f"INSERT INTO {name} SELECT * FROM incoming")
        self.connection.con.unregister("incoming")


def _apart(rows: pa.Table, place: str) -> pa.Table:
    """Put the place of a book before the names of its accounts and of its records."""
    for name in IDENTIFIERS & set(rows.column_names):
        column = rows.column_names.index(name)
        named = pc.binary_join_element_wise(place, rows[name], "")
        rows = rows.set_column(column, rows.schema.field(name), named)
    return rows


def arrow(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return the frame as an Arrow table of the declared columns and types; columns it lacks are null."""
    columns = {}
    for column in table.columns:
        values = frame[column.name] if column.name in frame else pd.Series([None] * len(frame))
        kind = ARROW[column.kind]
        if column.kind.is_time:
            columns[column.name] = pa.array(pd.to_datetime(values).astype("datetime64[us]")).cast(kind)
        else:
            columns[column.name] = pa.array([None if pd.isna(value) else value for value in values], kind)
    return pa.table(columns)


def records(frames: Mapping[str, pd.DataFrame], ids: Sequence[str]) -> Records:
    """Return those accounts' rows as a request has them, each behind its account's place among `ids`."""
    found = {}
    for name, frame in frames.items():
        own = arrow(TABLES[name], frame[frame["account_id"].isin(ids)]).to_pylist()
        found[name] = [(ids.index(row["account_id"]), *(row[column] for column in COLUMNS[name])) for row in own]
    return found


def random_book(accounts: int = 30, seed: int = 0, centre: date = CENTRE) -> Frames:
    """Return all eleven tables with records from three years before `centre` to 200 days after it.

    A quarter of all times lie on the edge of a window seen from `centre`, to the second; optional columns are null now
    and then; some contacts and surveys named by other tables belong to another account, or to none.
    """
    rng = np.random.default_rng(seed)
    ids = np.array([f"a{i:04d}" for i in range(accounts)])
    made = _Maker(rng, ids, np.datetime64(centre, "s"))
    contacts = made.contacts()
    surveys = made.surveys(contacts)
    return {
        "accounts": made.accounts(),
        "invoices": made.invoices(),
        "churns": made.churns(),
        "contacts": contacts,
        "surveys": surveys,
        "loops": made.loops(surveys),
        "contracts": made.contracts(),
        "tickets": made.tickets(),
        "actions": made.actions(),
        "referrals": made.referrals(),
        "memberships": made.memberships(),
    }


class _Maker:
    def __init__(self, rng: np.random.Generator, ids: np.ndarray, centre: np.datetime64) -> None:
        self.rng, self.ids, self.centre = rng, ids, centre

    def _owners(self, mean: float) -> np.ndarray:
        """About `mean` records an account; a fifth of the accounts has none."""
        counts = self.rng.poisson(mean, len(self.ids)) * (self.rng.random(len(self.ids)) > 0.2)
        return np.repeat(self.ids, counts)

    def _times(self, n: int, oldest: int = 1095, newest: int = -200) -> np.ndarray:
        age = self.rng.integers(newest * DAY, oldest * DAY, n)
        edge = self.rng.choice(EDGES, n) * DAY + self.rng.integers(-1, 2, n)
        return self.centre - np.where(self.rng.random(n) < 0.25, edge, age).astype("timedelta64[s]")

    def _days(self, n: int, **window: int) -> np.ndarray:
        return self._times(n, **window).astype("datetime64[D]").astype("datetime64[s]")

    def _later(self, start: np.ndarray, days: float, filled: float, whole_days: bool = False) -> np.ndarray:
        """Return times after `start`, some two days after it to the second, some on an edge; null for the rest."""
        n = len(start)
        later = start + (self.rng.exponential(days * DAY, n)).astype("timedelta64[s]")
        later = np.where(self.rng.random(n) < 0.2, start + np.timedelta64(2 * DAY, "s"), later)
        edge = self.centre - self.rng.choice(EDGES, n) * np.timedelta64(DAY, "s")
        later = np.where((self.rng.random(n) < 0.2) & (start <= edge), edge, later)
        if whole_days:
            later = np.maximum(later.astype("datetime64[D]").astype("datetime64[s]"), start)
        return np.where(self.rng.random(n) < filled, later, np.datetime64("NaT"))

    def _some(self, values: np.ndarray, known: float = 0.9) -> np.ndarray:
        return np.where(self.rng.random(len(values)) < known, values.astype(object), None)

    def _choice(self, values: Iterable[object], n: int, known: float = 0.9) -> np.ndarray:
        return self._some(self.rng.choice(np.array(list(values), dtype=object), n), known)

    def accounts(self) -> pd.DataFrame:
        n = len(self.ids)
        texts = {
            name: self._choice((f"{name} 1", f"{name} 2"), n)
            for name in ("name", "segment", "industry", "country", "account_manager")
        }
        since = self._days(n, oldest=1500, newest=0)
        return pd.DataFrame({"account_id": self.ids, **texts, "customer_since": since})

    def invoices(self) -> pd.DataFrame:
        """Irregular ones, those of rhythms from monthly to two-yearly, and credit notes, some of a whole invoice."""
        owner = self._owners(14)
        amount = np.round(self.rng.normal(500, 600, len(owner)), 2) * (self.rng.random(len(owner)) > 0.03)
        day = self._days(len(owner))
        owner, day, amount = (np.concatenate(pair) for pair in zip((owner, day, amount), self._regular(), strict=True))
        credited = np.flatnonzero((self.rng.random(len(owner)) < 0.12) & (amount > 0))
        later = self.rng.choice((0, 0, 3, 30, 31), len(credited)) * np.timedelta64(DAY, "s")
        partly = np.where(self.rng.random(len(credited)) < 0.7, 1.0, 0.4)
        owner, day = np.append(owner, owner[credited]), np.append(day, day[credited] + later)
        amount = np.append(amount, np.round(-amount[credited] * partly, 2))
        return self._keyed("invoice_id", owner, invoiced_on=day, amount=amount)

    def _regular(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A third of the accounts is billed the same amount in a steady rhythm, give or take a few days."""
        owners, days, amounts = [], [], []
        for owner in self.ids[::3]:
            months = int(self.rng.choice((1, 2, 3, 4, 6, 12, 24)))
            count = 48 // months
            age = self.rng.integers(0, 400) + np.round(np.arange(count) * months * 30.44)
            age = (age + self.rng.integers(-3, 4, count) * (self.rng.random() < 0.5)).astype(int)
            owners.append(np.repeat(owner, count))
            days.append(self.centre - age * np.timedelta64(DAY, "s"))
            amounts.append(np.full(count, float(self.rng.integers(1, 9) * 100)))
        return np.concatenate(owners), np.concatenate(days), np.concatenate(amounts)

    def churns(self) -> pd.DataFrame:
        """A fifth of the accounts departs, some of them a second time."""
        gone = self.ids[self.rng.random(len(self.ids)) < 0.2]
        day = self._days(len(gone), oldest=400)
        again = self.rng.random(len(gone)) < 0.4
        second = day + self.rng.integers(1, 300, len(gone)) * np.timedelta64(DAY, "s")
        owner, day = np.append(gone, gone[again]), np.append(day, second[again])
        return pd.DataFrame(
            {"account_id": owner, "churned_on": day, "reason": self._choice(("price",), len(owner), 0.5)}
        )

    def contacts(self) -> pd.DataFrame:
        owner = self._owners(3)
        start = self._days(len(owner))
        return self._keyed(
            "contact_id",
            owner,
            role=self._choice(("buyer", "user"), len(owner)),
            decision_maker=self._choice((True, False), len(owner)),
            valid_from=start,
            valid_to=self._later(start, 400, 0.6, whole_days=True),
            email=self._choice(("one@example.com", "two@example.com"), len(owner)),
        )

    def surveys(self, contacts: pd.DataFrame) -> pd.DataFrame:
        owner = self._owners(9)
        sent = self._times(len(owner))
        wave = (owner == np.roll(owner, 1)) & (self.rng.random(len(owner)) < 0.15)
        sent = np.where(wave, np.roll(sent, 1) + np.timedelta64(60 * DAY, "s"), sent)
        kinds = self._choice(("relationship", "transactional"), len(owner), 1.0)
        answered = np.where(np.isin(owner, self.ids[::7]), np.datetime64("NaT"), self._later(sent, 8, 0.6))
        score = np.where(np.isnat(answered), None, self._choice(range(11), len(owner)))
        bounced = np.where(np.isnat(answered), self._later(sent, 2, 0.2), np.datetime64("NaT"))
        return self._keyed(
            "survey_id",
            owner,
            contact_id=self._own("contact_id", contacts, owner),
            kind=kinds,
            sent_at=sent,
            answered_at=answered,
            score=score,
            bounced_at=bounced,
            channel=self._choice(("email", "app"), len(owner)),
            anonymous=self._choice((True, False), len(owner)),
        )

    def loops(self, surveys: pd.DataFrame) -> pd.DataFrame:
        owner = self._owners(6)
        opened = self._times(len(owner))
        levels = self._choice(("frontline", "management", "executive"), len(owner))
        survey = self._own("survey_id", surveys, owner)
        closed = self._later(opened, 20, 0.7)
        return self._keyed("loop_id", owner, survey_id=survey, level=levels, opened_at=opened, closed_at=closed)

    def contracts(self) -> pd.DataFrame:
        owner = self._owners(2)
        starts = self._days(len(owner))
        ends = starts + self.rng.choice((180, 365, 366, 730), len(owner)) * np.timedelta64(DAY, "s")
        ends = np.where(self.rng.random(len(owner)) < 0.1, np.datetime64("NaT"), ends)
        value = np.round(self.rng.lognormal(8, 1, len(owner)), 2)
        change = self._some(np.round(self.rng.normal(0.03, 0.05, len(owner)), 3), 0.7)
        return self._keyed(
            "contract_id", owner, starts_on=starts, ends_on=ends, annual_value=value, price_change=change
        )

    def tickets(self) -> pd.DataFrame:
        owner = self._owners(6)
        opened = self._times(len(owner))
        return self._keyed(
            "ticket_id",
            owner,
            kind=self._choice(("defect", "question"), len(owner)),
            severity=self._choice(("low", "normal", "high", "critical"), len(owner)),
            opened_at=opened,
            closed_at=self._later(opened, 20, 0.7),
            topic=self._choice(("delivery",), len(owner), 0.5),
        )

    def actions(self) -> pd.DataFrame:
        owner = self._owners(2)
        return self._keyed("action_id", owner, kind="call", done_at=self._times(len(owner)))

    def referrals(self) -> pd.DataFrame:
        owner = self._owners(2)
        referred = self._times(len(owner))
        won = self._later(referred, 90, 0.4)
        return self._keyed(
            "referral_id",
            owner,
            referred_at=referred,
            contacted_at=self._later(referred, 20, 0.6),
            won_at=won,
            revenue=np.where(np.isnat(won), np.nan, 1000.0),
            reward=np.where(np.isnat(won), np.nan, 20.0),
        )

    def memberships(self) -> pd.DataFrame:
        owner = self._owners(1.5)
        joined = self._days(len(owner))
        rows = {"account_id": owner, "program": [f"p{i}" for i in range(len(owner))], "joined_on": joined}
        return pd.DataFrame({**rows, "left_on": self._later(joined, 300, 0.4, whole_days=True)})

    def _own(self, key: str, rows: pd.DataFrame, owner: np.ndarray) -> np.ndarray:
        """Return a key of the owner's rows for most, of anybody's for some, none for others."""
        own = rows.groupby("account_id")[key].apply(list).to_dict()
        anybody = rows[key].to_numpy()
        picks = [self.rng.choice(own.get(name, anybody)) for name in owner]
        picks = np.where(self.rng.random(len(owner)) < 0.05, self.rng.choice(anybody, len(owner)), np.array(picks))
        return self._some(picks)

    @staticmethod
    def _keyed(key: str, owner: np.ndarray, **columns: object) -> pd.DataFrame:
        numbers = [f"{key[0]}{i:06d}" for i in range(len(owner))]
        return pd.DataFrame({key: numbers, "account_id": owner, **columns})
