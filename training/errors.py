"""What training raises on purpose, in one hierarchy.

ChurnRiskError               (features.errors)
├── InputError               a rule of churn, a date or a version that does not fit
├── NotEnoughData            too short or too one-sided a book
├── SignalsDiffer            a bundle of other signals
├── BundleDamaged            a bundle that is not what was written
├── NoModel                  no version, or no champion
└── PublishingFailed         a bundle cannot be brought to where services look for it

All but the last are known to other layers too and stand in `features.errors`.
"""

from __future__ import annotations

from features.errors import ChurnRiskError


class PublishingFailed(ChurnRiskError):
    """A bundle could not be brought to where services look for it; the message says why."""
