"""The command `compare-groups`: its text, its JSON, and one list of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from support.commands import Command


def test_a_comparison_as_json_with_the_accounts_behind(churn_risk: Command, book_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "behind.csv"
    done = churn_risk("compare-groups", book_folder, "--as-of", "2026-01-01", "--compare", "programme", "--json",
                      "--margin-share", "0.5", "--out", out)  # fmt: skip
    found = done.result["comparisons"][0]
    assert done.code == 0 and done.result["no_experiment"].startswith("No experiment")
    assert found["churn"]["low"] < found["churn"]["value"] < found["churn"]["high"] and found["not_compared"] is None
    assert found["margin_change"]["value"] == 0.5 * found["revenue_change"]["value"]
    assert {"name", "label", "before", "after"} == set(found["balance"][0])
    behind = pd.read_csv(out)
    assert len(behind) == found["treated"]["rows"] + found["others"]["rows"]
    treated = behind[behind["treated"]]
    rates = [(rows["churned"] * rows["weight"]).sum() for rows in (treated, behind[~behind["treated"]])]
    assert rates[0] == pytest.approx(found["churn"]["treated"]) and treated["weight"].sum() == pytest.approx(1)
    assert treated["account_id"].nunique() == found["treated"]["accounts"]


def test_a_comparison_that_is_refused_says_why(churn_risk: Command, book_folder: Path) -> None:
    shown = churn_risk("compare-groups", book_folder, "--as-of", "2026-01-01", "--compare", "loops_never",
                       "--lang", "de")  # fmt: skip
    assert shown.code == 0 and "Feedback nicht beantwortet" in shown.out and "Kein Experiment" in shown.out
    assert "Kein Vergleich: die Gruppen sind nicht vergleichbar: 40 von 82 gleichen keinem" in shown.out


def test_everything_wrong_is_said_at_once(churn_risk: Command, book_folder: Path) -> None:
    done = churn_risk("compare-groups", book_folder, "--as-of", "2031-01-01", "--compare", "loop", "--program", "Gold",
                      "--action", "prayer", "--margin-share", "40", "--out", "x.xlsx")  # fmt: skip
    assert done.code == 2 and done.out == ""
    for said in ("'loop'", "there are loops_fast", "'Gold': memberships.program has", "'prayer': actions.kind has",
                 "2031-01-01: lies after the data", "--margin-share 40", "'x.xlsx'"):  # fmt: skip
        assert said in done.err
