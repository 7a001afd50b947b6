"""The ledger of digests, in SQLite and PostgreSQL: of two that begin at once one goes on; a failed one begins anew."""

from __future__ import annotations

from datetime import UTC, date, datetime

import sqlalchemy as sa

from serving.database.engine import open_database, writing
from serving.digest.digest_ledger import Begun, Entry, Standing, baseline, begin, drop_old_standings, settle
from serving.digest.digest_tables import STANDINGS

AT = datetime(2026, 1, 7, 9, tzinfo=UTC)
STANDINGS_OF_EVA = [Standing(f"A{number}", "at_risk", False, 0.5, number == 0) for number in range(700)]


def entry(period: str) -> Entry:
    return Entry("Eva \x00", "mail", period, "c" * 64, date(2026, 1, 1), "1")


def test_one_of_two_goes_on(database_url: str) -> None:
    engine = open_database(database_url)

    def begun(period: str = "2026-W02") -> Begun | str:
        with writing(engine) as connection:
            return begin(connection, entry(period), STANDINGS_OF_EVA, AT, again=False)

    first = begun()
    assert isinstance(first, Begun) and begun() == "sending"
    with writing(engine) as connection:
        settle(connection, first.digest_id, "failed", AT)
    assert begun() == first and begun() == "sending", "a failed one is begun anew, in its place"
    with writing(engine) as connection:
        settle(connection, first.digest_id, "sent", AT)
        assert baseline(connection, "Eva \x00", "2026-W02") is None, (
            "of its own week it is not what changes compare with"
        )
    assert begun() == "sent"
    second = begun("2026-W03")
    assert isinstance(second, Begun) and second.digest_id > first.digest_id
    with writing(engine) as connection:
        known = baseline(connection, "Eva \x00", "2026-W04")
        assert known is not None and known.digest_id == first.digest_id, "what may have been sent is no such thing"
        assert [each for each in known.standings.values() if each.listed] == [STANDINGS_OF_EVA[0]]
        drop_old_standings(connection, "Eva \x00", second.digest_id)
        left = connection.execute(sa.select(STANDINGS.c.digest_id).distinct()).scalars().all()
    assert left == [second.digest_id]
    engine.dispose()
