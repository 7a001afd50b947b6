"""Every CSV that is written: a text that a spreadsheet would run is shown by it instead; programs get it as it is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from support.bulk import sent
from support.bulk_client import Bulk
from support.served import ROOT
from support.stored import SCORE

from features.csv_files import safe_text, write_csv
from features.simulation import World, tables_in_memory
from serving.scoring.score_files import write_scores
from training.bundle.bundle import Bundle

#: How a formula may begin, also in full width, and behind what a spreadsheet does not see.
DANGEROUS = (
    "=HYPERLINK(A1)", "+1+cmd|'/C calc'!A0", "-2+3", "@SUM(1;2)", "\t=1", "\r=1", "\n=1", " =1", "\ufeff=1", "\u200b=1",
    "＝1+1", "＋1", "－1", "＠SUM(1)", "\N{MINUS SIGN}1", "﹦1", "\x00=1", "\xa0=1", "=", "-", "\r\n=1",
)  # fmt: skip
HARMLESS = ("", "A1", "x\r=1", 'x\r"=1', "Müller & Söhne", "a=b", "1-2", "'=1", "ä", "5", "(=1)", "漢字", '"=1"')
#: Modules that write CSV: the one for people, the simulator's, whose books programs read, and the importer's copies of
#: sheets, which DuckDB reads and which are gone afterwards.
#: `export_files` writes simulated exports in the bytes of other systems, for the import to read.
WRITERS = {
    "features/csv_files.py",
    "features/simulation/writing.py",
    "features/intake/files/sheets.py",
    "features/simulation/export_files.py",
    "features/intake/files/copying.py",
}


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_becomes_a_text(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay(text: str) -> None:
    assert safe_text(text) == text


def test_numbers_stay_numbers() -> None:
    frame = pd.DataFrame({"amount": [-1.5, 2.0], "count": [-1, 2], "text": ["-1", None], "mixed": [-1, "=1"]})
    target = io.BytesIO()
    write_csv(frame, target)
    assert target.getvalue().decode() == "amount,count,text,mixed\n-1.5,-1,'-1,-1\n2.0,2,,'=1\n"


def _score_file(folder: Path, texts: tuple[str, ...], raw: bool) -> bytes:
    scores = [replace(SCORE, account_id=text, currency=text, expected_profit=-5.0) for text in texts]
    write_scores(SimpleNamespace(rows=lambda: iter(scores)), folder / "scores.csv", raw)  # type: ignore[arg-type]
    return (folder / "scores.csv").read_bytes()


def _job_results(bulk: Bulk, texts: tuple[str, ...], raw: bool) -> bytes:
    job = bulk.made([sent(text, 1.0) for text in texts if text.strip()])
    bulk.run()
    query = "&raw_csv=true" if raw else ""
    answer = bulk.client.get(f"/v1/jobs/{job['job_id']}/results?format=csv{query}")
    assert answer.status_code == 200
    return answer.content


@pytest.fixture
def bulk(bundle: Bundle, tmp_path: Path) -> Iterator[Bulk]:
    made = Bulk(bundle, f"sqlite:///{tmp_path / 'scores.db'}")
    yield made
    made.store.close()


def _rows(content: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def _runs(cell: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula, told without the code under test."""
    bare = re.sub(r"^[\s\x00\ufeff\u200b]+", "", cell)
    return bool(re.match(r"[=+\-@＝＋－＠﹦\N{MINUS SIGN}]", bare)) and not re.fullmatch(
        r"-?\d+(\.\d+)?(e-?\d+)?", bare
    )


@pytest.mark.parametrize("writer", ["score --out", "job results"])
def test_no_cell_of_any_file_runs(writer: str, tmp_path: Path, bulk: Bulk) -> None:
    texts = (*DANGEROUS, *HARMLESS)
    safe, raw = (
        _score_file(tmp_path, texts, each) if writer == "score --out" else _job_results(bulk, texts, each)
        for each in (False, True)
    )
    cells = [cell for row in _rows(safe) for cell in row.values()]
    assert cells and not [cell for cell in cells if _runs(cell)]
    named = [row["account_id"] for row in _rows(raw)]
    assert named == [text for text in texts if writer == "score --out" or text.strip()], "as it is, for a program"
    shown = [row["account_id"] for row in _rows(safe)]
    assert [text.removeprefix("'") for text in shown] == [text.removeprefix("'") for text in named]
    profits = [float(row["expected_profit"]) for row in _rows(safe) if row["expected_profit"]]
    assert profits == [float(row["expected_profit"]) for row in _rows(raw) if row["expected_profit"]]
    if writer == "score --out":
        assert set(profits) == {-5.0}


def test_no_other_module_writes_csv() -> None:
    found = set()
    for layer in ("features", "training", "serving"):
        for path in (ROOT / layer).rglob("*.py"):
            if re.search(
                r"\.to_csv\(|CSVWriter|csv\.writer|DictWriter|write_csv\(self|pa_csv\.write", path.read_text()
            ):
                found.add(path.relative_to(ROOT).as_posix())
    assert found == WRITERS


def test_a_simulated_book_holds_no_formula() -> None:
    """Its CSV is for programs and goes through no apostrophes; a telephone number may begin with a plus."""
    for name, frame in tables_in_memory(World(accounts=40, seed=3)).items():
        for column in frame.select_dtypes(include=["object", "string"]):
            for text in frame[column].dropna():
                if isinstance(text, str) and not re.fullmatch(r"\+[\d ()/-]+", text):
                    assert safe_text(text) == text, (name, column, text)
