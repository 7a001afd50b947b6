"""Who is asking, once that is known: an identity without personal data, its scopes, and whose accounts it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["read", "score", "feedback", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Principal:
    """Who is asking.

    Attributes
    ----------
    id : str
        What logs and records name: `local`, `key:<id>` or `oidc:<hash of the subject>`.
    scopes : frozenset of Scope
        `admin` includes all others, and everybody's jobs and metrics, unless there is an account manager.
    account_manager : str or None
        Sees the accounts of this account manager only; None: all.
    """

    id: str
    scopes: frozenset[Scope]
    account_manager: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it holds a scope; whoever sees one account manager's accounts only is no admin."""
        if scope == "admin" and self.account_manager is not None:
            return False
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, account_manager: str | None) -> bool:
        """Whether it sees the accounts of an account manager."""
        return self.account_manager is None or self.account_manager == account_manager


#: Whoever asks over loopback while there are no keys.
LOCAL = Principal("local", frozenset(SCOPES))
