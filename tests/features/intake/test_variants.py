"""Exports as people send them: cut by another sign, saved again by a spreadsheet, with titles or in another order."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support import preset_samples as samples
from support.exports import Exports
from support.presets import imported

from features.intake.language.mapping_model import Value
from features.intake.language.typed_sql import typed_sql
from features.schema import Kind

Rows = list[list[str]]
ANSWERS = {"datev_revenue_accounts": "[8000, 8499]", "datev_tax_rate": "0.19", "jira_account": '"Issue Type"'}
ANSWERS |= {"jira_zone": '"UTC"'}
#: A sample, the header row that names columns, and the table that is compared.
SAMPLES = {"datev": (samples.DATEV, 2, "invoices"), "jira": (samples.JIRA, 1, "tickets")}


def written(rows: Rows, delimiter: str = ",", end: str = "\r\n", quoting: Any = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue()


def turned(rows: Rows, header: int) -> Rows:
    """Return the rows with columns in another order and one more; what stands above the header stays."""
    width = len(rows[header - 1])
    order = random.Random(1).sample(range(width), width)
    return rows[: header - 1] + [[row[place] for place in order] + ["more"] for row in rows[header - 1 :]]


def renamed(rows: Rows, header: int) -> Rows:
    return [[f" {cell.upper()} " for cell in row] if place == header - 1 else row for place, row in enumerate(rows)]


VARIANTS: dict[str, Callable[[Rows, int], bytes]] = {
    "semicolons, and a line that says so": lambda rows, _: ("sep=;\r\n" + written(rows, ";")).encode("utf-8-sig"),
    "tabs in UTF-16, as a spreadsheet saves": lambda rows, _: written(rows, "\t").encode("utf-16"),
    "everything quoted": lambda rows, _: written(rows, end="\n", quoting=csv.QUOTE_ALL).encode(),
    "another order, one more column": lambda rows, header: written(turned(rows, header)).encode(),
    "capitals and blanks": lambda rows, header: written(renamed(rows, header)).encode("cp1252"),
    "a title above": lambda rows, _: ("Report of June\r\n\r\n" + written(rows, ";")).encode(),
    "line ends of two kinds": lambda rows, header: (written(rows[:header]) + written(rows[header:], end="\n")).encode(),
    "blank lines": lambda rows, header: (written(rows) + "\r\n\r\n").encode(),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_variant_gives_the_same_table(tmp_path: Path, name: str) -> None:
    text, header, table = SAMPLES[name]
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if name == "datev" else ","))
    plain = taken(tmp_path / "plain", text.encode(), table)
    assert len(plain) >= 2
    # Each costs an import: the second sample, whose cells hold line breaks, goes through the half of them.
    variants = list(VARIANTS.items())[:: 1 if name == "datev" else 2]
    for number, (variant, make) in enumerate(variants):
        assert taken(tmp_path / str(number), make(rows, header), table) == plain, variant


def test_a_file_with_a_header_only_has_no_rows(tmp_path: Path) -> None:
    assert taken(tmp_path, samples.JIRA.splitlines()[0].encode(), "tickets") == []


def taken(folder: Path, content: bytes, table: str) -> list[tuple[Any, ...]]:
    (folder / "exports").mkdir(parents=True)
    exports = Exports(folder / "exports")
    (exports.folder / "export.csv").write_bytes(content)
    imported(exports, ANSWERS)
    return exports.rows(table)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T10:00:00.1234567Z", "2026-01-02 10:00:00.123456"),
        ("2026-01-02T10:00:00.123456789+02:00", "2026-01-02 08:00:00.123456"),
        ("2026-01-02 10:00:00 +0200", "2026-01-02 08:00:00"),
        ("2026-01-02T10:00-0530", "2026-01-02 15:30:00"),
        ("2026-01-02 10:00:00.083 UTC", "2026-01-02 10:00:00.083"),
        ("2026-01-02 3:15:52", "2026-01-02 02:15:52"),
        ("2026-01-02 2:45 PM", "2026-01-02 13:45:00"),
        ("2026-01-02 14:45 whatever", None),
        ("2026-01-02 10:00:00 CET", None),
    ],
)  # fmt: skip
def test_a_time_is_read_whole_or_not_at_all(text: str, expected: str | None) -> None:
    """DuckDB's own cast stops at what it does not know: PM and the names of zones would not count."""
    value = Value.model_validate({"column": "c"})
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    sql = typed_sql(Kind.INSTANT, "t", value, "Europe/Berlin")
    assert base.execute(f"SELECT ({sql})::VARCHAR FROM (SELECT ? AS t)", [text]).fetchone() == (expected,)
    day = base.execute(f"SELECT ({typed_sql(Kind.DATE, 't', value)})::VARCHAR FROM (SELECT ? AS t)", [text]).fetchone()
    assert day == ("2026-01-02" if expected else None,)
