"""A simulated book as exports of real systems, and beside them what an import of these must give.

In: a `World` and the names of systems. Out: their files in a folder; in `expected/` the book rounded to what the
formats can say, the answers that a person would give to `--suggest`, and the signals that stay null, listed beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.errors import InputError
from features.matrix import needing, relying_on
from features.signal import all_signals
from features.simulation.export_files import (
    DEBTORS,
    MOST_ACCOUNTS,
    TAX_RATE,
    WRITERS,
    number_of,
)
from features.simulation.ground.world import World
from features.simulation.writing import tables_in_memory
from features.tables import TABLES

ZONE = "Europe/Berlin"
EXPECTED = "expected"
#: The columns of each table that the formats have a place for, by the system that has it.
SAID: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "datev": {"accounts": ("account_id", "name", "country"),
              "invoices": ("invoice_id", "account_id", "invoiced_on", "amount")},
    "hubspot": {"accounts": ("industry", "account_manager"),
                "contacts": ("contact_id", "account_id", "role", "valid_from", "name", "email", "phone"),
                "contracts": ("contract_id", "account_id", "starts_on", "ends_on", "annual_value")},
    "qualtrics": {"surveys": ("survey_id", "account_id", "kind", "sent_at", "score", "channel")},
    "zendesk": {"tickets": ("ticket_id", "account_id", "kind", "severity", "opened_at", "closed_at")},
}  # fmt: skip
#: What a person would answer, by the name of the question, as TOML.
ANSWERS = {
    "datev_revenue_accounts": "[8000, 8999]",
    "datev_debtor_accounts": "[10000, 69999]",
    "datev_tax_rate": str(TAX_RATE),
    "hubspot_customer_since": '"property_customer_since"',
    "hubspot_contract_end": '"property_contract_end"',
    "hubspot_contract_months": "0",
    "qualtrics_account": '"ExternalReference"',
    "qualtrics_score": '"Q1"',
    "qualtrics_system": '"datev"',
}
#: Signals that are null for want of a column, beside those that are for want of a table or of invitations.
BY_COLUMN = (
    "account_segment",  # accounts.segment
    "contacts_decision_maker_left_365d", "contacts_decision_makers",  # contacts.decision_maker
    "contract_price_change",  # contracts.price_change
    "nps_decision_maker_last", "nps_detractor_share",  # surveys.contact_id
    "nps_transactional_mean_365d",  # surveys.kind
)  # fmt: skip


@dataclass(frozen=True)
class SimulatedExports:
    """What was written.

    Attributes
    ----------
    out : Path
        The folder of the exports.
    expected : Path
        The rounded book; `answers.toml` and `null_signals.json` lie beside its tables.
    files : tuple of Path
    null_signals : tuple of str
        What the signals of these systems cannot know.
    """

    out: Path
    expected: Path
    files: tuple[Path, ...]
    null_signals: tuple[str, ...]


def simulate_as(world: World, out: Path, systems: Sequence[str]) -> SimulatedExports:
    """Simulate a book and write it in the shapes of systems.

    Parameters
    ----------
    world : World
    out : Path
        A folder without files; it is created when missing.
    systems : sequence of {"datev", "hubspot", "qualtrics", "zendesk"}
        The ledger, datev, is among them: without invoices there is no book.

    Raises
    ------
    InputError
        When a system is not known, the ledger is missing, the folder holds files, or there are more accounts than
        debtor numbers.
    """
    _refuse(world, out, systems)
    book = tables_in_memory(world)
    expected = out / EXPECTED
    expected.mkdir(parents=True, exist_ok=True)
    for system in systems:
        WRITERS[system](book, out, ZONE)
    null_signals = _null_signals(systems)
    for name, frame in rounded(book, systems).items():
        frame.to_parquet(expected / f"{name}.parquet", index=False)
    if "qualtrics" in systems:
        known = '[surveys]\ninvitations = false\nanswered_at = "sent_at"\n'
        (expected / "book.toml").write_text(known, encoding="utf-8")
    answers = "".join(f"{name} = {answer}\n" for name, answer in ANSWERS.items())
    (expected / "answers.toml").write_text(answers, encoding="utf-8")
    (expected / "null_signals.json").write_text(json.dumps(null_signals, indent=1) + "\n", encoding="utf-8")
    files = tuple(sorted(path for path in out.iterdir() if path.is_file()))
    return SimulatedExports(out, expected, files, null_signals)


def _refuse(world: World, out: Path, systems: Sequence[str]) -> None:
    unknown = sorted(set(systems) - set(WRITERS))
    if unknown:
        raise InputError(f"--as: unknown {', '.join(unknown)}; there are {', '.join(WRITERS)}")
    if "datev" not in systems:
        raise InputError("--as: the ledger is missing: datev, whose invoices make the book")
    if world.accounts > MOST_ACCOUNTS:
        raise InputError(f"--as datev: {world.accounts} accounts, but {MOST_ACCOUNTS} debtor numbers")
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: choose another folder")


def rounded(book: Mapping[str, pd.DataFrame], systems: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the book as the formats can say it: with the ids of the ledger, and only what has a place in them."""
    said: dict[str, list[str]] = {}
    for system in systems:
        for table, columns in SAID[system].items():
            said.setdefault(table, []).extend(columns)
    frames = {name: book[name].copy() for name in said}
    invoices = frames["invoices"]
    invoices["amount"] = invoices["amount"].round(2)
    if "hubspot" in systems:
        said["accounts"].append("customer_since")
    else:
        said["accounts"].append("customer_since")
        frames["accounts"] = _since_invoices(frames["accounts"], invoices)
    if "surveys" in frames:
        frames["surveys"] = _answers(frames["surveys"])
    for name, frame in frames.items():
        frame["account_id"] = [str(DEBTORS + number_of(account)) for account in frame["account_id"]]
        frames[name] = frame[said[name]]
    return frames


def _since_invoices(accounts: pd.DataFrame, invoices: pd.DataFrame) -> pd.DataFrame:
    """Return the accounts with an invoice, customers since the first positive one."""
    days = invoices.groupby("account_id")["invoiced_on"].min()
    positive = invoices[invoices["amount"] > 0].groupby("account_id")["invoiced_on"].min()
    since = positive.combine_first(days)
    billed = accounts[accounts["account_id"].isin(since.index)].copy()
    billed["customer_since"] = billed["account_id"].map(since)
    return billed


def _answers(surveys: pd.DataFrame) -> pd.DataFrame:
    """Return the answers at the time at which they came; of an hour that occurs twice in the zone it is the later."""
    answers = surveys[surveys["answered_at"].notna()].copy()
    local = answers["answered_at"].dt.floor("s").dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)
    later = local.dt.tz_localize(ZONE, ambiguous=np.zeros(len(local), dtype=bool))
    answers["sent_at"] = later.dt.tz_convert("UTC").dt.tz_localize(None)
    answers["kind"] = "relationship"
    return answers


def _null_signals(systems: Sequence[str]) -> tuple[str, ...]:
    """Return the signals that need a table which no system has, or what a table of theirs lacks."""
    there = {table for system in systems for table in SAID[system]}
    null = np.zeros(len(all_signals()), dtype=bool)
    for table in set(TABLES) - there:
        null |= needing(table)
    if "qualtrics" in systems:
        null |= relying_on("invitations") | relying_on("answer_times")
    named = {signal.name for signal, is_null in zip(all_signals(), null, strict=True) if is_null}
    return tuple(sorted(named | set(BY_COLUMN)))
