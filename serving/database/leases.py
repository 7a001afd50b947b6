"""How long a lease is believed: clocks of several machines differ a little, and one that was far ahead is set back.

A lease that ends later than one that was made this moment, and `SLACK` on top, comes from a clock that was wrong. It
counts as ended, for else it would hold what it is for until the wrong time has come.
"""

from __future__ import annotations

from datetime import timedelta

SLACK = timedelta(minutes=5)
