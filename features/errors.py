"""The root of churn-risk's exceptions, and the exceptions about tables, models and accounts, in one hierarchy.

`training.errors` and `serving.errors` hold the other exceptions of their layers; those derive from these.

ChurnRiskError
├── InputError                 what the user gave cannot be used          (exit code 2, HTTP 4xx)
│   ├── InvalidTables          the input tables break the contract; carries every problem
│   │   └── UnsettledEnd       it is not told where the data end, so nothing is learnt from them
│   ├── UnusableFigures        figures are asked for that the book or the code does not have
│   ├── UnusableSource         SOURCE cannot be opened at all
│   ├── ShortSilence           the rule of silence makes churn of most customers' usual gaps
│   └── AccountUnknown         the score store holds no such account
├── SourceGone                 a database went away while SOURCE was read
├── EngineMissing              an engine is asked for that is not installed
├── EngineGone                 an engine gave up while it computed
├── NotEnoughData              the tables are valid but too short or too one-sided to train or judge on
├── SignalsDiffer              a bundle's signals are not the code's; carries both lists
├── BundleDamaged              a bundle is incomplete or its checksum is wrong
└── NoModel                    there is no model version to score with
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any


class ChurnRiskError(Exception):
    """Base of everything churn-risk raises on purpose."""


class InputError(ChurnRiskError):
    """The user's input cannot be used; the message says what to change."""


class UnusableFigures(InputError):
    """Figures are asked for that the book or the code does not have; `problems` lists every reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the figures cannot be computed:\n" + "\n".join(f"  - {line}" for line in self.problems))


class UnusableSource(InputError):
    """SOURCE cannot be opened: it is not there, not allowed, or neither a folder nor a database that can be read."""


class SourceGone(ChurnRiskError):
    """A database went away, or gave up, while SOURCE was read from it; nothing was made of the part that came."""


class EngineMissing(ChurnRiskError):
    """An engine is asked for that is not installed, or what it stands on is not; the message says how to get it."""


class EngineGone(ChurnRiskError):
    """An engine gave up, or went away, while it computed; finished parts are kept."""


@dataclass(frozen=True)
class Problem:
    """One broken rule in one column of one table.

    Attributes
    ----------
    table, column : str
        The place. `column` is empty when the problem concerns the whole table.
    rule : str
        What is wrong, as a sentence that says what is expected.
    rows : int
        How many rows break the rule; 0 when the problem concerns the whole table.
    ids : tuple of str
        Up to five keys of such rows; for accounts that are not known, their ids.
    values : tuple of str
        What stands in each of those rows; empty where nothing does.
    """

    table: str
    column: str
    rule: str
    rows: int = 0
    ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line: place, rule, number of rows, and some of them with what stands there."""
        place = f"{self.table}.{self.column}" if self.column else self.table
        if not self.rows:
            return f"{place}: {self.rule}"
        count = f"{self.rows} row{'' if self.rows == 1 else 's'}"
        quoted = [f"{key}: {value!r}" for key, value in zip(self.ids, self.values, strict=True)] if self.values else []
        return f"{place}: {self.rule} ({': '.join([count, *filter(None, [', '.join(quoted or self.ids)])])})"

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as plain values, for JSON."""
        return asdict(self)


class InvalidTables(InputError):
    """The input tables break the contract; `problems` lists every way in which they do."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'' if count == 1 else 's'} in the input tables:\n{lines}")


class UnsettledEnd(InvalidTables):
    """It is not told where the data end; `problems` lists what is doubtful, and the message says how to settle it."""

    def __init__(self, problems: Iterable[Problem], common_end: date) -> None:
        super().__init__(problems)
        self.args = (
            "it is not settled where the data end, so nothing was learnt and nothing written:\n"
            + "\n".join(f"  - {problem}" for problem in self.problems)
            + f"\nMend these rows, or say where the data end: all records end together at --until {common_end}",
        )


class ShortSilence(InputError):
    """The rule of silence waits for less than the usual gap between the invoices of most customers."""


class NotEnoughData(ChurnRiskError):
    """The tables are valid, but too short or too one-sided to train or judge a model."""


class SignalsDiffer(ChurnRiskError):
    """A bundle was trained on other signals than this code computes; the message holds both lists."""

    def __init__(self, bundle: Sequence[str], code: Sequence[str]) -> None:
        self.bundle, self.code = tuple(bundle), tuple(code)
        super().__init__(
            "the model's signals are not this code's signals: train again or install the version that trained it.\n"
            f"  model: {', '.join(self.bundle)}\n  code:  {', '.join(self.code)}"
        )


class BundleDamaged(ChurnRiskError):
    """A model bundle is incomplete, or its files differ from those that were written."""


class NoModel(ChurnRiskError):
    """There is no model version to score with."""


class AccountUnknown(InputError):
    """The score store holds no score of this account."""
