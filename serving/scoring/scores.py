"""What a score is: one row an account, as-of date and model version, with the reasons that add up to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

import msgspec

Band = Literal["unknown", "at_risk", "safe"]


class Reason(msgspec.Struct, gc=False):
    """One signal's part in a score. Nothing changes one.

    A hundred accounts have eight thousand, which a `Struct` makes and writes as JSON in a quarter of the time that
    dataclasses take.

    Attributes
    ----------
    code : str
        Theme, as in `features.signal.Signal.theme`.
    signal : str
    value : float or None
        The signal's value, in its unit; null when not known or when it is text.
    value_text : str or None
        The value of a text signal.
    contribution : float
        Points of probability as a fraction: 0.08 is 8 points.
    actionable : bool
        Whether an account manager can change it.
    """

    code: str
    signal: str
    value: float | None
    value_text: str | None
    contribution: float
    actionable: bool


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """One account's score without its reasons, as a list shows it; the contract defines every field.

    Attributes
    ----------
    churn_probability, base_probability : float
        0-1; base + the sum of all contributions = churn_probability to 1e-9.
    revenue_365d, value, revenue_at_risk, expected_profit : float
        In `currency`.
    best_action : str or None
        The action of the catalogue that is expected to bring `expected_profit`; null unless the account is at risk and
        the profit above 0, and in scores from before it.
    threat : bool
        At risk and among the accounts that held 80 % of the book's value.
    """

    account_id: str
    as_of: date
    model_version: str
    scored_at: datetime
    churn_probability: float
    revenue_365d: float
    value: float
    currency: str | None
    revenue_at_risk: float
    expected_profit: float
    best_action: str | None
    band: Band
    threat: bool
    base_probability: float


@dataclass(frozen=True, slots=True)
class Score(ScoreSummary):
    """One account's score.

    Attributes
    ----------
    reasons : tuple of Reason
        One for every signal, by falling absolute contribution.
    missing_tables, collect : tuple of str
        Tables that were not known; what would make an unknown account known.
    """

    reasons: tuple[Reason, ...]
    missing_tables: tuple[str, ...]
    collect: tuple[str, ...]

    def by_name(self) -> dict[str, Any]:
        """Return the fields by their names as they are; nothing is copied, as `dataclasses.asdict` does."""
        return {name: getattr(self, name) for name in FIELDS}

    def in_full(self) -> dict[str, Any]:
        """Return the fields by their names, each reason too, at a tenth of what `dataclasses.asdict` costs."""
        reasons = [{name: getattr(reason, name) for name in REASON_FIELDS} for reason in self.reasons]
        return self.by_name() | {"reasons": reasons}


REASON_FIELDS = Reason.__struct_fields__
FIELDS = tuple(field.name for field in fields(Score))


@dataclass(frozen=True, slots=True)
class PastScore:
    """What an account's history keeps of one score; fields as in `Score`."""

    as_of: date
    model_version: str
    scored_at: datetime
    churn_probability: float
    revenue_at_risk: float
    band: Band
    threat: bool
