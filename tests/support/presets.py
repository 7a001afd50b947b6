"""A folder of exports goes through `--suggest` and confirmed answers, as a person would take it."""

from __future__ import annotations

from features.intake.asking.suggesting import suggest
from features.intake.import_report import ImportReport
from support.exports import Exports


def imported(exports: Exports, answers: dict[str, str], partial: bool = True) -> ImportReport:
    """Suggest a mapping, answer what it asks and import."""
    made = suggest(exports.folder, ".")
    assert set(made.open_questions) <= set(answers), "a question that nobody expects"
    exports.mapping = exports.folder.parent / "mapping.toml"
    exports.out = exports.folder.parent / "book"
    return exports.book(answered(made.text.replace('folder = "."', 'folder = "exports"'), answers), partial=partial)


def answered(text: str, answers: dict[str, str]) -> str:
    """Return a mapping with answers; one that it does not ask for is passed over."""
    lines = text.splitlines()
    for name, answer in answers.items():
        for place, line in enumerate(lines):
            if line.startswith(f"{name} = "):
                lines[place] = f"{name} = {answer}"
    return "\n".join(lines) + "\n"
