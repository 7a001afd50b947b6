"""`store forget --contact`: a person's name, e-mail and phone leave everything that is kept; the account stays."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.bulk import START, job_of
from support.served import Done, run_command
from support.stored import AT, DAY, opened, put, scores

from serving.database.engine import open_database, reading, writing
from serving.jobs.job_tables import ACCOUNTS, packed, unpacked
from serving.privacy import without_contact
from serving.repeats.idempotency import RECORDS, Answer, Asked, Claimed, begin, finish
from serving.run.forgetting import forget_contact
from serving.webhooks.event_tables import EVENTS

ID = 'C-"Ä1'
PERSON = {"contact_id": ID, "name": "Eva Unmistakable", "email": "unmistakable@example.com", "phone": "+49 30 5550"}
OTHER = {"contact_id": "C2", "name": "Jan Elsewhere", "email": "jan@example.com", "phone": None}
EVIDENCE = {
    "account": {"account_id": "A1", "name": "Acme"},
    "contacts": {"total": 2, "rows": [PERSON | {"role": "IT", "decision_maker": True}, OTHER]},
    "surveys": {"total": 1, "rows": [{"survey_id": "S1", "contact_id": ID, "contact_name": "Eva Unmistakable"}]},
    "person": PERSON,
}
Run = Callable[..., Done]


def fill(engine: Engine, url: str) -> None:
    with opened(url) as store:
        for days in (0, 1):
            put(store, *scores(3, as_of=DAY + timedelta(days=days)), evidence={"A1": EVIDENCE, "A2": EVIDENCE | PERSON})
    job_of(engine, [{"account": {"account_id": "A1"}, "contacts": [PERSON, OTHER]}, {"account": {"account_id": "B"}}])
    with writing(engine) as connection:
        outcome = {"churn_probability": 0.5, "person": PERSON}
        connection.execute(sa.update(ACCOUNTS).where(ACCOUNTS.c.number == 1).values(outcome=packed(outcome)))
        event = {"event_id": "evt_1", "type": "t", "account_id": "A1", "run_id": 1, "occurred_at": AT}
        connection.execute(sa.insert(EVENTS), event | {"data": {"account_name": "Acme", "person": PERSON}})
    for key, body in (("k1", {"person": PERSON}), ("k2", {"person": OTHER})):
        claimed = begin(engine, Asked("key:1", "POST /v1/predictions", key, "f"), START, timedelta(minutes=5))
        assert isinstance(claimed, Claimed)
        with writing(engine) as connection:
            finish(connection, claimed, Answer(200, {}, json.dumps(body).encode()), START)


def everything(engine: Engine) -> str:
    """Return all that is kept, as text."""
    with reading(engine) as connection:
        found: list[Any] = list(connection.execute(sa.text("SELECT evidence FROM scores")).scalars())
        found += connection.execute(sa.select(EVENTS.c.data)).scalars()
        for name in ("payload", "outcome"):
            found += [unpacked(each) for each in connection.execute(sa.select(ACCOUNTS.c[name])).scalars() if each]
        bodies = connection.execute(sa.select(RECORDS.c.body)).scalars()
        found += [zlib.decompress(each).decode() for each in bodies if each]
    return json.dumps(found, ensure_ascii=False)


def test_it_is_nowhere_any_more(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", database_url)

    def run(*words: object) -> Done:
        return run_command(monkeypatch, capsys, "store", "forget", *words)

    fill(engine, database_url)
    assert "nmistakable" in everything(engine) and "555" in everything(engine)
    done = run("--contact", ID, "--json").result
    assert done["contact_id"] == ID and done["log_emptied"] is True
    assert done["removed"] == {"scores": 4, "job_accounts": 2, "repeated_answers": 1, "events": 1}
    left = everything(engine)
    assert "nmistakable" not in left and "555" not in left
    assert left.count("Jan Elsewhere") >= 6 and "Acme" in left and "decision_maker" in left, "nobody else is touched"
    with opened(database_url) as store:
        rows = store.latest("A1").evidence["contacts"]["rows"]
        assert rows[0] == {
            "contact_id": ID, "name": None, "email": None, "phone": None, "role": "IT", "decision_maker": True,
        }  # fmt: skip
        assert rows[1] == OTHER
    again = run("--contact", ID)
    assert again.code == 0 and again.out == "" and f"nothing was kept of contact {ID}" in again.err


def test_it_is_in_no_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'folder' / 'scores.db'}"
    engine = open_database(url)
    fill(engine, url)
    assert forget_contact(engine, ID).log_emptied
    engine.dispose()
    assert not any(b"nmistakable" in path.read_bytes() for path in (tmp_path / "folder").iterdir())


@pytest.mark.parametrize("words", [[], ["A1", "--contact", "C1"]])
def test_one_or_the_other_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    done = run_command(monkeypatch, capsys, "store", "forget", *words)
    assert done.code == 2 and "--contact" in done.err


def test_only_objects_with_its_id_are_cleaned() -> None:
    record = {"name": "Acme", "deep": [[{"contact_id": "C1", "name": "Eva", "x": {"name": "stays"}}]], "contact_id": 1}
    cleaned, changed = without_contact(record, "C1")
    assert changed and cleaned == record | {"deep": [[{"contact_id": "C1", "name": None, "x": {"name": "stays"}}]]}
    assert without_contact(cleaned, "C1") == (cleaned, False)
    assert without_contact({"contact_id": "C10", "name": "Eva"}, "C1")[1] is False
