"""The list says of an action what the account's page says: it brings something, would pay later, does not, unknown."""

from __future__ import annotations

import pytest

from serving.portfolio.action_words import what_it_brings
from serving.words.formats import LANGS, Formats, Lang
from serving.words.wording import screen_texts

ROWS = {
    "brings": {"best_action": "call", "band": "at_risk", "expected_profit": 571.0},
    "action_later": {"best_action": None, "band": "safe", "expected_profit": 571.0},
    "no_action": {"best_action": None, "band": "safe", "expected_profit": -571.0},
    "action_unknown": {"best_action": None, "band": "unknown", "expected_profit": 571.0},
}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("key", ROWS)
def test_what_an_action_brings(lang: Lang, key: str) -> None:
    words, formats = screen_texts(lang)["portfolio"], Formats(lang, "EUR")
    assert what_it_brings(ROWS[key], formats, words) == words[key].format(profit=formats.money(571.0))
