"""The table that the command prints: an interval whose ends are negative is not joined by another dash."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.cli import figure_commands
from features.figures.asking import chosen


@pytest.mark.parametrize(("lang", "said"), [("de", "-11,8 % bis -6,8 %"), ("en", "-11.8 % to -6.8 %")])
def test_the_ends_of_an_interval_are_joined_by_a_word(monkeypatch: pytest.MonkeyPatch, lang: Any, said: str) -> None:
    figure = next(each for each in chosen([]) if each.unit == "share")
    row = {"figure": figure.name, "as_of": date(2026, 1, 1), "split": None, "group": None, "value": -0.09,
           "low": -0.118, "high": -0.068, "n": 5.0, "reason": None}  # fmt: skip
    shown: list[Any] = []
    monkeypatch.setattr(figure_commands, "table", lambda title, heads, lines: shown.extend(lines))
    figure_commands._show(pd.DataFrame([row]), [figure], lang, "")
    assert shown[0][4] == said
