"""The score store: scores with their history and the evidence that reports need, in SQL.

A scoring run is written in pieces that nobody sees; one last transaction publishes it, so that it appears at once or
not at all.
"""

from serving.store.pages import CursorInvalid, Listed, Page, PageGone
from serving.store.runs import PublicationHook, PublishedRun, RunLost
from serving.store.store import ScoreStore, Stored

__all__ = [
    "CursorInvalid",
    "Listed",
    "Page",
    "PageGone",
    "PublicationHook",
    "PublishedRun",
    "RunLost",
    "ScoreStore",
    "Stored",
]
