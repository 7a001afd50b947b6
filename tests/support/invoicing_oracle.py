"""Reversals and a year's invoicing by plain Python, written from docs/data.md: one account's invoices at one date."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import SimpleNamespace
from typing import Any

import pandas as pd

DAY = pd.Timedelta(days=1)


def reversed_invoices(invoices: Sequence[SimpleNamespace]) -> set[str]:
    """Ids of the invoices and credit notes that cancel each other: each credit note takes the closest free one."""
    ordered = sorted(invoices, key=lambda row: (row.invoiced_on, row.amount < 0, row.invoice_id))
    taken: set[str] = set()
    for place, credit in enumerate(ordered):
        if credit.amount < 0:
            free = [row for row in ordered[:place] if row.amount == -credit.amount and row.invoice_id not in taken]
            if free and credit.invoiced_on - free[-1].invoiced_on <= 30 * DAY:
                taken |= {free[-1].invoice_id, credit.invoice_id}
    return taken


def standing(invoices: Sequence[SimpleNamespace]) -> list[SimpleNamespace]:
    """Positive invoices that are not reversed."""
    void = reversed_invoices(invoices)
    return [row for row in invoices if row.amount > 0 and row.invoice_id not in void]


@dataclass
class Invoicing:
    """What one account was invoiced before `at`, by days or by whole periods; `contracts` are those begun by then."""

    invoices: Sequence[SimpleNamespace]
    at: pd.Timestamp
    contracts: Sequence[SimpleNamespace] = ()

    def __post_init__(self) -> None:
        self.days = sorted({row.invoiced_on for row in standing(self.invoices)}, reverse=True)
        self.gaps = [(later - earlier) / DAY for later, earlier in pairwise(self.days)][:5]
        middle = median(self.gaps) if self.gaps else 365.25
        like = [gap for gap in self.gaps if abs(gap - middle) <= min(middle / 4, 31)]
        usual = math.fsum(like) / len(like) if like else 365.25
        self.a_year = max(1, math.floor(365.25 / usual + 0.5))
        self.years = max(1, math.floor(usual / 365.25 + 0.5))
        self.period = 365.25 * self.years / self.a_year
        self.slack = min(self.period / 4, 31)
        steady = [abs(gap - self.period) <= self.slack for gap in self.gaps]
        recent = sum((self.at - day) / DAY <= 365 for day in self.days)
        backs = [(self.days[0] - day) / DAY / self.period for day in self.days[1:6]]
        in_step = [back >= 0.5 and abs(back - math.floor(back + 0.5)) * self.period <= self.slack / 2 for back in backs]
        alike, placed = (sum(found) / max(1, len(found)) for found in (steady, in_step))
        self.regular = bool(like) and recent <= 60 and (alike >= 0.75 or (alike >= 0.5 and placed >= 0.75))
        self.rare = self.regular and usual > 45

    def by_days(self, oldest: int, newest: int = 0) -> float:
        return math.fsum(row.amount for row in self.invoices if newest < (self.at - row.invoiced_on) / DAY <= oldest)

    def by_periods(self, oldest: int, newest: int = 0) -> float:
        """Sum at the places from `newest` to `oldest`, exclusive."""
        void = reversed_invoices(self.invoices)
        last = (self.at - self.days[0]) / DAY
        missed = max(0, math.ceil((last - self.slack) / self.period) - 1)
        amounts = []
        for row in self.invoices:
            since = [day for day in self.days if day <= row.invoiced_on] or [row.invoiced_on]
            if row.invoice_id not in void:
                place = (self.days[0] - since[0]) / DAY / self.period + missed
                if newest - 0.5 <= place < oldest - 0.5:
                    amounts.append(row.amount)
        return math.fsum(amounts)

    def of_years(self) -> float | None:
        """A year's part of an only invoice that pays for some years of the first contract, and does so still."""
        begun = min((row.starts_on for row in self.contracts), default=None)
        if len(self.days) != 1 or begun is None or begun > self.days[0] + 31 * DAY:
            return None
        first = [row for row in self.contracts if row.starts_on == begun]
        signed, ends = math.fsum(row.annual_value for row in first), [row.ends_on for row in first if row.ends_on]
        if not signed or (ends and min(ends) < self.days[0]):
            return None
        void = reversed_invoices(self.invoices)
        paid = math.fsum(row.amount for row in self.invoices if row.invoice_id not in void)
        years = math.floor(paid / signed + 0.5)
        lasts = (self.at - self.days[0]) / DAY <= years * 365.25 + 31
        return paid / years if 1 < years <= 5 and abs(paid / signed - years) <= 0.05 and lasts else None

    def year(self) -> float:
        if (part := self.of_years()) is not None:
            return part
        rare = self.rare or len(self.days) == 1
        return self.by_periods(self.a_year) / self.years if rare else self.by_days(365)

    def change(self, days: int, a_year_ago: bool = False) -> float | None:
        """Relative change of the last `days` against those before, or (of 90 days) against a year ago."""
        if len(self.days) == 1:
            if days == 365 and self.of_years() is not None:
                return 1.0 if (self.at - self.days[0]) / DAY <= 365.25 + 31 else 0.0
            n = self.a_year
            return change(self.by_periods(n), self.by_periods(2 * n, n)) if days == 365 else None
        if self.regular:
            held = self.a_year if days == 365 else max(1, math.ceil(days / self.period))
            start = self.a_year if a_year_ago else held
            return change(self.by_periods(held), self.by_periods(start + held, start))
        start = 365 if a_year_ago else days
        return change(self.by_days(days), self.by_days(start + days, start))


def change(now: float, before: float) -> float | None:
    size = abs(now) + abs(before)
    return (now - before) / size if size else None


def invoicing(book: SimpleNamespace, clock: Any) -> Invoicing:
    """What one account was invoiced before the instant of a clock."""
    return Invoicing(book.invoices, clock.at, book.contracts)
