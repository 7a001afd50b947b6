"""A small book as its users would write it: three accounts billed 100 a month from 2023 to 2025, as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from features.sources import open_source
from features.tables import Tables
from features.validation import validate

TODAY = date(2026, 11, 27)
MONTHS = [f"{year}-{month:02d}-01" for year in (2023, 2024, 2025) for month in range(1, 13)]
ACCOUNTS = ("a1", "a2", "a3")
HEADS = {
    "accounts": "account_id,customer_since",
    "invoices": "invoice_id,account_id,invoiced_on,amount",
    "churns": "account_id,churned_on",
    "contacts": "contact_id,account_id,valid_from,valid_to",
    "contracts": "contract_id,account_id,starts_on,ends_on,annual_value",
    "surveys": "survey_id,account_id,kind,sent_at,answered_at,score",
    "tickets": "ticket_id,account_id,opened_at,closed_at",
}


def billed(account: str, days: Iterable[str], amount: float = 100) -> list[str]:
    """Return an invoice row a day."""
    return [f"{account}-{day},{account},{day},{amount}" for day in days]


def monthly() -> list[str]:
    """Return the invoices of the small book."""
    return [row for account in ACCOUNTS for row in billed(account, MONTHS)]


def written(folder: Path, book_toml: str = "", **rows: Iterable[str]) -> Path:
    """Write the small book with other rows of the named tables; `book_toml` beside it where there is some."""
    folder.mkdir(exist_ok=True)
    tables = {"accounts": [f"{account},2023-01-01" for account in ACCOUNTS], "invoices": monthly(), **rows}
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join([HEADS[name], *lines]) + "\n", encoding="utf-8")
    if book_toml:
        (folder / "book.toml").write_text(book_toml, encoding="utf-8")
    return folder


def small_book(folder: Path, book_toml: str = "", **rows: Iterable[str]) -> Tables:
    """Return that book, validated on a day of 2026."""
    return validate(open_source(written(folder, book_toml, **rows)), TODAY)
