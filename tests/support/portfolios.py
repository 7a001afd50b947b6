"""The accounts that the pages show: of two managers and of nobody, two runs, every band, a name that is markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from serving.scoring.scores import Score
from support.reports import evidence_of
from support.stored import DAY, SCORE

EVA, JAN = "Eva Groß", "Jan Öst"
EVIL = "<script>alert(1)</script>"
#: Account -> manager, band, probability now and 90 days before, value, best action, name.
ACCOUNTS: dict[str, tuple[str | None, Any, float, float, float, str | None, str]] = {
    "E1": (EVA, "at_risk", 0.42, 0.25, 50_000.0, "offer", "Ärzteverlag"),
    "E/2": (EVA, "at_risk", 0.31, 0.33, 90_000.0, "call", EVIL),
    "E3": (EVA, "safe", 0.04, 0.04, 900_000.0, None, "Riese AG"),
    "E4": (EVA, "unknown", 0.02, 0.03, 4_000.0, None, "Neuling"),
    "J1": (JAN, "at_risk", 0.9, 0.2, 700_000.0, "call", "Werft Geheim"),
    "N1": (None, "safe", 0.0123, 0.02, 1_000.0, None, "Niemandsland"),
}


#: Who gave no answer in 180 days.
UNHEARD = ("E3", "J1")


def score_of(account_id: str, before: bool = False) -> Score:
    """Return an account's score now, or 90 days before; its reasons add up, and its satisfaction alone moved it."""
    _, band, now, past, value, action, _ = ACCOUNTS[account_id]
    share = past if before else now
    nps, *others = SCORE.reasons
    rest = share - SCORE.base_probability - sum(reason.contribution for reason in others)
    reasons = (structs.replace(nps, value=3.0 + 4 * before, contribution=rest), *others)
    return replace(
        SCORE, account_id=account_id, as_of=DAY - timedelta(days=90) if before else DAY, churn_probability=share,
        value=value, revenue_365d=value / 2, revenue_at_risk=round(share * value / 2, 2), best_action=action, band=band,
        threat=band == "at_risk" and value >= 90_000, expected_profit=value / 100 if action else -15.0,
        reasons=reasons,
    )  # fmt: skip


def evidence() -> dict[str, Any]:
    """Return the evidence of every account: feedback that waits for E1, a contract of E/2 that ends in 40 days."""
    found = {}
    for account_id, (manager, *_, name) in ACCOUNTS.items():
        facts = evidence_of()["account"] | {"account_id": account_id, "name": name, "account_manager": manager}
        loops = [_loop(hours) for hours in (500.0, 49.0, 47.0)] if account_id == "E1" else []
        ends = (DAY + timedelta(days=40 if account_id == "E/2" else 400)).isoformat()
        contract = {"contract_id": "C1", "starts_on": "2025-01-01", "ends_on": ends, "annual_value": 1.0,
                    "price_change": None, "running": True}  # fmt: skip
        found[account_id] = evidence_of(
            account=facts,
            open_loops={"total": len(loops), "rows": loops},
            contracts={"total": 1, "rows": [contract]},
        )
        found[account_id]["standing"] = {
            "unheard_180d": account_id in UNHEARD, "renewals_due_90d": 1.0 if account_id == "E/2" else 0.0,
            "contract_ends_on": ends,
        }  # fmt: skip
    return found


def _loop(hours: float) -> dict[str, Any]:
    opened_at = f"{datetime(2026, 1, 1) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    return {"loop_id": f"L{hours}", "level": "frontline", "opened_at": opened_at, "closed_at": None, "hours": hours,
            "score": 3, "category": "detractor"}  # fmt: skip
