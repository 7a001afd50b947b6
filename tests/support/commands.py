"""What the tests of commands share: how one is run, tables that break every rule, the versions of a home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.served import Done
from training.settings import Environment

Command = Callable[..., Done]
BROKEN = {
    "accounts.csv": "account_id,customer_since\nA1,2020-01-01\nA1,2020-01-01\nA2,yesterday\n",
    "invoices.csv": "invoice_id,account_id,invoiced_on,amount\n"
    "I1,A1,2025-01-01,nan\nI2,A9,2025-01-01,1\nI3,A2,2025-01-01,\n",
    "surveys.csv": "survey_id,account_id,kind,sent_at,answered_at,score\n"
    "S1,A1,nps,2025-01-02,2025-01-01,11\nS1,A1,relationship,2025-01-02,,\n",
    "contacts.csv": "contact_id,account_id,valid_from,valid_to\nC1,A1,2025-01-02,2025-01-01\n",
    "loops.csv": "loop_id,account_id\n",
}


def versions(home: Path) -> list[str]:
    from training.registry.tracking import connected

    with connected(Environment(home=home)) as client:
        return sorted(str(version.version) for version in client.search_model_versions())
