"""The exceptions that training raises on purpose, in one hierarchy.

ChurnRiskError               (features.errors)
├── InputError               a rule of churn, a date or a version does not fit
│   ├── UnusableComparison   groups are to be compared that the book or the code does not have
│   └── AlreadyLearnt        the model has learnt the outcomes that it is to be judged by
├── NotEnoughData            a book is too short or too one-sided
├── SignalsDiffer            a bundle has other signals
├── BundleDamaged            a bundle is not the one that was written
├── NoModel                  there is no model, or no champion
│   └── UnknownVersion       a version is named that there is not; an InputError, too
└── PublishingFailed         a bundle cannot be written to the folder that services watch

Other layers know all of them but UnusableComparison, AlreadyLearnt, UnknownVersion and PublishingFailed, so
`features.errors` defines those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from features.errors import ChurnRiskError, InputError, NoModel

#: Versions that a message names.
MOST_VERSIONS = 10


class UnusableComparison(InputError):
    """Groups are to be compared that the book or the code does not have; `problems` lists every reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the groups cannot be compared:\n" + "\n".join(f"  - {line}" for line in self.problems))


class AlreadyLearnt(InputError):
    """A model was to be judged at a date whose outcomes it has learnt.

    Parameters
    ----------
    version, as_of : str
        The model's version, and the date, ISO.
    where : str
        The forward dates, in words.
    forward : mapping or None
        The forward dates, `from` and `to`, ISO; None if the book has none.
    """

    def __init__(self, version: str, as_of: str, where: str, forward: Mapping[str, str] | None) -> None:
        self.version, self.as_of, self.forward = version, as_of, forward
        super().__init__(
            f"--as-of {as_of}: version {version} has learnt what came after that date, so its figures there would "
            f"flatter it. Judge it at forward dates: {where}. Or judge a version that was trained with "
            f"`--until {as_of}`. --learnt-dates shows the flattered figures"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the refusal as plain values, for JSON."""
        return {
            "model_version": self.version,
            "as_of": self.as_of,
            "seen": True,
            "forward": None if self.forward is None else dict(self.forward),
            "error": str(self),
        }


class PublishingFailed(ChurnRiskError):
    """A bundle could not be written to the folder that services watch; the message says why."""


class UnknownVersion(NoModel, InputError):
    """A version is named that the registry does not have.

    Parameters
    ----------
    version : str
        As it was given.
    where : str
        The registry.
    there : iterable of int
        The versions that it has.
    """

    def __init__(self, version: str, where: str, there: Iterable[int]) -> None:
        newest = sorted(there, reverse=True)
        named = ", ".join(map(str, newest[:MOST_VERSIONS])) + (", ..." if len(newest) > MOST_VERSIONS else "")
        super().__init__(
            f"there is no version {version!r} of churn-risk in {where}; the versions there: {named or 'none'}"
        )
