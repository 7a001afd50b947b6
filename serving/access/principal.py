"""The identity of an authenticated caller: no personal data, its scopes, and the accounts that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["read", "score", "feedback", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Principal:
    """An authenticated caller.

    Attributes
    ----------
    id : str
        Its name in logs and records: `local`, `key:<id>` or `oidc:<hash of the subject>`.
    scopes : frozenset of Scope
        `admin` includes all others. Without an account manager it also covers metrics and the jobs of all callers.
    account_manager : str or None
        The principal sees the accounts of this account manager only; None: all.
    """

    id: str
    scopes: frozenset[Scope]
    account_manager: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it has a scope; a principal that sees one account manager's accounts only is not an admin."""
        if scope == "admin" and self.account_manager is not None:
            return False
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, account_manager: str | None) -> bool:
        """Whether it sees the accounts of an account manager."""
        return self.account_manager is None or self.account_manager == account_manager

    def may_ask_for(self, account_manager: str | None) -> bool:
        """Whether it may ask for an account manager's accounts; None: for all that it sees."""
        return account_manager is None or self.sees(account_manager)

    def whose(self, account_manager: str | None) -> str | None:
        """Return whose accounts it gets that asks for an account manager's, or for all (None); None: all there are."""
        return account_manager if self.account_manager is None else self.account_manager


#: The caller over loopback while there are no keys.
LOCAL = Principal("local", frozenset(SCOPES))
