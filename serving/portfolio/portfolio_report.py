"""The report of a portfolio: what the store found goes in, a complete HTML document comes out, for screen or paper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.engine import Connection

from serving.portfolio.portfolio_head import Head, head_of
from serving.portfolio.portfolio_lines import Line, lines_of
from serving.portfolio.portfolio_query import Found, read_portfolio
from serving.portfolio.wanted import BANDS, SORTS, Wanted
from serving.reports.report_html import rendered
from serving.store.whose import Whose, names_of
from serving.words.formats import Formats, Lang
from serving.words.wording import page_texts, screen_texts

#: Most accounts that a report lists: they fill a dozen pages, and nobody calls more before the next run.
LISTED = 100


@dataclass(frozen=True)
class PortfolioReport:
    """A portfolio in words.

    Attributes
    ----------
    lang : 'de' or 'en'
    title, kind : str
    chosen : tuple of str
        Whose accounts, by which filters and in which order, as far as it is not the usual.
    head : Head
    bands : tuple of (label, number)
        All accounts by band.
    lines : tuple of Line
        The accounts listed.
    counted : str
        How many they are, of how many.
    model, footer : str
    """

    lang: Lang
    title: str
    kind: str
    chosen: tuple[str, ...]
    head: Head
    bands: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    counted: str
    model: str
    footer: str


@dataclass(frozen=True)
class Listed:
    """A report, of which date, of how many accounts, and the ids of those that it lists, in its order."""

    report: PortfolioReport
    as_of: date
    accounts: int
    account_ids: tuple[str, ...]


def read_report(connection: Connection, whose: Whose, wanted: Wanted, lang: Lang, today: date) -> Listed | None:
    """Return the report of the newest run with the rows that it lists; None while no run is published.

    Parameters
    ----------
    whose : str, sequence of str or None
        The account managers whose accounts alone it is about: a reader's own, or the one chosen. None: all.
    today : date
        From then on a step that was due before is overdue.
    """
    found = read_portfolio(connection, whose, replace(wanted, page=1), LISTED)
    if found.run is None:
        return None
    account_ids = tuple(row["account_id"] for row in found.rows)
    return Listed(
        portfolio_report(found, whose, wanted, lang, today), found.run.as_of, found.sums.accounts, account_ids
    )


def portfolio_report(found: Found, whose: Whose, wanted: Wanted, lang: Lang, today: date) -> PortfolioReport:
    """Return the report of what the store found, of a published run.

    Parameters
    ----------
    whose : str, sequence of str or None
        The account managers whose accounts alone were looked for.
    today : date
        From then on a step that was due before is overdue.
    """
    assert found.run is not None
    words, texts, formats = screen_texts(lang), page_texts(lang), Formats(lang, found.sums.currency)
    paper, page = words["paper"], texts["page"]
    total, listed = formats.number(found.sums.accounts), formats.number(len(found.rows))
    counted = paper["all" if found.sums.accounts == len(found.rows) else "first"].format(n=listed, total=total)
    trained, version = found.run.model.get("trained_at"), found.run.model_version
    model = page["model" if trained else "model_plain"].format(version=version, day=trained and formats.day(trained))
    return PortfolioReport(
        lang=lang,
        title=paper["title"].format(day=formats.long_day(found.run.as_of)),
        kind=paper["kind"],
        chosen=_chosen(whose, wanted, lang),
        head=head_of(found, lang, today),
        bands=tuple((texts["bands"][band], formats.number(found.counts.get(band, 0))) for band in BANDS),
        lines=lines_of(found, lang, today),
        counted=counted if found.rows else words["portfolio"]["no_match"],
        model=model,
        footer=paper["footer"].format(day=formats.day(found.run.scored_at)),
    )


def render_portfolio(report: PortfolioReport, paper: bool = False) -> str:
    """Return a portfolio's report as a complete HTML5 document."""
    words = screen_texts(report.lang)
    return rendered("portfolio_report.html.j2", report.lang, paper, report=report, words=words)


def _chosen(whose: Whose, wanted: Wanted, lang: Lang) -> tuple[str, ...]:
    readers = ", ".join(names_of(whose) or ())
    words, bands = screen_texts(lang), page_texts(lang)["bands"]
    filters = words["filters"]
    said = (
        readers and words["frame"]["reader"].format(name=readers),
        wanted.manager and wanted.manager != readers and f"{filters['manager']}: {wanted.manager}",
        wanted.unmanaged and filters["unmanaged"],
        wanted.band and f"{words['columns']['risk']}: {bands[wanted.band]}",
        wanted.threat and f"{filters['threat']}: {words['threats'][wanted.threat]}",
        wanted.q and f"{filters['search']}: {wanted.q}",
        wanted.todo and words["paper"]["waiting"],
        wanted.ending and filters["ending"],
        wanted.unheard and filters["unheard"],
        wanted.sort != SORTS[0] and f"{filters['sort']}: {words['sorts'][wanted.sort]}",
    )
    return tuple(str(each) for each in said if each)
