"""A receiver of webhooks, and a clock that is moved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.webhooks import Clock, Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()
