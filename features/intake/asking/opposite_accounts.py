"""The accounts that stand against those of customers in a ledger, with their rows and sums.

In: a question that names account, account of the other side, amount and side (S or H, of the first account), and the
answers before it. Out: a line for a person, who says which of them are revenue and by what rate they are taxed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.intake.asking.meant_columns import is_record, places
from features.intake.asking.presets import Question
from features.intake.asking.tallies import MOST_VALUES
from features.intake.files.reading import OpenFile, Workspace
from features.intake.language.typed_sql import number_sql
from features.validation.quoting import shortened


def opposite_accounts(
    space: Workspace, question: Question, files: Sequence[OpenFile], earlier: Mapping[str, Any]
) -> list[str]:
    """Return what stands against accounts of customers, the largest sums first; nothing while nobody knows those.

    Parameters
    ----------
    earlier : mapping of str to Any
        The answers to the questions before.
    """
    customers = _span(earlier.get(question.against or ""))
    among = _span(earlier.get(question.among or ""))
    selects = [_booked(space, question, file, customers) for file in files] if customers else []
    rows = " UNION ALL ".join(select for select in selects if select)
    if not rows:
        return []
    within = f"WHERE {_is_in('account', among)}" if among else ""
    found = space.connection.execute(
        f"SELECT account, count(*), CAST(sum(amount) AS DECIMAL(24, 2)) FROM ({rows}) {within} "
        "GROUP BY 1 ORDER BY abs(coalesce(sum(amount), 0)) DESC, 1"
    ).fetchall()
    shown = [
        f"{shortened(account)!r} {count:,} row{'s' if count > 1 else ''} ({total:,})"
        for account, count, total in found
        if total is not None
    ]
    more = ", ..." if len(shown) > MOST_VALUES else ""
    return [f"against accounts of customers: {', '.join(shown[:MOST_VALUES])}{more}"] if shown else []


def _booked(space: Workspace, question: Question, file: OpenFile, customers: tuple[float, float]) -> str | None:
    """Return the SQL of accounts and amounts, positive where the customer owes; None where a column is absent."""
    columns = [*places(space, question, file).values()]
    if len(columns) != len(question.examples):
        return None
    own, other, amount, side = columns[:4]
    is_own = _is_in(own, customers)
    sign = f"CASE WHEN ({is_own}) = (upper(trim({side})) = 'S') THEN 1 ELSE -1 END"
    return (
        f"SELECT CASE WHEN {is_own} THEN trim({other}) ELSE trim({own}) END AS account, "
        f"{sign} * {number_sql(amount, ',')} AS amount FROM {file.relation} "
        f"WHERE {is_record(file)} AND ({is_own} OR {_is_in(other, customers)})"
    )


def _is_in(column: str, span: tuple[float, float]) -> str:
    return f"coalesce(TRY_CAST(trim({column}) AS DOUBLE) BETWEEN {span[0]} AND {span[1]}, false)"


def _span(answer: Any) -> tuple[float, float] | None:
    """Return the first and the last account of an answer; None where it is none."""
    is_span = isinstance(answer, list) and len(answer) == 2 and all(isinstance(each, (int, float)) for each in answer)
    return (float(answer[0]), float(answer[1])) if is_span else None
