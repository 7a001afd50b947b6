"""What an import warns of beside the book itself: its mapping, and the records that it takes or leaves out.

In: the stored parts of a mapping that ran well. Out: warnings, as texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from features.intake.asking.gross_amounts import gross_amounts
from features.intake.asking.idle_footers import idle_footers
from features.intake.emptied import stranger_tables
from features.intake.filter_words import strange_words
from features.intake.language.mapping_model import Mapping
from features.intake.records.one_record import contradicted_records
from features.intake.records.several_rows import doubtful_records
from features.intake.records.stored_part import StoredPart


def import_doubts(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, parts: Sequence[StoredPart], names: Sequence[str]
) -> list[str]:
    """Return the warnings of an import whose tables are made, each once.

    Parameters
    ----------
    connection : duckdb connection
        Of the workspace, with the stored parts.
    mapping : Mapping
    parts : sequence of StoredPart
    names : sequence of str
        The tables that the book will have.
    """
    matched: dict[str, set[str]] = {}
    for part in parts:
        matched.setdefault(part.part.source, set()).update(part.matched)
    invoices = [(each.part, [file.head for file in each.files]) for each in parts if each.table == "invoices"]
    strangers = stranger_tables(connection, parts) if "accounts" in names else ()
    doubts = (
        *(doubt for part in parts for doubt in part.doubts), *idle_footers(mapping.sources, matched),
        *strange_words(connection, parts), *gross_amounts(invoices), *strangers,
        *doubtful_records(connection, parts), *contradicted_records(connection, parts),
    )  # fmt: skip
    return list(dict.fromkeys(map(str, doubts)))
