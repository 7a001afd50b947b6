"""The exceptions that training raises on purpose, in one hierarchy.

ChurnRiskError               (features.errors)
├── InputError               a rule of churn, a date or a version does not fit
├── NotEnoughData            a book is too short or too one-sided
├── SignalsDiffer            a bundle has other signals
├── BundleDamaged            a bundle is not the one that was written
├── NoModel                  there is no version, or no champion
└── PublishingFailed         a bundle cannot be written to the folder that services watch

Other layers know all of them but the last, so `features.errors` defines those.
"""

from __future__ import annotations

from features.errors import ChurnRiskError


class PublishingFailed(ChurnRiskError):
    """A bundle could not be written to the folder that services watch; the message says why."""
