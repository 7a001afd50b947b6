"""The list of renewals in words: what the store has goes in, lines come out that a page only has to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.renewals.calls import STAGES, Call, Renewal, Renewals
from serving.words.formats import Formats, Lang
from serving.words.wording import screen_texts

#: Lines of a table; the API has all.
SHOWN = 100


@dataclass(frozen=True)
class CallCell:
    """Both calls at one stage; `tone` is `apart` where they differ, empty texts where there is none."""

    model: str
    manager: str
    run: str
    tone: str


@dataclass(frozen=True)
class RenewalLine:
    """A contract in words; `calls` has a cell for each of `STAGES`."""

    account_id: str
    name: str
    manager: str
    ends: str
    value: str
    expected: str
    leaves: str
    calls: tuple[CallCell, ...]
    disagreed: str


@dataclass(frozen=True)
class RenewalTable:
    """Contracts that end soon, or those that are overdue; `counted` says how many there are where not all are shown."""

    key: str
    title: str
    note: str
    lines: tuple[RenewalLine, ...]
    none: str
    counted: str


def renewal_tables(found: Renewals, lang: Lang) -> tuple[RenewalTable, RenewalTable]:
    """Return the two tables of the newest run."""
    texts, formats = screen_texts(lang)["renewals"], Formats(lang, found.currency)
    return (_table("soon", found.soon, texts, formats), _table("overdue", found.overdue, texts, formats))


def _table(key: str, rows: Sequence[Renewal], texts: Mapping[str, str], formats: Formats) -> RenewalTable:
    total, disagreed = len(rows), sum(row.disagreed for row in rows)
    said = texts["counted" if total <= SHOWN else "counted_first"]
    counted = said.format(
        n=formats.number(total), shown=formats.number(min(total, SHOWN)), disagreed=formats.number(disagreed),
        money=formats.money(sum(row.value for row in rows), whole=True),
    )  # fmt: skip
    lines = tuple(_line(row, texts, formats) for row in rows[:SHOWN])
    return RenewalTable(key, texts[key], texts[f"{key}_note"], lines, texts[f"{key}_none"], counted if rows else "")


def _line(row: Renewal, texts: Mapping[str, str], formats: Formats) -> RenewalLine:
    expected, leaves = texts["no_estimate"], ""
    if row.expected is not None and row.stays is not None:
        expected = formats.money(row.expected, whole=True)
        leaves = texts["leaves_until"].format(share=formats.probability(1 - row.stays))
    return RenewalLine(
        account_id=row.account_id,
        name=row.name or row.account_id,
        manager=row.account_manager or "",
        ends=formats.day(row.ends_on),
        value=formats.money(row.value, whole=True),
        expected="" if row.overdue else expected,
        leaves=leaves,
        calls=tuple(_cell(row.calls.get(stage), texts, formats) for stage in STAGES),
        disagreed=texts["disagreed"] if row.disagreed else "",
    )


def _cell(call: Call | None, texts: Mapping[str, str], formats: Formats) -> CallCell:
    if call is None:
        return CallCell("", "", "", "")
    model = texts["model_unknown"]
    if call.model is not None:
        model = texts[f"model_{call.model}"].format(share=formats.probability(call.churn_probability))
    manager = "" if call.manager is None else texts[f"manager_{call.manager}"]
    run = texts["run"].format(day=formats.day(call.as_of))
    return CallCell(model, manager, run, "apart" if call.disagrees else "")
