"""Which two scores of an account are compared, and why the one is not the other: for the API and for pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from serving.api.edge.problems import FieldError, RequestProblem
from serving.api.edge.runtime import Runtime
from serving.database.engine import reading
from serving.scoring.movement import Movement, movement
from serving.store import Stored
from serving.store.past_scores import KeptScore, kept_score

AT = "@"


@dataclass(frozen=True)
class Which:
    """A score as an address names it: an as-of date, and a version where the date alone does not say it."""

    as_of: date
    version: str | None = None

    def __str__(self) -> str:
        """Return it as an address names it."""
        return self.as_of.isoformat() + (AT + self.version if self.version is not None else "")

    @classmethod
    def of(cls, text: str) -> Which:
        """Read it; raises ValueError."""
        day, _, version = text.partition(AT)
        if len(day) != len("2026-01-31"):
            raise ValueError(text)
        return cls(date.fromisoformat(day), version or None)


@dataclass(frozen=True)
class Compared:
    """A movement with the evidence of both scores."""

    before: KeptScore
    after: KeptScore
    moved: Movement


def compared(served: Runtime, stored: Stored, earlier: str = "", later: str = "") -> Compared | None:
    """Return the movement between two scores of an account; None where there is no earlier score to compare with.

    Parameters
    ----------
    earlier, later : str
        As `Which`; empty: the newest of an earlier date than `later`, and the latest.

    Raises
    ------
    RequestProblem
        When one of them is no date, is not stored, or the earlier one is the later.
    """
    account_id, latest = stored.score.account_id, KeptScore(stored.score, stored.evidence)
    asked = _read(earlier, "from"), _read(later, "to")
    with reading(served.store.engine) as connection:
        after = latest if asked[1] is None else kept_score(connection, account_id, asked[1].as_of, asked[1].version)
        if after is None:
            raise _unknown(later, "to")
        if asked[0] is None:
            before = kept_score(connection, account_id, before=after.score.as_of)
            if before is None:
                return None
        else:
            found = kept_score(connection, account_id, asked[0].as_of, asked[0].version)
            if found is None:
                raise _unknown(earlier, "from")
            before = found
    if before.score.as_of > after.score.as_of:
        detail = f"{before.score.as_of} is later than {after.score.as_of}; name the earlier score first"
        raise _problem(detail, "from", 422, "wrong-order")
    return Compared(before, after, movement(before.score, after.score, lambda version: served.model.bundle_of(version)))


def _read(text: str, name: str) -> Which | None:
    try:
        return Which.of(text) if text else None
    except ValueError:
        detail = "an as-of date such as 2026-01-31 is expected, or one with a version such as 2026-01-31@7"
        raise _problem(detail, name, 422, "invalid-request") from None


def _unknown(text: str, name: str) -> RequestProblem:
    where = "`history` of GET /v1/accounts/{account_id}/risk"
    return _problem(f"no score of {text} is stored of this account; {where} has those that are", name, 404, "no-score")


def _problem(detail: str, name: str, status: int, code: str) -> RequestProblem:
    return RequestProblem(detail, [FieldError(pointer=f"/query/{name}", detail=detail)], status, code)
