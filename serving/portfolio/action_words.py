"""What the best action of an account is expected to bring, or why there is none, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.words.formats import Formats


def what_it_brings(row: Mapping[str, Any], formats: Formats, words: Mapping[str, str]) -> str:
    """Return what a row's best action brings; without one, whether it would pay, does not, or is not known.

    The page of an account not at risk says so too when an action would pay (`serving.reports.report_head`).
    """
    profit = formats.money(row["expected_profit"])
    if row["best_action"]:
        return words["brings"].format(profit=profit)
    if row["band"] == "unknown":
        return words["action_unknown"]
    pays = row["band"] == "safe" and row["expected_profit"] > 0
    return words["action_later"].format(profit=profit) if pays else words["no_action"]
