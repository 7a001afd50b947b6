"""Settings of customer lifetime value: what a later year counts for, how many years count, what of revenue is earned.

`training.models.lifetime` reckons with them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LifetimeTerms:
    """How the revenue of years to come is counted.

    Attributes
    ----------
    discount_rate : float
        Of a year, 0 to 1: what comes a year later counts 1 / (1 + rate).
    years : int
        Years of twelve months of 30 days that count, 1 to 20; what comes later is cut off.
    margin : float
        Share of revenue that is earned, above 0 to 1; 1: the value is in revenue.
    """

    discount_rate: float = 0.10
    years: int = 5
    margin: float = 1.0

    def __post_init__(self) -> None:
        """Refuse figures that count nothing or without end; all faults in one message."""
        wrong = [
            f"discount_rate={self.discount_rate} (0 to 1)" if not 0 <= self.discount_rate <= 1 else "",
            f"years={self.years} (1 to 20)" if not 1 <= self.years <= 20 else "",
            f"margin={self.margin} (above 0, at most 1)" if not 0 < self.margin <= 1 else "",
        ]
        if any(wrong):
            raise ValueError(f"lifetime: {'; '.join(filter(None, wrong))}")
