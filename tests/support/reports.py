"""A report of a made-up account, its score and evidence, and a reader of pages that holds them well-formed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

from features.signal import all_signals
from serving.reports.report import AccountReport, account_report
from serving.scoring.evidence import TABLE_OF, month_starts
from serving.scoring.scores import PastScore, Reason, Score
from serving.words.formats import Lang

AS_OF, AT = date(2026, 1, 15), datetime(2026, 1, 15, 6, tzinfo=UTC)
PAST = PastScore(AS_OF, "3", AT, 0.2, 200.0, "safe", False)
EVIL = "<script>alert('x')</script> & \"Söhne\""
VOID = {"meta", "link", "br", "img", "input", "hr"}
MODEL = {
    "version": "3", "trained_at": "2026-01-10T00:00:00+00:00", "slices": ["2025-01-01", "2025-07-01"], "grade": "B",
    "rule": {"horizon_days": 180, "lead_days": 0, "silence_days": None}, "metrics": {},
    "reference": {
        "as_of": "2025-07-01", "accounts": 1477, "threat_value": 900.0,
        "value_percentiles": [float(n) for n in range(101)],
        "signals": {"response_rate_180d": {"0.1": 0.2, "0.25": 0.4, "0.5": 0.75, "0.75": 0.9, "0.9": 1.0}},
        "segments": {"mid": {"accounts": 212, "signals": {"response_rate_180d": 0.5}}},
    },
}  # fmt: skip


def score_of(parts: dict[str, tuple[float, float]] | None = None, segment: str | None = None, **changed: Any) -> Score:
    parts = (
        {"response_rate_180d": (0.2, 0.12), "loops_open": (2, 0.05), "tenure_days": (3000, -0.02)}
        if parts is None
        else parts
    )
    reasons = []
    for item in all_signals():
        value, contribution = parts.get(item.name, (None, 0.0))
        text = {"account_industry": EVIL, "account_segment": segment}.get(item.name)
        number = None if value is None else float(value)
        reasons.append(Reason(item.theme, item.name, number, text, contribution, item.actionable))
    reasons.sort(key=lambda reason: -abs(reason.contribution))
    probability = 0.05 + sum(reason.contribution for reason in reasons)
    fields: dict[str, Any] = {
        "account_id": "A1", "as_of": AS_OF, "model_version": "3", "scored_at": AT,
        "churn_probability": probability, "revenue_365d": 1000.0, "value": 50.5, "currency": "EUR",
        "revenue_at_risk": probability * 1000, "expected_profit": 33.0, "best_action": "offer",
        "band": "at_risk", "threat": True,
        "base_probability": 0.05, "reasons": tuple(reasons), "missing_tables": (), "collect": (),
    }  # fmt: skip
    return Score(**(fields | changed))


def evidence_of(**changed: Any) -> dict[str, Any]:
    months = [
        {"month": f"{day:%Y-%m}", "invoiced": 100.0, "credited": 0.0, "invoices": 1} for day in month_starts(AS_OF)
    ]
    months[5] |= {"invoiced": 0.0, "credited": -40.0, "invoices": 0}
    who = {"contact_id": "C1", "role": EVIL, "decision_maker": True}
    surveys = [
        {"survey_id": "S3", "kind": "relationship", "sent_at": "2026-01-10T08:00:00Z", "answered_at": None,
         "score": None, "comment": None, "category": None, **who},
        {"survey_id": "S2", "kind": "relationship", "sent_at": "2025-11-01T08:00:00Z", "answered_at": None,
         "score": None, "comment": None, "category": None, **who},
        {"survey_id": "S1", "kind": "transactional", "sent_at": "2025-03-01T08:00:00Z", "comment": EVIL, "score": 3,
         "answered_at": "2025-03-02T08:00:00Z", "category": "detractor", **who},
    ]  # fmt: skip
    loop = {"loop_id": "L1", "level": "frontline", "opened_at": "2026-01-01T00:00:00Z", "closed_at": None,
            "hours": 336.0, "score": 8, "category": "passive"}  # fmt: skip
    record: dict[str, Any] = {
        "as_of": "2026-01-15", "missing_tables": [],
        "account": {"account_id": "A1", "name": EVIL, "segment": "mid", "industry": EVIL, "country": "DE",
                    "account_manager": "Jörg Weiß", "customer_since": "2020-05-01"},
        "revenue": {"months": months},
        **{name: {"total": 0, "rows": []} for name in TABLE_OF},
        "surveys": {"total": 3, "rows": surveys},
        "open_loops": {"total": 25, "rows": [loop]},
    }  # fmt: skip
    return record | changed


def report(
    lang: Lang = "en", score: Score | None = None, evidence: Any = None, model: Any = MODEL, history: Any = ()
) -> AccountReport:
    return account_report(score or score_of(), history, evidence_of() if evidence is None else evidence, model, lang)


OUTLOOK = {
    "risk": [
        {"days": 90, "probability": 0.112}, {"days": 180, "probability": 0.2}, {"days": 365, "probability": 0.341},
    ],
    "mean_days": 312.4, "expected_contraction": 123456.7,
}  # fmt: skip
LEAD = MODEL | {"rule": {"horizon_days": 180, "lead_days": 30, "silence_days": None}}


class Checker(HTMLParser):
    """Holds that every element that is opened is closed in turn, and gathers ids, tags, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data
