"""Ibis' words for Spark, as the engine of the matrix needs them: the same expressions with the same results.

In: an Ibis expression. Out: Spark's SQL. Nothing of PySpark is imported. Ibis' own words for Spark differ from DuckDB's
in five places, each of which is put right here once instead of in every signal:

- a number with a point is a DECIMAL in Spark, and what is divided by one keeps seven places: it becomes a double;
- seconds since 1970 lose their fraction: they are made of microseconds;
- rows that are counted where none is left give null: they give 0;
- a median of some of the rows does not run: it is the quantile of one half;
- a double is looked at for being no number: the contract's tables hold none.
"""

from __future__ import annotations

from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import NULL, SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

DIALECT = "spark"
MICROSECONDS = 1_000_000


class Compiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis' words for Spark, with DuckDB's results."""

    __slots__ = ()

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:  # noqa: N802 (Ibis calls it so)
        """Write a number with a point as a double."""
        if dtype.is_floating():
            return self.cast(sge.Literal.number(repr(float(value))), dt.float64)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_Field(self, op: Any, *, rel: Any, name: str) -> Any:  # noqa: N802
        """Name a column; Ibis would ask the options of its own Spark backend, which is not loaded."""
        return SQLGlotCompiler.visit_Field(self, op, rel=rel, name=name)

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        """Return whether nothing is there."""
        return arg.is_(NULL)

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        """Return whether something is there."""
        return arg.is_(NULL).not_()

    def visit_ExtractEpochSeconds(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        """Return seconds with their fraction."""
        microseconds = self.cast(self.f.unix_micros(self.cast(arg, dt.Timestamp("UTC"))), dt.float64)
        return sge.Div(this=microseconds, expression=self.cast(sge.Literal.number(MICROSECONDS), dt.float64))

    def visit_CountStar(self, op: Any, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """Count rows."""
        return super().visit_CountStar(op, arg=arg, where=None) if where is None else self.f.count_if(where)

    def visit_Median(self, op: Any, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """Return the median."""
        return self.visit_Quantile(op, arg=arg, quantile=self.cast(sge.Literal.number("0.5"), dt.float64), where=where)


def words(expression: ir.Table) -> str:
    """Return a query as Spark's SQL."""
    return str(Compiler().to_sqlglot(expression).sql(DIALECT))
