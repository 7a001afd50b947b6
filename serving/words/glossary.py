"""Values of a book in the reader's language: our glossary, with the user's entries over it.

The user's file is the setting `CHURN_RISK_GLOSSARY`. A value without an entry stays as it stands in the book.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from serving.glossary_file import SUBJECTS, Entries, folded, parse_entries, read_entries
from serving.settings import ServiceSettings
from serving.words.formats import Lang


@dataclass(frozen=True)
class Glossary:
    """What values are called, by subject, value and language."""

    entries: Entries

    def say(self, subject: str, value: str, lang: Lang) -> str:
        """Return what a value of a subject is called; the value itself where no entry names it.

        Raises
        ------
        KeyError
            When there is no such subject.
        """
        return self.entries[subject].get(folded(value), {}).get(lang, value)


def merged(ours: Entries, theirs: Entries) -> Entries:
    """Return entries of which those of `theirs` replace those of `ours`, language by language."""
    return {
        subject: {
            value: {**ours.get(subject, {}).get(value, {}), **theirs.get(subject, {}).get(value, {})}
            for value in {**ours.get(subject, {}), **theirs.get(subject, {})}
        }
        for subject in SUBJECTS
    }


@cache
def glossary() -> Glossary:
    """Return the glossary, read once in a process; raises InputError when the user's file is wrong."""
    text = files("serving.words").joinpath("locales", "glossary.toml").read_text(encoding="utf-8")
    path = ServiceSettings().glossary
    return Glossary(merged(parse_entries(text, "glossary.toml"), read_entries(path) if path else {}))
