"""What is wrong with an input, and where: each kind of answer renders the place in its own form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of an input.

    Attributes
    ----------
    account : int or None
        The account's number within the call; None: the fault concerns the whole call.
    place : tuple of str or int
        The path to the value within the account, or within the call: ("invoices", 3, "amount").
    detail : str
    """

    account: int | None
    place: tuple[str | int, ...]
    detail: str

    def pointer(self, account: int | None = None) -> str:
        """Return the place as a JSON pointer into the call; `account` replaces the account's number."""
        number = self.account if account is None else account
        return pointer(self.place if self.account is None else ("accounts", number, *self.place))


def pointer(parts: Sequence[object]) -> str:
    """Return a JSON pointer (RFC 6901).

    Examples
    --------
    >>> pointer(("accounts", 0, "a/b"))
    '/accounts/0/a~1b'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
