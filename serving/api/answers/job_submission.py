"""A request for a job, read account by account: this module checks its envelope at once and keeps its accounts as sent.

The module never turns a whole body of sixty megabytes into objects. It decodes one account after the other and keeps
the compressed text of each, without the personal columns of contacts. It reads the body as Latin-1, one character per
byte, because a single emoji would make the decoded text four times as large. The syntax of JSON is ASCII, and all other
bytes come out as they came in. Errors have the form that FastAPI gives to errors in a body that it reads itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, NoReturn

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, PlainValidator, ValidationError, create_model
from starlette.exceptions import HTTPException

from features.tables import LONGEST_ID
from serving.jobs.job_tables import packed_text
from serving.jobs.ledger import Submitted
from serving.predict.cut_days import counting
from serving.predict.history import without_personal
from serving.predict.values import day

_Envelope: type[BaseModel] = create_model("JobEnvelope", as_of=(Annotated[Any, PlainValidator(day)], None))
#: What the body of a job may say; a misspelt as_of would score today.
MEMBERS = ("as_of", "accounts")
TWICE = "stands there twice"
_BLANKS = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True)
class Submission:
    """The content of a job, in the order of the request; `as_of` is None when the request has none.

    `cut` says whether as_of was a timestamp that lost its time of day.
    """

    as_of: date | None
    accounts: tuple[Submitted, ...]
    cut: Mapping[str, int]


def read_submission(body: bytes, most: int) -> Submission:
    """Read the body of a request for a job of at most `most` accounts.

    Raises
    ------
    RequestValidationError
        When the body is not a JSON object, as_of is not a date, or accounts is not a list of 1 to `most` accounts.
    HTTPException
        400, when the body cannot be decoded at all.
    """
    if not body.strip():
        _refuse("missing")
    try:
        members = _Envelopes(body.decode("latin-1"), most).read()
    except json.JSONDecodeError as error:
        place = len(body[: error.pos].decode("utf-8", "replace"))
        fault = {"type": "json_invalid", "loc": ("body", place), "msg": "", "ctx": {"error": error.msg}}
        raise RequestValidationError([fault]) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body cannot be parsed") from error
    strange = [name.encode("latin-1", "replace").decode("utf-8", "replace") for name in members if name not in MEMBERS]
    if strange:
        raise RequestValidationError([_fault("extra_forbidden", name) for name in strange])
    if "accounts" not in members:
        _refuse("missing", "accounts")
    with counting() as cut:
        as_of = _as_of(members.get("as_of"))
    return Submission(as_of, members["accounts"], cut)


def refuse_media_type() -> NoReturn:
    """Raise FastAPI's error for a body whose media type is not JSON."""
    _refuse("model_attributes_type")


def _refuse(kind: str, *place: str, value: Any = None, **limits: Any) -> NoReturn:
    raise RequestValidationError([_fault(kind, *place, value=value, **limits)])


def _fault(kind: str, *place: str | int, value: Any = None, **limits: Any) -> dict[str, Any]:
    return {"type": kind, "loc": ("body", *place), "msg": "", "input": value, "ctx": limits}


def _as_of(value: Any) -> date | None:
    try:
        as_of: date | None = _Envelope(as_of=value).as_of  # type: ignore[attr-defined]
    except ValidationError as error:
        raise RequestValidationError([{**fault, "loc": ("body", "as_of")} for fault in error.errors()[:1]]) from error
    return as_of


class _Envelopes:
    """Reader of the members of the request's object; it drops each account's objects before it decodes the next."""

    def __init__(self, text: str, most: int) -> None:
        self._text, self._most, self._at = text, most, 0
        self._decode = json.JSONDecoder().raw_decode

    def read(self) -> dict[str, Any]:
        """Return the decoded members, with `accounts` as a tuple of Submitted."""
        if self._next() != "{":
            value = self._value()
            self._end()
            _refuse("model_attributes_type", value=value)
        members: dict[str, Any] = {}
        for _ in self._items("}"):
            name = self._name()
            if name in members and name in MEMBERS:
                _refuse("value_error", name, error=ValueError(TWICE))
            members[name] = tuple(self._accounts()) if name == "accounts" else self._value()
        self._end()
        return members

    def _accounts(self) -> Iterator[Submitted]:
        if self._next() != "[":
            _refuse("list_type", "accounts", value=self._value())
        count, strange = 0, {}
        for _ in self._items("]"):
            self._next()
            start = self._at
            account = self._value()
            if not isinstance(account, dict):
                strange[count] = account
            count += 1
            if count > self._most:
                _refuse("too_long", "accounts", max_length=self._most, actual_length=None)
            source = self._text[start : self._at].encode("latin-1").decode()
            if without_personal(account) is not account:
                source = json.dumps(without_personal(json.loads(source)), separators=(",", ":"))
            yield Submitted(_id(account, source), packed_text(source))
        if not count:
            _refuse("too_short", "accounts", min_length=1, actual_length=0)
        if strange:
            faults = (_fault("model_attributes_type", "accounts", at, value=value) for at, value in strange.items())
            raise RequestValidationError(list(faults))

    def _items(self, closing: str) -> Iterator[None]:
        """Stop before each item of the object or list that opens at the current place."""
        self._at += 1
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            if self._next() == closing:
                self._at += 1
                return
            self._demand(",", "Expecting ',' delimiter")

    def _name(self) -> str:
        if self._next() != '"':
            self._fail("Expecting property name enclosed in double quotes")
        name = self._value()
        self._demand(":", "Expecting ':' delimiter")
        return str(name)

    def _value(self) -> Any:
        self._next()
        value, self._at = self._decode(self._text, self._at)
        return value

    def _next(self) -> str:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at
        return self._text[self._at : self._at + 1]

    def _demand(self, sign: str, text: str) -> None:
        if self._next() != sign:
            self._fail(text)
        self._at += 1

    def _end(self) -> None:
        if self._next():
            self._fail("Extra data")

    def _fail(self, text: str) -> NoReturn:
        raise json.JSONDecodeError(text, self._text, self._at)


def _id(account: Any, source: str) -> str | None:
    """Return an account's id; None where there is none, or one that is too long for any account.

    Half a surrogate pair, which no database keeps, becomes a question mark.
    """
    inner = account.get("account") if isinstance(account, dict) else None
    account_id = inner.get("account_id") if isinstance(inner, dict) else None
    if not isinstance(account_id, str) or len(account_id) > 4 * LONGEST_ID:
        return None
    if not account_id.isascii():
        account_id = json.loads(source)["account"]["account_id"]
    known = str(account_id).encode("utf-8", "replace").decode()
    return known if len(known) <= LONGEST_ID else None
