"""A worker that ends leaves the database and the metrics, whatever fails in what ran beside its requests."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from serving import metrics
from serving.run.running import Running
from serving.settings import ServiceSettings


class Beside:
    """What runs beside the requests, and may fail to stop."""

    def __init__(self, fails: bool) -> None:
        self._fails, self.stopped = fails, False

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        self.stopped = True
        if self._fails:
            raise RuntimeError("cannot stop")


def test_what_fails_to_stop_keeps_nothing_open(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []
    monkeypatch.setattr(metrics, "forget_own", lambda: left.append("metrics"))
    running = Running(ServiceSettings(store_url=f"sqlite:///{tmp_path / 'scores.db'}"), bundle_folder)
    monkeypatch.setattr(running._store, "close", lambda: left.append("database"))
    beside = (Beside(True), Beside(False), Beside(True))
    running._threads = beside
    with pytest.raises(RuntimeError, match="cannot stop"):
        running.stop()
    assert all(one.stopped for one in beside) and left == ["database", "metrics"]
    with pytest.raises(RuntimeError, match="after shutdown"):
        running.runtime.access._notes.submit(threading.active_count)
    running._store.engine.dispose()
