"""The card of a version as a plain record: all its texts and figures, ready for a template.

A version's manifest goes in, so that a card can be made again from the bundle at any time. A `Card` in English comes
out. Nothing is recomputed: every figure comes from the manifest.

References
----------
Mitchell et al., "Model cards for model reporting", 2019 (what a card should tell).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from features.errors import BundleDamaged
from training.bundle.bundle import MANIFEST, VERSION, Manifest
from training.card.caveats import limits_of
from training.card.data import foretold, identity, learnt_from, learnt_with, moment, period
from training.card.figures import DASH
from training.card.findings import families_worth, leaks, other_findings
from training.card.headline import KeyFigure, Remark, graded, key_figures, remarks
from training.card.making import made_how
from training.card.parts import Section
from training.card.rival_tables import against_champion, beside_rivals
from training.card.trust import acted_on, calibration


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes
    ----------
    version, title, foretold : str
        The registry's version, the card's title, and one sentence on what the model predicts.
    facts : tuple of str
        When it was trained, by which code, on which period.
    grade, graded : str
        The letter, a dash if there is none, and its meaning.
    remarks : tuple of Remark
        What a reader must know before the figures: of the model itself first, then where a rival is better.
    figures : tuple of KeyFigure
    sections : tuple of Section
    footer : str
    """

    version: str
    title: str
    foretold: str
    facts: tuple[str, ...]
    grade: str
    graded: str
    remarks: tuple[Remark, ...]
    figures: tuple[KeyFigure, ...]
    sections: tuple[Section, ...]
    footer: str

    def as_dict(self) -> dict[str, Any]:
        """Return the card as plain values."""
        return asdict(self)


def card_from(folder: Path) -> Card:
    """Collect the card of a bundle, even if its signals differ from this code's.

    Raises
    ------
    BundleDamaged
        When its manifest cannot be read.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
        stamped = folder / VERSION
        version = json.loads(stamped.read_text(encoding="utf-8"))["model_version"] if stamped.is_file() else None
    except (OSError, ValidationError, ValueError, KeyError, TypeError) as error:
        raise BundleDamaged(f"{folder}: no card can be made of it ({error})") from error
    return card_of(manifest, "unregistered" if version is None else str(version))


def card_of(manifest: Manifest, version: str) -> Card:
    """Collect the card of a version.

    Parameters
    ----------
    manifest : Manifest
        As the bundle holds it. The card shows findings of any kind, and marks what is absent as not known.
    version : str
        The registry's version.
    """
    return Card(
        version=version,
        title=f"Churn risk, version {version}",
        foretold=foretold(manifest),
        facts=_facts(manifest),
        grade=manifest.verdict.get("grade") or DASH,
        graded=graded(manifest),
        remarks=tuple(remarks(manifest)),
        figures=key_figures(manifest),
        sections=_sections(manifest, version),
        footer=(
            "Made from the manifest in the version's bundle. Whether it is the champion now, the registry says: "
            "the alias moves, a card does not."
        ),
    )


def _facts(manifest: Manifest) -> tuple[str, ...]:
    first, last = period(manifest)
    return (
        f"trained at {moment(manifest.trained_at)}",
        f"code {manifest.code_version}",
        f"data from {first or 'an unknown day'} to {last}",
        f"{manifest.rows:,} rows at {len(manifest.slices)} as-of dates",
    )


def _sections(manifest: Manifest, version: str) -> tuple[Section, ...]:
    return (
        identity(manifest, version),
        learnt_from(manifest),
        learnt_with(manifest),
        made_how(manifest),
        beside_rivals(manifest),
        against_champion(manifest),
        calibration(manifest),
        acted_on(manifest),
        families_worth(manifest),
        leaks(manifest),
        *other_findings(manifest),
        limits_of(manifest),
    )
