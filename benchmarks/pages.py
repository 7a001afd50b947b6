"""A hundred account reports as PDFs, from the store to the bytes, beside bare WeasyPrint on the same HTML.

Ours reads a stored score, puts it in words, renders the HTML for paper and lays it out tagged, fetching nothing; bare
WeasyPrint lays out that HTML by its own defaults. Both by turns in this process, after one of each that loads the
library and the fonts; what is compared is processor time. Ours may take `MOST` times as much.

    python -m benchmarks pages
    CHURN_RISK_PAGES_HOME=.churn-risk/demo CHURN_RISK_PAGES_REPORTS=30 python -m benchmarks pages

The latter prints what a home holds already, and fewer of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.record import record
from features.console import say
from serving.printing.paper import lacking, pdf_of
from serving.reports.report import account_report
from serving.reports.report_html import render_account
from serving.store import ScoreStore
from serving.words.formats import Lang

ACCOUNTS, AS_OF = 400, "2026-01-01"
REPORTS, MOST = 100, 4.0
LANGUAGES: tuple[Lang, ...] = ("de", "en")


def pages() -> None:
    """Simulate, train, score, print by turns and record both sides and their ratio."""
    if lacking():
        say(f"pages: skipped, {lacking()}")
        return
    reports, home = int(os.environ.get("CHURN_RISK_PAGES_REPORTS", REPORTS)), os.environ.get("CHURN_RISK_PAGES_HOME")
    with tempfile.TemporaryDirectory() as scratch:
        store = ScoreStore(f"sqlite:///{Path(home) / 'scores.db'}") if home else scored_store(Path(scratch))
        ids = [row.account_id for row in store.page(None, None, None, reports, None, "en").rows]
        _seconds(lambda: _ours(store, ids[0], 0)), _seconds(lambda: _bare(_html(store, ids[0], 0)))
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        sizes = []
        for place, account_id in enumerate(ids):
            html = _html(store, account_id, place)
            times["ours"].append(_seconds(lambda: sizes.append(len(_ours(store, account_id, place)))))  # noqa: B023
            times["bare"].append(_seconds(lambda: _bare(html)))  # noqa: B023
        store.close()
    total = {name: sum(each) for name, each in times.items()}
    summary = {
        "reports": len(ids),
        "processor_seconds": total,
        "median_seconds": {name: statistics.median(each) for name, each in times.items()},
        "median_bytes": statistics.median(sizes),
        "ratio": total["ours"] / total["bare"],
        "allowed": MOST,
    }
    record("pages", {"summary": summary})


def scored_store(folder: Path) -> ScoreStore:
    """Return a store with the scores of a simulated book, made by the commands that a user gives."""
    commands = (
        ("simulate", "--accounts", str(ACCOUNTS), "--seed", "0", "--out", str(folder / "book")),
        ("train", str(folder / "book")),
        ("score", str(folder / "book"), "--as-of", AS_OF, "--no-figures"),
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_RISK_", "MLFLOW_"))}
    for command in commands:
        say(f"pages: {command[0]}")
        subprocess.run(
            [sys.executable, "-m", "serving.cli.main", *command],
            env=kept | {"CHURN_RISK_HOME": str(folder / "home")},
            check=True,
            capture_output=True,
        )
    return ScoreStore(f"sqlite:///{folder / 'home' / 'scores.db'}")


def _html(store: ScoreStore, account_id: str, place: int) -> str:
    stored = store.latest(account_id)
    facts = (stored.score, stored.history, stored.evidence, stored.model)
    return render_account(account_report(*facts, LANGUAGES[place % 2]), paper=True)


def _ours(store: ScoreStore, account_id: str, place: int) -> bytes:
    return pdf_of([_html(store, account_id, place)])


def _bare(html: str) -> bytes:
    import weasyprint

    return bytes(weasyprint.HTML(string=html).write_pdf())


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
