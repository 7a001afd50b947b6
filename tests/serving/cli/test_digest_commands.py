"""The command `digest`: files or mail, who has nothing is named, and every refusal before anything is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command
from support.mailing import FILE, mail_server
from support.portfolios import ACCOUNTS, EVA, EVIL, JAN, evidence, score_of
from support.stored import opened, put

from serving.digest.digest_files import file_name
from training.settings import Environment


@pytest.fixture
def scored(environment: Environment) -> None:
    environment.home.mkdir()
    with opened(environment.scores_url) as store:
        for before in (True, False):
            put(store, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())


def test_files(scored: None, churn_risk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = churn_risk("digest", "--lang", "de", "--out", tmp_path / "out", "--json")
    assert done.code == 0 and done.err == ""
    result = json.loads(done.out)
    assert result["nothing"] == [] and result["accounts_without_manager"] == 1 and set(result["files"]) == {EVA, JAN}
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(name for names in result["files"].values() for name in names)
    text = next(path.read_text() for path in (tmp_path / "out").iterdir() if path.name == result["files"][EVA][1])
    assert text.startswith("Ihre Kunden in KW") and EVIL in text
    one = churn_risk("digest", "--account-manager", JAN, "--out", tmp_path / "one")
    assert one.code == 0 and len(list((tmp_path / "one").iterdir())) == 2 and one.out == ""
    assert "1 accounts without an account manager" in one.err

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serving.digest.digest_files.text_of", full)
    failed = churn_risk("digest", "--out", tmp_path / "full")
    assert failed.code == 2 and "No space left" in failed.err and list((tmp_path / "full").iterdir()) == []


def test_mail(scored: None, churn_risk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "managers.toml").write_text(FILE, encoding="utf-8")
    monkeypatch.setenv("CHURN_RISK_MANAGERS", str(tmp_path / "managers.toml"))
    monkeypatch.setattr("serving.digest.rounds.PAUSES", ())
    refused = churn_risk("digest", "--json")
    assert refused.code == 2 and "CHURN_RISK_MAIL_HOST" in refused.err and "CHURN_RISK_MAIL_FROM" in refused.err
    with mail_server() as mailbox:
        for name, value in {
            "HOST": "127.0.0.1",
            "PORT": mailbox.port,
            "SECURITY": "none",
            "FROM": "a@b.example",
        }.items():
            monkeypatch.setenv(f"CHURN_RISK_MAIL_{name}", str(value))
        mailbox.replies = {"jan@company.example": ["450 later"]}
        first = churn_risk("digest", "--json")
        assert first.code == 1 and first.err == ""
        assert json.loads(first.out) == {
            "period": json.loads(first.out)["period"], "nothing": [], "accounts_without_manager": 1,
            "sent": [{"account_manager": EVA, "channel": "mail"}], "already_sent": [], "uncertain": [],
            "not_sent": [{"account_manager": JAN, "channel": "mail", "why": "450 later"}],
        }  # fmt: skip
        second = churn_risk("digest")
        assert second.code == 0 and second.out == "" and f"sent to {EVA} by mail in" in second.err
        assert mailbox.receivers == ["eva@company.example", "jan@company.example"]


def test_refusals(scored: None, churn_risk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, told in (
        ([], "set CHURN_RISK_MANAGERS"),
        (["--out", tmp_path / "x", "--again"], "nothing is sent"),
        (["--out", tmp_path / "x", "--account-manager", "Nobody"], f"there are {EVA!r}, {JAN!r}"),
        (["--out", tmp_path / "x", "--lang", "fr"], "'fr' is not one of"),
        (["--out", tmp_path / "file" / "x"], "--out"),
    ):
        (tmp_path / "file").write_text("")
        done = churn_risk("digest", *words)
        assert done.code == 2 and done.out == "" and told in done.err
        assert not (tmp_path / "x").exists()
    monkeypatch.setenv("CHURN_RISK_STORE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    done = churn_risk("digest", "--out", tmp_path / "x")
    assert done.code == 2 and "no scores are stored yet" in done.err and not (tmp_path / "x").exists()


def test_names_of_files_are_plain_and_one_s_own() -> None:
    names = [file_name("2026-W01", name) for name in ("Eva", "eva", "../../Eva", "漢字", "字漢", "a" * 500, "\x00")]
    assert len(set(names)) == len(names) and all(name.replace("-", "").isalnum() and len(name) < 60 for name in names)
    assert all(name.isascii() and name.startswith("2026-W01-") for name in names)
