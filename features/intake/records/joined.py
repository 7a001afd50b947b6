"""The stored parts become the tables of the book: ids of accounts made one, versions and lines made records.

In: `StoredPart`s, and the links of the crosswalk. Out: a table `book_NAME` in DuckDB for each table of the contract
that a part fills. Rows that fall out here get their reason in the stored part, so that the report can add them up.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from features.intake.language.mapping_model import CURRENCY, IDENTITIES, Mapping
from features.intake.language.typed_sql import TYPES, quoted
from features.intake.records.one_record import leave_out_repeats, of_state, record_key
from features.intake.records.several_rows import merged_sql, summed_sql
from features.intake.records.stored_part import ABSORBED, FILE, REASON, ROW, StoredPart
from features.schema import Kind
from features.tables import TABLES

MERGED = "merged into another record"
UNLINKED = "its account has no confirmed pair in the crosswalk"
NO_CUSTOMER = "its account is no customer: no invoice, and no day since when it is one"
LOOSE = "of a record that is not there"
#: Before a domain: the id that stands for every address there.
ANY = "*@"
#: How often a merge of a merge is followed.
MERGES = 20


def any_address(column: str) -> str:
    """Return the SQL of the id that stands for every address of the domain of an address."""
    return f"({quoted(ANY)} || lower(trim(split_part({column}, '@', -1))))"


def ids_in(column: str) -> str:
    """Return the SQL of the ids in a list such as `76340251;46897301` or `[1967, 1968]`, a row each; `7:1661` is 7."""
    return f"unnest(regexp_split_to_array(trim(regexp_replace({column}, ':\\d+', '', 'g'), '[] '), '[;,\\s]+'))"


class Joining:
    """Makes the tables of one book. `links` is a table (system, id, account_id) of confirmed pairs.

    Parameters
    ----------
    connection : DuckDBPyConnection
    mapping : Mapping
    parts : sequence of StoredPart
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, mapping: Mapping, parts: Sequence[StoredPart]) -> None:
        self.connection, self.mapping, self.parts = connection, mapping, parts
        self._all_billed = False

    def of(self, table: str) -> list[StoredPart]:
        """Return the parts of a table."""
        return [part for part in self.parts if part.table == table]

    def follow_merges(self) -> None:
        """Give each row the id of the record that its own was merged into, and leave the merged records out."""
        self.connection.execute("CREATE TABLE merged (system VARCHAR, id VARCHAR, survivor VARCHAR)")
        for part in (*self.of(IDENTITIES), *self.of("accounts")):
            self._collect_merges(part)
        self._settle_merges()
        for part in self.parts:
            if part.part.absorbed is not None and part.table not in ("accounts", IDENTITIES):
                self._leave_out_absorbed(part)
        (some,) = self.connection.execute("SELECT count(*) FROM merged").fetchone() or (0,)
        if some:
            for part in self.parts:
                self._to_survivors(part)

    def _collect_merges(self, part: StoredPart) -> None:
        key = "id" if part.table == IDENTITIES else "account_id"
        system = quoted(part.part.system or "")
        lists = [ABSORBED] if part.part.absorbed is not None else []
        for column in [*lists, *(["absorbed"] if "absorbed" in part.columns else [])]:
            self.connection.execute(
                f"INSERT INTO merged SELECT {system}, {ids_in(column)}, {key} FROM {part.stored} "
                f"WHERE {column} IS NOT NULL"
            )
        if "survivor" in part.columns:
            self.connection.execute(
                f"INSERT INTO merged SELECT {system}, {key}, survivor FROM {part.stored} WHERE survivor IS NOT NULL"
            )

    def _settle_merges(self) -> None:
        """Follow merges of merges to the last survivor."""
        self.connection.execute("DELETE FROM merged WHERE id = survivor OR id = ''")
        for _ in range(MERGES):
            changed = self.connection.execute(
                "UPDATE merged SET survivor = later.survivor FROM merged AS later WHERE merged.system = later.system "
                "AND merged.survivor = later.id AND merged.survivor <> later.survivor RETURNING 1"
            ).fetchall()
            if not changed:
                break

    def _leave_out_absorbed(self, part: StoredPart) -> None:
        (key,) = TABLES[part.table].key[:1]
        self.connection.execute(
            f"UPDATE {part.rows} SET {REASON} = {quoted(MERGED)} WHERE {REASON} IS NULL AND {key} IN (SELECT "
            f"{ids_in(ABSORBED)} FROM {part.stored} "
            f"WHERE {ABSORBED} IS NOT NULL)"
        )

    def _to_survivors(self, part: StoredPart) -> None:
        system = quoted(part.part.system or "")
        of_merge = f"FROM merged WHERE merged.system = {system} AND merged.id = {part.rows}."
        if part.table in ("accounts", IDENTITIES):
            key = "id" if part.table == IDENTITIES else "account_id"
            self.connection.execute(
                f"UPDATE {part.rows} SET {REASON} = {quoted(MERGED)} {of_merge}{key} AND {REASON} IS NULL"
            )
        elif "account_id" in part.columns:
            self.connection.execute(f"UPDATE {part.rows} SET account_id = merged.survivor {of_merge}account_id")

    def link_accounts(self) -> None:
        """Give each row of another system the account id of the master; one without a confirmed pair is left out."""
        master = self.mapping.book.master
        for part in self.parts:
            system = part.part.system
            if master is None or system in (None, master) or "account_id" not in part.columns:
                continue
            pairs = f"FROM links WHERE links.system = {quoted(str(system))} AND links.id = "
            account, whole = f"{part.rows}.account_id", any_address(f"{part.rows}.account_id")
            # An address stands above its domain, which is paired once for everybody there.
            self.connection.execute(
                f"UPDATE {part.rows} SET account_id = {whole} WHERE {REASON} IS NULL AND contains(account_id, '@') "
                f"AND NOT EXISTS (SELECT 1 {pairs}{account}) AND EXISTS (SELECT 1 {pairs}{whole})"
            )
            self.connection.execute(
                f"UPDATE {part.rows} SET {REASON} = {quoted(UNLINKED)} WHERE {REASON} IS NULL AND NOT EXISTS "
                f"(SELECT 1 {pairs}{account})"
            )
            # A record whose key is its account is found again by it where a state leaves it out.
            told = f"({REASON} IS NULL OR {of_state(part)})" if "account_id" in part.key else f"{REASON} IS NULL"
            self.connection.execute(f"UPDATE {part.rows} SET account_id = links.account_id {pairs}{account} AND {told}")

    def make_tables(self) -> list[str]:
        """Make `book_NAME` of every table that parts fill, accounts by invoices too; return their names."""
        names = [name for name in TABLES if name != "accounts" and self.of(name) and not self.is_lost(name)]
        for name in names:
            for part in self.of(name):
                if part.part.many == "merge":
                    self._leave_out_loose(part)
                leave_out_repeats(self.connection, part)
        sources = self.mapping.book.customers_by if self.mapping.book.accounts_of_invoices else ()
        if self.of("accounts") or any(self.of(table) for table in sources):
            self._make_accounts()
            (some,) = self.connection.execute("SELECT count(*) FROM book_accounts").fetchone() or (0,)
            for part in self.parts:
                # Without a single customer, the other tables are no book: they stay as they are.
                if part.table == "accounts" or (some and part.table in names):
                    self._leave_out_strangers(part)
            names = [name for name in names if not self.is_lost(name)]
            names = ["accounts", *names] if some else names
        for name in names:
            if name != "accounts":
                self._make(name)
        return names

    def ordered(self) -> frozenset[str]:
        """Return the tables whose rows are known to stand in the order of their keys, none of which repeats."""
        return frozenset(
            name for name in TABLES if len(self.of(name)) == 1 and self.of(name)[0].rising == {*TABLES[name].key}
        )

    def is_lost(self, table: str) -> bool:
        """Return whether no row of a table is of an account of the book: an empty one means "none", no table "unknown".

        The crosswalk lacks their pairs, or their accounts are none of those that the book has.
        """
        if any(part.keeps_some(self.connection) for part in self.of(table)):
            return False
        lost = f"{REASON} IN ({quoted(UNLINKED)}, {quoted(NO_CUSTOMER)})"
        return any(
            self.connection.execute(f"SELECT 1 FROM {part.rows} WHERE {lost} LIMIT 1").fetchall()
            for part in self.of(table)
        )

    def _leave_out_loose(self, part: StoredPart) -> None:
        """Leave out what is told of records that no other part has, or has left out."""
        key = record_key(part)
        others = " UNION ALL ".join(
            f"SELECT {key} FROM {each.stored} WHERE {REASON} IS NULL"
            for each in self.of(part.table)
            if each.part.many != "merge"
        )
        where = f"AND {key} NOT IN ({others})" if others else ""
        self.connection.execute(f"UPDATE {part.rows} SET {REASON} = {quoted(LOOSE)} WHERE {REASON} IS NULL {where}")

    def _make_accounts(self) -> None:
        """Make one row an account: the first that is known of each column, in the order of the parts."""
        columns = {name: kind for part in self.of("accounts") for name, kind in part.columns.items()}
        columns |= {"account_id": Kind.TEXT, "customer_since": Kind.DATE}
        known = self._united("accounts", columns) if self.of("accounts") else _empty(columns)
        firsts = ", ".join(
            f'first("{name}" ORDER BY _part, {FILE}, {ROW}) FILTER ("{name}" IS NOT NULL) AS "{name}"'
            for name in columns
            if name != "account_id"
        )
        billed = self._first_days()
        side = "FULL" if self.mapping.book.accounts_of_invoices else "LEFT"
        others = "".join(f', a."{name}"' for name in columns if name not in ("account_id", "customer_since"))
        self.connection.execute(
            f"CREATE TABLE book_accounts AS WITH a AS (SELECT account_id, {firsts} FROM ({known}) "
            f"GROUP BY account_id), b AS ({billed}) SELECT coalesce(a.account_id, b.account_id) AS account_id{others}, "
            f"coalesce(a.customer_since, b.first) AS customer_since, a.account_id IS NULL AS _billed_only "
            f"FROM a {side} JOIN b ON a.account_id = b.account_id"
        )
        dateless = self.connection.execute("DELETE FROM book_accounts WHERE customer_since IS NULL RETURNING 1")
        self._all_billed = not dateless.fetchall() and self.mapping.book.accounts_of_invoices

    def _first_days(self) -> str:
        """Return the SQL of the accounts that invoices or contracts name, with the first day of each."""
        firsts = {
            "invoices": "coalesce(min(invoiced_on) FILTER (amount > 0), min(invoiced_on))",
            "contracts": "min(starts_on)",
        }  # fmt: skip
        selects = ["SELECT NULL::VARCHAR AS account_id, NULL::DATE AS first WHERE false"]
        for table in self.mapping.book.customers_by:
            if self.of(table):
                rows = self._united(table, dict(self.of(table)[0].columns))
                selects.append(f"SELECT account_id, {firsts[table]} FROM ({rows}) GROUP BY account_id")
        return f"SELECT account_id, min(first) AS first FROM ({' UNION ALL '.join(selects)}) GROUP BY account_id"

    def _leave_out_strangers(self, part: StoredPart) -> None:
        if self._all_billed and part.table in self.mapping.book.customers_by:
            return  # Its accounts are customers by its own rows.
        self.connection.execute(
            f"UPDATE {part.rows} SET {REASON} = {quoted(NO_CUSTOMER)} WHERE {REASON} IS NULL AND account_id NOT IN "
            "(SELECT account_id FROM book_accounts WHERE account_id IS NOT NULL)"
        )

    def _united(self, table: str, columns: dict[str, Kind]) -> str:
        """Return the SQL of the rows that are kept of all parts of a table."""
        selects = []
        for place, part in enumerate(self.of(table)):
            listed = ", ".join(
                f'"{name}"' if name in part.columns else f'CAST(NULL AS {TYPES[kind]}) AS "{name}"'
                for name, kind in columns.items()
            )
            selects.append(
                f"SELECT {listed}, {place} AS _part, {FILE}, {ROW} FROM {part.stored} WHERE {REASON} IS NULL"
            )
        return " UNION ALL ".join(selects)

    def _make(self, table: str) -> None:
        declared = [column.name for column in TABLES[table].columns] + [CURRENCY]
        filled = {name: kind for part in self.of(table) for name, kind in part.columns.items()}
        columns = {name: filled[name] for name in declared if name in filled}
        rows, kind = self._united(table, columns), "VIEW"
        if any(part.part.many == "sum" for part in self.of(table)):
            rows, kind = summed_sql(table, columns, rows), "TABLE"
        elif any(part.part.many == "merge" for part in self.of(table)):
            rows, kind = merged_sql(table, columns, rows), "TABLE"
        listed = ", ".join(f'"{name}"' for name in columns)
        self.connection.execute(f"CREATE {kind} book_{table} AS SELECT {listed} FROM ({rows})")


def _empty(columns: dict[str, Kind]) -> str:
    listed = ", ".join(f'CAST(NULL AS {TYPES[kind]}) AS "{name}"' for name, kind in columns.items())
    return f"SELECT {listed}, 0 AS _part, 0 AS {FILE}, 0 AS {ROW} WHERE false"
