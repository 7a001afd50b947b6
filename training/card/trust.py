"""Sections on how far the probabilities can be trusted: by revenue band, in money, and with and without actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.bundle.bundle import Manifest
from training.card.drawing import draw_ratios, draw_slopes
from training.card.figures import DASH, interval_of, is_known, number, percent, with_interval
from training.card.parts import Cell, Section, Table, Tone, make_table
from training.worth.bootstrap import Interval

NOTHING_LOST = "no revenue was lost there, or no account fell into it"


def calibration(manifest: Manifest) -> Section:
    """Return the section with predicted and realised figures by revenue band, and the calibration slopes."""
    reliability = manifest.findings.get("reliability")
    if not reliability:
        return Section("calibration", "Calibration", "", ("Calibration was not looked at in this run.",))
    lead = (
        "Do the probabilities mean what they say, in accounts and in money? The ratio is predicted over realised lost "
        "revenue: 1 is right, above 1 more was predicted than was lost."
    )
    bands = reliability["bands"]
    tables = (_in_money(bands, manifest), _in_accounts(bands), _slopes(reliability))
    return Section("calibration", "Calibration by revenue band", lead, (), tables)


def _in_money(bands: list[Mapping[str, Any]], manifest: Manifest) -> Table:
    ratios = [interval_of(band.get("ratio")) for band in bands]
    rows = [
        (
            band["name"],
            with_interval(ratio, ",.2f"),
            number(band.get("predicted_loss"), ",.0f"),
            number(band.get("realised_loss"), ",.0f"),
            _reading(ratio, "too little predicted", "too much predicted"),
        )
        for band, ratio in zip(bands, ratios, strict=True)
    ]
    unit = f", {manifest.currency}" if manifest.currency else ""
    headings = (
        "Accounts by revenue", "Ratio", f"Predicted loss{unit}", f"Realised loss{unit}", "Reading",
    )  # fmt: skip
    drawing = draw_ratios(ratios, "Predicted over realised", "too little", "too much")
    title = "Lost revenue predicted and realised"
    return make_table("bands", title, headings, rows, words=(4,), unknown=NOTHING_LOST, drawing=drawing)


def _in_accounts(bands: list[Mapping[str, Any]]) -> Table:
    rows = [
        (
            band["name"],
            number(band.get("rows"), ",d"),
            number(band.get("churned"), ",d"),
            percent(band.get("predicted_rate")),
            percent(band.get("churn_rate")),
        )
        for band in bands
    ]
    headings = ("Accounts by revenue", "Rows", "Churned", "Mean probability", "Churn rate")
    return make_table("band-rates", "Accounts predicted and churned", headings, rows, unknown="no account fell into it")


def _slopes(reliability: Mapping[str, Any]) -> Table:
    named = {"every account alike": "slope", "weighted by revenue": "weighted_slope"}
    slopes = [interval_of(reliability.get(key)) for key in named.values()]
    rows = [
        (name, with_interval(slope, ",.2f"), _reading(slope, "too extreme", "too timid"))
        for name, slope in zip(named, slopes, strict=True)
    ]
    drawing = draw_slopes(slopes, "Calibration slope", "too extreme", "too timid")
    headings = ("Calibration slope", "Slope", "Reading")
    note = "1 is right; below 1 the probabilities are too extreme, above 1 they lie too close together."
    unknown = "too few churned, or all probabilities are alike"
    return make_table(
        "slopes", "Calibration slope", headings, rows, words=(2,), note=note, unknown=unknown, drawing=drawing
    )


def _reading(interval: Interval | None, low: str, high: str) -> Cell:
    """Return a cell that says whether an interval holds 1."""
    if interval is None or not (is_known(interval.low) and is_known(interval.high)):
        return Cell(DASH)
    if interval.low <= 1 <= interval.high:
        return Cell("holds 1", "quiet")
    return Cell(f"{low if interval.high < 1 else high}, beyond chance", "behind")


def acted_on(manifest: Manifest) -> Section:
    """Return the section with the model's figures for accounts with an action, and for the others."""
    title, apart = "Accounts acted on, and the others", manifest.findings.get("apart")
    if not apart:
        why = "the actions table is missing" if "actions" in manifest.missing_tables else "no actions are recorded then"
        return Section("apart", title, "", (f"It is not known which accounts were acted on: {why}.",))
    lead = (
        "A saved account looks safe: its label says that it stayed, though it may have been seen rightly as leaving. "
        "So accounts with an action inside the label's window are judged apart."
    )
    point = (
        "The difference between the two is no measure of what actions achieve: accounts at risk are chosen for them, "
        "and one that leaves early has had less time to be acted on."
    )
    return Section("apart", title, lead, (point,), (_parts(apart),))


def _parts(apart: Mapping[str, Mapping[str, Any]]) -> Table:
    parts = [apart["treated"], apart["untreated"]]
    shown: dict[str, list[str]] = {
        "Rows": [number(part.get("rows"), ",d") for part in parts],
        "Churned": [number(part.get("churned"), ",d") for part in parts],
        "Churn rate": [percent(part.get("churn_rate")) for part in parts],
        "Mean probability": [percent(part.get("mean_probability")) for part in parts],
    }
    for name, key, signed in (
        ("Mean probability less churn rate", "calibration_gap", True),
        ("ROC AUC within", "roc_auc", False),
        ("Lost revenue captured within, top 10 %", "captured_10", False),
    ):
        shown[name] = [with_interval(interval_of(part.get(key)), ".3f", signed) for part in parts]
    rows: list[list[str]] = [[name, *figures] for name, figures in shown.items()]
    headings = ("Measure", "Acted on", "Not acted on")
    return make_table("apart", "Apart", headings, rows, unknown="too few accounts, or too few of either outcome")


def tone_of(interval: Interval | None) -> Tone:
    """Return the tone of a lead: 'behind' below 0 beyond chance, 'ahead' above 0, else 'quiet'."""
    if interval is None:
        return ""
    return "behind" if interval.below else "ahead" if interval.above else "quiet"
