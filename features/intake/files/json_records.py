"""JSON as relations of texts: an object a line, a list of objects, or the answer of an API that holds a list of them.

In: a file. Out: names of columns, a column `a.b` being a field in a field, and the rows as SQL.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from features.intake.language.typed_sql import quoted

#: Objects that are looked at for their fields.
LOOKED_AT = 10_000
#: Fields that records have and the answers of APIs around them have not.
OF_RECORDS = ("id", "key", "Id", "ID")
#: Where an answer says that more follow: Stripe, Zendesk, HubSpot.
MORE = ("$.has_more", "$.next_page", "$.meta.has_more", "$.paging.next.after")


def json_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[list[str], str, bool]:
    """Return the names of the fields of a file, its records as SQL with columns c0, c1, ..., and whether it ends early.

    An answer of an API says itself that more records follow on a further page.
    """
    objects = f"read_json_objects({quoted(str(path))}, format='auto')"
    wrapped, is_cut = _wrapped(connection, objects), False
    if wrapped is not None:
        is_cut = _has_more(connection, objects)
        inner = f"json_extract(json, {quoted(_path(wrapped))})"
        objects = f"(SELECT unnest(CAST({inner} AS JSON[])) AS json FROM {objects})"
    some = f"(SELECT json FROM {objects} LIMIT {LOOKED_AT})"
    found = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) AS k FROM {some} ORDER BY 1").fetchall()
    inner_fields = connection.execute(
        "SELECT DISTINCT key, unnest(json_keys(value)) AS k FROM (SELECT j.key AS key, j.value AS value "
        f"FROM {some} t, json_each(t.json) j WHERE j.type = 'OBJECT') ORDER BY ALL"
    ).fetchall()
    fields = {key: _path(key) for (key,) in found}
    fields |= {f"{outer}.{key}": _path(outer, key) for outer, key in inner_fields}
    cut = ", ".join(
        f"nullif(json_extract_string(json, {quoted(at)}), '') AS c{place}" for place, at in enumerate(fields.values())
    )
    return list(fields), f"(SELECT {cut} FROM {objects})", is_cut


def _has_more(connection: duckdb.DuckDBPyConnection, objects: str) -> bool:
    """Return whether every answer in a file says that more follow: the last page, which says it not, is not there."""
    more = " OR ".join(
        f"coalesce(json_extract_string(json, '{field}'), 'false') NOT IN ('false', 'null', '')" for field in MORE
    )
    row = connection.execute(f"SELECT coalesce(bool_and({more}), false) FROM {objects}").fetchone()
    return bool(row and row[0])


def _wrapped(connection: duckdb.DuckDBPyConnection, objects: str) -> str | None:
    """Return the field in which every object of a file holds its records; None where the objects are the records.

    Answers of APIs, one or several pages of them: `{"tickets": [...], "next_page": ...}`, `{"data": [...]}`.
    """
    rows = connection.execute(
        f"SELECT DISTINCT j.key, j.type, coalesce(json_type(j.value, '$[0]'), '') FROM (SELECT json FROM {objects} "
        f"LIMIT {LOOKED_AT}) t, json_each(t.json) j"
    ).fetchall()
    if {key for key, *_ in rows} & set(OF_RECORDS):
        return None
    lists = {key for key, kind, first in rows if kind == "ARRAY" and first == "OBJECT"}
    return lists.pop() if len(lists) == 1 else None


def _path(*keys: str) -> str:
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in keys)
