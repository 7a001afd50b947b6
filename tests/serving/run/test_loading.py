"""What is loaded for good is not looked through for garbage, neither while it is loaded nor afterwards."""

from __future__ import annotations

import gc

import pytest

from serving.run.loading import loading


def test_the_collector_rests_and_leaves_alone_what_was_loaded() -> None:
    before = gc.get_freeze_count()
    gc.set_threshold(700, 10, 10)
    with loading():
        assert not gc.isenabled()
        loaded = [[number] for number in range(1000)]
    assert gc.isenabled() and gc.get_freeze_count() >= before + len(loaded)
    assert gc.get_threshold()[0] >= 50_000  # a request makes tens of thousands of objects and frees them by itself
    gc.unfreeze()


def test_the_collector_goes_on_after_a_failure() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
