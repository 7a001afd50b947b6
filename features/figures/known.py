"""Why a figure is not known at a date: a table is missing or not recorded for the period, or too few are counted.

In: a book. Out: `Unknown.reason`, a sentence or None. What is told by the records is told by those before the date.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property

from features.figures.figure import Figure
from features.figures.programme import YEAR_MONTHS, months_before
from features.matrix import END_SLACK_DAYS
from features.recording import EVENTS, Days, days_of, span_of
from features.tables import HISTORY, Tables

REASONS = {
    "missing": {"en": "table {table} is missing", "de": "Tabelle {table} fehlt"},
    "cut": {
        "en": "the period begins {first}, before {table} is recorded ({since})",
        "de": "der Zeitraum beginnt {first}, bevor {table} erfasst ist ({since})",
    },
    "ended": {"en": "{table} ends {until}", "de": "{table} endet {until}"},
    "invitations": {
        "en": "{table} holds no unanswered invitations",
        "de": "{table} enthält keine unbeantworteten Einladungen",
    },
    "few": {"en": "fewer than {least} counted", "de": "weniger als {least} gezählt"},
    "nothing": {"en": "nothing to compare with", "de": "nichts, womit zu vergleichen wäre"},
    "no_split": {"en": "has no split by {split}", "de": "lässt sich nicht nach {split} gliedern"},
}


class Unknown:
    """Says why a figure of a book is not known.

    Parameters
    ----------
    tables : Tables
        The book.
    months : int
        Length of the period of retention, for which the figures' `months_back` of 12 and 24 stand.
    lang : 'en' or 'de'
    """

    def __init__(self, tables: Tables, months: int = YEAR_MONTHS, lang: str = "en") -> None:
        self.tables, self.months, self.lang = tables, months, lang
        self._kept: dict[tuple[str, date], str | None] = {}

    @cached_property
    def _days(self) -> dict[str, Days]:
        return days_of(self.tables, HISTORY)

    def say(self, code: str, **facts: object) -> str:
        """Return a reason in words."""
        return REASONS[code][self.lang].format(**facts)

    def reason(self, figure: Figure, as_of: date) -> str | None:
        """Return why a figure is known for no group at a date."""
        key = (figure.name, as_of)
        if key not in self._kept:
            self._kept[key] = self._reason(figure, as_of)
        return self._kept[key]

    def of_group(self, figure: Figure, value: float, n: float) -> str | None:
        """Return why a figure is not known for one group."""
        if n < figure.least:
            return self.say("few", least=figure.least)
        return self.say("nothing") if value != value else None

    def _reason(self, figure: Figure, as_of: date) -> str | None:
        for table in figure.needs:
            if table in self.tables.missing:
                return self.say("missing", table=table)
        for table in figure.needs:
            known = self.tables.known[table]
            if "invitations" in figure.relies_on and not known.invitations:
                return self.say("invitations", table=table)
            if known.until is not None and as_of > known.until + timedelta(days=1 + END_SLACK_DAYS):
                return self.say("ended", table=table, until=known.until)
        for table, months in figure.months_back.items():
            first = months_before(as_of, months - YEAR_MONTHS + self.months if figure.over_period else months)
            since = self._since(table, as_of)
            if since is not None and first < since:
                return self.say("cut", table=table, first=first, since=since)
        return None

    def _since(self, table: str, as_of: date) -> date | None:
        """Return the day from which a table is recorded, as far as it was known at as_of."""
        said = self.tables.known[table].since
        if said is not None:
            return said
        days = self._days[table].until(as_of - timedelta(days=1))
        span = span_of(days, table in EVENTS)
        return None if span is None else span.first
