"""A signal stands beside the median of the account's segment, where the segment has enough accounts."""

from __future__ import annotations

import pandas as pd
import pytest
from support.reports import MODEL, Checker, report, score_of

from serving.reports.report_html import render_account
from training.making.segments import LEAST_ACCOUNTS, segment_medians


def test_medians_are_those_of_segments_with_enough_accounts() -> None:
    n = LEAST_ACCOUNTS
    signals = pd.DataFrame(
        {
            "account_segment": ["large"] * n + ["small"] * (n - 1) + [None] * n,
            "tenure_days": [float(day) for day in range(n)] + [1.0] * (n - 1) + [2.0] * n,
            "loops_open": [None] + [3.0] * (3 * n - 2),
        }
    )
    found = segment_medians(signals)
    assert list(found) == ["large"]
    assert found["large"].accounts == n
    assert found["large"].signals == {"tenure_days": (n - 1) / 2}, "one account too few has an open loop known"


@pytest.mark.parametrize(
    ("lang", "beside", "note"),
    [
        ("en", "typical 75%, in the segment 50%", "212 accounts in the segment mid as of 1 Jul 2025."),
        ("de", "üblich 75 %, im Segment 50 %", "212 Kunden im Segment mid, Stand 01.07.2025."),
    ],
)
def test_the_segment_stands_beside_the_book(lang, beside, note) -> None:
    text = Checker(render_account(report(lang, score_of(segment="mid")))).text.replace("\u00a0", " ")
    assert beside in text
    assert text.count(note) == 2, "below the steps and above all signals"


@pytest.mark.parametrize("segment", [None, "tiny"])
def test_nothing_is_said_of_no_segment_and_of_one_with_too_few_accounts(segment) -> None:
    found = report("en", score_of(segment=segment))
    assert found.segment_note == "" and "in the segment" not in render_account(found).lower()


def test_a_model_of_an_earlier_version_knows_no_segments() -> None:
    reference = {key: value for key, value in MODEL["reference"].items() if key != "segments"}
    found = report("en", score_of(segment="mid"), model=MODEL | {"reference": reference})
    assert found.segment_note == "" and found.why.steps[1].signals[0].median == "75%"
