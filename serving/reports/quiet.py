"""Says that a customer's invoices have stopped: a score goes in, a sentence or nothing comes out."""

from __future__ import annotations

from serving.scoring.scores import Score
from serving.words.formats import Formats
from serving.words.wording import page_texts

RECENCY, GAP = "invoice_recency_days", "invoice_gap_p50_days"
#: Invoices have stopped when the last is older than so many of the account's usual gaps, and than one and so many days.
GAPS, DAYS = 2.0, 14.0


def quiet(score: Score, formats: Formats) -> str:
    """Return the sentence that no invoice came for longer than this account's rhythm explains; empty where one did."""
    known = {reason.signal: reason.value for reason in score.reasons if reason.signal in (RECENCY, GAP)}
    recency, gap = known.get(RECENCY), known.get(GAP)
    if recency is None or gap is None or recency <= max(GAPS * gap, gap + DAYS):
        return ""
    words, since = page_texts(formats.lang)["headline"], formats.dative(formats.days(round(recency)))
    return str(words["quiet" if gap >= 2 else "quiet_daily"].format(since=since, usual=formats.days(round(gap))))
