"""What the board's report is made of: the newest run's figures, risk and largest threats, read in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.engine import Connection

from serving.portfolio.portfolio_query import Found, read_portfolio
from serving.portfolio.wanted import Wanted
from serving.store import StoredFigures
from serving.store.figure_tables import read_figures
from serving.store.whose import Whose

#: Threats that are listed.
LARGEST = 5


@dataclass(frozen=True)
class BoardFacts:
    """The newest run as a report needs it.

    Attributes
    ----------
    stored : StoredFigures
        The figures of whom the report is for.
    book : Found
        Sums and counts of all accounts; its rows are not used.
    threats : Found
        Sums of the key accounts at risk, and those with the most revenue at risk.
    """

    stored: StoredFigures
    book: Found
    threats: Found


def read_board(connection: Connection, whose: Whose, as_of: date | None = None) -> BoardFacts | None:
    """Return the newest run's facts of the whole book (None) or of managers' accounts; None while there is no run.

    With `as_of`, those of the newest run of this date.

    One connection in one transaction, so that figures and scores are of the same run.
    """
    stored = read_figures(connection, whose, as_of)
    if stored is None:
        return None
    threats = Wanted(threat="yes", sort="revenue_at_risk")
    book = read_portfolio(connection, whose, Wanted(), 1, as_of)
    return BoardFacts(stored, book, read_portfolio(connection, whose, threats, LARGEST, as_of))
