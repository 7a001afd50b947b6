"""What a version is and what it learnt from: a manifest goes in, sections of the card come out.

They show the rule of churn, the period, the tables, and the signals by family.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

from features.as_of import ACTIVE_DAYS, ACTIVE_INVOICES
from features.signal import Signal, all_signals
from features.tables import TABLES
from training.bundle.bundle import Manifest
from training.card.figures import days, number, percent
from training.card.parts import Section, Table, facts_table, make_table
from training.settings import ChurnRule

DIRECTIONS = {1: "rises with it", -1: "falls with it", 0: "none"}


def window(rule: ChurnRule) -> str:
    """Return in words the window in which an account must churn to count."""
    if rule.lead_days:
        return f"within the {days(rule.horizon_days)} that begin {days(rule.lead_days)} after the as-of date"
    return f"within {days(rule.horizon_days)} of the as-of date"


def foretold(manifest: Manifest) -> str:
    """Return in one sentence what the model predicts."""
    rule = ChurnRule(**manifest.rule)
    leaving = "sends no positive invoice any more" if rule.by_silence else "leaves"
    condition = ", given that it has not left before that" if rule.lead_days else ""
    return f"The probability that a customer {leaving} {window(rule)}{condition}."


def period(manifest: Manifest) -> tuple[date | None, date]:
    """Return the day of the first invoice, None if it is not known, and the last day that a label covers."""
    return (
        manifest.recorded_since.get("invoices"),
        max(manifest.slices) + timedelta(days=ChurnRule(**manifest.rule).reach_days - 1),
    )


def churn_told(manifest: Manifest) -> str:
    """Return in words when an account counts as churned."""
    rule = ChurnRule(**manifest.rule)
    if rule.by_silence:
        return f"by silence: no positive invoice {window(rule)}"
    return (
        "by the churns table: the first day without a valid relationship (`churned_on`), not the day of notice, lies "
        f"{window(rule)}"
    )


def several_dates(slices: Sequence[date]) -> str:
    """Return in words how many as-of dates there are, and from when to when."""
    if len(slices) == 1:
        return f"the as-of date {slices[0]}"
    return f"{len(slices)} as-of dates from {slices[0]} to {slices[-1]}"


def identity(manifest: Manifest, version: str) -> Section:
    """Return the section on what the version is and what it predicts."""
    rule = ChurnRule(**manifest.rule)
    if rule.by_silence:
        customer = f"at least {ACTIVE_INVOICES} positive invoices in the {ACTIVE_DAYS} days before the as-of date"
    else:
        customer = "customer since a day before the as-of date, and not left before it"
    embargo = manifest.settings.get("embargo_days") or 0
    facts = (
        ("Version", version),
        ("Trained at", moment(manifest.trained_at)),
        ("Code version", manifest.code_version),
        ("Churn is told", churn_told(manifest)),
        ("Horizon", days(rule.horizon_days)),
        ("Lead", days(rule.lead_days) + (": the window begins later" if rule.lead_days else ": no gap to the window")),
        ("Silence", days(rule.silence_days) if rule.silence_days is not None else "not used"),
        ("Embargo", f"{days(embargo)} after a window until its records have arrived"),
        ("A customer is", customer),
        ("Fingerprint of the data", manifest.data_fingerprint),
        ("Checksum of the model's text (SHA-256)", manifest.model_sha256),
    )
    return Section("identity", "What it is", "", (), (facts_table("identity", "The version", facts),))


def learnt_from(manifest: Manifest) -> Section:
    """Return the section on the data: period, since when each table is recorded, and which tables are missing."""
    first, last = period(manifest)
    slices = sorted(manifest.slices)
    gaps = sorted({(after - before).days for before, after in pairwise(slices)})
    every = f", every {days(gaps[0])}" if len(gaps) == 1 else ""
    facts = (
        ("Period", f"{first or 'no invoice'} to {last}"),
        ("As-of dates", f"{len(slices)}, {slices[0]} to {slices[-1]}{every}"),
        ("Rows learnt from", f"{manifest.rows:,} (one a customer and as-of date)"),
        ("Accounts learnt from", drawn_told(manifest)),
        ("Customers at the last date", f"{manifest.reference.accounts:,} at {manifest.reference.as_of}"),
        ("Tables missing", ", ".join(manifest.missing_tables) or "none"),
        ("Currency", manifest.currency or "not named by the book; amounts are bare numbers"),
    )
    tables = [facts_table("data", "The book", facts), _tables(manifest)]
    return Section("data", "Data", "", (), tuple([*tables, *_categories(manifest)]))


def drawn_told(manifest: Manifest) -> str:
    """Say whether all accounts were learnt from, or a part of a very large book."""
    share = manifest.settings.get("share", 1.0)
    if share >= 1:
        return "all"
    return f"{percent(share)} of the book's, drawn by their ids: what counts customers or revenue counts those drawn"


def _tables(manifest: Manifest) -> Table:
    needed = {name: sum(name in signal.needs for signal in _signals(manifest)) for name in TABLES}
    rows = [(name, _recorded(manifest, name), f"{needed[name]:,}") for name in TABLES]
    headings = ("Table", "Recorded", "Signals")
    return make_table("tables", "Tables", headings, rows, words=(1,))


def _recorded(manifest: Manifest, name: str) -> str:
    if name in manifest.missing_tables:
        return "missing: its signals are not known"
    if name in manifest.recorded_since:
        return f"since {manifest.recorded_since[name]}"
    if name in ("accounts", "churns"):
        return "there" if name == "churns" else "there, taken as it stands"
    return "there, without a record before the end of the data"


def _categories(manifest: Manifest) -> list[Table]:
    """Return the table of the text categories that the model tells apart; any other category counts as not known."""
    rows = [(name, ", ".join(levels) or "none is frequent enough") for name, levels in manifest.categories.items()]
    if not rows:
        return []
    title, note = "Categories told apart", "Rarer ones, and those never met, count as not known."
    return [make_table("categories", title, ("Signal", "Categories"), rows, words=(1,), note=note, folded=True)]


def learnt_with(manifest: Manifest) -> Section:
    """Return the section on signals by family: number, directions, and which an account manager can act on."""
    signals = _signals(manifest)
    held = manifest.settings.get("fit", {}).get("monotone", True)
    lead = (
        "Where a direction is declared, the trees are held to it: the estimate can only move that way with the signal."
        if held
        else "Directions were expected, but the trees were not held to them."
    )
    foreign = [name for name in manifest.signals if name not in {signal.name for signal in all_signals()}]
    points = [] if not foreign else [f"Signals that this code does not describe: {', '.join(foreign)}."]
    return Section(
        "signals",
        "Signals",
        f"{len(manifest.signals)} signals in {len(families(signals))} families. {lead}",
        tuple(points),
        (_families(signals), _every_signal(manifest, signals)),
    )


def _signals(manifest: Manifest) -> list[Signal]:
    return [signal for signal in all_signals() if signal.name in set(manifest.signals)]


def families(signals: Sequence[Signal]) -> dict[str, list[Signal]]:
    """Return signals by family, which is the file that declares them."""
    by_family: dict[str, list[Signal]] = {}
    for signal in signals:
        by_family.setdefault(signal.family, []).append(signal)
    return by_family


def _families(signals: Sequence[Signal]) -> Table:
    def counts(name: str, tables: str, members: Sequence[Signal]) -> list[str]:
        directions = [sum(signal.monotone == sign for signal in members) for sign in DIRECTIONS]
        return [
            name,
            tables,
            *(str(count) for count in (len(members), *directions, sum(signal.actionable for signal in members))),
        ]

    rows = [
        counts(name, ", ".join(sorted({table for signal in members for table in signal.needs})), members)
        for name, members in families(signals).items()
    ]
    headings = ("Family", "Tables", "Signals", "Risk rises", "Risk falls", "No direction", "Can be acted on")
    return make_table("families", "By family", headings, [*rows, counts("all", "", signals)], words=(1,))


def _every_signal(manifest: Manifest, signals: Sequence[Signal]) -> Table:
    medians = {name: quantiles.get("0.5") for name, quantiles in manifest.reference.signals.items()}
    rows = [
        (
            signal.name,
            signal.en,
            signal.family,
            DIRECTIONS[signal.monotone],
            "yes" if signal.actionable else "no",
            signal.unit,
            "text" if signal.is_text else number(medians.get(signal.name), ",.4g"),
        )
        for signal in signals
    ]
    headings = ("Signal", "What it tells", "Family", "Risk", "Can be acted on", "Unit", "Median")
    return make_table(
        "every-signal",
        "Every signal",
        headings,
        rows,
        words=(1, 2, 3, 4, 5),
        note=f"Medians are those of the customers at {manifest.reference.as_of}.",
        unknown="no customer had a value then",
        folded=True,
    )


def moment(iso: str) -> str:
    """Return an instant to the minute; a text in another format is returned unchanged."""
    return f"{iso[:10]} {iso[11:16]} UTC" if iso.endswith("+00:00") and iso[10:11] == "T" else iso
