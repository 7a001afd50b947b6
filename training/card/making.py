"""The section on how a version was made: weighting schemes compared in money, the reason for the choice, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.bundle.bundle import Manifest
from training.card.drawing import draw_leads
from training.card.figures import capital, interval_of, is_known, number, with_interval
from training.card.parts import Cell, Section, Table, facts_table, make_table
from training.card.rival_tables import plain_words
from training.models.choice import UNWEIGHTED
from training.models.margin import BUYING, LINEAR, TREES

EXPERTS = {TREES: "trees", LINEAR: "linear sum of signals", BUYING: "buying model (silence by its own rhythm)"}
UNKNOWN = "nothing was lost, or no earlier outcome was known, on the dates compared"


def made_how(manifest: Manifest) -> Section:
    """Return the section: what was compared on rolling origins, what was chosen and why, and the settings."""
    why = manifest.choice.get("why")
    reason = f"Chosen because it {plain_words(why)}." if why else "Why is not recorded."
    schemes = manifest.choice.get("schemes") or {}
    return Section(
        "making",
        "How it was made",
        f"Weights: {manifest.weighting}; {manifest.rounds:,} rounds of boosting. {reason}",
        (
            f"The score adds up experts, each with the weight that paid on rows it had not seen: {_experts(manifest)}.",
            "Schemes were compared on rolling origins, on rows the trees had not seen. Money is the mean of the profit "
            "at capacity and at a cutoff that was best on earlier dates; where its paired interval cannot tell "
            "schemes apart, the one that ranks best is taken, so that no giant account decides.",
        ),
        (*_schemes(manifest, schemes), _settings(manifest)),
    )


def _dropped(manifest: Manifest) -> str:
    """Return which schemes were not tried to the end, in words."""
    dropped: Mapping[str, float] = manifest.choice.get("dropped") or {}
    named = ", ".join(f"{name} ({gap:.3f} behind)" for name, gap in dropped.items())
    return f" The earlier half of the origins dropped {named}." if named else ""


def _experts(manifest: Manifest) -> str:
    weights: dict[str, float] = manifest.experts.get("weights", {TREES: 1.0})
    leaf = "" if manifest.smallest_leaf is None else f" with {_leaf(manifest.smallest_leaf, manifest)}"
    named = {name: text + (leaf if name == TREES else "") for name, text in EXPERTS.items()}
    return ", ".join(f"{named[name]} {weight:.2f}" for name, weight in weights.items())


def _leaf(rows: int, manifest: Manifest) -> str:
    """Return the smallest leaf, and where it holds fewer rows than the settings ask for, why."""
    asked = manifest.settings.get("fit", {}).get("min_data_in_leaf", 0)
    leaf = f"{rows:,} rows in the smallest leaf"
    if rows >= asked:
        return leaf
    return (
        f"{leaf} (below the {asked:,} of the settings: LightGBM counts a row by its weight times p (1 - p), and a "
        "small book asks for fewer)"
    )


def _schemes(manifest: Manifest, schemes: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    if not schemes:
        return []
    earned = {name: scheme["profit"] for name, scheme in schemes.items() if is_known(scheme.get("profit"))}
    richest = max(earned, key=lambda name: earned[name]) if earned else None
    gains = {name: None if name == UNWEIGHTED else interval_of(scheme.get("gain")) for name, scheme in schemes.items()}
    unit = f"{manifest.currency} per account" if manifest.currency else "per account"
    headings = ("Weights", f"Profit against none, {unit}", "Profit", "Against the most earned", "ROC AUC*", "Rounds")
    rows = [
        (
            Cell(f"{name} (chosen)", "chosen") if name == manifest.weighting else name,
            "what is compared with" if name == UNWEIGHTED else with_interval(gains[name], ",.2f", signed=True),
            number(scheme.get("profit"), ",.2f"),
            "earned most" if name == richest else with_interval(interval_of(scheme.get("behind")), ",.2f", signed=True),
            number(scheme.get("ranking"), ".3f"),
            number(scheme.get("rounds"), ",d"),
        )
        for name, scheme in schemes.items()
    ]
    drawing = draw_leads(list(gains.values()), "Profit against none", "less", "more")
    note = f"* Mean of ROC AUC, plain and weighted by revenue.{_dropped(manifest)}"
    return [make_table("schemes", "Weights compared", headings, rows, note=note, unknown=UNKNOWN, drawing=drawing)]


def _settings(manifest: Manifest) -> Table:
    facts = [
        (capital(name.replace("_", " ").replace(".", ": ")), _said(value)) for name, value in _flat(manifest.settings)
    ]
    return facts_table("settings", "All settings", facts, folded=True)


def _flat(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    entries: list[tuple[str, Any]] = []
    for name, value in settings.items():
        inner = _flat(value) if isinstance(value, dict) else []
        entries += [(f"{name}.{key}", figure) for key, figure in inner] or [(name, value)]
    return entries


def _said(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not set"}[value]
    return str(value)
