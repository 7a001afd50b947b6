"""The texts of digests: both languages have the same ones with the same figures, and each is named somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

from serving.digest.digest import texts
from serving.digest.standing_changes import KINDS, Why

DIGEST = Path(__file__).parents[3] / "serving" / "digest"
#: Texts that are named by a code: the kind of a change, why an account left the list.
BY_CODE = {*(f"changes.{kind}" for kind in KINDS), *(f"gone.{why}" for why in get_args(Why))}


def test_both_languages_have_the_same_texts_and_each_is_used() -> None:
    german, english = (
        {f"{section}.{name}": text for section, entries in texts(lang).items() for name, text in entries.items()}
        for lang in ("de", "en")
    )
    assert set(german) == set(english) and set(german) >= BY_CODE
    for name, text in german.items():
        assert text and (text != english[name] or name == "changes.band")
        assert figures(text) == figures(english[name]) or name.endswith("_one"), name
    code = "".join(path.read_text("utf-8") for path in (*DIGEST.glob("*.py"), *DIGEST.glob("templates/*.j2")))
    named = {name for name in german if re.search(f"""['"]{name.partition(".")[2].removesuffix("_one")}['"]""", code)}
    named |= {name for name in german if f"words.{name}" in code}
    assert set(german) - named - BY_CODE == set()


def figures(text: str) -> list[str]:
    return sorted(field for _, field, _, _ in Formatter().parse(text) if field)
