"""The crosswalk: which account of one system is which of the master's, as a person has confirmed.

In: `crosswalk.csv` beside the mapping; accounts of the systems with number, VAT id, e-mail, name and town. Out: the
confirmed pairs, and proposals with a score, which count for nothing until a person writes yes into `confirmed`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import duckdb
import pandas as pd

from features.console import written_at_once
from features.csv_files import as_meant, write_csv
from features.errors import InvalidTables, Problem
from features.intake.alike import Party, alike, domain, is_certain
from features.intake.language.mapping_model import IDENTITIES
from features.intake.records.joined import ANY
from features.intake.records.stored_part import REASON, StoredPart
from features.validation.conversion import FLAG_TEXTS
from features.validation.quoting import EXAMPLES

PARTY_COLUMNS = ("name", "town", "vat", "email", "number")


@dataclass(frozen=True)
class Pair:
    """A line of the crosswalk: an account of a system, and the master's that it may be.

    Attributes
    ----------
    score : int
        How much speaks for it, 0 to 100.
    why : str
        What is the same, the best evidence first: number, VAT id, e-mail domain, name.
    confirmed : str
        What a person wrote: yes, no, or nothing yet.
    """

    system: str
    id: str
    name: str
    account_id: str
    account_name: str
    score: int
    why: str
    confirmed: str = ""

    @property
    def is_confirmed(self) -> bool:
        """Whether a person has said yes."""
        return FLAG_TEXTS.get(self.confirmed.strip().lower(), False) or self.confirmed.strip().lower() in ("x", "ja")

    def confirmed_as(self, word: str) -> Pair:
        """Return the pair with what a person says of it."""
        return replace(self, confirmed=word)


COLUMNS = tuple(each.name for each in fields(Pair))


def read_links(path: Path) -> tuple[list[Pair], list[Problem]]:
    """Read a crosswalk; without the file there are no pairs.

    Returns
    -------
    list of Pair, list of Problem
        A problem for a column that lacks, a word in `confirmed` that is neither yes nor no, and an id that is confirmed
        for two accounts.
    """
    if not path.is_file():
        return [], []
    with path.open(encoding="utf-8-sig", newline="") as file:
        start = file.readline()
        file.seek(0)
        reader = csv.DictReader(file, delimiter=";" if start.count(";") > start.count(",") else ",")
        missing = [
            name for name in ("system", "id", "account_id", "confirmed") if name not in (reader.fieldnames or ())
        ]
        if missing:
            return [], [Problem(path.name, name, "the column is required and absent") for name in missing]
        pairs = [_pair(row) for row in reader]
    return pairs, [*_unknown_words(path.name, pairs), *_torn(path.name, pairs)]


def _pair(row: dict[str, str | None]) -> Pair:
    texts = {name: as_meant((row.get(name) or "").strip()) for name in COLUMNS}
    score = texts.pop("score")
    return Pair(**texts, score=int(score) if score.isdigit() else 0)


def _unknown_words(name: str, pairs: Iterable[Pair]) -> list[Problem]:
    words = (*FLAG_TEXTS, "x", "ja", "nein", "")
    wrong = [pair for pair in pairs if pair.confirmed.lower() not in words]
    if not wrong:
        return []
    shown = wrong[:EXAMPLES]
    ids, values = tuple(pair.id for pair in shown), tuple(pair.confirmed for pair in shown)
    return [Problem(name, "confirmed", "neither yes nor no", len(wrong), ids, values)]


def _torn(name: str, pairs: Iterable[Pair]) -> list[Problem]:
    accounts: dict[tuple[str, str], set[str]] = {}
    for pair in pairs:
        if pair.is_confirmed:
            accounts.setdefault((pair.system, pair.id), set()).add(pair.account_id)
    torn = {place: sorted(ids) for place, ids in accounts.items() if len(ids) > 1}
    if not torn:
        return []
    shown = list(torn.items())[:EXAMPLES]
    rule = "confirmed for several accounts"
    return [
        Problem(
            name,
            "account_id",
            rule,
            len(torn),
            tuple(id for (_, id), _ in shown),
            tuple(", ".join(ids) for _, ids in shown),
        )
    ]


def link_table(connection: duckdb.DuckDBPyConnection, pairs: Sequence[Pair]) -> None:
    """Store the confirmed pairs as `links`."""
    connection.execute("CREATE TABLE links (system VARCHAR, id VARCHAR, account_id VARCHAR)")
    rows = sorted({(pair.system, pair.id, pair.account_id) for pair in pairs if pair.is_confirmed})
    if rows:
        connection.executemany("INSERT INTO links VALUES (?, ?, ?)", rows)


def confirm_from(path: Path, least: int) -> tuple[int, int]:
    """Write yes beside the proposals of a crosswalk that a number, an id, a domain or the very name speaks for.

    Parameters
    ----------
    path : Path
    least : int
        The score from which on a pair is confirmed, 0 to 100.

    Returns
    -------
    int, int
        How many pairs are confirmed now, and how many of that score are left to a person: their names are only alike,
        several accounts share the sign, or the id stands beside several accounts.

    Raises
    ------
    InvalidTables
        When the crosswalk is not there, or something in it is wrong.
    """
    if not path.is_file():
        raise InvalidTables([Problem(path.name, "", f"there is no {path}: import once, and it proposes pairs")])
    pairs, problems = read_links(path)
    if problems:
        raise InvalidTables(problems)
    answered = {(pair.system, pair.id) for pair in pairs if pair.is_confirmed}
    high = [pair for pair in pairs if pair.score >= least and not pair.confirmed]
    often = Counter((pair.system, pair.id) for pair in high)
    sure = {
        pair
        for pair in high
        if is_certain(pair.why) and often[pair.system, pair.id] == 1 and (pair.system, pair.id) not in answered
    }
    if sure:
        write_crosswalk(path, [pair.confirmed_as("yes") if pair in sure else pair for pair in pairs])
    return len(sure), len(high) - len(sure)


def propose(
    connection: duckdb.DuckDBPyConnection, master: str, parts: Sequence[StoredPart], pairs: Sequence[Pair]
) -> list[Pair]:
    """Return the pairs that a person may confirm: for each account of another system without an answer, the likeliest.

    Parameters
    ----------
    master : str
        The system whose ids the book bears.
    pairs : sequence of Pair
        What stands in the crosswalk; an id with a confirmed pair is not proposed again, nor a pair that was refused.
        One without an answer is: another import may know more of it.
    """
    parties = _parties(connection, parts, master)
    settled = {(pair.system, pair.id) for pair in pairs if pair.is_confirmed}
    told = {(pair.system, pair.id, pair.account_id) for pair in pairs if pair.confirmed}
    proposals = []
    for system in sorted(set(parties) - {master}):
        others = [party for party in parties[system] if (system, party.id) not in settled]
        for party, account, score, why in alike(others, parties.get(master, [])):
            if (system, party.id, account.id) not in told:
                proposals.append(Pair(system, party.id, party.name, account.id, account.name, score, why))
    return proposals


def _parties(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], master: str) -> dict[str, list[Party]]:
    """Return the accounts of every system, each once; of an account whose system is not said, the master's."""
    found: dict[str, dict[str, Party]] = {}
    # Of two descriptions of an account the one with a name is told last, and stands above the other.
    for part in sorted(parts, key=lambda each: "name" in each.columns):
        if part.table not in (IDENTITIES, "accounts"):
            continue
        key = "id" if part.table == IDENTITIES else "account_id"
        chosen = ", ".join(f"coalesce({name}, '')" if name in part.columns else "''" for name in PARTY_COLUMNS)
        rows = connection.execute(
            f"SELECT {key}, {chosen} FROM {part.stored} WHERE {REASON} IS NULL AND {key} IS NOT NULL ORDER BY 1"
        ).fetchall()
        system = part.part.system or master
        known = found.setdefault(system, {})
        for row in rows:
            party = _of_domain(Party(*row)) if system != master else Party(*row)
            known[party.id] = party.filled(known.get(party.id))
    described = set(found)
    for part in parts:
        system = part.part.system or master
        if system not in described and "account_id" in part.columns:
            # Nothing describes its accounts: the id is all there is, a number or a name.
            rows = connection.execute(
                f"SELECT DISTINCT account_id FROM {part.stored} WHERE {REASON} IS NULL ORDER BY 1"
            ).fetchall()
            only_ids = [_of_domain(Party(row[0], row[0])) for row in rows]
            found.setdefault(system, {}).update({party.id: party for party in only_ids})
    return {system: list(known.values()) for system, known in found.items()}


def _of_domain(party: Party) -> Party:
    """Return the party of a whole domain for somebody who is known by an address there: a pair for all of them."""
    host = domain(party.id) if party.id.count("@") == 1 else ""
    return Party(ANY + host, email=ANY + host) if host else party


def write_crosswalk(path: Path, pairs: Sequence[Pair]) -> None:
    """Write a crosswalk in the place of the old one, by system and id, the likeliest pair first.

    A person opens it in a spreadsheet, so no name of an export may become a formula there.
    """
    ordered = sorted(pairs, key=lambda each: (each.system, each.id, -each.score, each.account_id))
    with written_at_once(path) as scratch:
        write_csv(pd.DataFrame([asdict(pair) for pair in ordered], columns=list(COLUMNS)), scratch)
