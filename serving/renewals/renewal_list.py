"""The list of renewals in words: what the store has goes in, lines come out that a page only has to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from features.figures.contracts_ahead import GRACE_DAYS
from serving.renewals.calls import STAGES, Call, Renewal
from serving.renewals.to_renew import Kind, Renewals
from serving.words.formats import Formats, Lang
from serving.words.wording import screen_texts

KINDS: tuple[Kind, ...] = ("soon", "overdue")
#: Lines of a page.
SHOWN = 100


@dataclass(frozen=True)
class CallCell:
    """Both calls at one stage; `tone` is `apart` where they differ, `absent` says why there is none."""

    model: str
    manager: str
    run: str
    tone: str
    absent: str = ""


@dataclass(frozen=True)
class RenewalLine:
    """A contract in words; `calls` has a cell for each of `STAGES`, `contract` is its id."""

    account_id: str
    name: str
    manager: str
    ends: str
    contract: str
    value: str
    expected: str
    leaves: str
    calls: tuple[CallCell, ...]
    disagreed: str


@dataclass(frozen=True)
class RenewalTable:
    """Contracts that end soon, or those that are overdue; `counted` says how many there are on all pages."""

    key: str
    title: str
    note: str
    lines: tuple[RenewalLine, ...]
    none: str
    counted: str


def renewal_table(key: Kind, found: Renewals, shown: Sequence[Renewal], lang: Lang) -> RenewalTable:
    """Return a table of the newest run with those of its contracts that are shown."""
    texts, formats = screen_texts(lang)["renewals"], Formats(lang, found.currency)
    rows = found.soon if key == "soon" else found.overdue
    counted = texts["counted_one" if rows.total == 1 else "counted"].format(
        n=formats.number(rows.total), disagreed=formats.number(rows.disagreed),
        money=formats.money(rows.value, whole=True),
    )  # fmt: skip
    none = texts["no_estimate" if found.estimates else "not_estimated"]
    lines = tuple(_line(row, found.run["as_of"], none, texts, formats) for row in shown)
    note = texts["soon_by_value" if key == "soon" and not found.estimates else f"{key}_note"]
    return RenewalTable(key, texts[key], note, lines, texts[f"{key}_none"], counted if rows.total else "")


def _line(row: Renewal, as_of: date, none: str, texts: Mapping[str, str], formats: Formats) -> RenewalLine:
    expected, leaves = none, ""
    if row.expected is not None and row.stays is not None:
        expected = formats.money(row.expected, whole=True)
        leaves = texts["leaves_until"].format(share=formats.probability(1 - row.stays), days=GRACE_DAYS)
    return RenewalLine(
        account_id=row.account_id,
        name=row.name or row.account_id,
        manager=row.account_manager or "",
        ends=formats.day(row.ends_on),
        contract=row.contract_id,
        value=formats.money(row.value, whole=True),
        expected="" if row.overdue else expected,
        leaves=leaves,
        calls=tuple(_cell(row.calls.get(stage), texts, formats, _absent(row, stage, as_of)) for stage in STAGES),
        disagreed=texts["disagreed"] if row.disagreed else "",
    )


def _absent(row: Renewal, stage: int, as_of: date) -> str:
    """Return the key of why there is no call at a stage: its day is to come, or no run had scored the account."""
    return "to_come" if stage and row.ends_on - timedelta(days=stage) > as_of else "no_call"


def _cell(call: Call | None, texts: Mapping[str, str], formats: Formats, absent: str) -> CallCell:
    if call is None:
        return CallCell("", "", "", "", texts[absent])
    model = texts["model_unknown"]
    if call.model is not None:
        model = texts[f"model_{call.model}"].format(share=formats.probability(call.churn_probability))
    manager = "" if call.manager is None else texts[f"manager_{call.manager}"]
    run = texts["run"].format(day=formats.day(call.as_of))
    return CallCell(model, manager, run, "apart" if call.disagrees else "")
