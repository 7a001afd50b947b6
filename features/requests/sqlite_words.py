"""Ibis' words for SQLite, as the engine of small requests needs them.

In: an Ibis expression. Out: its statement. Times are kept as whole microseconds since 1970, so that none is read from
text: a cast to a timestamp is the number as it stands.
"""

from __future__ import annotations

from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.sqlite import SQLiteCompiler

from features.requests.sqlite_functions import COVARIANCE, MEDIAN, QUANTILE

SECOND, DAY = 1_000_000, 86_400_000_000
GIVEN = (ops.Median, ops.Covariance)


class Compiler(SQLiteCompiler):  # type: ignore[misc]
    """Ibis' words for SQLite, with times as microseconds and the aggregates of `sqlite_functions`."""

    __slots__ = ()
    UNSUPPORTED_OPS = tuple(operation for operation in SQLiteCompiler.UNSUPPORTED_OPS if operation not in GIVEN)

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: N802 (Ibis calls it so)
        """Leave a time that becomes a timestamp as it stands."""
        return arg if to.is_timestamp() and op.arg.dtype.is_temporal() else super().visit_Cast(op, arg=arg, to=to)

    def visit_ExtractEpochSeconds(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        """Return seconds with their fraction, as DuckDB does."""
        return sge.Div(this=self.cast(arg, dt.float64), expression=sge.Literal.number(f"{SECOND}.0"))

    def visit_Median(self, op: Any, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """Return the median."""
        return self.agg[MEDIAN](arg, where=where)

    def visit_Quantile(self, op: Any, *, arg: Any, quantile: Any, where: Any) -> Any:  # noqa: N802
        """Return a quantile."""
        return self.agg[QUANTILE](arg, quantile, where=where)

    def visit_Covariance(self, op: Any, *, left: Any, right: Any, how: str, where: Any) -> Any:  # noqa: N802
        """Return a covariance."""
        return self.agg[f"{COVARIANCE}{how}"](left, right, where=where)


def words(expression: ir.Table) -> str:
    """Return the statement of an expression.

    Raises
    ------
    OperationNotDefinedError
        When it uses what SQLite has no word for.
    """
    return str(Compiler().to_sqlglot(expression).sql("sqlite"))
