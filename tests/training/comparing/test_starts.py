"""Who starts when, in books written by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
from support.handmade import tables_of

from features.tables import Tables
from training.comparing.asked import Asked, chosen
from training.comparing.happenings import happened, trial_dates
from training.comparing.openings import opened
from training.comparing.starts import Labelled
from training.settings import ChurnRule

END = date(2025, 1, 1)
FAST, LATE, NEVER, PROGRAMME = chosen([])[:4]


def book(**tables: pd.DataFrame) -> Tables:
    accounts = pd.DataFrame({"account_id": list("abcdefg"), "customer_since": date(2020, 1, 1)})
    optional = {name: None for name in ("name", "segment", "industry", "country", "account_manager")}
    return tables_of({"accounts": accounts.assign(**optional), **tables})


def memberships(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "program", "joined_on"])
    return frame.assign(joined_on=pd.to_datetime(frame["joined_on"]).dt.date, left_on=None)


def loops(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "opened_at", "closed_at"])
    times = {name: pd.to_datetime(frame[name]) for name in ("opened_at", "closed_at")}
    ids = [f"l{number}" for number in range(len(frame))]
    return frame.assign(**times, loop_id=ids, survey_id=ids, level="management")


def test_the_last_trial_is_as_late_as_its_outcome_is_known() -> None:
    dates = trial_dates(Asked(END, ChurnRule(180), months=1), PROGRAMME, date(2020, 1, 1))
    assert dates == [date(2024, 6, 7), date(2024, 6, 21)]  # 194 days before the end, and 14 before that
    assert trial_dates(Asked(END, ChurnRule(180), months=1), PROGRAMME, date(2024, 6, 8)) == [date(2024, 6, 21)]


def test_who_joins_in_the_days_after_is_treated_and_members_are_in_no_group() -> None:
    day = date(2024, 3, 1)
    joined = memberships(
        ("a", "Gold", "2024-03-01"), ("b", "Gold", "2024-03-14"), ("c", "Gold", "2024-03-15"),
        ("d", "Gold", "2024-02-29"), ("e", "Silver", "2024-03-05"),
    )  # fmt: skip
    tables = book(memberships=joined)
    found = happened(tables, Asked(END), PROGRAMME, [day]).set_index("account_id")["treated"]
    assert found.to_dict() == {"a": True, "b": True, "c": False, "e": True, "f": False, "g": False}
    # Who joins before the window ends, 194 days after the start, has done the same later.
    later = happened(tables, Asked(END), PROGRAMME, [day]).set_index("account_id")["later"]
    assert later[later].index.tolist() == ["c"]
    # One programme: who joined another one then is in neither group.
    found = happened(tables, Asked(END, only={"programme": "Gold"}), PROGRAMME, [day]).set_index("account_id")
    assert found["treated"].to_dict() == {"a": True, "b": True, "c": False, "f": False, "g": False}
    # What is not over at the end is not looked at.
    found = happened(tables, Asked(date(2024, 3, 5)), PROGRAMME, [day]).set_index("account_id")["treated"]
    assert found[found].index.tolist() == ["a"]


def test_loops_closed_fast_late_and_never() -> None:
    rows = loops(
        ("a", "2024-03-01 10:00", "2024-03-03 10:00"),  # 48 hours to the second
        ("b", "2024-03-01 10:00", "2024-03-03 10:01"),
        ("c", "2024-03-01 10:00", "2024-05-30 10:00"),  # 90 days to the second
        ("d", "2024-03-01 10:00", "2024-05-30 10:01"),
        ("e", "2024-03-01 10:00", None),
        ("a", "2024-03-09 10:00", None),  # not the account's first
        ("f", "2024-12-01 10:00", None),  # its outcome is not known
    )
    answer = pd.DataFrame(
        {
            "survey_id": ["l0", "l1"], "account_id": ["a", "b"], "contact_id": None, "kind": "relationship",
            "sent_at": pd.Timestamp("2024-02-20"), "score": [3, 9], "comment": None, "channel": None,
            "answered_at": pd.to_datetime(["2024-03-01 09:00", "2024-03-01 11:00"]), "bounced_at": pd.NaT,
            "anonymous": None,
        }
    )  # fmt: skip
    tables = book(loops=rows, surveys=answer)

    def starts(comparison: object) -> dict[str, bool]:
        found = opened(tables, Asked(END), comparison, date(2020, 1, 1))  # type: ignore[arg-type]
        assert set(found["as_of"]) == {pd.Timestamp("2024-03-01")}
        return dict(zip(found["account_id"], found["treated"], strict=True))

    assert starts(FAST) == {"a": True, "b": False, "c": False, "d": False, "e": False}
    assert starts(LATE) == {"a": False, "b": True, "c": True}
    assert starts(NEVER) == {"a": False, "d": True, "e": True}
    scores = opened(tables, Asked(END), FAST, date(2020, 1, 1)).set_index("account_id")["loop_score"]
    assert scores["a"] == 3 and scores.drop("a").isna().all()  # that of b came after its loop was opened


def test_an_account_starts_again_with_a_loop_a_fortnight_after_its_last_start() -> None:
    rows = loops(
        ("a", "2024-03-01 10:00", "2024-03-02 10:00"),
        ("a", "2024-03-14 10:00", "2024-03-15 10:00"),  # 13 days after a start
        ("a", "2024-03-15 10:00", None),  # 14 days after it
        ("a", "2024-03-28 10:00", None),  # 14 days after a loop that was no start, 13 after one
        ("a", "2024-06-01 10:00", "2024-06-02 10:00"),
        ("b", "2024-03-20 11:00", None),
        ("b", "2024-03-20 10:00", "2024-03-21 10:00"),  # of two on a day the first counts
        ("c", "2024-03-01 10:00", None),
        ("c", "2024-04-01 10:00", None),  # has left by then
    )
    left = pd.DataFrame({"account_id": ["c"], "churned_on": [date(2024, 3, 20)], "reason": None})
    found = opened(book(loops=rows, churns=left), Asked(END), FAST, date(2020, 1, 1))
    assert list(zip(found["account_id"], found["as_of"].dt.strftime("%m-%d"), found["treated"], strict=True)) == [
        ("a", "03-01", True), ("a", "03-15", False), ("a", "06-01", True), ("b", "03-20", True), ("c", "03-01", False),
    ]  # fmt: skip


def test_who_left_before_the_outcome_begins_is_in_no_group() -> None:
    left = {"a": "2024-03-14", "b": "2024-03-15", "c": "2024-09-10", "d": "2024-09-11", "e": "2024-02-20"}
    churns = pd.DataFrame({"account_id": list(left), "churned_on": pd.to_datetime(list(left.values())).date})
    billed = pd.DataFrame(
        {"invoice_id": ["i", "j"], "account_id": "b", "invoiced_on": [date(2024, 3, 14), date(2024, 3, 15)]}
    )
    tables = book(
        churns=churns.assign(reason=None),
        memberships=memberships(("a", "Gold", "2024-03-02")),
        invoices=billed.assign(amount=[5.0, 7.0]),
    )
    asked = Asked(END, ChurnRule(180))
    found = Labelled.of(tables, asked, PROGRAMME, happened(tables, asked, PROGRAMME, [date(2024, 3, 1)]))
    # The window is [15 March, 11 September): a left before it, e before the start.
    assert dict(zip(found.accounts, found.churned, strict=True)) == {
        "b": True, "c": True, "d": False, "f": False, "g": False,
    }  # fmt: skip
    assert dict(zip(found.accounts, found.revenue, strict=True))["b"] == 7
