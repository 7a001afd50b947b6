"""What `score` says of a date and a book at which its figures mislead."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.commands import Command


@pytest.mark.usefixtures("home")
def test_a_date_whose_outcomes_the_model_has_learnt_is_warned_of(
    churn_risk: Command, book_folder: Path, as_of: date, tmp_path: Path
) -> None:
    """Who scores a past date to see how good the model was would see what it had been told."""
    out = tmp_path / "scores.csv"
    forward = churn_risk("score", book_folder, "--as-of", as_of, "--out", out, "--json")
    assert not [told for told in forward.result["warnings"] if "has learnt" in told]
    past = as_of - timedelta(days=1)
    done = churn_risk("score", book_folder, "--as-of", past, "--out", out, "--json")
    (told,) = [told for told in done.result["warnings"] if "has learnt" in told]
    assert told.startswith(f"version 1 has learnt outcomes up to {as_of}, and so who left after {past}: ")
    assert f"`--until {past}`" in told and f"warning: {told}" in done.err


@pytest.mark.usefixtures("home")
def test_a_date_without_a_customer_is_told_with_what_makes_one(
    churn_risk: Command, book_folder: Path, tmp_path: Path
) -> None:
    done = churn_risk("score", book_folder, "--as-of", "1990-01-01", "--out", tmp_path / "scores.csv", "--json")
    assert done.code == 0 and done.result["accounts"] == 0
    (told,) = [told for told in done.result["warnings"] if told.startswith("no account is a customer at 1990-01-01")]
    assert "customer_since is " in told and not [other for other in done.result["warnings"] if "has learnt" in other]


@pytest.mark.usefixtures("home")
def test_invoices_without_a_row_are_warned_of_since_all_money_is_0(
    churn_risk: Command, book_folder: Path, as_of: date, tmp_path: Path
) -> None:
    """An export that lost its rows would say that nothing is at risk."""
    folder = tmp_path / "book"
    shutil.copytree(book_folder, folder)
    (folder / "invoices.parquet").unlink()
    (folder / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\n")
    for command in (("validate",), ("score", "--as-of", as_of, "--out", tmp_path / "scores.csv")):
        done = churn_risk(command[0], folder, *command[1:], "--json")
        (told,) = [told for told in done.result["warnings"] if told.startswith("invoices: the table has no row")]
        assert "all revenue at risk, is 0" in told and f"warning: {told}" in done.err
    assert done.result["revenue_at_risk"] == 0
