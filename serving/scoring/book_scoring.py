"""A book is scored chunk by chunk: matrix, margin, reasons and outlook of some thousand accounts at a time.

In: a book, an as-of date and a bundle. Out: `Scored` chunks in the order of the account ids, and of all of them the few
figures that are said of the whole (`ScoredBook`). Every row is scored alone, so chunks may begin anywhere: a run that
is broken off goes on from any row, if its fingerprint is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import numpy as np
import pandas as pd

from features.as_of import stored_customers
from features.batch.computing import Batch
from features.batch.matrix_file import fingerprint
from features.tables import OPTIONAL_HISTORY, Tables
from serving.scoring.cautions import Caution, cautions, read_otherwise
from serving.scoring.lapsed import KEY, lapsed_rows
from serving.scoring.model_facts import known_values
from serving.scoring.scoring import Scored, score_part
from training.bundle.bundle import Bundle
from training.lifetime_terms import LifetimeTerms
from training.models.trees import LEAST_SHARE
from training.worth.level import Loss, predicted_loss

#: Accounts of a chunk: with reasons and evidence as Python's objects, one takes some 200 KB.
CHUNK = 2_000
#: Records that a part of the matrix may see: fewer than where only numbers are kept of it.
RECORDS = 1_000_000
CONTRACTION = "expected_contraction"
#: What is kept of every account until the end, and its kind in a frame.
KEPT: dict[str, type] = {
    "account_id": str, "churn_probability": float, "revenue_365d": float, "value": float, "revenue_at_risk": float,
    "expected_profit": float, "best_action": object, "band": str, "threat": bool, CONTRACTION: float, KEY: bool,
}  # fmt: skip


class BookScoring:
    """The customers of a book at one date, to be scored chunk by chunk; a context manager."""

    def __init__(
        self, tables: Tables, as_of: date, bundle: Bundle, chunk: int = CHUNK, terms: LifetimeTerms | None = None
    ) -> None:
        self._tables, self._as_of, self._bundle, self._chunk = tables, as_of, bundle, chunk
        self._terms = terms or LifetimeTerms()
        spine = stored_customers(tables, [as_of], bundle.rule.by_silence, "spine")
        self._batch = Batch(tables, spine, bundle.manifest.recorded_since, RECORDS)

    def __enter__(self) -> BookScoring:
        """Return it."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Let the list of customers go."""
        self._batch.__exit__(*reason)

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self._batch)

    def fingerprint(self, code: str) -> str:
        """Return a checksum of all that the scores are made of: book, date, model, and the code as given."""
        recorded = self._bundle.manifest.recorded_since
        model = [self._bundle.version, self._bundle.manifest.model_dump_json()]
        told = [fingerprint(self._tables, [self._as_of], recorded), *model, repr(self._terms), code]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def chunks(self, start: int, scored_at: datetime) -> Iterator[Scored]:
        """Yield the scores of all customers from place `start` on; of no customers one chunk without rows."""
        if start and start >= len(self):
            return
        for _, matrix in self._batch.parts(start):
            for first in range(0, max(1, len(matrix)), self._chunk):
                rows = np.arange(first, min(first + self._chunk, len(matrix)))
                yield score_part(self._tables, matrix.take(rows), self._bundle, scored_at, self._terms)


@dataclass(frozen=True)
class ScoredBook:
    """What is said of all scores of a book together.

    Attributes
    ----------
    frame : DataFrame
        One row an account with the columns of `KEPT`; the last two are what revenue may be lost though the account
        stays (currency a year), NaN where it is not foreseen, and whether it has left already by a rule of silence.
    missing : tuple of str
        Tables that were not known.
    lifetime : tuple of three floats or None
        Lifetime value of the book with its interval, where the run has figures and its model an estimate of it.
    strange : tuple of Caution
        Which values of the accounts the model does not know.
    """

    bundle: Bundle
    currency: str | None
    missing: tuple[str, ...]
    frame: pd.DataFrame
    lifetime: tuple[float, float, float] | None = None
    strange: tuple[Caution, ...] = ()

    @classmethod
    def of(cls, tables: Tables, bundle: Bundle, pieces: Sequence[pd.DataFrame]) -> ScoredBook:
        """Return the whole of some pieces, each as `kept_of` returns it."""
        frame = pd.concat(pieces, ignore_index=True) if len(pieces) > 1 else pieces[0]
        # A piece in which no account has an action joins the others as NaN.
        action = frame["best_action"].astype(object)
        frame = frame.assign(best_action=action.where(action.notna(), None))
        missing = tuple(sorted(tables.missing & set(OPTIONAL_HISTORY))) if len(frame) else ()
        strange = tuple(strange_in_book(tables, frame["account_id"].tolist(), bundle.manifest.categories))
        whole = frame.sort_values("account_id", ignore_index=True)
        return cls(bundle, tables.currency, missing, whole, strange=strange)

    def loss(self) -> Loss:
        """Return the revenue expected to leave with the accounts, and the interval that holds four times in five."""
        probability, revenue = (self.frame[name].to_numpy(float) for name in ("churn_probability", "revenue_365d"))
        return predicted_loss(probability, revenue, self.bundle.level, self.frame["account_id"].tolist())

    def shrinking(self) -> float | None:
        """Return the revenue expected to be lost though the accounts stay; None where it is not foreseen."""
        if self.bundle.contraction is None or not len(self.frame):
            return None
        return float(self.frame[CONTRACTION].to_numpy(float).sum())

    def silent_already(self) -> dict[str, float] | None:
        """Return how many accounts have left already by a rule of silence; None by another rule.

        `accounts` of them, `at_risk` in that band, and `revenue_at_risk` of them all.
        """
        if not self.bundle.rule.by_silence:
            return None
        gone = self.frame[self.frame[KEY].astype(bool)]
        at_risk = int((gone["band"] == "at_risk").sum())
        revenue = float(gone["revenue_at_risk"].sum())
        return {"accounts": len(gone), "at_risk": at_risk, "revenue_at_risk": revenue}

    def cautions(self) -> list[Caution]:
        """Return what to know beside the scores."""
        return [*cautions(self.bundle, self.frame["value"].tolist(), [self.currency]), *self.strange]


def kept_of(scored: Scored) -> pd.DataFrame:
    """Return the figures of a chunk that stay until the end: the columns of `KEPT`."""
    lost = None if scored.outlook is None else scored.outlook.contraction
    contraction = np.full(len(scored), np.nan) if lost is None else lost
    gone = lapsed_rows(scored.matrix, scored.bundle.rule)
    return scored.frame.assign(**{CONTRACTION: contraction, KEY: gone})[list(KEPT)]


def strange_in_book(tables: Tables, customers: Sequence[str], categories: Mapping[str, Sequence[str]]) -> list[Caution]:
    """Return which values of at least `LEAST_SHARE` of the customers the model does not know, the most frequent first.

    What few have is known to no model. What many have is written otherwise than in training, or new since.

    Parameters
    ----------
    categories : mapping of signal to sequence of str
        The values of each signal of texts that the model knows; of one without any, nothing is strange.
    """
    known = known_values(categories)
    if not len(customers):
        return []
    accounts = tables["accounts"].semi_join(ibis.memtable({"account_id": list(customers)}), "account_id")
    strange = []
    for name, levels in known.items():
        values = accounts.rename(value=name.partition(".")[2]).group_by("value").aggregate(count=lambda t: t.count())
        values = values.filter(values["count"] >= LEAST_SHARE * len(customers), values.value.notnull())
        ranked = values.order_by(values["count"].desc(), "value").execute()["value"].tolist()
        strange += [{name: value} for value in ranked if value not in levels]
    return read_otherwise(strange, known, (), (), 0)
