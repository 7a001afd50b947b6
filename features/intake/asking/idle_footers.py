"""Patterns of footers that match no line: then a sum below the rows may have been counted as a record.

In: the mapping's sources, and the patterns that matched. Out: a warning each. Those that the presets bring are passed
over: they name the lines of every language and version of a system, of which a file has few.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from features.errors import Problem
from features.intake.asking.presets import presets
from features.intake.language.mapping_model import SourceFiles


def idle_footers(sources: Mapping[str, SourceFiles], matched: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Yield a warning for each pattern of a source that matches no line of its files.

    Parameters
    ----------
    sources : mapping of str to SourceFiles
    matched : mapping of str to collection of str
        By source that was read, the patterns that some line matches.
    """
    usual = {pattern for preset in presets() for pattern in preset.reader("").footer}
    for name, patterns in matched.items():
        for pattern in sources[name].footer:
            if pattern not in patterns and pattern not in usual:
                text = (
                    f"no line matches {pattern!r}, so nothing is left out by it: a match begins in the first cell of "
                    "the line, whose cells stand without quotes; is a sum counted as a record?"
                )
                yield Problem(f"sources.{name}", "footer", text)
