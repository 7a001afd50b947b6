"""The command `compare-groups`: its text, its JSON, and one list of what is wrong."""

from __future__ import annotations

from pathlib import Path

from support.commands import Command


def test_a_comparison_as_text_and_json(churn_risk: Command, book_folder: Path) -> None:
    asked = ("compare-groups", book_folder, "--as-of", "2026-01-01", "--compare", "programme")
    shown = churn_risk(*asked, "--compare", "loops_never", "--lang", "de")
    assert shown.code == 0 and "Beitritt zu einem Treueprogramm" in shown.out and "Kein Experiment" in shown.out
    assert "Abgewandert binnen 180 Tagen" in shown.out and "Kein Vergleich: 4 der Kunden gingen" in shown.out
    done = churn_risk(*asked, "--json", "--margin-share", "0.5")
    found = done.result["comparisons"][0]
    assert done.code == 0 and done.err == "" and done.result["no_experiment"].startswith("No experiment")
    assert found["churn"]["low"] < found["churn"]["value"] < found["churn"]["high"] and found["not_compared"] is None
    assert found["margin_change"]["value"] == 0.5 * found["revenue_change"]["value"]
    assert {"name", "label", "before", "after"} == set(found["balance"][0])


def test_everything_wrong_is_said_at_once(churn_risk: Command, book_folder: Path) -> None:
    done = churn_risk("compare-groups", book_folder, "--as-of", "2031-01-01", "--compare", "loop", "--program", "Gold",
                      "--action", "prayer", "--margin-share", "40")  # fmt: skip
    assert done.code == 2 and done.out == ""
    for said in ("'loop'", "there are loops_fast", "'Gold': memberships.program has", "'prayer': actions.kind has",
                 "2031-01-01: lies after the data", "--margin-share 40"):  # fmt: skip
        assert said in done.err
