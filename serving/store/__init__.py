"""The score store: scores with their history and the evidence that reports need, in SQL, and the programme's figures.

The store writes a scoring run in pieces that no reader sees. One last transaction publishes it, so it appears all at
once or not at all.
"""

from serving.store.figure_tables import Behind, StoredFigures
from serving.store.open_run import OpenRun
from serving.store.pages import Listed, Page
from serving.store.runs import PublicationHook, PublishedRun
from serving.store.store import ScoreStore, Stored

__all__ = [
    "Behind",
    "Listed",
    "OpenRun",
    "Page",
    "PublicationHook",
    "PublishedRun",
    "ScoreStore",
    "Stored",
    "StoredFigures",
]
