"""Sections on further findings: worth of each family of signals, suspected leaks, findings of any other kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.bundle.bundle import Manifest
from training.card.drawing import draw_leads
from training.card.figures import (
    DASH,
    capital,
    interval_of,
    is_known,
    number,
    percent,
    several,
    with_interval,
)
from training.card.parts import Cell, Section, Table, make_table
from training.card.rival_tables import plain_words
from training.card.trust import tone_of

#: Findings that other functions show.
SHOWN = (
    "reliability",
    "apart",
    "ablation",
    "suspects",
    "warnings",
    "refresh",
    "small_book",
    "silent_already",
    "too_good",
)
TITLES = {"hazard": "When, not only whether", "contraction": "Contraction: revenue lost by shrinking"}
NOT_KNOWN = "there was nothing to tell it by"
#: A text longer than this is a sentence, not a figure.
SENTENCE = 40
#: The column that names the rows made from a group of groups.
NAME = "name"


def families_worth(manifest: Manifest) -> Section:
    """Return the section on what is lost without each family of signals."""
    title, ablation = "What each family of signals is worth", manifest.findings.get("ablation") or []
    if not ablation:
        return Section("ablation", title, "", ("Families of signals were not left out one by one in this run.",))
    worth = {row["family"]: interval_of(row.get("roc_auc")) for row in ablation}
    more = [name for name, interval in worth.items() if interval is not None and interval.above]
    less = [name for name, interval in worth.items() if interval is not None and interval.below]
    sentence = (
        f"The ROC AUC falls beyond chance without {several(more)}." if more else "No family is missed beyond chance."
    )
    points = (
        sentence,
        *((f"It is better beyond chance without {several(less)}.",) if less else ()),
        "A family that others can stand in for is worth little here though the model leans on it.",
    )
    every = ablation[0].get("every", 1)
    quick = f", both on one in {every} dates and in trees of larger steps" if every > 1 else ""
    lead = (
        f"The model was fitted again with and without the family{quick}, weighting and rounds as they were, and judged "
        "on the same rows."
    )
    return Section("ablation", title, lead, points, (_worth(ablation),))


def _worth(ablation: list[Mapping[str, Any]]) -> Table:
    drawn = [interval_of(row.get("roc_auc")) for row in ablation]
    rows = [
        (
            row["family"],
            Cell(with_interval(interval, ".3f", signed=True), tone_of(interval)),
            with_interval(interval_of(row.get("captured_10")), ".3f", signed=True),
            number(row.get("signals"), ",d"),
        )
        for row, interval in zip(ablation, drawn, strict=True)
    ]
    headings = ("Family", "ROC AUC lost", "Lost revenue captured, top 10 %", "Signals known")
    drawing = draw_leads(drawn, "ROC AUC lost without it", "better without", "worse without")
    return make_table("ablation", "Lost without it", headings, rows, unknown=NOT_KNOWN, drawing=drawing)


def leaks(manifest: Manifest) -> Section:
    """Return the section on signals that look too good to be true."""
    warnings = [str(text) for text in manifest.findings.get("warnings") or []]
    suspects = manifest.findings.get("suspects") or []
    points = warnings or ["No signal tells the outcome too well by itself, and the whole model is not too good."]
    lead = "A leak is a record that was written, changed or stopped because the customer had left or given notice."
    return Section("leaks", "Suspected leaks and warnings", lead, tuple(points), _suspects(suspects))


def _suspects(suspects: list[Mapping[str, Any]]) -> tuple[Table, ...]:
    if not suspects:
        return ()
    rows = [
        (
            str(suspect["signal"]),
            number(suspect.get("roc_auc"), ".3f"),
            str(suspect.get("where", DASH)),
            percent(suspect.get("churn_rate"), 0),
            percent(suspect.get("caught"), 0),
            number(suspect.get("accounts"), ",d"),
            ", ".join(suspect.get("tables") or ()),
            _looked_at(suspect),
        )
        for suspect in suspects
    ]
    headings = (
        "Signal", "ROC AUC alone", "Where churn is surest", "Churned there", "Of all that churned", "Accounts",
        "Tables", "As-of dates",
    )  # fmt: skip
    return (make_table("suspects", "Suspects", headings, rows, words=(2, 6, 7), unknown="not recorded"),)


def _looked_at(suspect: Mapping[str, Any]) -> str:
    # Bundles of before the rows were named say only whether they were the last ones.
    rows = suspect.get("rows", "last" if suspect.get("last_date") else "all")
    return {"last": "the last before they leave", "accounts": "one row an account"}.get(rows, "all")


def other_findings(manifest: Manifest) -> list[Section]:
    """Return a section for each finding that has no section of its own, figure by figure."""
    return [
        _any_section(name, finding)
        for name, finding in manifest.findings.items()
        if name not in SHOWN and finding not in (None, {}, [], ())
    ]


def _any_section(name: str, finding: Any) -> Section:
    title = TITLES.get(name, _words(name))
    entries = dict(_flat(finding if isinstance(finding, Mapping) else {name: finding}))
    lists = {key: value for key, value in entries.items() if _is_table(value)}
    sentences = {key: text for key, text in entries.items() if isinstance(text, str) and len(text) > SENTENCE}
    rows = [(_words(key), _text(value)) for key, value in entries.items() if key not in lists and key not in sentences]
    tables = [make_table(f"{name}-figures", "Figures", ("Figure", "Found"), rows, unknown=NOT_KNOWN)] if rows else []
    tables += [_any_table(f"{name}-{key}", key, value) for key, value in lists.items()]
    points = tuple(f"{_words(key)}: {text}" for key, text in sentences.items())
    return Section(f"finding-{name}", title, "", points, tuple(tables))


def _flat(entries: Mapping[str, Any], group: str = "") -> list[tuple[str, Any]]:
    """Return nested entries as a flat list; a group of groups becomes a list of named rows."""
    flat: list[tuple[str, Any]] = []
    for key, value in entries.items():
        if not isinstance(value, Mapping) or not value or _is_interval(value):
            flat.append((f"{group}{key}", value))
        elif len(value) > 1 and _is_table(list(value.values())):
            flat.append((f"{group}{key}", [{NAME: name, **row} for name, row in value.items()]))
        else:
            flat += _flat(value, f"{group}{key}: ")
    return flat


def _any_table(key: str, name: str, rows: list[Mapping[str, Any]]) -> Table:
    """Return a table with one line for each of `rows`, or one column for each if that is narrower."""
    flat = [dict(_flat(row)) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    cells = [[_text(row.get(column)) for column in columns] for row in flat]
    headings = [_words(column) for column in columns]
    if len(columns) > len(rows) + 1:
        lead = "" if columns[0] == NAME else f"{headings[0]} "
        headings, cells = (
            ["Figure", *(f"{lead}{row[0]}" for row in cells)],
            [[headings[at], *(row[at] for row in cells)] for at in range(1, len(columns))],
        )
    return make_table(key, _words(name), headings, cells, unknown=NOT_KNOWN)


def _text(value: Any) -> str:
    if _is_interval(value):
        interval = interval_of(value)
        return with_interval(interval, ",.0f" if interval and abs(interval.value) >= 1000 else ",.3f")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if is_known(value):
        return number(value, ",.0f" if abs(value) >= 1000 else ",.3f")
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return DASH if value is None or isinstance(value, float) else str(value)


def _is_interval(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "low", "high"} <= set(value)


def _is_table(value: Any) -> bool:
    rows = isinstance(value, list | tuple) and bool(value)
    return rows and all(isinstance(row, Mapping) and not _is_interval(row) for row in value)


def _words(name: str) -> str:
    return capital(plain_words(name).replace("_", " "))
