"""Why a figure is not known at a date: a table is missing or not recorded for the period, or too few are counted.

In: a book. Out: `Unknown.reason`, a `Because` or None, which `Because.told` puts in words. What is told by the records
is told by those before the date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from features.figures.estimates import COURSE, Estimates
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
    "anonymous": {
        "en": "anonymous answers show only among {least} or more",
        "de": "anonyme Antworten werden erst ab {least} Antworten gezeigt",
    },
    "nothing": {"en": "nothing to compare with", "de": "nichts, womit zu vergleichen wäre"},
    "nobody": {"en": "no account at this date", "de": "kein Kunde zu diesem Stichtag"},
    "not_stored": {
        "en": "not stored with this scoring run",
        "de": "mit diesem Bewertungslauf nicht gespeichert",
    },
    "no_run": {"en": "no scores are stored yet", "de": "noch sind keine Bewertungen gespeichert"},
    "no_accounts": {"en": "you see no account of this run", "de": "Sie sehen keinen Kunden dieses Laufs"},
    "no_manager": {
        "en": "you see no account of this run with the account manager asked for",
        "de": "Sie sehen keinen Kunden dieses Laufs mit dem gefragten Betreuer",
    },
    "not_scored": {
        "en": "it stands on the estimates of a scoring run, which has none for this date",
        "de": "beruht auf den Schätzungen eines Bewertungslaufs, und für diesen Stichtag gibt es keine",
    },
    "not_read": {
        "en": "it stands on the estimates of a scoring run, and none was read here; the page of figures has it of the "
        "newest stored run",
        "de": "beruht auf den Schätzungen eines Bewertungslaufs, und hier wurde keiner gelesen; die Seite der "
        "Kennzahlen hat sie vom neuesten gespeicherten Lauf",
    },
    "not_estimated": {
        "en": "the model of this run does not estimate the course over time or the expected decline",
        "de": "das Modell dieses Laufs schätzt den Verlauf über die Zeit oder den erwarteten Rückgang nicht",
    },
    "no_course": {
        "en": "the model of this run does not estimate the course over time",
        "de": "das Modell dieses Laufs schätzt den Verlauf über die Zeit nicht",
    },
    "no_decline": {
        "en": "the model of this run does not estimate the expected decline",
        "de": "das Modell dieses Laufs schätzt den erwarteten Rückgang nicht",
    },
    "several": {
        "en": "of several account managers together only sums are known; ask for one of them",
        "de": "von mehreren Betreuern zusammen sind nur Summen bekannt; nach einem von ihnen fragen",
    },
    "no_split": {"en": "has no split by {split}", "de": "lässt sich nicht nach {split} gliedern"},
}


@dataclass(frozen=True)
class Because:
    """Why a figure is not known, to be told in either language: a code of `REASONS`, and what its sentence names."""

    code: str
    facts: tuple[tuple[str, str], ...] = ()

    def told(self, lang: str) -> str:
        """Return the reason in words."""
        return REASONS[self.code][lang].format(**dict(self.facts))


def because(code: str, **facts: object) -> Because:
    """Return a reason with what its sentence names."""
    return Because(code, tuple((name, str(fact)) for name, fact in facts.items()))


class Unknown:
    """Says why a figure of a book is not known.

    Parameters
    ----------
    tables : Tables
        The book.
    months : int
        Length of the period of retention, for which the figures' `months_back` of 12 and 24 stand.
    estimates : Estimates, optional
        What a scoring run estimates.
    """

    def __init__(self, tables: Tables, months: int = YEAR_MONTHS, estimates: Estimates | None = None) -> None:
        self.tables, self.months, self.estimates = tables, months, estimates
        self._kept: dict[tuple[str, date], Because | None] = {}

    @cached_property
    def _days(self) -> dict[str, Days]:
        return days_of(self.tables, HISTORY)

    def reason(self, figure: Figure, as_of: date) -> Because | None:
        """Return why a figure is known for no group at a date."""
        key = (figure.name, as_of)
        if key not in self._kept:
            self._kept[key] = self._reason(figure, as_of)
        return self._kept[key]

    def of_group(self, figure: Figure, value: float, n: float, shown_from: int = 0) -> Because | None:
        """Return why a figure is not known for one group; `shown_from`: so many answers anonymous ones show among."""
        if shown_from:
            return because("anonymous", least=shown_from)
        if n < figure.least:
            return because("few", least=figure.least)
        return because("nothing") if value != value else None

    def _reason(self, figure: Figure, as_of: date) -> Because | None:
        for table in figure.needs:
            if table in self.tables.missing:
                return because("missing", table=table)
        for table in figure.needs:
            known = self.tables.known[table]
            if "invitations" in figure.relies_on and not known.invitations:
                return because("invitations", table=table)
            if known.until is not None and as_of > known.until + timedelta(days=1 + END_SLACK_DAYS):
                return because("ended", table=table, until=known.until)
        for table, months in figure.months_back.items():
            first = months_before(as_of, months - YEAR_MONTHS + self.months if figure.over_period else months)
            since = self._since(table, as_of)
            if since is not None and first < since:
                return because("cut", table=table, first=first, since=since)
        return self._not_estimated(figure, as_of) if figure.estimates else None

    def _not_estimated(self, figure: Figure, as_of: date) -> Because | None:
        if self.estimates is None:
            return because("not_read")
        if self.estimates.as_of != as_of:
            return because("not_scored")
        if self.estimates.has(figure.estimates):
            return None
        return because("no_decline" if self.estimates.has(COURSE) else "no_course")

    def _since(self, table: str, as_of: date) -> date | None:
        """Return the day from which a table is recorded, as far as it was known at as_of."""
        said = self.tables.known[table].since
        if said is not None:
            return said
        days = self._days[table].until(as_of - timedelta(days=1))
        span = span_of(days, table in EVENTS)
        return None if span is None else span.first
