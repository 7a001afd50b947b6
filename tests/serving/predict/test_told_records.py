"""What sentences tell beside a score is the same of a request, of a job and of the stored book: rows, and so words."""

from __future__ import annotations

import json
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.served import Json, histories, rows_of

from features.as_of import every_account
from features.tables import Tables
from serving.api.answers.rendering import rendered_predictions
from serving.jobs.chunks import score_chunk
from serving.jobs.claims import Waiting
from serving.jobs.job_tables import packed, unpacked
from serving.jobs.ledger import Finished
from serving.jobs.results import write_results
from serving.predict.history import AccountHistory
from serving.predict.predictor import Call, Predictor
from serving.predict.told_records import told_records
from serving.scoring.evidence import collect_evidence
from serving.words.formats import LANGS
from serving.words.short_reasons import NAMES, short_reasons
from training.bundle.bundle import Bundle

#: Records, answers and ends follow it, none of which may be told.
DAY = date(2025, 3, 1)
MANY = 60


@pytest.fixture(scope="module")
def sent(book_folder: Path) -> dict[str, Json]:
    rows = rows_of(book_folder)
    ids = [account["account_id"] for account in rows["accounts"] if account["customer_since"] < DAY.isoformat()]
    return {history["account"]["account_id"]: history for history in histories(rows, ids[:MANY])}


@pytest.fixture(scope="module")
def evidence(book: Tables) -> dict[str, Any]:
    return collect_evidence(book, every_account(book, [DAY]), DAY)


def test_the_rows_are_those_of_the_evidence(sent: dict[str, Json], evidence: dict[str, Any]) -> None:
    told = {account_id: told_records(AccountHistory.model_validate(each), DAY) for account_id, each in sent.items()}
    left = 0
    for account_id, records in told.items():
        for name, kept in records.items():
            assert kept is not None
            assert kept["total"] == evidence[account_id][name]["total"]
            expected = evidence[account_id][name]["rows"]
            names = kept["rows"][0].keys() if kept["rows"] else ()
            shown = [{key: row[key] for key in names} for row in expected]
            assert [_plain(row) for row in kept["rows"]] == [_plain(row) for row in shown], (account_id, name)
        left += any(row["valid_to"] for row in records["contacts"]["rows"])  # type: ignore[index]
    assert len(told) == MANY and left > 3
    assert not {"name", "email", "phone"} & {key for row in told[account_id]["contacts"]["rows"] for key in row}  # type: ignore[index]


def _plain(row: Json) -> Json:
    """Return a row whose instants are to the second; evidence writes UTC as Z."""
    return {key: str(value)[:19] if key.endswith("_at") else value for key, value in row.items()}


def test_an_absent_table_is_not_known(sent: dict[str, Json]) -> None:
    account = next(iter(sent.values()))
    told = told_records(AccountHistory.model_validate(account | {"surveys": None, "contacts": []}), DAY)
    assert told["surveys"] is None and told["contacts"] == {"total": 0, "rows": []}


def test_predictions_and_jobs_say_what_the_store_says(
    bundle: Bundle, sent: dict[str, Json], evidence: dict[str, Any]
) -> None:
    """The same score in the same words, roles and the fall of a contract's value with them."""
    predictor, accounts = Predictor(bundle), [AccountHistory.model_validate(each) for each in sent.values()]
    answers = predictor.predict_each([Call([account], DAY) for account in accounts])
    kept = {account.account.account_id: answer for account, answer in zip(accounts, answers, strict=True)}
    scores = {account_id: answer[0] for account_id, answer in kept.items() if isinstance(answer, list)}
    scored = [account for account in accounts if account.account.account_id in scores]
    waiting = [Waiting(number, sent[account_id], False) for number, account_id in enumerate(scores)]
    outcomes = [outcome.found for outcome in score_chunk(waiting, predictor, DAY)]
    bare = 0
    for lang in LANGS:
        expected = {name: short_reasons(score, evidence[name], lang) for name, score in scores.items()}
        answered = json.loads(rendered_predictions(predictor, "r", [*scores.values()], scored, lang))["predictions"]
        table = BytesIO()
        finished = [Finished(name, "done", plain(found)) for name, found in zip(scores, outcomes, strict=True)]
        write_results([finished], table, "parquet", dict, lang)
        for rows in (answered, pq.read_table(table).to_pylist()):
            assert {row["account_id"]: {name: row[name] for name in NAMES} for row in rows} == expected
        bare += sum(short_reasons(score, None, lang) != expected[name] for name, score in scores.items())
    assert len(scores) > 30 and bare > 5


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome as the ledger gives it back."""
    kept: dict[str, Any] = unpacked(packed(found))
    return kept
