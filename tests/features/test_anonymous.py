"""An anonymous survey counts for the account and for nobody in particular."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from features.as_of import customers
from features.batch.computing import compute
from features.sources import open_source
from features.validation import validate

AS_OF, SINCE = date(2026, 1, 1), date(2020, 1, 1)
BOOK = {
    "accounts": "account_id,customer_since\nA1,2020-05-01\n",
    "invoices": "invoice_id,account_id,invoiced_on,amount\nI1,A1,2025-12-31,100\nI2,A1,2025-06-14,50\n",
    "contacts": "contact_id,account_id,role,decision_maker,valid_from\nC1,A1,purchasing,true,2020-05-01\n",
}
SURVEYS = """survey_id,account_id,contact_id,kind,sent_at,answered_at,score,anonymous
S1,A1,{who},relationship,2025-11-10T08:00:00,2025-11-11T08:00:00,2,{anonymous}
S2,A1,{who},relationship,2024-03-10T08:00:00,2024-03-11T08:00:00,9,{anonymous}
"""


def signals(folder: Path, who: str, anonymous: str) -> dict[str, Any]:
    folder.mkdir()
    for name, text in (BOOK | {"surveys": SURVEYS.format(who=who, anonymous=anonymous)}).items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    tables = validate(open_source(folder))
    spine = tables["accounts"].get_backend().create_table("spine", customers(tables, [AS_OF]), temp=True)
    row = compute(tables, spine, dict.fromkeys(("invoices", "contacts", "surveys"), SINCE)).signals.iloc[0]
    return {name: str(value) for name, value in row.items()}


def test_an_anonymous_answer_is_nobody_s(tmp_path: Path) -> None:
    hidden, nobody = signals(tmp_path / "a", "C1", "true"), signals(tmp_path / "b", "", "false")
    named = signals(tmp_path / "c", "C1", "false")
    assert hidden == nobody and hidden["nps_last"] == named["nps_last"] == "2.0"
    assert named["nps_decision_maker_last"] == "2.0" and hidden["nps_decision_maker_last"] == "nan"
    assert {name for name in named if named[name] != hidden[name]} == {
        "contacts_fell_silent", "contacts_surveyed_share", "nps_decision_maker_last", "nps_detractor_share",
    }  # fmt: skip
