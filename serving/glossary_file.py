"""A glossary file: what readers call the values that stand in a book, such as "purchasing" or "mid-market".

In: TOML with a table for each subject. Out: texts by subject, value and language. Values are compared without case, and
`_` and `-` count as blanks.

    [role]
    purchasing = { de = "Einkauf", en = "purchasing" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from features.errors import InputError

#: What a glossary may speak of; `serving/words/locales/glossary.toml` has an entry for each of these.
SUBJECTS = (
    "segment", "industry", "role", "ticket_kind", "severity", "topic", "action_kind", "level", "survey_kind", "channel",
    "churn_reason",
)  # fmt: skip
LANGUAGES = ("de", "en")
#: Texts by subject, folded value and language.
Entries = Mapping[str, Mapping[str, Mapping[str, str]]]


def folded(value: str) -> str:
    """Return a value in the form in which values are compared.

    Examples
    --------
    >>> folded("Mid-Market ")
    'mid market'
    """
    return " ".join(value.casefold().replace("_", " ").replace("-", " ").split())


def read_entries(path: Path) -> Entries:
    """Return the entries of a glossary file; raises InputError with everything that is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"glossary {path} cannot be read: {error}") from error
    return parse_entries(text, str(path))


def parse_entries(text: str, name: str) -> Entries:
    """Return the entries of a glossary's text; raises InputError with everything that is wrong in it.

    Parameters
    ----------
    name : str
        What messages call the file.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"glossary {name} is no TOML: {error}") from error
    problems = list(_problems(content))
    if problems:
        raise InputError(f"glossary {name}:\n" + "\n".join(f"- {problem}" for problem in problems))
    return {subject: {folded(value): texts for value, texts in values.items()} for subject, values in content.items()}


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    for subject, values in content.items():
        if subject not in SUBJECTS:
            yield f"[{subject}] is no subject; there are {', '.join(SUBJECTS)}"
        elif not isinstance(values, dict):
            yield f"{subject} = {values!r}: a table of values is expected"
        else:
            yield from _problems_of(subject, values)


def _problems_of(subject: str, values: Mapping[str, Any]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for value, texts in values.items():
        where = f"[{subject}] {value!r}"
        if folded(value) in seen:
            yield f"{where} stands there already as {seen[folded(value)]!r}"
        seen[folded(value)] = value
        if not isinstance(texts, dict):
            yield f"{where} = {texts!r}: texts by language are expected, such as {{ de = ..., en = ... }}"
            continue
        for lang, text in texts.items():
            if lang not in LANGUAGES:
                yield f"{where}: {lang!r} is no language; there are {', '.join(LANGUAGES)}"
            elif not isinstance(text, str) or not text.strip():
                yield f"{where}: {lang} = {text!r} is no text"
