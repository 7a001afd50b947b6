"""Load what a process needs for good, without looking for garbage among it.

Importing the service makes three hundred thousand objects, and nearly all of them stay. Meanwhile Python's collector
looks through all of them again and again, which takes a quarter of the start. What is loaded here is set apart
afterwards, so that no later collection, which holds up every request, looks through it either. A request of a hundred
accounts makes a hundred thousand objects and frees them by itself; with Python's own threshold the collector looked
among them a hundred times, an eighth of the request's time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def collect_seldom() -> None:
    """Let Python look for garbage among new objects a seventieth as often: a process that makes many keeps most."""
    gc.set_threshold(50_000, 20, 100)


@contextmanager
def loading() -> Iterator[None]:
    """Let the garbage collector rest for a block; it leaves alone what there is at the end of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        collect_seldom()
        gc.enable()
