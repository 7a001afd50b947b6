"""A file of account managers, read strictly: where each one's digest goes, in which language, who stands in when.

In: the text of a TOML file, as `CHURN_RISK_MANAGERS` names it. Out: `Managers`, or InputError with every problem and
its line.

    [managers."Eva Groß"]
    email = "eva@company.example"
    lang = "de"
    capacity = 12
    away = [{ from = 2026-12-21, to = 2027-01-06, substitute = "Jan Öst" }]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features.errors import InputError
from features.intake.language.toml_lines import Place, line_of, lines_of
from serving.webhooks.destinations import checked_url
from serving.words.formats import Lang

MOST_ACCOUNTS = 100
#: A plain address: names of hosts in other letters are written in Punycode. Nothing in it can end a header's line.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Away(BaseModel):
    """Days on which somebody else gets a manager's digest, both ends included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    begin: date = Field(alias="from")
    end: date = Field(alias="to")
    substitute: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.begin:
            raise ValueError(f"from {self.begin} is after to {self.end}")
        return self


class Manager(BaseModel):
    """Where one account manager's digest goes.

    Attributes
    ----------
    email, slack : str or None
        An address of e-mail, and one of an incoming webhook in Slack's form; without either nothing can be sent.
    lang : 'de' or 'en', optional
    capacity : int or None
        Accounts that the manager can call in a week.
    away : tuple of Away
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str | None = None
    slack: str | None = None
    lang: Lang | None = None
    capacity: Annotated[int, Field(ge=1, le=MOST_ACCOUNTS, strict=True)] | None = None
    away: tuple[Away, ...] = ()

    @field_validator("email")
    @classmethod
    def _plain(cls, address: str | None) -> str | None:
        if address is not None and not is_address(address):
            raise ValueError("no e-mail address")
        return address


@dataclass(frozen=True)
class Managers:
    """The account managers of a file, by the name that the book gives them."""

    named: Mapping[str, Manager]

    def of(self, name: str) -> Manager:
        """Return what the file says of a manager; nothing of one it does not name."""
        return self.named.get(name, Manager())

    def reader_of(self, name: str, day: date) -> str | None:
        """Return who gets a manager's digest on a day: the manager, a substitute, or a substitute's substitute.

        None when everybody who would stand in is away.
        """
        asked: set[str] = set()
        while name not in asked:
            asked.add(name)
            holiday = next((each for each in self.of(name).away if each.begin <= day <= each.end), None)
            if holiday is None:
                return name
            name = holiday.substitute
        return None


def is_address(text: str) -> bool:
    """Whether a text is an e-mail address that any mail server takes.

    Examples
    --------
    >>> [is_address(text) for text in ("a.b@company.example", "a@localhost", "a@b\\nBcc: c@d", "a b@c", "@c", "ä@c")]
    [True, True, False, False, False, False]
    """
    return bool(ADDRESS.fullmatch(text)) and len(text) <= 254


def read_managers(path: Path, private: bool) -> Managers:
    """Return the managers of a file.

    Parameters
    ----------
    private : bool
        Whether webhooks may go to private addresses.

    Raises
    ------
    InputError
        With every problem: what is no TOML, a key that is not known, a value of another kind, an address that is none,
        a substitute that the file does not name, holidays in which everybody stands in for everybody.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"managers {path} cannot be read: {error}") from error
    problems: list[tuple[Place, str]] = [((name,), "unknown key") for name in content if name != "managers"]
    sound: dict[str, Manager] = {}
    tables = content.get("managers", {})
    for name, table in tables.items() if isinstance(tables, dict) else ():
        try:
            sound[name] = Manager.model_validate(table)
        except ValidationError as error:
            problems += [(("managers", name, *place), rule) for place, rule in _told(error)]
    if not isinstance(tables, dict):
        problems.append((("managers",), "a table for each manager is expected"))
    else:
        problems += _unsound(sound, tables.keys(), private)
    if problems:
        raise _refused(path, lines_of(text), problems)
    return Managers(sound)


def _refused(path: Path, lines: Mapping[Place, int], problems: Sequence[tuple[Place, str]]) -> InputError:
    told = [(line_of(lines, place) or 0, f"{'.'.join(map(str, place))}: {rule}") for place, rule in problems]
    listed = (f"- {f'line {line}: ' if line else ''}{text}" for line, text in sorted(told))
    return InputError(f"managers {path}:\n" + "\n".join(listed))


def _told(error: ValidationError) -> list[tuple[Place, str]]:
    problems: list[tuple[Place, str]] = []
    for wrong in error.errors(include_url=False):
        place, value = wrong["loc"], wrong["input"]
        rule = "unknown key" if wrong["type"] == "extra_forbidden" else wrong["msg"].removeprefix("Value error, ")
        # The address of a webhook in Slack's form is a secret.
        shown = isinstance(value, str | int | float) and "slack" not in place
        problems.append((place, f"{rule}, found {value!r}" if shown else rule))
    return problems


def _unsound(managers: Mapping[str, Manager], names: Collection[str], private: bool) -> Iterator[tuple[Place, str]]:
    everybody = Managers(managers)
    for name, manager in managers.items():
        own: Place = ("managers", name)
        if manager.slack is not None:
            try:
                checked_url(manager.slack, private)
            except InputError as error:
                yield (*own, "slack"), str(error).replace(manager.slack, "the address")
        for number, holiday in enumerate(manager.away):
            place = (*own, "away", number)
            if holiday.substitute not in names:
                yield place, f"the file names no manager {holiday.substitute!r}"
            elif everybody.reader_of(name, holiday.begin) is None:
                yield place, f"on {holiday.begin} everybody who stands in for {name} is away"
