"""Files that are of different clients: their account numbers begin anew in each ledger, and would be merged.

In: the sources, which name the cells above the rows that must agree (`same`), and their open files. Out: each such cell
that does not, with what each file says. Sources whose accounts are of one system are held against each other, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from features.errors import Problem
from features.intake.files.reading import OpenFile
from features.intake.language.mapping_model import SourceFiles
from features.validation.quoting import EXAMPLES

REMEDY = (
    "One number is another customer in each, and their rows would be merged, as those of {merged}: import each into a "
    "book of its own. Where they belong into one, put {cell} first into a join at the ids of accounts and of records, "
    "and take `same` away; where it is one ledger all the same, only take `same` away"
)


@dataclass(frozen=True)
class Apart:
    """Files of one system that say something else in a cell that must agree.

    Attributes
    ----------
    system : str
    cell : str
        The name of the cell, and `place`, where it stands.
    numbers : mapping of str to sequence of str
        What is said, with the files that say so.
    """

    system: str
    cell: str
    place: str
    numbers: Mapping[str, Sequence[str]]

    def problem(self, merged: str) -> Problem:
        """Return what is wrong where `merged`, a number, is that of several customers."""
        return Problem(self.system, self.cell, f"{self._told()}. {REMEDY.format(cell=self.place, merged=merged)}")

    def doubt(self) -> Problem:
        """Return what may mislead where no customer's number is in the files of two."""
        rule = f"{self._told()}; no customer's number is in both, so they stand beside each other in one book"
        return Problem(self.system, self.cell, rule)

    def _told(self) -> str:
        shown = "; ".join(f"{number} in {_named(files)}" for number, files in self.numbers.items())
        return f"the files are of different ones: {shown}"


def different_clients(
    sources: Mapping[str, SourceFiles], systems: Mapping[str, str | None], opened: Mapping[str, Sequence[OpenFile]]
) -> Iterator[Apart]:
    """Yield each cell that must be the same in all files of a system and is not; empty cells say nothing.

    Parameters
    ----------
    sources : mapping of str to SourceFiles
    systems : mapping of str to str or None
        Whose account ids the rows of each source have.
    opened : mapping of str to sequence of OpenFile
        The files of each source that was read.
    """
    told: dict[tuple[str | None, str], dict[str, list[str]]] = {}
    cells = {name: cell for source in sources.values() for name, cell in source.same.items()}
    for source, files in opened.items():
        for name, cell in sources[source].same.items():
            values = told.setdefault((systems.get(source), name), {})
            for file in files:
                number = (file.head.cell(cell) or "").strip().lstrip("0")
                if number:
                    values.setdefault(number, []).append(file.name)
    for (system, name), values in told.items():
        if len(values) > 1:
            place = f"{{ cell = {{ row = {cells[name].row}, column = {cells[name].column} }} }}"
            yield Apart(system or "sources", name, place, values)


def _named(files: Sequence[str]) -> str:
    return ", ".join(files[:EXAMPLES]) + (", ..." if len(files) > EXAMPLES else "")
