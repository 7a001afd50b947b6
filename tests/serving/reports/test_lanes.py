"""The lanes of the time line: contracts, loops, tickets and actions on the axis of revenue and answers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.reports import Checker, evidence_of, report

from serving.reports.charts import Lane, TimeLine, time_line
from serving.reports.report_html import render_account
from serving.words.formats import LANGS


def listing(*rows: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"total": total or len(rows), "rows": list(rows)}


def contract(number: int, starts: str, ends: str | None) -> dict[str, Any]:
    return {"contract_id": f"K{number}", "starts_on": starts, "ends_on": ends, "annual_value": 100.0,
            "price_change": None, "running": True}  # fmt: skip


def opened(day: str, closed: str | None = None) -> dict[str, Any]:
    return {"loop_id": day, "ticket_id": day, "level": None, "kind": None, "topic": None, "severity": None,
            "contact_id": None, "opened_at": f"{day}T00:00:00Z", "closed_at": closed, "hours": 3.0, "score": None,
            "category": None}  # fmt: skip


EVIDENCE = evidence_of(
    contracts=listing(contract(1, "2023-07-01", "2024-07-01"), contract(2, "2024-07-01", "2025-07-01"),
                      contract(3, "2025-03-01", None), contract(4, "2020-01-01", "2021-01-01")),
    open_loops=listing(opened("2026-01-01")),
    closed_loops=listing(opened("2025-06-10", "2025-06-11"), opened("2025-06-11", "2025-06-12"), total=9),
    closed_tickets=listing(opened("2025-09-01", "2025-09-02")),
    open_tickets=None,
    actions=listing({"kind": "call", "done_at": "2025-10-05T00:00:00Z", "note": None},
                    {"kind": "call", "done_at": "2023-10-05T00:00:00Z", "note": None}),
)  # fmt: skip


def lanes(chart: TimeLine) -> dict[str, Lane]:
    return {lane.key: lane for lane in chart.lanes}


@pytest.mark.parametrize("width", [760, 356])
def test_lanes_stand_below_revenue_within_the_box(width) -> None:
    chart = time_line(EVIDENCE, width)
    assert [lane.key for lane in chart.lanes] == ["contracts", "loops", "tickets", "actions"]
    heights = [lane.y for lane in chart.lanes]
    assert heights == sorted(heights) and max(bar.y + bar.height for bar in chart.invoiced) < heights[0]
    assert heights[-1] < chart.ticks[0].y < chart.height
    assert all(chart.left <= mark.x <= chart.right for lane in chart.lanes for mark in lane.marks)
    for term in lanes(chart)["contracts"].terms:
        assert chart.left <= term.bar.x and term.bar.x + term.bar.width <= chart.right + 1e-9
        assert term.bar.y + term.bar.height < lanes(chart)["loops"].y


def test_contracts_begin_and_end_where_they_do() -> None:
    """The first began before the axis, the third has no end; the last is over. What overlaps stands below."""
    first, second, third = lanes(time_line(EVIDENCE, 760))["contracts"].terms
    assert [(term.begins, term.ends) for term in (first, second, third)] == [(False, True), (True, True), (True, False)]
    assert first.bar.x + first.bar.width == pytest.approx(second.bar.x)
    assert first.bar.y == second.bar.y < third.bar.y


def test_marks_of_one_kind_that_touch_are_one_with_their_number() -> None:
    found = lanes(time_line(EVIDENCE, 356))
    assert [(mark.kind, mark.count) for mark in found["loops"].marks] == [("settled", 2), ("waiting", 1)]
    assert [mark.kind for mark in found["actions"].marks] == ["action"], "one is older than the axis"


def test_without_records_there_are_no_lanes() -> None:
    bare = evidence_of(open_loops={"total": 0, "rows": []})
    assert time_line(bare, 760).lanes == ()
    assert time_line(bare, 760).height < time_line(EVIDENCE, 760).height


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", ("1 Jul 2024 to 1 Jul 2025, from 1 Mar 2025, end not known.",
                "Feedback followed up, latest: 2 of 9",
                "only those opened within the last 365 days")),
        ("de", ("01.07.2024 bis 01.07.2025, ab 01.03.2025, Ende nicht bekannt.",
                "Zuletzt beantwortetes Feedback: 2 von 9",
                "in den letzten 365 Tagen eröffnet")),
    ],
)  # fmt: skip
def test_the_lanes_are_told_in_words_and_what_they_lack(lang, says) -> None:
    text = Checker(render_account(report(lang, evidence=EVIDENCE))).text
    for words in says:
        assert words in text


@pytest.mark.parametrize("lang", LANGS)
def test_the_legend_names_what_is_drawn(lang) -> None:
    kinds = report(lang, evidence=EVIDENCE).time_line.kinds
    assert kinds == ("detractor", "answered", "silent", "pending", "term", "waiting", "settled", "action")
    plain = report(lang, evidence=evidence_of(open_loops=None, surveys=None)).time_line
    assert plain.kinds == () and plain.cut == ""


def test_invitations_that_were_answered_stand_at_the_day_they_were_sent() -> None:
    chart = time_line(EVIDENCE, 760)
    (sent,) = chart.answered
    (answered,) = (mark.x for mark in chart.marks if mark.kind == "detractor")
    assert answered - sent == pytest.approx((chart.right - chart.left) / 24 / 31), "a day later, in a March"
    assert date.fromisoformat(EVIDENCE["surveys"]["rows"][2]["sent_at"][:10]) == date(2025, 3, 1)
