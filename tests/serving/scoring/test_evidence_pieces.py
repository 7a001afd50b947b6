"""Evidence collected by pieces is that of the whole book."""

from __future__ import annotations

from datetime import date

from features.as_of import customers
from features.tables import Tables
from serving.scoring import scoring
from serving.scoring.evidence import collect_evidence
from serving.scoring.evidence_pieces import piece_of_evidence, standings
from serving.scoring.scoring import score_book
from training.bundle.bundle import Bundle


def test_pieces_make_the_whole(book: Tables, as_of: date) -> None:
    whole = collect_evidence(book, customers(book, [as_of]), as_of)
    accounts = sorted(whole)
    outlooks = {account_id: {"mean_days": 5.0} for account_id in accounts[::2]}
    parts = [accounts[start : start + 120] for start in range(0, len(accounts), 120)]
    pieces = {
        account_id: evidence
        for part in parts
        for account_id, evidence in piece_of_evidence(book, part, as_of, outlooks).items()
    }
    assert [pieces[account_id].pop("outlook", None) for account_id in accounts] == [
        outlooks.get(account_id) for account_id in accounts
    ]
    kept = {account_id: pieces[account_id].pop("standing") for account_id in accounts}
    assert kept == standings(book, customers(book, [as_of]), as_of)
    assert pieces == whole and len(parts) > 2
    assert list(piece_of_evidence(book, [accounts[0], accounts[9]], as_of)) == [accounts[0], accounts[9]]
    assert piece_of_evidence(book, [], as_of) == {}


def test_reasons_are_the_same_however_many_rows_are_held_at_once(
    book: Tables, as_of: date, bundle: Bundle, monkeypatch
) -> None:
    scored = score_book(book, as_of, bundle)
    whole = list(scored.rows())
    monkeypatch.setattr(scoring, "AT_ONCE", 7)
    assert list(scored.rows()) == whole
