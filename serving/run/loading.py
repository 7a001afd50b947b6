"""Load what a process needs for good, without looking for garbage among it.

Importing the service makes three hundred thousand objects, and nearly all of them stay. Meanwhile Python's collector
looks through all of them again and again, which takes a quarter of the start. What is loaded here is set apart
afterwards, so that no later collection, which holds up every request, looks through it either.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Let the garbage collector rest for a block; it leaves alone what there is at the end of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
