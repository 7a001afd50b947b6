"""The page of signals has every signal as it is declared."""

from __future__ import annotations

import re
from pathlib import Path

from features.signal import all_signals, signal_names
from training.registry.signal_page import signal_page

PAGE = Path(__file__).parents[3] / "docs" / "signals.md"


def test_the_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == signal_page()
    assert re.findall(r"^- \*\*`(\w+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == list(signal_names())


def test_every_signal_says_what_it_is() -> None:
    assert [signal.name for signal in all_signals() if not signal.expression.__doc__] == []
