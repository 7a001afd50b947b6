"""What becomes of an attempt to send a digest, by any way.

It has one of three ends: the receiver took it, it surely did not, or the connection broke while it might have. Only the
second may be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt.

    Attributes
    ----------
    end : 'sent', 'failed' or 'uncertain'
        "uncertain": it may have been sent.
    why : str
        What the server said, or what went wrong.
    passing : bool
        Whether another attempt may succeed.
    away : bool
        Whether the server itself was in trouble, so that other messages would fare the same now.
    """

    end: Literal["sent", "failed", "uncertain"]
    why: str = ""
    passing: bool = False
    away: bool = False
