"""What is asked of a comparison, checked in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from features.tables import Tables
from training.comparing.treatments import COMPARISONS, NAMES, Comparison, Happening
from training.settings import ChurnRule


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes
    ----------
    end : date
        First day that is not looked at: every outcome's window is over by then.
    rule : ChurnRule
        Horizon and silence; the lead is each comparison's own.
    months : int
        So many months of starts are looked at.
    only : mapping of comparison to str
        The one programme, or the one kind of action, that counts as treated.
    margin_share : float or None
        Share of revenue that is margin, above 0 and at most 1; None: not known.
    """

    end: date
    rule: ChurnRule = field(default_factory=ChurnRule)
    months: int = 24
    only: dict[str, str] = field(default_factory=dict)
    margin_share: float | None = None

    def rule_of(self, comparison: Comparison) -> ChurnRule:
        """Return the rule of the outcome of a comparison."""
        return ChurnRule(self.rule.horizon_days, comparison.lead_days, self.rule.silence_days)

    def last_start(self, comparison: Comparison) -> date:
        """Return the latest day on which an account may start so that its outcome is known."""
        return self.end - timedelta(days=self.rule_of(comparison).reach_days)


def chosen(names: Sequence[str]) -> list[Comparison]:
    """Return the comparisons of these names, in their own order; all without a name."""
    return [item for item in COMPARISONS if not names or item.name in names]


def problems_of(tables: Tables, names: Sequence[str], only: dict[str, str]) -> list[str]:
    """Return what is wrong with the names of comparisons, and with the programme or kind that is asked for."""
    wrong = [f"--compare {name!r}: there are {', '.join(NAMES)}" for name in names if name not in NAMES]
    for comparison in COMPARISONS:
        value = only.get(comparison.name)
        if value is None or comparison.table in tables.missing:
            continue
        there = _values(tables, comparison)
        if value not in there:
            names_there = ", ".join(map(repr, there[:10])) or "nothing"
            wrong.append(f"{value!r}: {comparison.table}.{_what(comparison)} has {names_there}")
        elif names and comparison.name not in names:
            wrong.append(f"{value!r}: goes with --compare {comparison.name}, which is not asked for")
    return wrong


def _what(comparison: Comparison) -> str:
    assert isinstance(comparison.by, Happening) and comparison.by.what is not None
    return comparison.by.what


def _values(tables: Tables, comparison: Comparison) -> list[str]:
    column = _what(comparison)
    frame = tables[comparison.table].select(column).distinct().order_by(column).execute()
    return [str(value) for value in frame[column].dropna()]
