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
    account_managers : tuple of str, or None
        The principal sees the accounts of these account managers only, at least one; None: all.
    """

    id: str
    scopes: frozenset[Scope]
    account_managers: tuple[str, ...] | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it has a scope; a principal that sees some account managers' accounts only is not an admin."""
        if scope == "admin" and self.account_managers is not None:
            return False
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, account_manager: str | None) -> bool:
        """Whether it sees the accounts of an account manager."""
        return self.account_managers is None or account_manager in self.account_managers

    def may_ask_for(self, account_manager: str | None) -> bool:
        """Whether it may ask for an account manager's accounts; None: for all that it sees."""
        return account_manager is None or self.sees(account_manager)

    def whose(self, account_manager: str | None) -> tuple[str, ...] | None:
        """Return whose accounts it gets that asks for an account manager's, or for all (None); None: all there are.

        Who asks for a manager whose accounts it does not see gets those that it sees: see `may_ask_for`.
        """
        if account_manager is not None and self.sees(account_manager):
            return (account_manager,)
        return self.account_managers

    @property
    def sees_one(self) -> str | None:
        """The only account manager whose accounts it sees; None where it sees those of several, or all."""
        names = self.account_managers
        return names[0] if names is not None and len(names) == 1 else None

    @property
    def reader(self) -> str | None:
        """The names of those whose accounts alone it sees, for a reader; None: it sees all."""
        return None if self.account_managers is None else ", ".join(self.account_managers)


#: The caller over loopback while there are no keys.
LOCAL = Principal("local", frozenset(SCOPES))
