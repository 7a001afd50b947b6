"""The board's monthly report: the newest run's figures and risk go in, a complete HTML document comes out.

It shows stored figures only: what the API has under a name is what stands here under it. It looks back first (what
left, what stayed, what customers say), then ahead (renewals, revenue at risk).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from features.figures.programme import YEAR_MONTHS, months_before
from serving.portfolio.portfolio_head import Head, head_of
from serving.portfolio.portfolio_lines import Line, lines_of
from serving.programme.board_facts import BoardFacts
from serving.programme.figure_sections import BarChart, MonthChart, Row, Telling
from serving.programme.stored_words import in_words
from serving.reports.report_html import rendered
from serving.store.whose import Whose, names_of
from serving.words.figure_words import FigureInWords
from serving.words.formats import Formats, Lang
from serving.words.wording import page_texts, programme_texts, screen_texts

#: What a board asks first, side by side; `{basis}` is what revenue is reckoned from.
FIRST = ("logo_churn", "revenue_churn_{basis}", "grr_{basis}", "nrr_{basis}")
BASES = ("invoiced", "contracted")
OTHER_DEFINITIONS = (
    "logo_churn_with_new", "nrr_with_reactivation_{basis}", "revenue_churn_{other}", "grr_{other}", "nrr_{other}",
    "grr_renewals_due", "nrr_renewals_due", "one_point_more_{basis}",
)  # fmt: skip
MONTHS = (*FIRST, "nps_relationship")
#: Parts of the report after the months: key, the figures of its list, and the family whose sums are drawn.
PARTS: Sequence[tuple[str, tuple[str, ...], str]] = (
    ("voices", ("nps_relationship", "nps_relationship_change", "nps_transactional", "monetised_nps",
                "accounts_contradicting"), "promoters"),
    ("heard", ("response_rate", "customers_heard", "contacts_heard", "decision_makers_heard",
               "customers_never_asked"), ""),
    ("loops", ("loops_closed_48h",), "feedback_loops"),
    ("referrals", ("referral_participation", "referrals_made", "referral_conversion", "referral_revenue",
                   "referral_reward_cost", "promoters_to_ask"), ""),
    ("renewals", ("renewals_due_90d", "renewals_expected_90d", "renewals_due_365d", "renewals_expected_365d",
                  "renewals_overdue"), "renewals_due"),
    ("lifetime", ("lifetime_value", "customers_without_lifetime_value"), "loyalty"),
)  # fmt: skip
DEFINED = (*FIRST, "nps_relationship", "monetised_nps", "loops_closed_48h")


@dataclass(frozen=True)
class Part:
    """A subject: its figures in a list, and the sums that are drawn; `note` says what is not shown."""

    key: str
    title: str
    rows: tuple[Row, ...]
    bars: tuple[BarChart, ...]
    note: str


@dataclass(frozen=True)
class Risk:
    """What the run says of what comes.

    Attributes
    ----------
    lead : str
    head : Head
        The run's date, the model's grade, cautions.
    figures : tuple of (label, value, note)
        What is expected to leave with its interval, and its change since the run before.
    bands : tuple of (label, number)
    threats : tuple of Line
        The key accounts at risk with the most revenue at risk.
    counted : str
        How many these are, and of how many.
    """

    lead: str
    head: Head
    figures: tuple[tuple[str, str, str], ...]
    bands: tuple[tuple[str, str], ...]
    threats: tuple[Line, ...]
    counted: str


@dataclass(frozen=True)
class BoardReport:
    """The report in words.

    Attributes
    ----------
    lang : 'de' or 'en'
    as_of : date
    account_ids : tuple of str
        Accounts that it names.
    title, subject : str
    facts : tuple of str
        Whose accounts, of which months, in which currency.
    absent : str
        Why there are no figures at all; empty where there are some.
    first : tuple of Row
        What a board asks first.
    waterfall : BarChart or None
    lost : str
        What the lost revenue of the waterfall is made of.
    not_drawn : str
        Why there is no waterfall.
    others : tuple of Row
        The same by other definitions.
    months : tuple of MonthChart
    parts : tuple of Part
    risk : Risk
    definitions : tuple of (label, text)
    footer : str
    """

    lang: Lang
    as_of: date
    account_ids: tuple[str, ...]
    title: str
    subject: str
    facts: tuple[str, ...]
    absent: str
    first: tuple[Row, ...]
    waterfall: BarChart | None
    lost: str
    not_drawn: str
    others: tuple[Row, ...]
    months: tuple[MonthChart, ...]
    parts: tuple[Part, ...]
    risk: Risk
    definitions: tuple[tuple[str, str], ...]
    footer: str


def board_report(facts: BoardFacts, whose: Whose, lang: Lang, today: date) -> BoardReport:
    """Return the report of the newest run.

    Parameters
    ----------
    whose : str, sequence of str or None
        The account managers whose accounts alone the facts are of.
    lang : 'de' or 'en'
    today : date
        From then on a step that was due before is overdue.
    """
    texts, run, record = programme_texts(lang)["board"], facts.stored.run, facts.stored.record
    formats = Formats(lang, facts.book.sums.currency if record is None else record["currency"])
    back = _LookingBack({found.figure.name: found for found in in_words(facts.stored, lang)}, formats, texts)
    return BoardReport(
        lang=lang,
        as_of=run["as_of"],
        account_ids=tuple(row["account_id"] for row in facts.threats.rows),
        title=texts["title"].format(day=formats.long_day(run["as_of"])),
        subject=texts["subject"].format(day=formats.long_day(run["as_of"])),
        facts=_facts(whose, run["as_of"], formats, texts),
        absent="" if record else texts["absent"].format(reason=back.reason),
        first=back.rows(FIRST),
        waterfall=back.waterfall(),
        lost=back.lost(),
        not_drawn=texts["not_drawn"].format(reason=back.reason),
        others=back.rows(OTHER_DEFINITIONS),
        months=back.months(),
        parts=back.parts(),
        risk=_risk(facts, lang, today, texts),
        definitions=tuple((row.label, _definition(row, texts)) for row in back.rows(DEFINED)),
        footer=texts["footer"].format(day=formats.day(run["scored_at"].date()), version=run["model_version"]),
    )


def render_board(report: BoardReport, paper: bool = False) -> str:
    """Return the report as a complete HTML5 document, for a screen or for paper."""
    words, texts = screen_texts(report.lang), programme_texts(report.lang)["board"]
    return rendered("board_report.html.j2", report.lang, paper, report=report, words=words, board=texts)


class _LookingBack:
    """The stored figures in words; revenue is reckoned from invoices, or from contracts where only they tell."""

    def __init__(self, by_name: Mapping[str, FigureInWords], formats: Formats, texts: Mapping[str, str]) -> None:
        self._by_name, self._texts = by_name, texts
        self._telling = Telling(formats, screen_texts(formats.lang))
        basis = next((each for each in BASES if by_name[f"nrr_{each}"].now.value is not None), BASES[0])
        self._names = {"basis": basis, "other": next(other for other in BASES if other != basis)}

    @property
    def reason(self) -> str:
        """Why there is no revenue to show; empty where there is."""
        return self._found("revenue_opening_{basis}").now.reason or ""

    def rows(self, chosen: Sequence[str]) -> tuple[Row, ...]:
        return tuple(self._telling.row(self._found(name)) for name in chosen)

    def waterfall(self) -> BarChart | None:
        bars = self._telling.bars("retention", self._by_name)
        return next((chart for chart in bars if chart.key == "waterfall_{basis}".format(**self._names)), None)

    def lost(self) -> str:
        """Return what the lost revenue is made of, by the basis it is reckoned from."""
        return self._texts[{"invoiced": "lost_invoiced", "contracted": "lost_contracted"}[self._names["basis"]]]

    def months(self) -> tuple[MonthChart, ...]:
        lines = (self._telling.line(self._found(name)) for name in MONTHS)
        return tuple(line for line in lines if line is not None)

    def parts(self) -> tuple[Part, ...]:
        return tuple(
            Part(key, self._texts[key], self.rows(chosen), tuple(self._telling.bars(family, self._by_name)),
                 self._texts.get(f"{key}_note", ""))
            for key, chosen, family in PARTS
        )  # fmt: skip

    def _found(self, name: str) -> FigureInWords:
        return self._by_name[name.format(**self._names)]


def _facts(whose: Whose, as_of: date, formats: Formats, texts: Mapping[str, str]) -> tuple[str, ...]:
    first, last = months_before(as_of, YEAR_MONTHS), as_of - timedelta(days=1)
    currency = formats.currency
    return (
        texts["mine"].format(name=", ".join(names)) if (names := names_of(whose)) else texts["whole"],
        texts["period"].format(first=formats.day(first), last=formats.day(last)),
        texts["currency"].format(currency=currency) if currency else texts["no_currency"],
    )


def _risk(facts: BoardFacts, lang: Lang, today: date, texts: Mapping[str, str]) -> Risk:
    formats, bands = Formats(lang, facts.book.sums.currency), page_texts(lang)["bands"]
    head, loss = head_of(facts.book, lang, today), facts.book.sums.loss
    risk, *_, change = head.figures
    within = loss and screen_texts(lang)["sums"]["range"].format(
        low=formats.money(loss.low), high=formats.money(loss.high)
    )
    return Risk(
        lead=texts["risk_lead"].format(day=formats.day(facts.stored.run["as_of"])),
        head=head,
        figures=(
            (risk.label, risk.value, f"{texts['expected']} {within or texts['no_range']}"),
            (change.label, change.value, change.note),
        ),
        bands=tuple((label, formats.number(facts.book.counts.get(band, 0))) for band, label in bands.items()),
        threats=lines_of(facts.threats, lang, today),
        counted=_counted(facts, formats, texts),
    )


def _counted(facts: BoardFacts, formats: Formats, texts: Mapping[str, Any]) -> str:
    sums, listed = facts.threats.sums, len(facts.threats.rows)
    if not sums.accounts:
        return str(texts["no_threats"])
    said = texts["threats_all" if listed == sums.accounts else "threats_first"]
    money = formats.money(sums.revenue_at_risk)
    return str(said.format(n=formats.number(sums.accounts), money=money, listed=formats.number(listed)))


def _definition(row: Row, texts: Mapping[str, str]) -> str:
    return texts["definition"].format(definition=row.definition, source=row.source)
