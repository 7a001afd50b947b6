"""Comparisons of a simulated book; those that are refused, each by its reason; what is said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from support.handmade import frames_of, tables_of

from features.tables import TABLES, Tables
from training.comparing.asked import Asked, chosen
from training.comparing.balance import Balanced
from training.comparing.covariates import Covariates
from training.comparing.difference import Difference
from training.comparing.matched import Compared, Imbalance, _not_alike, compare
from training.comparing.told import NO_EXPERIMENT, REASONS, as_json, lines, reason
from training.comparing.treatments import COMPARISONS, Comparison
from training.settings import ChurnRule

LOOPS, PROGRAMME = chosen(["loops_fast", "programme"])
END = date(2025, 9, 1)


def accounts(number: int) -> pd.DataFrame:
    frame = pd.DataFrame({"account_id": [f"a{n:03d}" for n in range(number)], "customer_since": date(2020, 1, 1)})
    return frame.assign(**{name: None for name in ("name", "segment", "industry", "country", "account_manager")})


def billed(number: int) -> pd.DataFrame:
    days = pd.date_range("2022-01-01", "2025-08-01", freq="MS").date
    rows = [(f"a{n:03d}{day}", f"a{n:03d}", day, 100.0) for n in range(number) for day in days]
    return pd.DataFrame(rows, columns=["invoice_id", "account_id", "invoiced_on", "amount"])


def joined(number: int, day: str = "2024-03-01") -> pd.DataFrame:
    ids = [f"a{n:03d}" for n in range(number)]
    first = pd.DataFrame({"account_id": ids, "program": "Gold", "joined_on": pd.Timestamp(day).date()})
    return first.assign(left_on=None)


def code_of(members: pd.DataFrame | None, number: int = 80, end: date = END, churned: int = 0) -> str:
    frames = {"accounts": accounts(number), "invoices": billed(number)}
    if members is not None:
        frames["memberships"] = members
    if churned:
        gone = pd.DataFrame({"account_id": [f"a{n:03d}" for n in range(churned)], "churned_on": date(2024, 6, 1)})
        frames["churns"] = gone.assign(reason=None)
    found = compare(tables_of(frames), Asked(end), PROGRAMME)
    assert found.why is not None and found.churn is None and found.revenue is None
    for lang in ("de", "en"):
        assert (
            "{" not in str(reason(found, lang)) and str(reason(found, lang)) in lines(found, Asked(end), None, lang)[0]
        )
    return found.why.code


def test_a_missing_table_and_an_empty_one() -> None:
    tables = tables_of({"accounts": accounts(3), "invoices": billed(3)}, missing=["memberships"])
    found = compare(tables, Asked(END), PROGRAMME)
    assert reason(found, "de") == "Tabelle memberships fehlt" and reason(found, "en") == "table memberships is missing"
    assert code_of(None) == "empty"


@pytest.mark.parametrize(
    ("code", "members", "number", "end"),
    [
        ("not_over", 40, 80, date(2023, 1, 15)),
        ("nobody", 1, 80, END),
        ("few", 40, 60, END),
        ("no_others", 60, 60, END),
        ("few_outcomes", 40, 80, END),
    ],
)
def test_books_that_cannot_be_compared(code: str, members: int, number: int, end: date) -> None:
    # An early member makes the table recorded since 2023; where it is alone, nobody joins in the period.
    early = joined(1, "2023-01-01").assign(account_id="a000")
    frame = early if members == 1 else pd.concat([joined(members), early])
    assert code_of(frame, number, end) == code


def test_the_same_before_and_after_what_came_later(book: Tables) -> None:
    """Nothing at or after the date is looked at."""
    asked = Asked(END, ChurnRule(180))
    frames = frames_of(book)
    cut = {name: frame[pd.to_datetime(frame[TABLES[name].time]) < pd.Timestamp(END)] for name, frame in frames.items()}
    whole, known = (compare(tables_of(some), asked, PROGRAMME) for some in (frames, cut))
    assert whole.churn is not None and whole.revenue is not None and whole.why is None
    assert whole.churn == known.churn and whole.revenue == known.revenue and whole.balance == known.balance
    assert whole.churn.low < whole.churn.value < whole.churn.high
    assert max(item.after for item in whole.balance) < 0.05 < whole.balance[0].before
    assert whole.last is not None and (END - whole.last).days in (194, 208)  # the last trial in which somebody joins


def covariates_of(names: list[str]) -> Covariates:
    return Covariates(names, np.zeros((0, len(names))), np.zeros((0, 0)))


@pytest.mark.parametrize(
    ("code", "alone", "after", "worth", "later"),
    [
        (None, 2, 0.1, 30, 0.33),
        ("alone", 3, 0.0, 40, 0.0),
        ("unbalanced", 0, 0.11, 40, 0.0),
        ("few_effective", 0, 0.0, 29, 0.0),
        ("crossed", 0, 0.0, 40, 0.34),
    ],
)
def test_groups_that_are_not_alike(code: str | None, alone: int, after: float, worth: int, later: float) -> None:
    weighed = Balanced(
        np.full(worth, 1 / worth), np.arange(10) >= alone, np.array([0.5, -0.2]), np.array([0.0, -after])
    )
    why = _not_alike(covariates_of(["tenure_days", "nps_last"]), weighed, later)
    assert (why.code if why else None) == code
    if why is not None:
        told = reason(Compared(PROGRAMME, None, None, why=why), "en")
        assert (
            told is not None
            and {"alone": "3 of 10", "unbalanced": "0.11", "few_effective": "29", "crossed": "34.00 %"}[why.code]
            in told
        )
        assert (code in ("few_effective", "crossed")) != ("Last score" in told)


def example(comparison: Comparison) -> Compared:
    return Compared(
        comparison, date(2023, 6, 1), date(2025, 6, 4), treated=1240, others=2030, treated_rows=1300, others_rows=9000,
        alone=4, effective=5000.4, churn=Difference(0.045, 0.075, -0.03, -0.05, -0.01), unmatched=-0.061,
        revenue=Difference(500.0, -200.0, 700.0, -100.0, 1500.0), balance=(Imbalance("tenure_days", 0.52, 0.004),),
    )  # fmt: skip


def test_what_is_said_in_both_languages() -> None:
    asked = Asked(END, margin_share=0.4)
    english = "\n".join(lines(example(PROGRAMME), asked, "EUR", "en"))
    german = "\n".join(lines(example(PROGRAMME), asked, "EUR", "de"))
    for said in (
        "1,240 accounts that joined", "4 of 1,300", "4.5 %", "7.5 %", "-3.0 points (-5.0 to -1.0)", "-6.1",
        "+700 (-100 to +1,500) in EUR", "40.0 % of revenue: +280", "0.52 before (Days as a customer)",
    ):  # fmt: skip
        assert said in english
    for said in ("1.240 Kunden, die", "01.06.2023", "-3,0 Prozentpunkte (-5,0 bis -1,0)", "+700", "0,52 vorher"):
        assert said in german
    assert "holds 0" not in english
    wide = replace(example(LOOPS), churn=Difference(0.1, 0.1, 0.0, -0.1, 0.1))
    assert "The interval holds 0" in "\n".join(lines(wide, asked, None, "en"))
    plain = as_json(example(PROGRAMME), asked, "en")
    assert plain["margin_change"]["value"] == 280 and plain["balance"][0]["label"] == "Days as a customer"


def test_no_text_calls_it_a_cause() -> None:
    texts = [*NO_EXPERIMENT.values(), *(text for words in REASONS.values() for text in words.values())]
    for item in COMPARISONS:
        texts += [text for words in (item.names, item.treated, item.others, item.caution) for text in words.values()]
    for item in COMPARISONS:
        texts += [*lines(example(item), Asked(END), None, "en"), *lines(example(item), Asked(END), None, "de")]
    claims = ("caused", "because of", "leads to", "thanks to", "bewirkt", "verursacht", "führt zu", "dank ")
    assert not [text for text in texts for claim in claims if claim in text.lower()]
