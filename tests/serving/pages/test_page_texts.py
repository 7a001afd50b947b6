"""The texts of the pages: every one that is named is there in both languages, and every one that is there is named."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from serving.words.formats import LANGS
from serving.words.wording import screen_texts

PAGES = Path(__file__).parents[3] / "serving" / "pages"
#: Say why a score moved, and why that cannot be told; what a portfolio holds; what a report on paper has beside.
ELSEWHERE = ("words/movement_words.py", "scoring/movement.py", "store/book_movement.py", "portfolio/*.py",
             "programme/*.py", "renewals/*.py", "printing/*.py", "reports/*.py", "reports/templates/*.j2")  # fmt: skip
#: Sections whose texts are named by a code, not by a template.
BY_CODE = {"sorts", "threats", "actions", "trouble", "kinds", "verdicts", "said", "families"}


def flat(texts: Any) -> dict[str, str]:
    return {f"{section}.{name}": text for section, entries in texts.items() for name, text in entries.items()}


def figures_of(text: str) -> list[str]:
    return sorted(field for _, field, _, _ in Formatter().parse(text) if field)


def test_both_languages_have_the_same_texts_with_the_same_figures() -> None:
    german, english = (flat(screen_texts(lang)) for lang in LANGS)
    assert set(german) == set(english) and all(german.values()) and all(english.values())
    for name, text in german.items():
        assert figures_of(text) == figures_of(english[name]), name
    same = {name for name, text in german.items() if text == english[name]}
    assert same <= {"frame.product", "sorts.name"}, "a text that nobody has translated"


@pytest.mark.parametrize("lang", LANGS)
def test_every_text_is_named_somewhere_and_every_name_has_a_text(lang: Any) -> None:
    templates = "".join(path.read_text("utf-8") for path in PAGES.glob("templates/*.j2"))
    others = [path for name in ELSEWHERE for path in PAGES.parent.glob(name)]
    code = "".join(path.read_text("utf-8") for path in (*PAGES.glob("*.py"), *others))
    texts = flat(screen_texts(lang))
    named = set(re.findall(r"words\.(\w+\.\w+)", templates.replace(".format", "")))
    assert named <= set(texts), f"no text in {lang} for {sorted(named - set(texts))}"
    unused = {
        name for name in set(texts) - named
        if name.partition(".")[0] not in BY_CODE and not is_in_code(name.partition(".")[2], code)
    }  # fmt: skip
    assert not unused


def is_in_code(name: str, code: str) -> bool:
    """Whether code has a text's name, or puts it together from a part and a value."""
    before, _, after = name.partition("_")
    return f'"{name}"' in code or f'"{before}_{{' in code or f'}}_{after}"' in code
