"""The score store: scores with their history and the evidence that reports need, in SQL.

A scoring run is written in pieces that nobody sees; one last transaction publishes it, so that it appears at once or
not at all.
"""

from serving.store.pages import Listed, Page
from serving.store.runs import PublicationHook, PublishedRun
from serving.store.store import ScoreStore, Stored

__all__ = [
    "Listed",
    "Page",
    "PublicationHook",
    "PublishedRun",
    "ScoreStore",
    "Stored",
]
