"""The records behind an alert, in a few words: who by role, what score, and the id under which the source has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.webhooks.alerts import Alert
from serving.words.contact_rows import rows_of
from serving.words.formats import Formats
from serving.words.people import NAMED, called
from serving.words.wording import page_texts

#: By kind of alert: the list of the evidence, its id, and the text of one record.
RECORDS = {
    "detractor": ("surveys", "survey_id", "rated"),
    "unanswered": ("surveys", "survey_id", "survey"),
    "bounced": ("bounced_surveys", "survey_id", "survey"),
    "contact_left": ("contacts", "contact_id", "contact"),
    "contract_due": ("contracts", "contract_id", "contract"),
}
Row = Mapping[str, Any]


def records_told(row: Row, alert: Alert, words: Mapping[str, str], formats: Formats) -> str:
    """Return the first records of an alert and how many more there are, in brackets.

    Parameters
    ----------
    row : mapping
        The account with the lists of its evidence.
    words : mapping of str to str
        The section `alerts` of the digest's texts.
    """
    listing, own, text = RECORDS[alert.kind]
    by_id = {each[own]: each for each in rows_of(row, listing)}
    told = [_told(by_id[each], own, words[text], formats) for each in alert.records[:NAMED] if each in by_id]
    more = len(alert.records) - len(told)
    if told and more > 0:
        people = page_texts(formats.lang)["people"]
        told.append(people["more_one" if more == 1 else "more"].format(n=formats.number(more)))
    return f" ({'; '.join(told)})" if told else ""


def _told(record: Row, own: str, text: str, formats: Formats) -> str:
    anonymous = page_texts(formats.lang)["evidence"]["anonymous"]
    who = anonymous if record.get("anonymous") else called(record, formats, named=False)
    return text.format(who=who, score=record.get("score"), id=record[own])
