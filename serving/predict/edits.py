"""What can still be done, as records: a history and edits go in, the history as it would be tonight comes out.

An edit is a record that can be made on a day: a contact named, a loop or a ticket closed, an invitation sent, an action
done. None of them says what the customer will answer, sign or pay, and none changes what was recorded before. An edit
that contradicts the records is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from serving.faults import Fault
from serving.loose_texts import bare_choice, emptied
from serving.predict.history import RECORDS
from serving.predict.values import quoted

MOST_EDITS = 20
LONGEST_TEXT = 200
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Id = Annotated[str, Field(min_length=1, max_length=1000)]
#: An empty text is null in every optional field.
EMPTIED = BeforeValidator(emptied)
Kind = Literal["contact_named", "loop_closed", "ticket_closed", "invitation_sent", "action_done"]
#: The table that each kind of edit adds to or changes, and the column of the record that it closes.
TABLE_OF: dict[Kind, str] = {
    "contact_named": "contacts", "loop_closed": "loops", "ticket_closed": "tickets",
    "invitation_sent": "surveys", "action_done": "actions",
}  # fmt: skip
CLOSES: dict[Kind, str] = {"loop_closed": "loop_id", "ticket_closed": "ticket_id"}
#: The fields that count of each kind of edit.
FIELDS_OF: dict[Kind, tuple[str, ...]] = {
    "contact_named": ("role", "decision_maker"), "loop_closed": ("loop_id",), "ticket_closed": ("ticket_id",),
    "invitation_sent": ("contact_id",), "action_done": ("action",),
}  # fmt: skip
SECOND = timedelta(seconds=1)


class Edit(BaseModel):
    """One record that can still be made; which of the other fields may stand, says its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Annotated[Kind, BeforeValidator(bare_choice)] = Field(description="What is done on the day")
    role: Annotated[Text | None, EMPTIED] = Field(default=None, description="contact_named: the contact's role")
    decision_maker: StrictBool | None = Field(default=None, description="contact_named: whether the contact decides")
    loop_id: Annotated[Id | None, EMPTIED] = Field(default=None, description="loop_closed: which loop")
    ticket_id: Annotated[Id | None, EMPTIED] = Field(default=None, description="ticket_closed: which ticket")
    contact_id: Annotated[Id | None, EMPTIED] = Field(
        default=None, description="invitation_sent: who is asked; null: nobody in particular"
    )
    action: Annotated[Text | None, EMPTIED] = Field(
        default=None, description="action_done: its kind, as in the table actions"
    )


def edited(history: Any, edits: Sequence[Edit], day: date) -> tuple[Any, list[Fault]]:
    """Return a history with edits made on a day, and what contradicts the records; then the history is no use.

    Parameters
    ----------
    history : AccountHistory
    edits : sequence of Edit
        Without `misfits`.
    day : date
        The edits bear its last second (UTC), so that they are known at the first instant of the next day.
    """
    at = datetime.combine(day + timedelta(days=1), time()) - SECOND
    faults: list[Fault] = []
    tables: dict[str, list[Any]] = {}
    for number, edit in enumerate(edits):
        table = TABLE_OF[edit.kind]
        rows = tables.get(table, getattr(history, table))
        found = list(_contradictions(edit, number, history, rows, at))
        faults += found
        if not found and not any(_misfits(edit, number)):
            tables[table] = _made(edit, number, history, rows, at)
    return history.model_copy(update=tables), faults


def misfits(edits: Sequence[Edit]) -> list[Fault]:
    """Return the fields that edits lack, and those that belong to edits of another kind, whatever the records are."""
    return [fault for number, edit in enumerate(edits) for fault in _misfits(edit, number)]


def _misfits(edit: Edit, number: int) -> Iterator[Fault]:
    for field, sent in edit.model_dump(exclude={"kind"}, exclude_none=True).items():
        if field not in FIELDS_OF[edit.kind]:
            yield _fault(number, field, f"{quoted(sent)} does not belong to {edit.kind}, which would leave it out")
    own = CLOSES.get(edit.kind)
    if own is not None and getattr(edit, own) is None:
        yield _fault(number, own, "missing; which one is closed is expected")
    if edit.kind == "action_done" and edit.action is None:
        yield _fault(number, "action", "missing; the kind of the action is expected")


def _contradictions(edit: Edit, number: int, history: Any, rows: Sequence[Any] | None, at: datetime) -> Iterator[Fault]:
    table = TABLE_OF[edit.kind]
    if rows is None:
        yield _fault(number, "kind", f"the table {table} is not known of this account, so one record would be invented")
        return
    own = CLOSES.get(edit.kind)
    if own is not None and getattr(edit, own) is not None:
        yield from _not_open(number, own, getattr(edit, own), rows, at)
    if edit.kind == "invitation_sent":
        facts = history.known and history.known.surveys
        if facts and not facts.invitations:
            yield _fault(number, "kind", "of this account only answers are known, no invitations")
        people = {row.contact_id: row for row in history.contacts or ()}
        person = people.get(edit.contact_id)
        if edit.contact_id is not None and person is None:
            yield _fault(number, "contact_id", f"there is no contact {quoted(edit.contact_id)}")
        elif person is not None and person.valid_to is not None and person.valid_to <= at.date():
            yield _fault(number, "contact_id", f"the contact {quoted(edit.contact_id)} has left")


def _not_open(number: int, own: str, wanted: str, rows: Sequence[Any], at: datetime) -> Iterator[Fault]:
    row = next((row for row in rows if getattr(row, own) == wanted), None)
    if row is None:
        yield _fault(number, own, f"the account has no {quoted(wanted)}")
    elif row.opened_at > at:
        yield _fault(number, own, f"{quoted(wanted)} is opened later, on {row.opened_at:%Y-%m-%d}")
    elif row.closed_at is not None and row.closed_at <= at:
        yield _fault(number, own, f"{quoted(wanted)} is closed already, since {row.closed_at:%Y-%m-%d}")


def _made(edit: Edit, number: int, history: Any, rows: Sequence[Any], at: datetime) -> list[Any]:
    """Return a table with the edit's record in it, or with the record that it closes."""
    own = CLOSES.get(edit.kind)
    if own is not None:
        wanted = getattr(edit, own)
        return [row.model_copy(update={"closed_at": at}) if getattr(row, own) == wanted else row for row in rows]
    table = TABLE_OF[edit.kind]
    key = _free_key(number, rows, table)
    fields: dict[str, Any] = {"account_id": history.account.account_id}
    if edit.kind == "contact_named":
        role = {"role": edit.role, "decision_maker": edit.decision_maker}
        fields |= {"contact_id": key, "valid_from": at.date(), **role}
    elif edit.kind == "invitation_sent":
        fields |= {"survey_id": key, "contact_id": edit.contact_id, "kind": "relationship", "sent_at": at}
    else:
        fields |= {"action_id": key, "kind": edit.action, "done_at": at}
    return [*rows, RECORDS[table].model_validate(fields)]


def _free_key(number: int, rows: Sequence[Any], table: str) -> str:
    own = table.removesuffix("s") + "_id"
    taken = {getattr(row, own) for row in rows}
    key = f"what if {number}"
    while key in taken:
        key += "'"
    return key


def _fault(number: int, field: str, detail: str) -> Fault:
    return Fault(None, ("edits", number, field), detail)
