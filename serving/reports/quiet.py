"""Says that a customer's invoices have stopped: a score goes in, a sentence or nothing comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.scoring.lapsed import KEY, RECENCY
from serving.scoring.scores import Score
from serving.words.formats import Formats
from serving.words.told_by_evidence import few_cases
from serving.words.wording import page_texts

GAP, GAPS_KNOWN = "invoice_gap_p50_days", "purchase_repeat_days"
#: Invoices have stopped when the last is older than so many of the account's usual gaps, and than one and so many days.
GAPS, DAYS = 2.0, 14.0


def quiet(score: Score, formats: Formats, evidence: Mapping[str, Any]) -> str:
    """Return the sentence that no invoice came for longer than this account's rhythm explains; empty where one did.

    Of who has left by the model's rule it says that.
    """
    if gone := evidence.get(KEY):
        words, since = page_texts(formats.lang)["headline"], formats.dative(formats.days(gone["days"]))
        contract = words["no_contract"] if gone["contracts"] else ""
        return str(words["lapsed"].format(since=since, days=formats.days(gone["silence_days"]), contract=contract))
    known = {reason.signal: reason.value for reason in score.reasons if reason.signal in (RECENCY, GAP, GAPS_KNOWN)}
    recency, gap = known.get(RECENCY), known.get(GAP)
    if recency is None or gap is None or recency <= max(GAPS * gap, gap + DAYS):
        return ""
    words, since = page_texts(formats.lang)["headline"], formats.dative(formats.days(round(recency)))
    few = few_cases(GAP, known, evidence, score.as_of)
    told = "quiet_few" if few else "quiet" if gap >= 2 else "quiet_daily"
    return str(words[told].format(since=since, usual=formats.days(round(gap))))
