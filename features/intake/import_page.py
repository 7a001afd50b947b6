"""The report of an import as one page: plain HTML without scripts or addresses, which opens anywhere.

In: an `ImportReport`. Out: a file. What stands in it comes from exports of others, so every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from features.console import written_at_once
from features.intake.import_report import ImportReport

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1b1b }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #eee } th, td { border-color: #444 } }
"""
#: A heading that ends so stands above numbers.
NUMBERS = ("rows read", "rows kept", "rows", "amounts", "records", "revenue")


def write_page(path: Path, report: ImportReport, mapping: str) -> None:
    """Write the report of an import by a mapping of that name, all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_at_once(path) as scratch:
        scratch.write_text(page(report, mapping), encoding="utf-8")


def page(report: ImportReport, mapping: str) -> str:
    """Return the report as HTML."""
    files = [(file.file, file.table, f"{file.rows:,}", f"{file.kept:,}") for file in report.files]
    left = [
        (file.file, file.table, each.reason, f"{each.rows:,}", each.amount or "", ", ".join(each.places))
        for file in report.files
        for each in file.left_out
    ]
    years = {name: sorted({month[:4] for month in months}) for name, months in report.by_month.items()}
    records = [
        (name, f"{count:,}", ", ".join(f"{year}: {_of_year(report, name, year):,}" for year in years.get(name, ())))
        for name, count in report.records.items()
    ]
    months = [
        (name, month, f"{count:,}") for name, by_month in report.by_month.items() for month, count in by_month.items()
    ]
    lonely = [(name, ", ".join(accounts)) for name, accounts in report.one_system_only.items()]
    told = [f"{report.proposals} pairs of accounts wait in {report.crosswalk} for somebody's yes"] * bool(
        report.proposals
    )
    parts = [
        _list("Warnings", report.warnings),
        _table("Revenue by year, to be held against the ledger", ("year", "revenue"), report.revenue_by_year.items()),
        _list("How amounts were made net", report.gross),
        _table("Rows of the files", ("file", "table", "rows read", "rows kept"), files),
        _table("Left out", ("file", "table", "reason", "rows", "amounts", "where"), left),
        _table("Tables of the book", ("table", "records", "by year"), records),
        _table("In one system only", ("what", "accounts"), lonely),
        _list("To be done", told),
        _list("Files that are not read", [str(each) for each in report.unread]),
        _list("Assumed, since the answer is empty", report.assumed),
        _list("What the book cannot say", report.unknown),
        _table("Records by month", ("table", "month", "records"), months),
    ]
    title = f"Import by {escape(mapping)}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{''.join(parts)}</body></html>\n"
    )


def _of_year(report: ImportReport, name: str, year: str) -> int:
    return sum(count for month, count in report.by_month[name].items() if month.startswith(year))


def _list(title: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    return f"<h2>{title}</h2>\n<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>\n"


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    marks = [' class="number"' if heading in NUMBERS else "" for heading in headings]
    lines = [
        "<tr>" + "".join(f"<td{mark}>{escape(cell)}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>\n"
        for row in rows
    ]
    if not lines:
        return ""
    head = "".join(f"<th{mark}>{heading}</th>" for mark, heading in zip(marks, headings, strict=True))
    return f"<h2>{title}</h2>\n<table><thead><tr>{head}</tr></thead><tbody>\n{''.join(lines)}</tbody></table>\n"
